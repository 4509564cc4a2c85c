"""Staging by hand: files and hunks of what is not committed go into the index and out of it. Files stay as they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.deltas import Side
from ampsm_engine.diff.hunks import Hunk
from ampsm_engine.errors import Refused
from ampsm_engine.git import busy, program
from ampsm_engine.git.hunk_work import Conflict, carried, refresh
from ampsm_engine.git.scratch import Scratch, TreeEntry


@dataclass(frozen=True, slots=True)
class StagedChanges:
    """What the next commit by hand would hold: paths, and of each the keys of its hunks against HEAD."""

    paths: frozenset[str] = frozenset()
    keys: frozenset[tuple[str, str]] = frozenset()
    """By the new name of a file that is renamed."""
    unlike: frozenset[str] = frozenset()
    """Paths whose files are not as the index has them."""

    def has_all(self, path: str, old_path: str | None = None) -> bool:
        """Whether all that happened to a file is staged."""
        paths = {path, old_path or path}
        return paths <= self.paths and not paths & self.unlike

    def has(self, path: str, key: str, old_path: str | None = None) -> bool:
        """Whether a hunk is staged."""
        return (path, key) in self.keys or self.has_all(path, old_path)


def stage(scratch: Scratch, path: str, hunk: Hunk | None, old_path: str | None = None) -> None:
    """Put a hunk of the diff from HEAD to the worktree (None: the whole file) into the index.

    Refused where HEAD or the index has other lines there.
    """
    _may_write(scratch)
    renamed = old_path not in (None, path)
    if hunk is None or (not renamed and _is_whole(scratch, path, hunk)):
        entries = {path: scratch.in_worktree(path)}
        if old_path is not None and renamed:
            entries[old_path] = scratch.in_worktree(old_path)
        scratch.enter(entries)
        refresh(scratch, entries)
        return
    before, after = _change(scratch, path, hunk, old_path)
    if renamed and scratch.in_index(path) is None:
        message = f"{path} is renamed from {old_path}, which is not staged yet."
        raise Refused(message, "Stage the whole file, then unstage what is not to go in.")
    _bring(scratch, path, before, after)


def unstage(scratch: Scratch, path: str, hunk: Hunk | None, old_path: str | None = None) -> None:
    """Take a hunk of the diff from HEAD (None: all of the file) out of the index again."""
    _may_write(scratch)
    renamed = old_path not in (None, path)
    if hunk is None or (not renamed and _is_whole(scratch, path, hunk)):
        entries = {path: scratch.in_tree("HEAD", path)}
        if old_path is not None and renamed:
            entries[old_path] = scratch.in_tree("HEAD", old_path)
        scratch.enter(entries)
        refresh(scratch, entries)
        return
    before, after = _change(scratch, path, hunk, old_path)
    _bring(scratch, path, after, before)


def staged(worktree: Path) -> StagedChanges:
    """What is staged in a worktree."""
    options = ("--cached", "-M", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv", "HEAD", "--")
    changed = list(_listed(program.told(worktree, "diff-index", "-z", "--raw", *options)))
    if not changed:
        return StagedChanges()
    fixed = ("-c", "diff.context=3", "-c", "diff.suppressBlankEmpty=false", "-c", "core.quotePath=true")
    output = program.told(worktree, *fixed, "diff-index", "-p", "--no-color", *options)
    sections = (b"\n" + output).split(b"\ndiff --git ")[1:]
    keys: set[tuple[str, str]] = set()
    for names, letter in changed:
        # A file that becomes a link is told twice: as deleted, and as new.
        for _ in range(2 if letter == "T" else 1):
            if sections:
                keys |= {(names[-1], key) for key in hunks.staged_keys(sections.pop(0) + b"\n")}
    paths = frozenset(name for names, _ in changed for name in names)
    listing = ("--name-only", "-z", "--no-renames", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv")
    unlike = program.text(program.told(worktree, "--literal-pathspecs", "diff", *listing, "--", *sorted(paths)))
    return StagedChanges(paths, frozenset(keys), frozenset(unlike.split("\0")) - {""})


def _listed(raw: bytes) -> Iterator[tuple[list[str], str]]:
    """The names of each file, the old one of a renamed one first, and the letter that says what happened to it."""
    fields = iter(program.text(raw).split("\0"))
    for head in fields:
        if head:
            letter = head.rsplit(" ", 1)[1][:1]
            yield [next(fields) for _ in range(2 if letter in "RC" else 1)], letter


def _may_write(scratch: Scratch) -> None:
    why_not = busy.refusal(scratch.worktree, scratch.git_dir)
    if why_not is not None:
        raise Refused(*why_not)


def _is_whole(scratch: Scratch, path: str, hunk: Hunk) -> bool:
    """Whether a hunk is all of a new or of a deleted file: its mode goes with it."""
    there, was = scratch.in_worktree(path), scratch.in_tree("HEAD", path)
    if was is None and there is not None:
        return b"".join(hunk.image(Side.NEW)) == scratch.content(there)
    return there is None and was is not None and b"".join(hunk.image(Side.OLD)) == scratch.content(was)


def _change(scratch: Scratch, path: str, hunk: Hunk, old_path: str | None) -> tuple[TreeEntry | None, TreeEntry | None]:
    """HEAD's file, and HEAD's file with the hunk."""
    was = scratch.in_tree("HEAD", old_path or path)
    if was is not None and not was.is_file:
        raise Refused(f"{path} is no file with lines.", "Stage all of it.")
    try:
        content = hunks.put_in(scratch.content(was) if was else b"", hunk)
    except hunks.Misplaced as reason:
        raise Refused(f"{path} has changed since you looked at it: {str(reason).lower()[:-1]}.") from reason
    there = scratch.in_worktree(path)
    mode = was.mode if was else there.mode if there else "100644"
    return was, TreeEntry(mode, scratch.blob(content))


def _bring(scratch: Scratch, path: str, before: TreeEntry | None, after: TreeEntry | None) -> None:
    now = scratch.in_index(path)
    try:
        then = carried(scratch, now, before, after)
    except Conflict as reason:
        message = f"The index has other lines of {path} there."
        raise Refused(message, f"git -C {scratch.worktree} diff --cached") from reason
    if then != now:
        scratch.enter({path: then})
        refresh(scratch, (path,))
