"""Lines of work rewritten in memory: merged, put onto another commit as `git rebase` would, or freed of ampsm's files.

No worktree is needed and no branch moves. A rebase leaves merges out and makes their sides one line; commits whose
change the other side has, or that become empty, are dropped; those that start out empty stay. Authors, their times
and messages stay, the committer is the user, now.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ampsm_engine.git import own_files, program
from ampsm_engine.git.entities import identity
from ampsm_engine.git.integrate import trees
from ampsm_engine.git.integrate.commit_range import merge_bases
from ampsm_engine.git.integrate.commit_writer import Writer
from ampsm_engine.git.integrate.object_store import ObjectStore, held
from ampsm_engine.git.integrate.outcomes import ConflictFile, Forecast, Merged, RewriteConflict, Rewritten
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
    """A commit's tree less what is ampsm's."""
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
