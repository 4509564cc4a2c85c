"""Putting commits onto another one, in memory: what `git rebase` would make, without a worktree.

Merges are left out and their sides made one line; commits whose change the other side has, or that become empty, are
dropped; those that start out empty stay. Authors, their times and messages stay, the committer is the user, now.
"""

from collections.abc import Sequence
from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.git.integrate.ground import Ground, RawCommit, held
from ampsm_engine.git.integrate.values import Conflicted, MadeCommit, Rewritten
from ampsm_engine.git.integrate.writer import Writer


def rebase(
    repo_root: Path | Ground,
    tip: str,
    upstream: str,
    onto: str | None = None,
    *,
    start: str = "",
    reapply: bool = False,
    sign: bool | None = None,
) -> Rewritten | Conflicted:
    """The commits of `tip` that `upstream` lacks, on `onto` (None: upstream). Full commit names; objects only.

    A commit whose change `upstream` once made, too, is dropped as git does, even where it was taken back there since;
    with `reapply` it is put again, which comes to what a merge would. `start`: a commit of `tip` that the work comes
    after; what is behind it is left out, too.
    """
    with held(repo_root) as ground:
        todo, dropped = _todo(ground, tip, upstream, start, reapply=reapply)
        if any(not ground.commit(sha).parents for sha in todo):
            ground.bases(tip, upstream)  # says why they share no history
        return _picked(Writer(ground, sign), onto or upstream, todo, (), dropped)


def pick(
    repo_root: Path | Ground,
    onto: str,
    commits: Sequence[str],
    *,
    done: Sequence[MadeCommit] = (),
    dropped: Sequence[str] = (),
    sign: bool | None = None,
) -> Rewritten | Conflicted:
    """Put commits one by one onto another; `done` and `dropped` are what a conflict had got before it."""
    with held(repo_root) as ground:
        return _picked(Writer(ground, sign), onto, commits, done, dropped)


def _picked(
    writer: Writer, onto: str, commits: Sequence[str], done: Sequence[MadeCommit], dropped: Sequence[str]
) -> Rewritten | Conflicted:
    ground = writer.ground
    tip, made, gone = onto, list(done), list(dropped)
    for number, sha in enumerate(commits):
        commit = ground.commit(sha)
        if commit.parents == (tip,):
            tip = sha
            made.append(MadeCommit(sha, commit.subject, (sha,)))
            continue
        before, ours = ground.parent_tree(commit), ground.tree_of(tip)
        tree, conflicts = ground.merged(before, ours, commit.tree)
        if tree is None:
            left = tuple(commits[number + 1 :])
            return Conflicted("pick", tip, sha, conflicts, tuple(made), tuple(gone), left)
        if tree == ours and not _was_empty(commit, before):
            gone.append(sha)
            continue
        tip = writer.rewritten(commit, tree, tip)
        made.append(MadeCommit(tip, commit.subject, (sha,)))
    return Rewritten(tip, tuple(made), tuple(gone))


def _was_empty(commit: RawCommit, before: str) -> bool:
    return commit.tree == before


def _todo(ground: Ground, tip: str, upstream: str, start: str, *, reapply: bool) -> tuple[list[str], list[str]]:
    """The commits to put, oldest first, and those whose change is upstream already (by patch-id), as git lists them."""
    plain = ground.line(start or upstream, tip) if reapply else None
    if plain is not None:
        return [commit.sha for commit in plain.commits], []
    ground.objects.flush()
    options = ("--max-parents=1", "--reverse", "--topo-order")
    span = (f"^{upstream}", tip) if reapply else ("--cherry-mark", "--right-only", f"{upstream}...{tip}")
    behind = (f"^{start}",) if start else ()
    lines = program.told(ground.where, "rev-list", *options, *span, *behind, "--").decode().split()
    todo = [line.lstrip("+") for line in lines if not line.startswith("=")]
    return todo, [line[1:] for line in lines if line.startswith("=")]
