"""Squashes that leave commits by hand as they are: beside one commit of all the rest, or where they stand.

Merges are neither: what they brought in from elsewhere is in the start of the squash, and how they resolved conflicts
goes into the commit of all the rest.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from ampsm_engine.git.integrate.lineage import Part
from ampsm_engine.git.integrate.values import Conflicted, ConflictFile, MadeCommit, Rewritten
from ampsm_engine.git.integrate.work import Work

Trees = list[str | None]


def beside(work: Work) -> Rewritten | Conflicted:
    """Commits by hand in order, and one commit of the rest as near to where its first commit stood as it goes.

    What stands behind the squash is found by taking those commits back from the branch's tree, what stands before it
    by putting them on the start: so the tree at the end is the branch's, wherever the squash goes.
    """
    manual = [commit for commit in work.commits if not commit.ours and not commit.merge]
    rest = [commit for commit in work.commits if commit.ours or commit.merge]
    before, stopped = _put(work, manual)
    after = _taken_back(work, manual)
    natural = _place(work.commits)
    for place in sorted(range(len(manual) + 1), key=lambda place: (abs(place - natural), -place)):
        if before[place] is not None and after[place] is not None:
            return _chain(work, manual, rest, place, [*before[1 : place + 1], *after[place:]])
    at, files = stopped
    return Conflicted("reorder", work.start, at.sha, files)


def apart(work: Work) -> Rewritten | Conflicted:
    """Runs of amp's commits squashed where they stand; with merges in between, as `beside`: history is no line."""
    if any(commit.merge for commit in work.commits) or not _is_line(work):
        return beside(work)
    made: list[MadeCommit] = []
    dropped: list[str] = []
    tip = work.start
    for is_ours, run in groupby(work.commits, key=lambda commit: commit.ours):
        for part in [list(run)] if is_ours else ([one] for one in run):
            tree = work.ground.tree_of(part[-1].sha)
            if tree == work.ground.tree_of(tip):
                dropped += [commit.sha for commit in part]
                continue
            made.append(work.squashed(tree, tip, part) if is_ours else _kept(work, part[0], tree, tip))
            tip = made[-1].sha
    return Rewritten(tip, tuple(made), tuple(dropped))


def _is_line(work: Work) -> bool:
    parents = (work.start, *(commit.sha for commit in work.commits))
    return all(commit.parents == (parent,) for commit, parent in zip(work.commits, parents, strict=False))


def _place(commits: Iterable[Part]) -> int:
    """How many commits by hand stand before the first of amp's."""
    return next((number for number, commit in enumerate(_plain(commits)) if commit.ours), 0)


def _plain(commits: Iterable[Part]) -> Iterator[Part]:
    return (commit for commit in commits if not commit.merge)


def _put(work: Work, manual: Sequence[Part]) -> tuple[Trees, tuple[Part, tuple[ConflictFile, ...]]]:
    """The trees of the start with 0, 1, 2 ... of the commits put on it, and where that ended."""
    found: Trees = [work.ground.tree_of(work.start)]
    stopped: tuple[Part, tuple[ConflictFile, ...]] = (manual[0], ())
    for commit in manual:
        ours = found[-1]
        tree: str | None = None
        if ours is not None:
            raw = work.ground.commit(commit.sha)
            tree, files = work.ground.merged(work.ground.parent_tree(raw), ours, raw.tree)
            stopped = (commit, files) if tree is None else stopped
        found.append(tree)
    return found, stopped


def _taken_back(work: Work, manual: Sequence[Part]) -> Trees:
    """The trees of the branch with all but the first 0, 1, 2 ... of the commits taken back from it."""
    found: Trees = [work.tree]
    for commit in reversed(manual):
        ours = found[0]
        tree: str | None = None
        if ours is not None:
            raw = work.ground.commit(commit.sha)
            tree, _ = work.ground.merged(raw.tree, ours, work.ground.parent_tree(raw))
        found.insert(0, tree)
    return found


def _chain(
    work: Work,
    manual: Sequence[Part],
    rest: Sequence[Part],
    place: int,
    trees: Trees,
) -> Rewritten:
    """Commits for these trees: those by hand with one of the rest at `place` among them."""
    made: list[MadeCommit] = []
    dropped: list[str] = []
    tip = work.start
    steps = [*([commit] for commit in manual[:place]), rest, *([commit] for commit in manual[place:])]
    for number, (commits, tree) in enumerate(zip(steps, trees, strict=True)):
        if tree is None or tree == work.ground.tree_of(tip):
            dropped += [commit.sha for commit in commits]
            continue
        made.append(work.squashed(tree, tip, rest) if number == place else _kept(work, commits[0], tree, tip))
        tip = made[-1].sha
    return Rewritten(tip, tuple(made), tuple(dropped))


def _kept(work: Work, commit: Part, tree: str, parent: str) -> MadeCommit:
    raw = work.ground.commit(commit.sha)
    if raw.tree == tree and raw.parents == (parent,):
        return MadeCommit(commit.sha, raw.subject, (commit.sha,))
    return MadeCommit(work.writer.rewritten(raw, tree, parent), raw.subject, (commit.sha,))
