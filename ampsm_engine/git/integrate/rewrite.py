"""Work rewritten in memory: merged, put onto another commit as `git rebase` would, squashed, freed of ampsm's files.

No worktree is needed and no branch moves. A rebase leaves merges out and makes their sides one line; commits whose
change the other side has, or that become empty, are dropped; those that start out empty stay. Authors, their times
and messages stay, the committer is the user, now.

A squash makes one commit of many on the merge base with the base branch as that is now. The tree at its end is always
the branch's own tree, so that nothing of it is lost, and what others merged meanwhile is never taken back: a commit
made here starts from what both sides share. Commits by hand may be left as they are, beside one commit of all the rest,
or where they stand. Merges are neither: what they brought in from elsewhere is in the start of the squash, and how they
resolved conflicts goes into the commit of all the rest.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import own_files, program
from ampsm_engine.git.entities import identity
from ampsm_engine.git.integrate import trees
from ampsm_engine.git.integrate.commit_range import merge_bases
from ampsm_engine.git.integrate.commit_writer import AMP, Writer, person
from ampsm_engine.git.integrate.object_store import ObjectStore, RangeCommit, RawCommit, held, range_commits
from ampsm_engine.git.integrate.outcomes import ConflictFile, Forecast, Manual, Merged, RewriteConflict, Rewritten
from ampsm_engine.git.integrate.trees import FOLDER, Entry, serialized
from ampsm_engine.git.own_files import OwnFiles

_NAMES = tuple(folder.encode() for folder in own_files.FOLDERS)


def merge(
    repo_root: Path | ObjectStore,
    target_tip: str,
    tip: str,
    *,
    ff: bool,
    message: str,
    sign: bool | None = None,
    hooks_in: Path | None = None,
) -> Merged | RewriteConflict:
    """Merge `tip` into `target_tip`; without `ff` there is a commit even where none is needed. Full commit names.

    With `hooks_in`, a worktree, the user's pre-merge-commit and commit-msg hooks run there: Refused when one says no.
    """
    with held(repo_root) as objects:
        bases = objects.bases(target_tip, tip)
        if tip in bases:
            return Merged(target_tip, "nothing")
        if ff and target_tip in bases:
            return Merged(tip, "fast-forward")
        tree, conflicts = combined(objects, bases, target_tip, tip)
        if tree is None:
            return RewriteConflict("merge", target_tip, tip, conflicts)
        writer = Writer(objects, sign, hooks_in=hooks_in)
        text = message.replace("\0", "").strip().encode("utf-8", "surrogateescape") + b"\n"
        return Merged(writer.merging(tree, (target_tip, tip), text), "merge")


def combined(
    objects: ObjectStore, bases: tuple[str, ...], ours: str, theirs: str
) -> tuple[str | None, tuple[ConflictFile, ...]]:
    """The tree of two commits merged, or the conflicts; several merge bases are merged first, as git does."""
    if len(bases) == 1:
        three = (objects.tree_of(bases[0]), objects.tree_of(ours), objects.tree_of(theirs))
        one = objects.plainly(*three)
        return (one, ()) if one is not None else objects.merged_commits(ours, theirs, three)
    return objects.merged_commits(ours, theirs)


def rebase(
    repo_root: Path | ObjectStore,
    tip: str,
    upstream: str,
    onto: str | None = None,
    *,
    start: str = "",
    reapply: bool = False,
    sign: bool | None = None,
) -> Rewritten | RewriteConflict:
    """The commits of `tip` that `upstream` lacks, on `onto` (None: upstream). Full commit names; objects only.

    A commit whose change `upstream` once made, too, is dropped as git does, even where it was taken back there since;
    with `reapply` it is put again, which comes to what a merge would. `start`: a commit of `tip` that the work comes
    after; what is behind it is left out, too.
    """
    with held(repo_root) as objects:
        todo = _todo(objects, tip, upstream, start, reapply=reapply)
        if any(not objects.commit(sha).parents for sha in todo):
            objects.bases(tip, upstream)  # says why they share no history
        return _picked(Writer(objects, sign), onto or upstream, todo)


def pick(
    repo_root: Path | ObjectStore,
    onto: str,
    commits: Sequence[str],
    *,
    sign: bool | None = None,
) -> Rewritten | RewriteConflict:
    """Put commits one by one onto another."""
    with held(repo_root) as objects:
        return _picked(Writer(objects, sign), onto, commits)


def _picked(writer: Writer, onto: str, commits: Sequence[str]) -> Rewritten | RewriteConflict:
    objects = writer.objects
    made: list[str] = []
    tip = onto
    for number, sha in enumerate(commits):
        commit = objects.commit(sha)
        if commit.parents == (tip,):
            tip = sha
            made.append(tip)
            continue
        before, ours = objects.parent_tree(commit), objects.tree_of(tip)
        tree, conflicts = objects.merged(before, ours, commit.tree)
        if tree is None:
            left = tuple(commits[number + 1 :])
            return RewriteConflict("pick", tip, sha, conflicts, left)
        if tree != ours or commit.tree == before:  # else nothing is left of it
            tip = writer.rewritten(commit, tree, tip)
            made.append(tip)
    return Rewritten(tip, tuple(made))


def _todo(objects: ObjectStore, tip: str, upstream: str, start: str, *, reapply: bool) -> list[str]:
    """The commits to put, oldest first: but for `reapply` without those whose change is upstream already."""
    plain = objects.line(start or upstream, tip) if reapply else None
    if plain is not None:
        return [commit.sha for commit in plain.commits]
    objects.database.flush()
    options = ("--max-parents=1", "--reverse", "--topo-order")
    span = (f"^{upstream}", tip) if reapply else ("--cherry-mark", "--right-only", f"{upstream}...{tip}")
    behind = (f"^{start}",) if start else ()
    lines = program.query(objects.where, "rev-list", *options, *span, *behind, "--").decode().split()
    return [line.lstrip("+") for line in lines if not line.startswith("=")]


def forecast(repo_root: Path, ours: str, theirs: str, start: str = "") -> Forecast:
    """What merging `theirs` into `ours` would give; full commit names. NotFound when they share no history.

    `start`: of `theirs` only what comes after this commit.
    """
    objects = ObjectStore(repo_root)
    bases = (start,) if start else objects.bases(ours, theirs)
    three = None
    if len(bases) == 1:
        three = (objects.tree_of(bases[0]), objects.tree_of(ours), objects.tree_of(theirs))
        quick = objects.plainly(*three)
        if quick is not None:
            return Forecast((), quick)
    from ampsm_engine.git import snapshot
    from ampsm_engine.private_folder import private_folder

    with private_folder("forecast") as folder:
        loose = Path(folder) / "objects"
        loose.mkdir()
        variables = snapshot.object_variables(loose, objects.common_dir / "objects")
        attributes = objects.attributes(ours, three)
        if start and three:
            ours, theirs = _stand_ins(repo_root, three, variables)
        result = trees.merge_by_git(objects.common_dir, ours, theirs, attributes=attributes, variables=variables)
    return Forecast(result.conflicts, None if result.conflicts else result.tree)


def _stand_ins(root: Path, three: tuple[str, str, str], variables: program.Variables) -> tuple[str, str]:
    """Two commits for the trees of both sides, whose only merge base has the tree that is to be theirs."""

    def made(tree: str, *options: str) -> str:
        raw = program.change(root, "commit-tree", *options, tree, feed=b"", variables={**variables, **identity()})
        return raw.decode().strip()

    base = made(three[0])
    return made(three[1], "-p", base), made(three[2], "-p", base)


def without_own_files(where: Path | ObjectStore, base_tip: str, tip: str) -> str:
    """The tip of the commits beyond `base_tip` made again without ampsm's own files; `tip` where none has any.

    Full commit names; objects only. What the two sides' common history or `base_tip` tracks is the repository's own.
    A commit of nothing else is dropped.
    """
    with held(where) as objects:
        plain = objects.line(base_tip, tip)
        commits = [commit.sha for commit in plain.commits] if plain else _commits_beyond(objects, base_tip, tip)
        objects.merger.load(bytes.fromhex(objects.tree_of(sha)) for sha in commits)
        if not any(may_have_own_files(objects, sha) for sha in commits):
            return tip
        bases = (plain.base,) if plain else merge_bases(objects.where, base_tip, tip)
        return _without(objects, own_files.of(objects.where, *bases, base_tip), commits, tip)


def _commits_beyond(objects: ObjectStore, base_tip: str, tip: str) -> list[str]:
    objects.database.flush()
    options = ("rev-list", "--reverse", "--topo-order", f"^{base_tip}", tip, "--")
    return program.query(objects.where, *options).decode().split()


def may_have_own_files(objects: ObjectStore, sha: str) -> bool:
    """Whether a commit has a folder that is called as ampsm's are."""
    entries = objects.merger.tree(bytes.fromhex(objects.tree_of(sha)))
    return any(name in entries for name in _NAMES)


def _without(objects: ObjectStore, own: OwnFiles, commits: list[str], tip: str) -> str:
    writer = Writer(objects)
    now: dict[str, str] = {}
    for sha in commits:
        commit = objects.commit(sha)
        tree, parents = _tree_without(objects, own, commit.tree), tuple(now.get(one, one) for one in commit.parents)
        if tree == commit.tree and parents == commit.parents:
            continue
        if len(parents) == 1 and tree == objects.tree_of(parents[0]) and commit.tree != objects.parent_tree(commit):
            now[sha] = parents[0]
        else:
            now[sha] = writer.made(tree, parents, commit.author, commit.message, commit.encoding)
    return now.get(tip, tip)


def _tree_without(objects: ObjectStore, own: OwnFiles, tree: str) -> str:
    """The tree of a commit without ampsm's own files."""
    entries = dict(objects.merger.tree(bytes.fromhex(tree)))
    for name in _NAMES:
        if name in entries:
            left = _entry_without(objects, own, entries.pop(name), os.fsdecode(name))
            entries |= {name: left} if left else {}
    return objects.database.write("tree", serialized(entries))


def _entry_without(objects: ObjectStore, own: OwnFiles, entry: Entry, path: str) -> Entry | None:
    if entry[0] != FOLDER:
        return None if own.holds(path) else entry
    inner = objects.merger.tree(entry[1]).items()
    left = {name: _entry_without(objects, own, one, f"{path}/{os.fsdecode(name)}") for name, one in inner}
    kept = {name: one for name, one in left.items() if one}
    return (FOLDER, bytes.fromhex(objects.database.write("tree", serialized(kept)))) if kept else None


_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S")

_CO_AUTHOR = re.compile(r"^co-authored-by: *(.+?) *$", re.IGNORECASE | re.MULTILINE)

_Trees = list[str | None]


class SquashWork(NamedTuple):
    """The change that a squash makes one commit of: from the tree of `start` to `tree`."""

    objects: ObjectStore
    writer: Writer
    start: str
    tree: str
    commits: tuple[RangeCommit, ...]
    message: str
    strangers: frozenset[str] = frozenset()
    """Commits of others among them."""

    def squashed(self, tree: str, parent: str, sources: Sequence[RangeCommit]) -> str:
        """One commit that stands for several; its author is that of the first which is not a stranger's."""
        plain = [commit for commit in sources if not commit.merge] or list(sources)
        plain.sort(key=lambda commit: commit.sha in self.strangers)
        raw = [self.objects.commit(commit.sha) for commit in plain]
        text = _squash_message(self.message, raw, has_amp=any(commit.ours for commit in plain))
        return self.writer.squashed(tree, parent, raw[0].author, text)


def squash(
    repo_root: Path | ObjectStore,
    branch_tip: str,
    base_tip: str,
    message: str,
    *,
    manual: Manual = "include",
    start: str = "",
    strangers: frozenset[str] = frozenset(),
    sign: bool | None = None,
    hooks_in: Path | None = None,
) -> Rewritten | RewriteConflict:
    """Squash what `branch_tip` has beyond `base_tip`, the base branch as it is now. Full commit names; objects only.

    `include`: everything is one commit. `keep`: commits by hand stay commits of their own, in order, beside one
    commit of all the rest; where they do not change places with it, RewriteConflict(kind="reorder") names the first
    that does not. `apart`: nothing changes places, each run of amp's commits becomes one.
    `start`: a commit of the branch that the work comes after, where that is not what both share. Of `strangers`,
    commits of others in that work, none names the author.
    With `hooks_in`, the session's worktree, the user's commit hooks run there: Refused when one says no or changes
    files; a message that one rewrites counts.
    """
    with held(repo_root) as objects:
        writer = Writer(objects, sign, hooks_in=hooks_in)
        work = _squash_work(writer, branch_tip, start or base_tip, message, strangers)
        return work if isinstance(work, RewriteConflict) else _squashed(work, manual)


def _squash_work(
    writer: Writer, branch_tip: str, base_tip: str, message: str, strangers: frozenset[str]
) -> SquashWork | RewriteConflict:
    objects = writer.objects
    bases = objects.bases(base_tip, branch_tip)
    commits = range_commits(objects, base_tip, branch_tip)
    if len(bases) > 1:
        # The two sides merged each other: only on top of the base is it told what is new.
        tree, conflicts = objects.merged_commits(base_tip, branch_tip)
        if tree is None:
            return RewriteConflict("merge", base_tip, branch_tip, conflicts)
        start = base_tip
    else:
        start, tree = bases[0], objects.tree_of(branch_tip)
    return SquashWork(objects, writer, start, tree, commits, message, strangers)


def _squashed(work: SquashWork, manual: Manual) -> Rewritten | RewriteConflict:
    start, tree, commits = work.start, work.tree, work.commits
    if tree == work.objects.tree_of(start) or not commits:
        return Rewritten(start, ())
    if manual == "include" or all(commit.ours or commit.merge for commit in commits):
        made = work.squashed(work.tree, work.start, work.commits)
        return Rewritten(made, (made,))
    return _beside(work) if manual == "keep" else _apart(work)


def _squash_message(message: str, commits: Sequence[RawCommit], *, has_amp: bool) -> bytes:
    """The message with a trailer for each author but the first's own, for amp, and for those named before."""
    text = message.replace("\r\n", "\n").replace("\0", "").strip() or commits[0].subject
    named = {_address(one) for one in _CO_AUTHOR.findall(text)} | {_address(person(commits[0].author))}
    added = []
    for one in _people(commits, has_amp=has_amp):
        if _address(one) not in named:
            named.add(_address(one))
            added.append(f"Co-authored-by: {one}")
    if added:
        text += ("\n" if _ends_in_trailers(text) else "\n\n") + "\n".join(added)
    return text.encode("utf-8", "surrogateescape") + b"\n"


def _people(commits: Sequence[RawCommit], *, has_amp: bool) -> list[str]:
    found = [person(commit.author) for commit in commits]
    for commit in commits:
        found += _CO_AUTHOR.findall(commit.message.decode("utf-8", "replace"))
    return [*found, AMP] if has_amp else found


def _address(one: str) -> str:
    return one.rpartition("<")[2].rstrip("> ").casefold()


def _ends_in_trailers(text: str) -> bool:
    _, gap, last = text.rpartition("\n\n")
    return bool(gap) and all(_TRAILER.match(line) or line.startswith(" ") for line in last.splitlines())


def _beside(work: SquashWork) -> Rewritten | RewriteConflict:
    """Commits by hand in order, and one commit of the rest as near to where its first commit stood as it goes.

    What stands behind the squash is found by taking those commits back from the branch's tree, what stands before it
    by putting them on the start: so the tree at the end is the branch's, wherever the squash goes.
    """
    manual = [commit for commit in work.commits if not commit.ours and not commit.merge]
    rest = [commit for commit in work.commits if commit.ours or commit.merge]
    before, stopped = _trees_before(work, manual)
    after = _trees_after(work, manual)
    natural = _place(work.commits)
    for place in sorted(range(len(manual) + 1), key=lambda place: (abs(place - natural), -place)):
        if before[place] is not None and after[place] is not None:
            return _chain(work, manual, rest, place, [*before[1 : place + 1], *after[place:]])
    at, files = stopped
    return RewriteConflict("reorder", work.start, at.sha, files)


def _apart(work: SquashWork) -> Rewritten | RewriteConflict:
    """Runs of amp's commits squashed where they stand; with merges in between, as `_beside`: history is no line."""
    if any(commit.merge for commit in work.commits) or not _is_line(work):
        return _beside(work)
    made: list[str] = []
    tip = work.start
    for is_ours, run in groupby(work.commits, key=lambda commit: commit.ours):
        for part in [list(run)] if is_ours else ([one] for one in run):
            tree = work.objects.tree_of(part[-1].sha)
            if tree != work.objects.tree_of(tip):
                tip = work.squashed(tree, tip, part) if is_ours else _unsquashed(work, part[0], tree, tip)
                made.append(tip)
    return Rewritten(tip, tuple(made))


def _is_line(work: SquashWork) -> bool:
    parents = (work.start, *(commit.sha for commit in work.commits))
    return all(commit.parents == (parent,) for commit, parent in zip(work.commits, parents, strict=False))


def _place(commits: Iterable[RangeCommit]) -> int:
    """How many commits by hand stand before the first of amp's."""
    return next((number for number, commit in enumerate(_plain(commits)) if commit.ours), 0)


def _plain(commits: Iterable[RangeCommit]) -> Iterator[RangeCommit]:
    return (commit for commit in commits if not commit.merge)


def _trees_before(
    work: SquashWork, manual: Sequence[RangeCommit]
) -> tuple[_Trees, tuple[RangeCommit, tuple[ConflictFile, ...]]]:
    """The trees of the start with 0, 1, 2 ... of the commits put on it, and where that ended."""
    found: _Trees = [work.objects.tree_of(work.start)]
    stopped: tuple[RangeCommit, tuple[ConflictFile, ...]] = (manual[0], ())
    for commit in manual:
        ours = found[-1]
        tree: str | None = None
        if ours is not None:
            raw = work.objects.commit(commit.sha)
            tree, files = work.objects.merged(work.objects.parent_tree(raw), ours, raw.tree)
            stopped = (commit, files) if tree is None else stopped
        found.append(tree)
    return found, stopped


def _trees_after(work: SquashWork, manual: Sequence[RangeCommit]) -> _Trees:
    """The trees of the branch with all but the first 0, 1, 2 ... of the commits reverted."""
    found: _Trees = [work.tree]
    for commit in reversed(manual):
        ours = found[0]
        tree: str | None = None
        if ours is not None:
            raw = work.objects.commit(commit.sha)
            tree, _ = work.objects.merged(raw.tree, ours, work.objects.parent_tree(raw))
        found.insert(0, tree)
    return found


def _chain(
    work: SquashWork,
    manual: Sequence[RangeCommit],
    rest: Sequence[RangeCommit],
    place: int,
    trees: _Trees,
) -> Rewritten:
    """Commits for these trees: those by hand with one of the rest at `place` among them."""
    made: list[str] = []
    tip = work.start
    steps = [*([commit] for commit in manual[:place]), rest, *([commit] for commit in manual[place:])]
    for number, (commits, tree) in enumerate(zip(steps, trees, strict=True)):
        if tree is not None and tree != work.objects.tree_of(tip):
            is_squash = number == place
            tip = work.squashed(tree, tip, rest) if is_squash else _unsquashed(work, commits[0], tree, tip)
            made.append(tip)
    return Rewritten(tip, tuple(made))


def _unsquashed(work: SquashWork, commit: RangeCommit, tree: str, parent: str) -> str:
    """A commit by hand in its place; where that is the place it has, as it is."""
    raw = work.objects.commit(commit.sha)
    stays = raw.tree == tree and raw.parents == (parent,)
    return commit.sha if stays else work.writer.rewritten(raw, tree, parent)
