"""Files and hunks taken back and brought in again (worktree, index and branch), and put into the index or out of it.

A change is two states of some files. It is brought to what a place has now: directly where that is the state before,
else by a three-way merge; where the same lines were changed otherwise, it is refused. What it does not touch stays
as it is: other changes of the same file, committed or not, staged or not.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.diff.hunks import Hunk, Side
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import commits, lock, program, records, staged_lines
from ampsm_engine.git.commits import head
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.staged_lines import StagedLines
from ampsm_engine.git.worktree_entries import Entries, Scratch
from ampsm_engine.lean_dataclass import dataclass, field

_PLACES = ("work", "index", "head")

APPLY = ("-c", "apply.whitespace=nowarn", "-c", "apply.ignoreWhitespace=no", "apply", "--whitespace=nowarn")
"""`git apply` as it is without configuration: a blank at a line's end is content."""

_FILE = TreeEntry("100644", "")

MOST_BY_LINE = 50
"""Files of which the staged lines are told."""

PARTLY = "Part of it overlaps with changes that are not committed: it is taken back in the worktree, not in a commit."
STAGED = "What is staged of it overlaps with other changes: it stays staged."


@dataclass(frozen=True, slots=True)
class Step:
    """The entries of an index or a worktree by path, before and after a change."""

    now: Entries
    then: Entries

    @property
    def changed(self) -> Entries:
        """The entries that the step changes."""
        return {path: entry for path, entry in self.then.items() if entry != self.now[path]}


@dataclass(frozen=True, slots=True)
class HunkPlan:
    """What will be done to the worktree, to the index and to the branch."""

    work: Step
    index: Step
    head: Step
    note: str | None = None
    patch: bytes = field(default=b"", repr=False)
    """The change to the worktree, as `git apply` takes it."""


class Conflict(ValueError):
    """What a change is to replace, lines or a whole file, was changed otherwise."""


def carried(
    scratch: Scratch, now: TreeEntry | None, before: TreeEntry | None, after: TreeEntry | None
) -> TreeEntry | None:
    """What `now` becomes when the change from `before` to `after` is brought to it; Conflict when that cannot be."""
    if now == before:
        return after
    if after in (before, now):
        return now
    if now is None or before is None or after is None or not (now.is_file and before.is_file and after.is_file):
        raise Conflict
    # The change may be of lines alone: whatever the mode is, it stays then.
    mode = after.mode if before.mode != after.mode else now.mode
    merged = scratch.merged(*(scratch.content(entry) for entry in (now, before, after)))
    if merged is None:
        raise Conflict
    return TreeEntry(mode, scratch.blob(merged))


def rejecting(
    scratch: Scratch, path: str, hunk: Hunk | ChosenLines | None, *, old_path: str | None, old: str, new: str | None
) -> HunkPlan:
    """How to take back a hunk, some lines or (None) all of a file, of the diff from `old` to `new` (None: worktree).

    Refused where the content has changed since it was looked at, for submodules, and when nothing is left of it.
    """
    shown = scratch.in_tree(new, path) if new else scratch.in_worktree(path)
    was = scratch.in_tree(old, path)
    before, after = {path: shown}, {path: was}
    moved = old_path not in (None, path)
    if hunk is not None and shown is not None:
        content = _without(scratch, path, shown, hunk)
        if content or moved or was is not None:
            after = {path: TreeEntry(shown.mode, scratch.blob(content))}
            moved = False
    elif isinstance(hunk, ChosenLines) and was is not None:  # the file is deleted, and some of its lines come back
        after = {path: TreeEntry(was.mode, scratch.blob(_without(scratch, path, None, hunk)))}
    if old_path is not None and moved:
        before[old_path] = scratch.in_tree(new, old_path) if new else scratch.in_worktree(old_path)
        after[old_path] = scratch.in_tree(old, old_path)
    if any(entry and entry.is_submodule for entry in (*before.values(), *after.values())):
        raise Refused(f"{path} is a submodule.", f"git -C {scratch.worktree / path} log")
    pairs: dict[str, tuple[Entries, Entries]] = dict.fromkeys(_PLACES, (before, after))
    if isinstance(hunk, ChosenLines) and not moved and scratch.in_tree("HEAD", path) == was:
        # Nothing of it is committed, and the index may have some of the lines.
        pairs["head"] = ({path: was}, {path: was})
        now = scratch.in_index(path)
        staged = hunk.beside(*(scratch.content(entry) if entry else b"" for entry in (was, now)), is_put_in=False)
        if staged is not None:
            pairs["index"] = ({path: now}, {path: _entry(scratch, staged.content, now, was, shown)})
    return _planned(scratch, pairs)


def _without(scratch: Scratch, path: str, shown: TreeEntry | None, hunk: Hunk | ChosenLines) -> bytes:
    content = scratch.content(shown) if shown else b""
    try:
        return hunks.taken_out(content, hunk) if isinstance(hunk, Hunk) else hunk.taken_out(content)
    except hunks.Misplaced as reason:
        raise _changed_since(path, reason) from reason


def _changed_since(path: str, reason: hunks.Misplaced) -> Refused:
    return Refused(f"{path} has changed since you looked at it: {str(reason).lower()[:-1]}.", "")


def _entry(
    scratch: Scratch, content: bytes, now: TreeEntry | None, was: TreeEntry | None, there: TreeEntry | None
) -> TreeEntry | None:
    """What the index is to have: nothing where no line is left of a file that is new, or is gone from the worktree."""
    known = now or was or there
    if known is None or (not content and (was is None or there is None)):
        return None
    return _with_mode(TreeEntry(known.mode, scratch.blob(content)), there)


def _with_mode(entry: TreeEntry, there: TreeEntry | None) -> TreeEntry:
    """An entry of the index, with the mode of the worktree's file once it has all of its lines."""
    return there if there is not None and there.is_file and there.blob == entry.blob else entry


def restoring(scratch: Scratch, tree: str) -> HunkPlan:
    """How to undo what `kept` wrote down; Refused where the content has changed too much since.

    Nothing is left to do where it is back already, by hand or by a program that was killed before it said so.
    """
    pairs = _written_down(scratch, tree)
    return _plan(scratch, {place: (after, before) for place, (before, after) in pairs.items()})


def resuming(scratch: Scratch, tree: str) -> HunkPlan | None:
    """The part of a change written down by `kept` that was not carried out yet; None when all of it was."""
    plan = _plan(scratch, _written_down(scratch, tree))
    return plan if plan.work.changed or plan.index.changed or plan.head.changed else None


def _written_down(scratch: Scratch, tree: str) -> dict[str, tuple[Entries, Entries]]:
    """The entries before and after of each place, as `kept` wrote them."""
    states: dict[str, dict[str, TreeEntry]] = {}
    paths: set[str] = set()
    for name, entry in records.in_tree(scratch.worktree, tree).items():
        place, state, path = name.split("/", 2)
        states.setdefault(f"{place}/{state}", {})[path] = entry
        paths.add(path)

    def entries(place: str, state: str) -> Entries:
        return {path: states.get(f"{place}/{state}", {}).get(path) for path in paths}

    return {place: (entries(place, "b"), entries(place, "a")) for place in _PLACES}


def kept(scratch: Scratch, plan: HunkPlan) -> str:
    """Write down what a plan does to each place, for `restoring`: the files before (b) and after (a), as a tree."""
    entries: dict[str, TreeEntry | None] = {}
    for place, step in zip(_PLACES, (plan.work, plan.index, plan.head), strict=True):
        for path in step.now:
            entries |= {f"{place}/b/{path}": step.now[path], f"{place}/a/{path}": step.then[path]}
    return scratch.tree({path: entry for path, entry in entries.items() if entry is not None})


def _planned(scratch: Scratch, pairs: dict[str, tuple[Entries, Entries]]) -> HunkPlan:
    """The plan that turns each path from its first entries into its second; Refused where there is nothing to do."""
    plan = _plan(scratch, pairs)
    if not (plan.work.changed or plan.head.changed):
        raise Refused("Nothing is left of that change: there is nothing to do.", f"git -C {scratch.worktree} status")
    return plan


def _plan(scratch: Scratch, pairs: dict[str, tuple[Entries, Entries]]) -> HunkPlan:
    """What is to be done where, given the entries before and after of each place. Refused on a conflict of lines."""
    before, after = pairs["work"]
    now = {path: scratch.in_worktree(path) for path in before}
    then = {}
    for path in before:
        try:
            then[path] = carried(scratch, now[path], before[path], after[path])
        except Conflict as reason:
            message = f"{path} has changed since, in the same lines."
            raise Refused(message, f"git -C {scratch.worktree} diff") from reason
    work = Step(now, then)
    head, in_head = _as_far(scratch, {path: scratch.in_tree("HEAD", path) for path in now}, *pairs["head"])
    index, in_index = _as_far(scratch, {path: scratch.in_index(path) for path in now}, *pairs["index"])
    # An index that is as HEAD says the same once more.
    notes = [note for note, told in ((PARTLY, in_head), (STAGED, in_index and index.now != head.now)) if told]
    return HunkPlan(work, index, head, " ".join(notes) or None, scratch.patch(work.now, work.then))


def _as_far(scratch: Scratch, now: Entries, before: Entries, after: Entries) -> tuple[Step, bool]:
    """The step that makes a change in the index or in HEAD, and whether that place has only a part of the change.

    On a conflict the step changes nothing, and the place has no part if all files that the change begins with are gone.
    """
    try:
        return Step(now, {path: carried(scratch, now[path], before[path], after[path]) for path in now}), False
    except Conflict:
        unknown = all(now[path] is None for path in now if before[path] is not None)
        return Step(now, dict(now)), not unknown


def may_begin(scratch: Scratch, branch: str) -> None:
    """Refused while an operation is in progress, the index is locked, or HEAD is not on the session's branch."""
    lock.refuse(lock.refusal(scratch.worktree, scratch.git_dir))
    now = head(scratch.worktree)
    if now.branch != branch:
        there = f"on {now.branch}" if now.branch else "on no branch"
        message = f"The worktree stands {there}, not on the session's branch {branch}."
        raise Refused(message, f"git -C {scratch.worktree} switch {branch}")


def check(scratch: Scratch, plan: HunkPlan) -> None:
    """Refused when git would not make the change in the worktree."""
    if plan.patch:
        answer = program.write(scratch.worktree, *APPLY, "--check", "-", feed=plan.patch)
        if not answer.ok:
            raise Refused(f"git would not make that change: {answer.reason}.", f"git -C {scratch.worktree} status")


def carry_out(scratch: Scratch, plan: HunkPlan, message: bytes, *, hooks: bool) -> str | None:
    """Do it: the commit first (its hooks may refuse), then the index, then the files. The commit, if there is one."""
    sha = None
    if plan.head.changed:
        index = scratch.index(of_head=True)
        scratch.enter(plan.head.changed, index)
        sha = commits.record_by_hand(scratch.worktree, message, hooks=hooks, index=index)
    if plan.index.changed:
        scratch.enter(plan.index.changed)
    if plan.patch:
        answer = program.write(scratch.worktree, *APPLY, "-", feed=plan.patch)
        if not answer.ok:
            told = f" The commit {sha[:12]} is made." if sha else ""
            raise Failed(
                f"The worktree could not be changed: {answer.reason}.{told}", f"git -C {scratch.worktree} status"
            )
    refresh(scratch, plan.work.now)
    return sha


def is_undone(scratch: Scratch, plan: HunkPlan) -> bool:
    """Whether files and index are still as a plan found them: who has to go on, or to undo, needs it otherwise."""
    index = {path: scratch.in_index(path) for path in plan.index.now}
    return index == plan.index.now and scratch.all_in_worktree(plan.work.now) == plan.work.now


def refresh(scratch: Scratch, paths: Iterable[str]) -> None:
    """Let git know these files' times again, so that it need not compare them byte by byte."""
    known = [path for path in paths if scratch.in_index(path) is not None]
    if known:
        program.write(scratch.worktree, "--literal-pathspecs", "add", "--refresh", "--", *known)


@dataclass(frozen=True, slots=True)
class StagedChanges:
    """What the next commit by hand would hold: paths, and of each the keys of its hunks against HEAD."""

    paths: frozenset[str] = frozenset()
    keys: frozenset[tuple[str, str]] = frozenset()
    """By the new name of a file that is renamed."""
    unlike: frozenset[str] = frozenset()
    """Paths whose files are not as the index has them."""
    lines: Mapping[str, StagedLines] = field(default_factory=dict)
    """Which lines are staged, of the paths of which not all is; of the first of them where there are many."""

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
    lock.refuse(lock.refusal(scratch.worktree, scratch.git_dir))
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
    lock.refuse(lock.refusal(scratch.worktree, scratch.git_dir))
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


def stage_lines(
    scratch: Scratch, path: str, lines: ChosenLines, old_path: str | None = None, *, is_put_in: bool
) -> None:
    """Put lines of the diff from HEAD to the worktree into the index, or take them out of it; others stay as they are.

    Refused where HEAD or the index has other lines there.
    """
    lock.refuse(lock.refusal(scratch.worktree, scratch.git_dir))
    was, now, there = scratch.in_tree("HEAD", old_path or path), scratch.in_index(path), scratch.in_worktree(path)
    if any(entry is not None and not entry.is_file for entry in (was, now, there)):
        raise Refused(f"{path} is no file with lines.", "Stage all of it.")
    if old_path not in (None, path) and now is None:
        message = f"{path} is renamed from {old_path}, which is not staged yet."
        raise Refused(message, "Stage the whole file, then unstage what is not to go in.")
    old = scratch.content(was) if was else b""
    known = staged_lines.remembered(scratch.git_dir, path, staged_lines.blobs((was, now, there)))
    rows = lines.rows_of(*map(staged_lines.lines_in, (known.removed, known.missing))) if known else None
    staged = lines.beside(old, scratch.content(now) if now else b"", is_put_in=is_put_in, known=rows)
    if staged is None:
        try:
            changed = TreeEntry((was or there or now or _FILE).mode, scratch.blob(lines.put_in(old)))
        except hunks.Misplaced as reason:
            raise _changed_since(path, reason) from reason
        _bring(scratch, path, *((was, changed) if is_put_in else (changed, was)))
        return
    then = _entry(scratch, staged.content, now, was, there)
    if then != now:
        scratch.enter({path: then})
        refresh(scratch, (path,))
    told = StagedLines(*map(staged_lines.ranges, lines.lines_of_rows(staged.made)))
    staged_lines.remember(scratch.git_dir, path, staged_lines.blobs((was, then, there)), told)


def staged(worktree: Path) -> StagedChanges:
    """The staged changes of a worktree."""
    options = ("--cached", "-M", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv", "HEAD", "--")
    changed = list(_listed(program.query(worktree, "diff-index", "-z", "--raw", *options)))
    if not changed:
        return StagedChanges()
    fixed = ("-c", "diff.context=3", "-c", "diff.suppressBlankEmpty=false", "-c", "core.quotePath=true")
    output = program.query(worktree, *fixed, "diff-index", "-p", "--no-color", *options)
    sections = (b"\n" + output).split(b"\ndiff --git ")[1:]
    keys: set[tuple[str, str]] = set()
    for names, letter in changed:
        # A file that becomes a link is told twice: as deleted, and as new.
        for _ in range(2 if letter == "T" else 1):
            if sections:
                keys |= {(names[-1], key) for key in hunks.staged_keys(sections.pop(0) + b"\n")}
    paths = frozenset(name for names, _ in changed for name in names)
    listing = ("--name-only", "-z", "--no-renames", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv")
    unlike = program.query(worktree, "--literal-pathspecs", "diff", *listing, "--", *sorted(paths))
    others = frozenset(records.split(unlike))
    lines = {path: staged_lines.staged_lines(worktree, path) for path in sorted(paths & others)[:MOST_BY_LINE]}
    return StagedChanges(paths, frozenset(keys), others, lines)


def _listed(raw: bytes) -> Iterator[tuple[list[str], str]]:
    """The names of each file, the old one of a renamed one first, and the letter that says what happened to it."""
    fields = iter(program.text(raw).split("\0"))
    for record in fields:
        if record:
            letter = record.rsplit(" ", 1)[1][:1]
            yield [next(fields) for _ in range(2 if letter in "RC" else 1)], letter


def _is_whole(scratch: Scratch, path: str, hunk: Hunk) -> bool:
    """Whether a hunk is all of a new or of a deleted file: its mode goes with it."""
    there, was = scratch.in_worktree(path), scratch.in_tree("HEAD", path)
    if was is None and there is not None:
        return b"".join(hunk.image(Side.NEW)) == scratch.content(there)
    return there is None and was is not None and b"".join(hunk.image(Side.OLD)) == scratch.content(was)


def _change(scratch: Scratch, path: str, hunk: Hunk, old_path: str | None) -> tuple[TreeEntry | None, TreeEntry | None]:
    """The entry of a file in HEAD, and its entry with the hunk applied."""
    was = scratch.in_tree("HEAD", old_path or path)
    if was is not None and not was.is_file:
        raise Refused(f"{path} is no file with lines.", "Stage all of it.")
    try:
        content = hunks.put_in(scratch.content(was) if was else b"", hunk)
    except hunks.Misplaced as reason:
        raise _changed_since(path, reason) from reason
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
    if then is not None and then != now:
        then = _with_mode(then, scratch.in_worktree(path))
    if then != now:
        scratch.enter({path: then})
        refresh(scratch, (path,))
