"""One commit from many: the work of a session on the merge base with its base branch as that is now.

The tree at the end is always the branch's own tree, so that nothing of it is lost, and what others merged meanwhile
is never taken back: a commit made here starts from what both sides share. Commits by hand may be left as they are,
beside one commit of all the rest, or where they stand. Merges are neither: what they brought in from elsewhere is in
the start of the squash, and how they resolved conflicts goes into the commit of all the rest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git.integrate.commit_writer import AMP, Writer, person
from ampsm_engine.git.integrate.object_store import ObjectStore, RangeCommit, RawCommit, held, range_commits
from ampsm_engine.git.integrate.outcomes import ConflictFile, Manual, RewriteConflict, Rewritten

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
    """The trees of the branch with all but the first 0, 1, 2 ... of the commits taken back from it."""
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
