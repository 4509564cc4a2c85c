"""Merging a line of work into a target, in memory: fast-forward, or a commit of both. No branch moves."""

from pathlib import Path

from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.plan import common
from ampsm_engine.git.integrate.values import Conflicted, ConflictFile, Merged
from ampsm_engine.git.integrate.writer import Writer


def merge(
    repo_root: Path,
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
    ground = Ground(repo_root)
    bases = _bases(ground, target_tip, tip)
    if tip in bases:
        return Merged(target_tip, "nothing")
    if ff and target_tip in bases:
        return Merged(tip, "fast-forward")
    tree, conflicts = combined(ground, bases, target_tip, tip)
    if tree is None:
        return Conflicted("merge", target_tip, tip, conflicts)
    writer = Writer(ground, sign, hooks_in=hooks_in)
    text = message.replace("\0", "").strip().encode("utf-8", "surrogateescape") + b"\n"
    commit = writer.merging(tree, (target_tip, tip), text)
    ground.objects.flush()
    return Merged(commit, "merge")


def _bases(ground: Ground, target_tip: str, tip: str) -> tuple[str, ...]:
    return (target_tip,) if ground.objects.descends(tip, target_tip) else common(ground.where, target_tip, tip)


def combined(
    ground: Ground, bases: tuple[str, ...], ours: str, theirs: str
) -> tuple[str | None, tuple[ConflictFile, ...]]:
    """The tree of two commits merged, or the conflicts; several merge bases are merged first, as git does."""
    if len(bases) == 1:
        one = ground.merger.merged(*(bytes.fromhex(ground.tree_of(sha)) for sha in (bases[0], ours, theirs)))
        if one is not None:
            return one.hex(), ()
    return ground.merged_commits(ours, theirs)
