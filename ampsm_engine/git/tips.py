"""Where all branches stand, in one question each: for who looks at hundreds of them. Reads only."""

from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.git.repository import BRANCHES


def tips(root: Path) -> dict[str, str]:
    """The commit of each local branch, by its short name."""
    listed = program.told(root, "for-each-ref", "--format=%(objectname) %(refname)", BRANCHES)
    found = (line.partition(" ") for line in program.text(listed).splitlines())
    return {name.removeprefix(BRANCHES): commit for commit, _, name in found}


def contained(root: Path, commit: str) -> frozenset[str]:
    """The local branches whose commits are all in the history of a commit, by their short names."""
    listed = program.told(root, "for-each-ref", "--format=%(refname)", f"--merged={commit}", BRANCHES)
    return frozenset(name.removeprefix(BRANCHES) for name in program.text(listed).splitlines())
