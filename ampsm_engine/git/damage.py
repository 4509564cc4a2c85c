"""Refs and HEAD that are damaged: told from what git says, so that nobody takes them for absent. Reads only."""

import os
import re
from pathlib import Path

from ampsm_engine.errors import Unfit
from ampsm_engine.git import program

_BROKEN = re.compile(r"ignoring broken ref (\S+)|missing object \S+ for (\S+)|bad ref (\S+)")


def refuse_damaged(where: Path, ref: str = "") -> None:
    """Unfit when a ref is damaged or names an object that is not there; without `ref`, any of them, HEAD included."""
    answer = program.read(where, "for-each-ref", *((ref,) if ref else ()))
    found = _BROKEN.search(answer.said)
    if found:
        name = next(group for group in found.groups() if group)
        message = f"The ref {name} of the repository {where} is damaged: {answer.reason}."
        raise Unfit(message, _way_back(where, name))
    if not answer.ok:
        raise program.failure(where, ("for-each-ref",), answer)
    if not ref:
        _refuse_damaged_head(where)


def _refuse_damaged_head(where: Path) -> None:
    named = program.read(where, "rev-parse", "--quiet", "--verify", "HEAD")
    if not named.ok or program.read(where, "cat-file", "-e", "HEAD^{commit}").ok:
        return
    message = f"HEAD of the repository {where} is damaged: the commit {named.line[:12]} is not there."
    raise Unfit(message, f"git -C {where} fsck --lost-found names what is there; then: git -C {where} switch BRANCH")


def _way_back(where: Path, name: str) -> str:
    common = program.read(where, "rev-parse", "--path-format=absolute", "--git-common-dir").line
    again = f"rm -f {common}/{name} && git -C {where} update-ref {name} COMMIT"
    return f"git -C {where} fsck --lost-found names its last commit as dangling; then: {again}"


def damaged_folder(where: Path) -> Unfit | None:
    """The error for the git folder nearest to a path, where git does not take that for one; None without any."""
    near = next((folder for folder in (where, *where.parents) if os.path.lexists(folder / ".git")), None)
    if near is None:
        return None
    own = near / ".git"
    if own.is_file():
        return Unfit(f"{near} is damaged: its .git file leads to no repository.", f"cat {own}")
    if not (own / "objects").is_dir():
        return None
    message = f"The repository {near} is damaged: git does not take {own} for a git folder any more."
    head = own / "HEAD"
    return Unfit(message, f"cat {head}; where that is no ref: echo 'ref: refs/heads/BRANCH' > {head}")
