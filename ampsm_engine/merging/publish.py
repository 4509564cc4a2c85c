"""What leaves the machine or the repository: a push, a pull request through `gh` or `glab`, a patch for `git am`.

`Forge` asks GitHub or GitLab through the same two programs.

Always asked for, never retried, and never a reason to take a merge back: what fails is told with what to do.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from ampsm_engine import redact
from ampsm_engine.errors import Failed, NotFound, Refused, Unfit
from ampsm_engine.git import program, repository
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging.results import Options, Published
from ampsm_engine.model import Merge, Session
from ampsm_engine.plain_text import printable

PUSH_LIMIT = 900.0
"""Seconds that a push may take, the repository's pre-push hook included."""

_ADDRESS = re.compile(
    r"(?:[a-z+]+://(?:[^@/]+@)?(?P<host>[^/:@]+)(?::\d+)?/|(?:[^@/:]+@)?(?P<alias>[^/:@]+):(?!/))"
    r"(?P<path>[^/:]+(?:/[^/:]+)*?/[^/:]+?)(?:\.git)?/?"
)
"""A repository's address: `https://host/owner/name.git`, `ssh://git@host:22/owner/name`, `git@host:owner/name.git`."""

_URL = re.compile(r"https?://[^\s\"'<>]+")


def check(root: Path, branch: str, target: str, options: Options) -> None:
    """Refused or Unfit when what is asked for besides could not be done: before anything else is."""
    if options.patch:
        check_patch(Path(options.patch))
    if options.pull_request:
        tool_for(root, base_remote(root, target))
        head_remote(root, branch, target)
    elif options.push:
        _refuse_stale(root, target, remote_of(root, target))


def _refuse_stale(root: Path, target: str, remote: str) -> None:
    """A push of a branch that lacks what its upstream has would be rejected: said before the merge."""
    upstream = f"refs/remotes/{remote}/{remote_name(root, target, remote)}"
    there = program.read(root, "rev-parse", "--quiet", "--verify", f"{upstream}^{{commit}}")
    if there.ok and not repository.is_ancestor(root, there.line, f"{repository.BRANCHES}{target}"):
        name = repository.short(upstream)
        message = f"{name} has commits that {target} does not have, so a push would be rejected."
        raise Refused(message, f"git -C {root} switch {target} && git pull, or merge without --push")


def all_of(session: Session, merge: Merge, options: Options) -> tuple[Published, ...]:
    """Carry out all publishing that was asked for; each failure is reported in its place."""
    root = Path(session.repo_root)
    found: list[Published] = []
    if options.patch:
        tip = merge.base_after if merge.target else merge.branch_after
        try:
            found.append(export_patch(root, merge.base_before, tip, Path(options.patch)))
        except Failed as reason:
            found.append(Published("patch", ok=False, text=reason.message, hint=reason.hint))
    if options.pull_request:
        target = options.onto or session.base_branch
        found.append(pull_request(root, session.branch_name, target, options.message or session.name))
    elif options.push and merge.target:
        found.append(push(root, merge.target))
    return tuple(found)


def base_remote(root: Path, target: str) -> str:
    """The remote that a pull request into a branch is opened at; Refused without one, or where it is not clear.

    That is what `gh repo set-default` chose, what the target names, or what it follows.
    """
    remotes = _remotes(root)
    for name in remotes:
        if any(_configured(root, f"remote.{name}.{tool}-resolved") for tool in ("gh", "glab")):
            return name
    first = target.partition("/")[0]
    if first in remotes and repository.branch_tip(root, target) is None:
        return first
    follows = _configured(root, f"branch.{target}.remote")
    # A clone of a fork follows the fork, and is about the repository that it was forked from.
    if follows in remotes and not ("upstream" in remotes and follows != "upstream"):
        return follows
    if len(remotes) == 1:
        return remotes[0]
    if not remotes:
        raise _no_remote(root)
    message = f"{root} has {len(remotes)} remotes, and it is not clear which of them the pull request is for."
    likely = "upstream" if "upstream" in remotes else "origin" if "origin" in remotes else remotes[0]
    raise Refused(message, f"git -C {root} config remote.{likely}.gh-resolved base, as gh repo set-default does")


def head_remote(root: Path, branch: str, target: str) -> str:
    """The remote that the branch of a pull request into `target` is pushed to: in a fork, that is not the target's.

    As git itself would choose it; Refused without one, or where it is not clear.
    """
    chosen, remotes = _push_remote(root, branch, f"branch.{target}.pushRemote")
    if chosen:
        return chosen
    if not remotes:
        raise _no_remote(root)
    if sorted(remotes) == ["origin", "upstream"] and base_remote(root, target) == "upstream":
        return "origin"  # as `gh repo fork --clone` lays it out
    message = f"{root} has {len(remotes)} remotes, and it is not clear which of them {branch} is to be pushed to."
    raise Refused(message, f"git -C {root} config remote.pushDefault REMOTE ({', '.join(remotes)})")


def _push_remote(root: Path, branch: str, *more: str) -> tuple[str, list[str]]:
    """The remote that git's configuration, `more` names included, or there being one alone gives; else all of them."""
    for name in (f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote", *more):
        configured = _configured(root, name)
        if configured not in ("", "."):
            return configured, []
    remotes = _remotes(root)
    return (remotes[0], remotes) if len(remotes) == 1 else ("", remotes)


def _remotes(root: Path) -> list[str]:
    return program.text(program.query(root, "remote")).split()


def _configured(root: Path, name: str) -> str:
    return program.read(root, "config", "--get", name).line


def _no_remote(root: Path) -> Refused:
    return Refused(f"{root} has no remote to push to.", f"git -C {root} remote add origin URL")


def remote_of(root: Path, branch: str) -> str:
    """The remote that a push of a branch goes to, as git would choose it; Refused without one, or one choice."""
    chosen, remotes = _push_remote(root, branch)
    if chosen:
        return chosen
    if "origin" in remotes:
        return "origin"
    if not remotes:
        raise _no_remote(root)
    message = f"{root} has {len(remotes)} remotes, and none of them is where {branch} goes."
    raise Refused(message, f"git -C {root} config branch.{branch}.pushRemote {remotes[0]}")


def remote_name(root: Path, branch: str, remote: str) -> str:
    """What a branch is called in that remote: its upstream's name where it follows one there."""
    if program.read(root, "config", "--get", f"branch.{branch}.remote").line == remote:
        upstream = program.read(root, "config", "--get", f"branch.{branch}.merge")
        if upstream.ok and upstream.line.startswith(repository.BRANCHES):
            return repository.short(upstream.line)
    return branch


def push(root: Path, branch: str) -> Published:
    """Push a branch by the git program: its own credentials, no terminal, the repository's hooks."""
    remote = remote_of(root, branch)
    name = remote_name(root, branch, remote)
    answer = _pushed(root, remote, f"{repository.BRANCHES}{branch}:{repository.BRANCHES}{name}")
    if answer.ok:
        return Published("push", ok=True, text=f"{branch} is pushed to {remote}/{name}")
    hint = f"git -C {root} push {remote} {branch}:{name}" if branch != name else f"git -C {root} push {remote} {branch}"
    return Published("push", ok=False, text=f"{branch} could not be pushed: {_why(answer)}", hint=hint)


def _pushed(root: Path, remote: str, refspec: str, *options: str) -> program.Answer:
    arguments = ("push", "--quiet", *options, "--", remote, refspec)
    return program.write(root, *arguments, limit=PUSH_LIMIT)


def _why(answer: program.Answer) -> str:
    if answer.timed_out:
        return f"it took more than {PUSH_LIMIT:g} s"
    lines = [line for line in answer.message.splitlines() if line.strip()]
    told = next((line.strip() for line in lines if "rejected" in line), answer.reason)
    return redact.text(told)


def tool_for(root: Path, remote: str, without: Mapping[str, str] | None = None) -> str:
    """The program that opens pull requests at the host of a remote: its path; Unfit where it is not installed.

    `without`: by the name of a program, a command that does what is wanted without it; None: a push is.
    """
    import shutil

    # As it is written, too: what the user has put in its place may be an alias.
    written = [_configured(root, f"remote.{remote}.{name}") for name in ("pushurl", "url")]
    address = " ".join((*written, program.read(root, "remote", "get-url", "--push", remote).line)).lower()
    wanted = ("glab", "gh") if "gitlab" in address else ("gh", "glab")
    known = any(host in address for host in ("gitlab", "github"))
    for name in wanted[:1] if known else wanted:
        if path := shutil.which(name):
            return path
    message = f"A pull request needs the program {wanted[0]}, which is not installed."
    other = f"push the branch yourself: git -C {root} push {remote}" if without is None else without.get(wanted[0])
    raise Unfit(message, f"Install {wanted[0]} and log in{f', or {other}' if other else ''}")


def pull_request(root: Path, branch: str, target: str, message: str) -> Published:
    """Push a session's branch, in a fork to the fork, and open a pull request of it into `target`."""
    base, head = base_remote(root, target), head_remote(root, branch, target)
    tool = tool_for(root, base)
    into = target.removeprefix(f"{base}/") if target.startswith(f"{base}/") else remote_name(root, target, base)
    pushed = _pushed(
        root, head, f"{repository.BRANCHES}{branch}:{repository.BRANCHES}{branch}", *_lease(root, head, branch)
    )
    if not pushed.ok:
        hint = f"git -C {root} push {head} {branch}"
        return Published("pull-request", ok=False, text=f"{branch} could not be pushed: {_why(pushed)}", hint=hint)
    title, _, body = message.strip().partition("\n")
    title, body = printable(title) or branch, body.strip()
    sides: tuple[str, ...]
    chosen = _configured(root, f"remote.{base}.gh-resolved")
    there = chosen if "/" in chosen else repository_at(root, base) if base != head else ""
    from_where = repository_at(root, head) if there else ""
    repo = ("--repo", there) if there else ()
    if Path(tool).name == "glab":
        source = ("--head", _project(from_where)) if from_where else ()
        sides = ("mr", "create", "--source-branch", branch, "--target-branch", into, *source, *repo)
        words: tuple[str, ...] = ("--title", title, "--description", body, "--yes")
    else:
        owner = f"{_project(from_where).partition('/')[0]}:" if from_where else ""
        sides = ("pr", "create", "--base", into, "--head", f"{owner}{branch}", *repo)
        words = ("--title", title, "--body", body)
    return _opened(root, (tool, *sides, *words))


def base_repository(root: Path, remote: str) -> str:
    """The repository that pull requests at a remote are opened in: what `gh repo set-default` chose, else its own."""
    chosen = _configured(root, f"remote.{remote}.gh-resolved")
    return chosen if "/" in chosen else repository_at(root, remote)


def repository_at(root: Path, remote: str) -> str:
    """The repository at a remote as its host names it, `[HOST/]OWNER/NAME`; empty where its address does not tell."""
    # As it is written first: what the user has put in its place may be an alias.
    addresses = [_configured(root, f"remote.{remote}.{name}") for name in ("pushurl", "url")]
    addresses += [program.read(root, "remote", "get-url", "--push", remote).line, remote]
    for address in addresses:
        found = _ADDRESS.fullmatch(address)
        if found is not None:
            host = (found["host"] or found["alias"]).lower()
            return f"{host}/{found['path']}" if "." in host else found["path"]
    return ""


def _project(place: str) -> str:
    """`OWNER/NAME` of a repository as `repository_at` names it, without its host."""
    first, _, rest = place.partition("/")
    return rest if "." in first and "/" in rest else place


def _lease(root: Path, remote: str, branch: str) -> tuple[str, ...]:
    """The options that let a rewritten branch replace what we pushed of it before, and nothing else."""
    known = program.read(root, "rev-parse", "--quiet", "--verify", f"refs/remotes/{remote}/{branch}^{{commit}}")
    return (f"--force-with-lease={repository.BRANCHES}{branch}:{known.line}",) if known.ok else ()


def _opened(root: Path, argv: tuple[str, ...]) -> Published:
    name = Path(argv[0]).name
    import shlex

    hint = shlex.join((name, *argv[1:7]))
    try:
        answer = run_tool(argv, root)
    except (OSError, subprocess.TimeoutExpired, ValueError) as reason:
        return Published("pull-request", ok=False, text=f"{name} could not be run: {reason}"[:300], hint=hint)
    out, err = redact.text(answer.out), redact.text(answer.err)
    urls = _URL.findall(out) or (_URL.findall(err) if "already exists" in err else [])
    if answer.code == 0 or ("already exists" in err and urls):
        return Published("pull-request", ok=True, text=printable(urls[-1] if urls else out.strip()) or "it is open")
    return Published("pull-request", ok=False, text=f"{name}: {answer.reason}", hint=hint)


def check_patch(path: Path) -> None:
    """Refused when the file of a patch cannot be made at its path: no existing file is replaced."""
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", "Name a file that does not exist: --export-patch F")
    if not path.parent.is_dir():
        raise Refused(f"There is no folder {path.parent}.", f"mkdir -p {path.parent}")


def export_patch(root: Path, base: str, tip: str, path: Path) -> Published:
    """Write the commits beyond `base` as `git am` takes them, binary files included; exact, so not redacted."""
    options = ("--stdout", "--binary", "--full-index", "--no-signature", "--no-color", "--no-ext-diff", "--no-textconv")
    fixed = (
        "-c",
        "format.attach=",
        "-c",
        "format.thread=false",
        "-c",
        "diff.noprefix=false",
        "-c",
        "format.from=false",
    )
    content = program.query(root, *fixed, "format-patch", *options, f"{base}..{tip}")
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as reason:
        raise Failed(f"{path} could not be written: {reason.strerror}.", f"ls -ld {path.parent}") from reason
    # Without it, git am takes the line ends of Windows for those of the mail.
    if b"\r\n" in content:
        text = f"the commits are in {path}; git am needs --keep-cr for them"
        return Published("patch", ok=True, text=text, hint=f"git am --keep-cr {path}")
    return Published("patch", ok=True, text=f"the commits are in {path}", hint=f"git am {path}")


TOOL_LIMIT = 120.0
"""Seconds that `gh` or `glab` may take."""

_QUIET = {
    "GH_PROMPT_DISABLED": "1",
    "NO_PROMPT": "1",
    "NO_COLOR": "1",
    # Both colour what they print, JSON too, and go before NO_COLOR.
    "CLICOLOR_FORCE": "0",
    "GH_FORCE_TTY": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GH_PAGER": "cat",
}


_STATUS = re.compile(r"\b(?:HTTP|status|GET|POST|PUT|DELETE)\b.*?\b([45]\d\d)\b", re.IGNORECASE)
"""`gh: Not Found (HTTP 404)`, `glab: 404 Not Found (HTTP 404)`."""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """How a call of `gh` or `glab` went: exit code, and what it wrote, as text."""

    code: int
    out: str
    err: str

    @property
    def reason(self) -> str:
        """The first thing that it said went wrong, fit to be shown."""
        lines = [line for line in self.err.splitlines() if line.strip()] or [f"it ended with {self.code}"]
        return printable(redact.text(lines[0]))[:300]


def run_tool(argv: Sequence[str], root: Path, body: str | None = None) -> ToolAnswer:
    """Run a program of the host's in a repository; OSError, ValueError or TimeoutExpired where that cannot be."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if body is None else {"input": body.encode()}
    done = subprocess.run(
        list(argv), cwd=root, env=os.environ | _QUIET, capture_output=True, timeout=TOOL_LIMIT, check=False,
        start_new_session=True, **given,
    )  # fmt: skip
    return ToolAnswer(done.returncode, *(raw.decode("utf-8", "replace") for raw in (done.stdout, done.stderr)))


@dataclass(frozen=True, slots=True)
class Forge:
    """A project at GitHub or GitLab, and the program that reaches it."""

    root: Path
    """The repository from which it is asked."""
    tool: str
    """The path of the program."""
    host: str
    """Empty where the address of the remote does not tell."""
    project: str
    """`OWNER/NAME`, or more parts at GitLab."""

    @property
    def name(self) -> Literal["gh", "glab"]:
        """The name of the program: gh or glab."""
        return "glab" if Path(self.tool).name == "glab" else "gh"

    @property
    def base(self) -> str:
        """The beginning of the addresses of its API."""
        return f"projects/{quote(self.project, safe='')}" if self.name == "glab" else f"repos/{self.project}"

    def ask(self, path: str, body: object = None, *, method: str = "") -> Any:
        """The JSON that the API answers under `base`/path; with a body it is sent, POST by default.

        NotFound and Refused as the host says so, Failed with its reason for everything else, and where it is not known
        whether it was done.
        """
        verb = method or ("GET" if body is None else "POST")
        argv = [self.tool, "api", "--method", verb, f"{self.base}/{path}"]
        argv += ["--hostname", self.host] if self.host else []
        if body is not None:
            argv += ["--input", "-", "--header", "Content-Type: application/json"]
        try:
            answer = run_tool(argv, self.root, None if body is None else json.dumps(body))
        except subprocess.TimeoutExpired:
            doubt = "" if verb == "GET" else " It may have been done all the same: look before you try again."
            message = f"{self.name} did not answer within {TOOL_LIMIT:g} seconds.{doubt}"
            raise Failed(message, f"{self.name} auth status") from None
        except (OSError, ValueError) as reason:
            raise Failed(f"{self.name} could not be run: {reason}."[:300], f"{self.name} auth status") from reason
        if answer.code != 0:
            raise self._refusal(answer)
        if not answer.out.strip():
            return None
        try:
            return json.loads(answer.out)
        except (ValueError, RecursionError) as reason:
            raise Failed(f"{self.name} answered something that is no JSON.", f"{self.name} --version") from reason

    def _refusal(self, answer: ToolAnswer) -> NotFound | Refused | Failed:
        told = f"{self.name}: {answer.reason}{_tool_detail(answer.out)}"
        status = _STATUS.search(answer.err)
        if status is not None and status[1] == "404":
            where = f"{self.project} at {self.host}" if self.host else self.project
            return NotFound(f"{where} has no such thing. {told}", f"{self.name} auth status")
        if status is not None and status[1] in ("400", "422"):
            return Refused(told, "")
        has_no_login = "auth login" in answer.err or (status is not None and status[1] == "401")
        return Failed(told, f"{self.name} auth {'login' if has_no_login else 'status'}")


def _tool_detail(out: str) -> str:
    """What the host's answer says besides: GitHub's `errors`, GitLab's `message`."""
    try:
        said = json.loads(out)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    found = said.get("errors") or said.get("message") or said.get("error") or ""
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return f" ({printable(redact.text(text))[:300]})" if text else ""
