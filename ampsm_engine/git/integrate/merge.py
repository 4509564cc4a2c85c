"""Merging a line of work into a target, in memory: fast-forward, or a commit of both. No branch moves."""

from pathlib import Path

from ampsm_engine.git.integrate.ground import Ground, held
from ampsm_engine.git.integrate.values import Conflicted, ConflictFile, Merged
from ampsm_engine.git.integrate.writer import Writer


def merge(
    repo_root: Path | Ground,
    target_tip: str,
    tip: str,
    *,
    ff: bool,
    message: str,
    sign: bool | None = None,
    hooks_in: Path | None = None,
) -> Merged | Conflicted:
    """Merge `tip` into `target_tip`; without `ff` there is a commit even where none is needed. Full commit names.

    With `hooks_in`, a worktree, the user's pre-merge-commit and commit-msg hooks run there: Refused when one says no.
    """
    with held(repo_root) as ground:
        bases = ground.bases(target_tip, tip)
        if tip in bases:
            return Merged(target_tip, "nothing")
        if ff and target_tip in bases:
            return Merged(tip, "fast-forward")
        tree, conflicts = combined(ground, bases, target_tip, tip)
        if tree is None:
            return Conflicted("merge", target_tip, tip, conflicts)
        writer = Writer(ground, sign, hooks_in=hooks_in)
        text = message.replace("\0", "").strip().encode("utf-8", "surrogateescape") + b"\n"
        return Merged(writer.merging(tree, (target_tip, tip), text), "merge")


def combined(
    ground: Ground, bases: tuple[str, ...], ours: str, theirs: str
) -> tuple[str | None, tuple[ConflictFile, ...]]:
    """The tree of two commits merged, or the conflicts; several merge bases are merged first, as git does."""
    if len(bases) == 1:
        three = (ground.tree_of(bases[0]), ground.tree_of(ours), ground.tree_of(theirs))
        one = ground.plainly(*three)
        return (one, ()) if one is not None else ground.merged_commits(ours, theirs, three)
    return ground.merged_commits(ours, theirs)
