"""Bare repositories that sessions begin in: which folder is the top of one."""

import contextlib
from pathlib import Path

from ampsm_engine.errors import Unfit
from ampsm_engine.git import program

_FETCHED = r"^remote\..*\.fetch$"


def top(common: Path) -> Path:
    """The folder in which the worktrees of a bare repository lie side by side: the repository itself, as `shop.git`.

    The one around it where it is called `.git`, or a file of that name leads to it. Unfit for a hidden one without
    such a file, and for a mirror: what is fetched there next takes away all branches that its source does not have.
    """
    refspecs = program.read(common, "--git-dir", common, "config", "--get-regexp", _FETCHED).line.split("\n")
    if name := next((line.partition(" ")[0] for line in refspecs if line.endswith(":refs/*")), ""):
        message = f"The repository {common} is a mirror: its next fetch may take the sessions' branches away."
        remote = name.removeprefix("remote.").removesuffix(".fetch")
        raise Unfit(message, f"git --git-dir {common} config {name} '+refs/heads/*:refs/remotes/{remote}/*'")
    pointer = common.parent / ".git"
    if common == pointer:
        return common.parent
    with contextlib.suppress(OSError):
        head, gap, named = program.text(pointer.read_bytes()).partition("gitdir: ")
        if gap and not head and (common.parent / named.rstrip("\r\n")).resolve() == common:
            return common.parent
    if not common.name.startswith("."):
        return common
    message = f"The repository {common} is bare and hidden: nothing says that its worktrees lie in {common.parent}."
    raise Unfit(message, f"echo 'gitdir: ./{common.name}' > {pointer}")
