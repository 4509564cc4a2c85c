"""Pull requests of a host, merge requests of GitLab among them: read, fetched, and reviewed with comments on lines."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from ampsm_engine import redact
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import fetching, program, repository
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import publish
from ampsm_engine.merging.publish import Forge
from ampsm_engine.plain_text import printable
from ampsm_engine.review.annotations import PullRequest

Verdict = Literal["comment", "approve", "request-changes"]

_REFERENCE = re.compile(r"#?(\d{1,10})|https?://[^\s]+/(?:pull|merge_requests)/(\d{1,10})(?:[/?#][^\s]*)?")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BRANCH = re.compile(r"[^\s~^:?*\[\\\x00-\x1f-][^\s~^:?*\[\\\x00-\x1f]*")


@dataclass(frozen=True, slots=True)
class LineRemark:
    """A comment as a host takes it: on lines of one side of a file's diff. Lines count from 1."""

    id: str
    path: str
    old_path: str
    is_new: bool
    line: int
    line_end: int
    other_line: int | None
    """The last line's number on the other side, where that line is the same there."""
    text: str


@dataclass(frozen=True, slots=True)
class PullRequestReview:
    """What is said of a pull request at once: remarks on lines, a text, a verdict."""

    to: PullRequest
    remarks: Sequence[LineRemark]
    verdict: Verdict
    body: str


def number_of(reference: str) -> int:
    """The number in `7`, `#7` or the address of a pull request; Refused for anything else."""
    found = _REFERENCE.fullmatch(reference.strip())
    if found is None:
        raise Refused(
            f"{printable(reference)[:80]!r} names no pull request.", "ampsm review --pr NUMBER, or its address"
        )
    return int(found[1] or found[2])


def is_meant(reference: str, found: PullRequest) -> bool:
    """Whether a reference that is an address is that of a pull request; a number is of any."""
    _, is_address, given = reference.strip().casefold().partition("://")
    known = found.url.strip().casefold().partition("://")[2]
    return not is_address or re.match(re.escape(known) + r"(?![\w-])", given) is not None


def forge_of(root: Path, branch: str, number: int | None = None) -> tuple[Forge, str]:
    """The host that pull requests into a branch are at, and the remote that leads there.

    Refused without a remote, or where it is not clear which; Unfit without the host's program, with the way to begin
    from pull request `number` by git alone.
    """
    remote = publish.base_remote(root, branch)
    by_git = "by git alone: git -C {0} fetch {1} {2}:pr-{3} && ampsm new --repo {0} --branch pr-{3} PROMPT"
    place = shlex.quote(str(root))
    without = {tool: by_git.format(place, remote, _head(tool, number), number) for tool in ("gh", "glab") if number}
    tool = publish.tool_for(root, remote, without)
    place = publish.base_repository(root, remote)
    if not place:
        message = f"The address of the remote {remote} does not say which repository it is at its host."
        raise Refused(message, f"git -C {root} remote get-url {remote}")
    first, _, rest = place.partition("/")
    host, project = (first, rest) if "." in first and "/" in rest else ("", place)
    return Forge(root, tool, host, project), remote


def read(forge: Forge, remote: str, number: int) -> PullRequest:
    """A pull request as its host has it; NotFound, or Failed when the host answers something else."""
    is_gitlab = forge.name == "glab"
    found = forge.ask(f"merge_requests/{number}" if is_gitlab else f"pulls/{number}")
    try:
        made = (_of_gitlab if is_gitlab else _of_github)(found, forge, remote, number)
    except (KeyError, TypeError, AttributeError) as reason:
        raise Failed(f"{forge.name} answered something that is no pull request.", f"{forge.name} --version") from reason
    if not (_SHA.fullmatch(made.head_sha) and _BRANCH.fullmatch(made.base_branch)):
        raise Failed(f"{forge.name} answered something that is no pull request.", f"{forge.name} --version")
    return made


def _of_github(found: Any, forge: Forge, remote: str, number: int) -> PullRequest:
    return PullRequest(
        number=number,
        url=str(found["html_url"]),
        title=str(found["title"]),
        body=str(found["body"] or ""),
        author=str((found.get("user") or {}).get("login", "")),
        base_branch=str(found["base"]["ref"]),
        head_sha=str(found["head"]["sha"]),
        base_sha=str(found["base"]["sha"]),
        start_sha="",
        tool=forge.name,
        host=forge.host,
        project=forge.project,
        remote=remote,
    )


def _of_gitlab(found: Any, forge: Forge, remote: str, number: int) -> PullRequest:
    ends = found["diff_refs"]
    return PullRequest(
        number=number,
        url=str(found["web_url"]),
        title=str(found["title"]),
        body=str(found["description"] or ""),
        author=str((found.get("author") or {}).get("username", "")),
        base_branch=str(found["target_branch"]),
        head_sha=str(found["sha"]),
        base_sha=str(ends["base_sha"]),
        start_sha=str(ends["start_sha"]),
        tool=forge.name,
        host=forge.host,
        project=forge.project,
        remote=remote,
    )


class MergedRequest(NamedTuple):
    """A pull request that its host has merged."""

    url: str
    head: str
    """The last commit that it brought."""
    commit: str
    """The commit that is its merge, its squash, or the last one rebased; empty where the host does not say."""


def merged_one(forge: Forge, number: int | None, owner: str, branch: str) -> MergedRequest | None:
    """The merged pull request of that number or, without one, of that branch; None where none was merged."""
    is_gitlab = forge.name == "glab"
    kind = "merge_requests" if is_gitlab else "pulls"
    ways = (
        {"source_branch": branch, "state": "merged"} if is_gitlab else {"head": f"{owner}:{branch}", "state": "closed"}
    )
    found = forge.ask(f"{kind}/{number}" if number else f"{kind}?{urlencode(ways)}")
    for one in found if isinstance(found, list) else [found]:
        known = one if isinstance(one, dict) else {}
        is_merged = known.get("state") == "merged" if is_gitlab else bool(known.get("merged_at"))
        head = known.get("sha") if is_gitlab else (known.get("head") or {}).get("sha")
        if is_merged and isinstance(head, str) and _SHA.fullmatch(head):
            commit = str(known.get("merge_commit_sha") or known.get("squash_commit_sha") or "")
            url = printable(str(known.get("web_url") or known.get("html_url") or ""))
            return MergedRequest(url, head, commit if _SHA.fullmatch(commit) else "")
    return None


def _head(tool: str, number: int | None) -> str:
    """The ref at a host that a pull request's commits stand at, those from a fork too."""
    return f"refs/merge-requests/{number}/head" if tool == "glab" else f"refs/pull/{number}/head"


def fetch(root: Path, wanted: PullRequest) -> str:
    """Fetch a pull request's commits and its base from the remote; the remote branch that is the base now.

    Failed where that cannot be, also when the pull request was changed since it was read.
    """
    head = _head(wanted.tool, wanted.number)
    base = f"refs/remotes/{wanted.remote}/{wanted.base_branch}"
    refs = (f"+refs/heads/{wanted.base_branch}:{base}", head)
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--")
    answer = fetching.fetch(root, *options, wanted.remote, *refs, limit=publish.PUSH_LIMIT)
    if not answer.ok:
        message = f"Pull request {wanted.number} could not be fetched: {redact.text(answer.reason)}."
        raise Failed(message, f"git -C {root} fetch {wanted.remote} {head}")
    if not program.read(root, "cat-file", "-e", f"{wanted.head_sha}^{{commit}}").ok:
        raise Failed(f"Pull request {wanted.number} was changed just now.", "Try once more.")
    return repository.short(base)


def submit(forge: Forge, review: PullRequestReview, submitted: Callable[[str], None]) -> str:
    """Submit a review; where it can be read then.

    `submitted` is called with the id of each remark once it stands there. What fails leaves the others unsent.
    """
    to = review.to
    if to.tool == "glab":
        return _submit_to_gitlab(forge, review, submitted)
    events = {"comment": "COMMENT", "approve": "APPROVE", "request-changes": "REQUEST_CHANGES"}
    listed = []
    for one in review.remarks:
        side = "RIGHT" if one.is_new else "LEFT"
        place: dict[str, object] = {"path": one.path, "line": one.line_end, "side": side, "body": one.text}
        if one.line != one.line_end:
            place |= {"start_line": one.line, "start_side": side}
        listed.append(place)
    content = {"commit_id": to.head_sha, "event": events[review.verdict], "body": review.body, "comments": listed}
    made = forge.ask(f"pulls/{to.number}/reviews", content)
    for one in review.remarks:
        submitted(one.id)
    url = made.get("html_url") if isinstance(made, dict) else None
    return printable(str(url or to.url))


def _submit_to_gitlab(forge: Forge, review: PullRequestReview, submitted: Callable[[str], None]) -> str:
    """Drafts first, which GitLab checks, then each is published: the user's other drafts there stay drafts."""
    to = review.to
    if review.verdict == "request-changes":
        raise Refused("GitLab takes no request for changes this way.", "Choose comment, and say so in --message.")
    path = f"merge_requests/{to.number}"
    drafts: list[tuple[str, int]] = []
    try:
        for one in review.remarks:
            made = forge.ask(f"{path}/draft_notes", _gitlab_note(to, one))
            drafts.append((one.id, _draft(made)))
        while drafts:
            remark, draft = drafts[0]
            forge.ask(f"{path}/draft_notes/{draft}/publish", method="PUT")
            drafts.pop(0)
            submitted(remark)
    except AmpsmError:
        for _, draft in drafts:
            _drop(forge, f"{path}/draft_notes/{draft}")
        raise
    if review.body:
        forge.ask(f"{path}/notes", {"body": review.body})
    if review.verdict == "approve":
        forge.ask(f"{path}/approve", {"sha": to.head_sha})
    return to.url


def _draft(answer: Any) -> int:
    if not isinstance(answer, dict) or not isinstance(answer.get("id"), int):
        raise Failed("glab answered something that is no draft.", "glab --version")
    return int(answer["id"])


def _drop(forge: Forge, path: str) -> None:
    try:
        forge.ask(path, method="DELETE")
    except AmpsmError:
        return  # it is the user's own, and not published


def _gitlab_note(to: PullRequest, one: LineRemark) -> dict[str, object]:
    position: dict[str, object] = {
        "position_type": "text",
        "base_sha": to.base_sha,
        "start_sha": to.start_sha,
        "head_sha": to.head_sha,
        "new_path": one.path,
        "old_path": one.old_path,
    }
    here, there = ("new_line", "old_line") if one.is_new else ("old_line", "new_line")
    position[here] = one.line_end
    if one.other_line is not None:
        position[there] = one.other_line
    lines = f"(lines {one.line} to {one.line_end}) " if one.line != one.line_end else ""
    return {"note": lines + one.text, "position": position}
