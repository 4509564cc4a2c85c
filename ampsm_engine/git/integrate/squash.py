"""One commit from many: the work of a session on the merge base with its base branch as that is now.

The tree at the end is always the branch's own tree, so that nothing of it is lost, and what others merged meanwhile
is never taken back: a commit made here starts from what both sides share.
"""

from pathlib import Path

from ampsm_engine.git.integrate import keeping
from ampsm_engine.git.integrate.ground import Ground, held
from ampsm_engine.git.integrate.lineage import parts
from ampsm_engine.git.integrate.values import Conflicted, Manual, Rewritten
from ampsm_engine.git.integrate.work import Work
from ampsm_engine.git.integrate.writer import Writer


def squash(
    repo_root: Path | Ground,
    branch_tip: str,
    base_tip: str,
    message: str,
    *,
    manual: Manual = "include",
    start: str = "",
    strangers: frozenset[str] = frozenset(),
    sign: bool | None = None,
    hooks_in: Path | None = None,
) -> Rewritten | Conflicted:
    """Squash what `branch_tip` has beyond `base_tip`, the base branch as it is now. Full commit names; objects only.

    `include`: everything is one commit. `keep`: commits by hand stay commits of their own, in order, beside one
    commit of all the rest; where they do not change places with it, Conflicted(kind="reorder") names the first that
    does not. `apart`: nothing changes places, each run of amp's commits becomes one.
    `start`: a commit of the branch that the work comes after, where that is not what both share. Of `strangers`,
    commits of others in that work, none names the author.
    With `hooks_in`, the session's worktree, the user's commit hooks run there: Refused when one says no or changes
    files; a message that one rewrites counts.
    """
    with held(repo_root) as ground:
        writer = Writer(ground, sign, hooks_in=hooks_in)
        work = _work(writer, branch_tip, start or base_tip, message, strangers)
        return work if isinstance(work, Conflicted) else _squashed(work, manual)


def _work(writer: Writer, branch_tip: str, base_tip: str, message: str, strangers: frozenset[str]) -> Work | Conflicted:
    ground = writer.ground
    bases = ground.bases(base_tip, branch_tip)
    commits = parts(ground, base_tip, branch_tip)
    if len(bases) > 1:
        # The two sides merged each other: only on top of the base is it told what is new.
        tree, conflicts = ground.merged_commits(base_tip, branch_tip)
        if tree is None:
            return Conflicted("merge", base_tip, branch_tip, conflicts)
        start = base_tip
    else:
        start, tree = bases[0], ground.tree_of(branch_tip)
    return Work(ground, writer, start, tree, commits, message, strangers)


def _squashed(work: Work, manual: Manual) -> Rewritten | Conflicted:
    start, tree, commits = work.start, work.tree, work.commits
    if tree == work.ground.tree_of(start) or not commits:
        return Rewritten(start, (), tuple(commit.sha for commit in commits))
    if manual == "include" or all(commit.ours or commit.merge for commit in commits):
        return _one(work)
    return keeping.beside(work) if manual == "keep" else keeping.apart(work)


def _one(work: Work) -> Rewritten:
    made = work.squashed(work.tree, work.start, work.commits)
    return Rewritten(made.sha, (made,))
