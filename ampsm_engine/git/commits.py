"""Commits: of what an iteration left or a person asks for, and those that the agent made itself; where HEAD stands.

The git program adds and commits, so that filters, hooks and signing come right. Nothing is ever thrown away: what
git will not commit stays where it is, and the answer says why. Branches move by compare-and-swap. Commits of the agent
elsewhere than on its branch are rescued; files change in one case only then: back to the branch from an older commit
of it, in a clean worktree.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import (
    hooks,
    libgit2,
    lock,
    own_files,
    program,
    records,
    repository,
    snapshot,
    staging,
    stash_commit,
    worktree_status,
)
from ampsm_engine.git.committer import fallback_identity
from ampsm_engine.git.entities import EMAIL, NAME, CommitResult, Head, LeftOut
from ampsm_engine.git.hooks import LIMIT as HOOK_LIMIT
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import and_more
from ampsm_engine.private_folder import private_folder

OFF_BRANCH_REFS = "refs/ampsm/stray"

_WORDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("space", r"no space left on device|disk quota exceeded"),
        ("signing", r"failed to sign|cannot run gpg|signing failed|user\.signingkey|couldn't (sign|load public key)"),
        ("identity", r"tell me who you are|(ident name|email).*(empty|not allowed|was given)|auto-detect"),
        ("lock", r"\.lock'?: file exists|another git process"),
        ("permission", r"permission denied|insufficient permission|read-only file system"),
    )
)
"""What git says, in English, as `program` has it speak."""

_MESSAGE_RULE = re.compile(
    r"commitlint|conventional ?commit|(subject|type|scope|header|body)[ -]\S*.*(may not|must)|commit message",
    re.IGNORECASE,
)

_NO_HOOKS = "ampsm config set commit.hooks false leaves the hooks out"


def commit_all(
    worktree: Path,
    *,
    branch: str,
    subject: str,
    body: str,
    hooks: bool,
    base: str = "HEAD",
    limit: float = HOOK_LIMIT,
    patience: float = lock.INDEX_PATIENCE,
) -> CommitResult:
    """Commit everything that differs in a worktree; `branch` is the session's, `base` where that started.

    Never committed: ampsm's own files, secrets that git does not track, repositories inside the worktree, sockets:
    they are in `left_out`, and what the agent staged of them is unstaged. Own files that were committed since
    `base` are taken out again. Refused while an operation is in progress, with conflicts, with a locked index, and
    when git or a hook says no; everything stays in place then.
    Where the agent switched to another branch, that branch does not move: see `keep_commits_off_branch`.
    """
    git_dir = repository.linked_git_dir(worktree)
    why_not = lock.refusal(worktree, git_dir, patience)
    if why_not is not None:
        return _refused(CommitResult(None), *why_not)
    entries = worktree_status.entries(worktree, ignored=True)
    conflicts = [entry.path for entry in entries if entry.state == "unmerged"]
    if conflicts:
        message = f"There are conflicts in {conflicts[0]!r}{and_more(len(conflicts), 1)}."
        return _refused(CommitResult(None), message, f"git -C {worktree} status")
    choice = staging.choose(worktree, entries, base)
    carried = [path for path in own_files.staged(worktree, base) if path not in choice.remove]
    choice = replace(
        choice,
        put_back=tuple(entry for entry in choice.put_back if entry.path not in carried),
        remove=(*choice.remove, *carried),
        left_out=tuple(dict.fromkeys((*choice.left_out, *(LeftOut(path, staging.CONTEXT) for path in carried)))),
    )
    nothing = CommitResult(None, left_out=(*choice.left_out, *staging.special_files(worktree, entries)))
    answer = staging.apply(worktree, choice)
    if not answer.ok:
        why_not = lock.index_refusal(git_dir, 0)
        return _refused(
            nothing, *(why_not or (f"git could not add the changes: {answer.reason}", f"git -C {worktree} add --all"))
        )
    nothing = replace(nothing, left_out=(*nothing.left_out, *_covered(worktree, git_dir)))
    if _nothing_staged(worktree):
        first = next(iter((*choice.add, *choice.remove)), None)
        why = (
            f"git lists changes ({first!r}), and adding them came to nothing: nothing is committed." if first else None
        )
        return replace(nothing, note=why)
    return record(worktree, composed(subject, body), nothing, branch=branch, hooks=hooks, limit=limit)


def _covered(worktree: Path, git_dir: Path) -> tuple[LeftOut, ...]:
    """Changed files that git was told to overlook: it does not list them, and no commit has them."""
    if not stash_commit.overlooked(worktree):
        return ()
    with private_folder("index") as folder:
        index = folder / "index"
        snapshot.copy_index(git_dir, index)
        flags = stash_commit.uncover(worktree, index)
        changed = {entry.path for entry in worktree_status.entries(worktree, index=index)}
    return tuple(
        LeftOut(path, f"git was told to overlook it ({flags[path]})") for path in sorted(flags.keys() & changed)
    )


def record(
    worktree: Path,
    message: bytes,
    so_far: CommitResult,
    *,
    branch: str,
    hooks: bool,
    limit: float = HOOK_LIMIT,
    index: Path | None = None,
) -> CommitResult:
    """Commit an index, the worktree's own by default, on the session's branch or beside another one; fills `so_far`."""
    now = head(worktree)
    with _standing_apart(worktree, now, branch) as note:
        so_far = replace(so_far, note=note)
        return _commit(worktree, now.commit, message, so_far, hooks=hooks, limit=limit, index=index)


def _commit(
    worktree: Path, before: str, message: bytes, nothing: CommitResult, *, hooks: bool, limit: float, index: Path | None
) -> CommitResult:
    """Commit on top of `before`, at which HEAD stands."""
    who = fallback_identity(worktree)
    note = nothing.note
    if who:
        told = f"git knows no user here: the commit is by {NAME} <{EMAIL}>."
        note = f"{note} {told}" if note else told
    answer = _run_commit(worktree, message, who, hooks=hooks, limit=limit, index=index)
    after = head(worktree).commit
    if after != before:
        return replace(nothing, sha=after, changed_files=_changed_files(worktree, before, after), note=note)
    if answer.stopped:
        return _refused(nothing, f"The commit was stopped. {answer.message}".strip(), f"git -C {worktree} commit")
    if not answer.timed_out and index is None and _nothing_staged(worktree):
        return nothing
    why = failure_cause(worktree, answer, limit)
    return _refused(nothing, why.text, why.hint)


def _run_commit(
    worktree: Path, message: bytes, who: dict[str, str], *, hooks: bool, limit: float, index: Path | None
) -> program.Answer:
    """`git commit` of an index, the worktree's own by default; `who`: the identity that git lacks, as variables."""
    settings = ("-c", "i18n.commitEncoding=UTF-8", *(() if hooks else ("-c", f"core.hooksPath={os.devnull}")))
    options = ("--quiet", "--cleanup=verbatim", "--file=-", *(() if hooks else ("--no-verify",)))
    variables: dict[str, str | Path] = {**who, **({"GIT_INDEX_FILE": index} if index else {})}
    return program.write(worktree, *settings, "commit", *options, feed=message, limit=limit, variables=variables)


def take_out_own_files(worktree: Path, branch: str, *bases: str, subject: str, trailers: str) -> str | None:
    """Commit the removal of ampsm's own files from a branch that got some which no base has; the files stay in place.

    The new commit, on the branch and in the worktree that has it checked out; None where there are none.
    """
    tip = repository.branch_tip(worktree, branch)
    names = own_files.unstage(worktree, *bases) if tip else ()
    if not tip or not names:
        return None
    tree = program.change(worktree, "write-tree").decode().strip()
    message = composed(subject, trailers)
    who = fallback_identity(worktree)
    made = program.change(worktree, "commit-tree", "-p", tip, tree, feed=message, variables=who).decode().strip()
    program.change(worktree, "update-ref", "-m", "ampsm: own files", f"{repository.BRANCHES}{branch}", made, tip)
    return made


@contextlib.contextmanager
def _standing_apart(worktree: Path, now: Head, branch: str) -> Iterator[str | None]:
    """Detach HEAD from a branch that is not the session's, so that a commit of ours moves nothing of the user's.

    HEAD goes back to it when no commit came of it.
    """
    if not branch or not now.commit or now.branch in (None, branch):
        yield None
        return
    program.change(worktree, "update-ref", "--no-deref", "-m", "ampsm: commit apart", "HEAD", now.commit)
    try:
        yield f"HEAD stood on the branch {now.branch}; the commit was made beside it."
    finally:
        if head(worktree).commit == now.commit:
            program.change(worktree, "symbolic-ref", "HEAD", f"{repository.BRANCHES}{now.branch}")


def composed(subject: str, body: str) -> bytes:
    """A commit message, redacted: a subject on one line, a body."""
    from ampsm_engine.redact import text as redacted  # its rules take a while to read in

    whole = "\n\n".join(part for part in (" ".join(subject.split()), body.strip("\n")) if part)
    return redacted(whole).replace("\0", "").encode("utf-8", "replace") + b"\n"


def _nothing_staged(worktree: Path) -> bool:
    options = ("--cached", "--quiet", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")
    return program.read(worktree, "diff", *options).ok


def _changed_files(worktree: Path, before: str, after: str) -> int:
    return len(records.changed(worktree, before or records.empty_tree(after), after))


def _refused(so_far: CommitResult, why: str, hint: str) -> CommitResult:
    return replace(so_far, refused=why, hint=hint)


def head(worktree: Path) -> Head:
    """The commit and the branch that a worktree has checked out."""
    git_dir = repository.git_dir(worktree)
    with contextlib.suppress(AskGit):
        here = libgit2.head(worktree)
        return Head(here.commit, repository.short(here.ref) if here.ref else None)
    both = program.read(worktree, "rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD")
    lines = both.line.split("\n")
    if both.ok and len(lines) == 2:
        return Head(lines[0], None if lines[1] == "HEAD" else repository.short(lines[1]))
    # Without a commit, or with a branch that is called HEAD as well, git does not answer both at once.
    commit = program.read(worktree, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    branch = program.read(git_dir, "--git-dir", git_dir, "symbolic-ref", "--quiet", "HEAD")
    return Head(commit.line if commit.ok else "", repository.short(branch.line) if branch.ok else None)


def keep_commits_off_branch(worktree: Path, *, branch: str, start: str, iteration_id: str) -> str | None:
    """See to it that no commit of an iteration is lost, whatever the agent did to HEAD; a sentence to tell, or None.

    HEAD ahead of the branch: the branch moves up to it and HEAD is on it again. HEAD elsewhere: it stays, and is
    kept under refs/ampsm/stray/<iteration>. A branch without `start` in its history was rewritten: `start` is kept
    under refs/ampsm/stray/<iteration>-before.
    """
    repository.linked_git_dir(worktree)
    now = head(worktree)
    if not branch or not now.commit or repository.is_busy(worktree):
        return None
    told = _put_on_branch(worktree, now, branch, iteration_id) if now.branch != branch else None
    tip = now.commit if told is None else repository.branch_tip(worktree, branch)
    if tip in (None, start) or repository.is_ancestor(worktree, start, tip):
        return told
    kept = f"{OFF_BRANCH_REFS}/{iteration_id}-before"
    program.change(worktree, "update-ref", kept, start)
    rewritten = f"The branch {branch} was rewritten; where it stood before is kept as {kept}."
    return f"{told} {rewritten}" if told else rewritten


def _put_on_branch(worktree: Path, now: Head, branch: str, iteration_id: str) -> str:
    # Whoever put it there: the agent, or a person before it began.
    stood = f"HEAD stood on {now.branch}" if now.branch else "HEAD was detached"
    tip = repository.branch_tip(worktree, branch)
    if tip is None or repository.is_ancestor(worktree, tip, now.commit):
        if tip == now.commit or _moved(worktree, branch, tip, now.commit):
            program.change(worktree, "symbolic-ref", "-m", "ampsm: back on it", "HEAD", f"{BRANCHES}{branch}")
            return f"{stood}; the work there is on {branch} again."
    elif repository.is_ancestor(worktree, now.commit, tip):
        options = ("-c", "advice.detachedHead=false", "-c", "core.hooksPath=/dev/null")
        checkout = ("checkout", "-q", "--no-overwrite-ignore", branch, "--")
        if not worktree_status.entries(worktree) and program.write(worktree, *options, *checkout).ok:
            return f"{stood} at an older commit; the worktree is on {branch} again."
        return f"{stood} at an older commit of {branch}, with changes there: see git -C {worktree} status."
    kept = f"{OFF_BRANCH_REFS}/{iteration_id}"
    program.change(worktree, "update-ref", kept, now.commit)
    return f"{stood}, away from {branch}; its commits are kept as {kept}."


def _moved(worktree: Path, branch: str, old: str | None, new: str) -> bool:
    """Move a branch that still points at `old`, or create it; False when another process was first."""
    moved = program.write(
        worktree, "update-ref", "-m", "ampsm: the agent's work", f"{BRANCHES}{branch}", new, old or "0" * len(new)
    )
    return moved.ok


def record_by_hand(worktree: Path, message: bytes, *, hooks: bool, index: Path | None = None) -> str:
    """Commit an index, the worktree's own by default; answers the commit.

    Refused, with git's or the hook's own words, when no commit came of it; everything is left in place then.
    """
    before = head(worktree).commit
    answer = _run_commit(worktree, message, fallback_identity(worktree), hooks=hooks, limit=HOOK_LIMIT, index=index)
    after = head(worktree).commit
    if after != before:
        return after
    why = failure_cause(worktree, answer, HOOK_LIMIT)
    raise (Refused if why.kind in ("hook", "message", "other") else Failed)(why.text, why.hint)


class Cause(NamedTuple):
    """The reason why git did not commit."""

    kind: str
    """time, hook, message (what a hook says no to), signing, identity, space, lock, permission, other."""
    text: str
    hint: str


def failure_cause(worktree: Path, answer: program.Answer, limit: float) -> Cause:
    """Why a `git commit` ended badly, as a sentence with git's own words, and a command that helps."""
    said = answer.message or answer.reason
    if answer.timed_out:
        text = f"The commit took more than {limit:g} s: does a hook wait for something? {answer.message}".strip()
        return Cause("time", text, f"{_NO_HOOKS}; git -C {worktree} commit shows what it waits for")
    # A hook that says no lets git end with 1; what git itself cannot do ends with 128.
    if answer.code == 1 and hooks.has_any(hooks.folder(worktree), (*hooks.COMMIT, *hooks.MERGE)):
        return _of_hook(said)
    kind = next((kind for kind, words in _WORDS if words.search(said)), "other")
    text = {
        "signing": f"git could not sign the commit: {said}",
        "identity": f"git does not know who commits: {said}",
        "space": f"The disk is full: {said}",
        "permission": f"The repository cannot be written: {said}",
    }.get(kind, f"git could not commit: {said}")
    return Cause(kind, text, _hint(worktree, kind))


def _of_hook(said: str) -> Cause:
    if _MESSAGE_RULE.search(said):
        ways = f"ampsm config set commit.subject 'chore: {{subject}}' words amp's commits as it wants; {_NO_HOOKS}"
        return Cause("message", f"A commit hook refused the message: {said}", ways)
    return Cause("hook", f"A commit hook refused the commit: {said}", _NO_HOOKS)


def _hint(worktree: Path, kind: str) -> str:
    if kind == "lock":
        why_not = lock.index_refusal(repository.git_dir(worktree), 0)
        return why_not[1] if why_not else "Nothing holds it any more: try again."
    common = repository.common_dir(worktree)
    return {
        "signing": f"git -C {worktree} config --get-regexp '^(gpg|user.signingkey|commit.gpgsign)'",
        "identity": f"git -C {worktree} config user.name NAME && git -C {worktree} config user.email ADDRESS",
        "space": f"df -h {common}",
        "permission": f"ls -ld {common} {common / 'objects'}",
    }.get(kind, f"git -C {worktree} commit")
