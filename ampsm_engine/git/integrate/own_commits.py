"""The commits of a session without ampsm's own files: whoever committed those, no merge takes them along."""

import os
from pathlib import Path

from ampsm_engine.git import own_files, program
from ampsm_engine.git.integrate.ground import Ground, held
from ampsm_engine.git.integrate.plan import merge_bases
from ampsm_engine.git.integrate.trees import FOLDER, Entry, serialized
from ampsm_engine.git.integrate.writer import Writer
from ampsm_engine.git.own_files import OwnFiles

_NAMES = tuple(folder.encode() for folder in own_files.FOLDERS)


def without_own_files(where: Path | Ground, base_tip: str, tip: str) -> str:
    """The tip of the commits beyond `base_tip` made again without ampsm's own files; `tip` where none has any.

    Full commit names; objects only. What the two sides' common history or `base_tip` tracks is the repository's own.
    A commit of nothing else is dropped.
    """
    with held(where) as ground:
        plain = ground.line(base_tip, tip)
        commits = [commit.sha for commit in plain.commits] if plain else _listed(ground, base_tip, tip)
        if not any(_has_some(ground, sha) for sha in commits):
            return tip
        bases = (plain.base,) if plain else merge_bases(ground.where, base_tip, tip)
        return _rewritten(ground, own_files.of(ground.where, *bases, base_tip), commits, tip)


def _listed(ground: Ground, base_tip: str, tip: str) -> list[str]:
    ground.objects.flush()
    options = ("rev-list", "--reverse", "--topo-order", f"^{base_tip}", tip, "--")
    return program.told(ground.where, *options).decode().split()


def _has_some(ground: Ground, sha: str) -> bool:
    entries = ground.merger.tree(bytes.fromhex(ground.tree_of(sha)))
    return any(name in entries for name in _NAMES)


def _rewritten(ground: Ground, own: OwnFiles, commits: list[str], tip: str) -> str:
    writer = Writer(ground)
    now: dict[str, str] = {}
    for sha in commits:
        commit = ground.commit(sha)
        tree, parents = _less(ground, own, commit.tree), tuple(now.get(one, one) for one in commit.parents)
        if tree == commit.tree and parents == commit.parents:
            continue
        if len(parents) == 1 and tree == ground.tree_of(parents[0]) and commit.tree != ground.parent_tree(commit):
            now[sha] = parents[0]
        else:
            now[sha] = writer.made(tree, parents, commit.author, commit.message, commit.encoding)
    return now.get(tip, tip)


def _less(ground: Ground, own: OwnFiles, tree: str) -> str:
    """A commit's tree less what is ampsm's."""
    entries = dict(ground.merger.tree(bytes.fromhex(tree)))
    for name in _NAMES:
        if name in entries:
            left = _entry_less(ground, own, entries.pop(name), os.fsdecode(name))
            entries |= {name: left} if left else {}
    return ground.objects.write("tree", serialized(entries))


def _entry_less(ground: Ground, own: OwnFiles, entry: Entry, path: str) -> Entry | None:
    if entry[0] != FOLDER:
        return None if own.holds(path) else entry
    inner = ground.merger.tree(entry[1]).items()
    left = {name: _entry_less(ground, own, one, f"{path}/{os.fsdecode(name)}") for name, one in inner}
    kept = {name: one for name, one in left.items() if one}
    return (FOLDER, bytes.fromhex(ground.objects.write("tree", serialized(kept)))) if kept else None
