"""Edits that a person left uncommitted in a worktree before amp began, held apart from what amp changes.

Whose a change is, trees tell: HEAD's; `left`, which is HEAD with what the last iteration could not commit; and the
worktree's as it is. From `left` to the worktree a person worked; from then on, amp. Both are kept by refs of the
session (pinned_refs.py), so that a worker that dies is followed by one that knows as much.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import commits, lock, pinned_refs, program, records, repository, snapshot, worktree_status
from ampsm_engine.git.entities import CommitResult, LeftOut
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import dataclass, replace

_LEFT = ("amp", "left")
_UNKNOWN = ("amp", "unknown")
_BEFORE = "before"


@dataclass(frozen=True, slots=True)
class HandEdits:
    """What happened to a person's uncommitted edits."""

    paths: tuple[str, ...]
    commit: str | None = None
    """The commit that holds them; None: they stay uncommitted."""
    refused: str = ""
    """Why there is no commit although there should be one."""
    mixed: tuple[str, ...] = ()
    """Files in which they could not be told from what the last iteration left."""


@dataclass(frozen=True, slots=True)
class _Carried:
    """The changes of one tree applied to another."""

    entries: Mapping[str, TreeEntry | None]
    mixed: tuple[str, ...]
    """Files that both changed in the same lines, or that have none."""


def take(
    worktree: Path,
    session_id: str,
    iteration_id: str,
    *,
    branch: str,
    message: tuple[str, str],
    hooks: bool,
    apart: bool,
) -> HandEdits | None:
    """Commit what a person left uncommitted, or note it so that it stays out of the iteration's commit (`apart`).

    None without any, and where it is unknown whose they are. What cannot be committed is noted, too.
    `message`: subject and body.
    """
    if not worktree_status.entries(worktree):
        return None
    if pinned_refs.tree(worktree, session_id, *_UNKNOWN):
        return None
    with scratch(worktree) as at:
        now, _ = _worktree_tree(at)
        left = pinned_refs.tree(worktree, session_id, *_LEFT)
        theirs = _carried(at, left or _head_tree(at), now)
        entries = {path: entry for path, entry in theirs.entries.items() if path not in theirs.mixed}
        paths = tuple(sorted(entries))
        if not paths:
            return HandEdits((), mixed=theirs.mixed) if theirs.mixed else None
        refused = _obstacle(worktree, branch)
        if not apart and not refused:
            done = _committed(at, entries, commits.composed(*message), branch=branch, hooks=hooks)
            if done.sha is not None:
                return HandEdits(paths, done.sha, mixed=theirs.mixed)
            refused = done.refused or ""
        pinned_refs.keep(worktree, session_id, iteration_id, {_BEFORE: _with(at, entries)})
        return HandEdits(paths, refused="" if apart else refused, mixed=theirs.mixed)


def _obstacle(worktree: Path, branch: str) -> str:
    """Why a person's edits cannot be committed on the session's branch now; empty when they can."""
    why_not = lock.refusal(worktree, repository.linked_git_dir(worktree))
    if why_not is not None:
        return why_not[0]
    if commits.head(worktree).branch != branch:
        return f"The worktree is not on {branch}."
    return _conflict(worktree)


def _conflict(worktree: Path) -> str:
    paths = [entry.path for entry in worktree_status.entries(worktree) if entry.state == "unmerged"]
    return f"There are conflicts in {paths[0]!r}." if paths else ""


def before(worktree: Path, session_id: str, iteration_id: str) -> str | None:
    """The tree of HEAD and a person's uncommitted edits as an iteration found them; None when it found none."""
    return pinned_refs.tree(worktree, session_id, iteration_id, _BEFORE)


def commit_apart(
    worktree: Path, before: str, start: str, *, branch: str, subject: str, body: str, hooks: bool
) -> tuple[CommitResult, tuple[str, ...]]:
    """Commit what changed since the tree `before`, and leave uncommitted what differed from HEAD in it.

    As `commits.commit_all` otherwise. Answers also the files in which the two could not be separated, and those of
    which the agent itself committed both since `start`: a person's edits are in the commits there.
    """
    why_not = lock.refusal(worktree, repository.linked_git_dir(worktree))
    if why_not is None and (conflict := _conflict(worktree)):
        why_not = conflict, f"git -C {worktree} status"
    if why_not is not None:
        return CommitResult(None, refused=why_not[0], hint=why_not[1]), ()
    with scratch(worktree) as at:
        now, left_out = _worktree_tree(at)
        amps = _carried(at, before, now)
        theirs = _changed(at, start, before)
        taken = tuple(path for path in _changed(at, start, at.head) if path in theirs)
        mixed = tuple(sorted({*amps.mixed, *taken}))
        so_far = CommitResult(None, left_out=left_out)
        if not amps.entries:
            return so_far, mixed
        done = _committed(at, amps.entries, commits.composed(subject, body), branch=branch, hooks=hooks, so_far=so_far)
        return done, mixed


def note_left(worktree: Path, session_id: str, iteration_id: str) -> None:
    """Note what an iteration leaves uncommitted of its own: the next one goes on with it, as with amp's."""
    known, unknown = (pinned_refs.tree(worktree, session_id, *name) for name in (_LEFT, _UNKNOWN))
    if unknown:
        pinned_refs.keep(worktree, session_id, _UNKNOWN[0], {_UNKNOWN[1]: ""})
    if not worktree_status.entries(worktree):
        if known:
            pinned_refs.keep(worktree, session_id, _LEFT[0], {_LEFT[1]: ""})
        return
    with scratch(worktree) as at:
        now, _ = _worktree_tree(at)
        found = before(worktree, session_id, iteration_id)
        left = _with(at, _carried(at, found, now).entries) if found else now
        left = "" if left == _head_tree(at) else left
    if left != (known or ""):
        pinned_refs.keep(worktree, session_id, _LEFT[0], {_LEFT[1]: left})


def note_unknown(worktree: Path, session_id: str) -> None:
    """Note that what an iteration left could not be told: the next one takes nothing there for a person's."""
    pinned_refs.keep(worktree, session_id, _UNKNOWN[0], {_UNKNOWN[1]: commits.head(worktree).commit})


def _committed(
    at: Scratch,
    entries: Mapping[str, TreeEntry | None],
    message: bytes,
    *,
    branch: str,
    hooks: bool,
    so_far: CommitResult | None = None,
) -> CommitResult:
    """Commit HEAD with some entries, and let the worktree's own index say so of these paths."""
    index = at.index(of_head=True)
    at.enter(entries, index)
    so_far = so_far or CommitResult(None)
    done = commits.record(at.worktree, message, so_far, branch=branch, hooks=hooks, index=index)
    if done.sha is None:
        return done
    # A hook may have changed what was committed.
    recorded = {path: new for path, (_, new) in _changed(at, at.head, done.sha).items()}
    with contextlib.suppress(Failed):  # a locked index: the commit is made, and the next one puts the index right
        at.enter(recorded)
        program.write(at.worktree, "update-index", "-q", "--refresh")
    return replace(done, changed_files=len(recorded))


def _worktree_tree(at: Scratch) -> tuple[str, tuple[LeftOut, ...]]:
    """The worktree as a tree of the repository's own objects, by the rules of a commit."""
    return snapshot.snapshot(at.worktree, at.index())


def _head_tree(at: Scratch) -> str:
    return program.query(at.worktree, "rev-parse", f"{at.head}^{{tree}}").decode().strip()


def _with(at: Scratch, entries: Mapping[str, TreeEntry | None]) -> str:
    """Write the tree of HEAD with some entries replaced; answers its name."""
    index = at.index(of_head=True)
    at.enter(entries, index)
    return program.query(at.worktree, "write-tree", variables={"GIT_INDEX_FILE": index}).decode().strip()


def _changed(at: Scratch, old: str, new: str) -> dict[str, tuple[TreeEntry | None, TreeEntry | None]]:
    """The paths that differ between two trees, with what is there before and after."""
    return {path: (before, after) for path, before, after in records.changed(at.worktree, old, new)}


def _carried(at: Scratch, base: str, after: str) -> _Carried:
    """The changes from one tree to another brought to HEAD: its new entries."""
    there = records.in_tree(at.worktree, at.head)
    entries: dict[str, TreeEntry | None] = {}
    mixed = []
    for path, (old, new) in _changed(at, base, after).items():
        mine = there.get(path)
        if mine == new:
            continue
        merged = new if mine == old else _merged(at, mine, old, new)
        if merged is None and new is not None:
            mixed.append(path)
            merged = new
        entries[path] = merged
    return _Carried(entries, tuple(mixed))


def _merged(at: Scratch, mine: TreeEntry | None, old: TreeEntry | None, new: TreeEntry | None) -> TreeEntry | None:
    """Our file with the change from `old` to `new`; None when it cannot be merged line by line."""
    if not (mine and old and new and mine.is_file and old.is_file and new.is_file):
        return None
    content = at.merged(at.content(mine), at.content(old), at.content(new))
    if content is None:
        return None
    return TreeEntry(new.mode if new.mode != old.mode else mine.mode, at.blob(content))
