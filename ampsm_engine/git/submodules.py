"""The submodules of a new worktree, filled from the repositories that the main worktree has of them.

Each is cloned from a folder of this repository's own `modules`, with no other protocol than files allowed, so that
what `.gitmodules` says of addresses is not followed. What the main worktree does not have is left empty.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.git import program, records

LIMIT = 600.0
"""Seconds that one submodule may take."""

DEPTH = 5
"""How deep submodules of submodules are filled."""


def empty(worktree: Path) -> list[str]:
    """The submodules of a worktree that are not filled, by their paths."""
    if not os.path.lexists(worktree / ".gitmodules"):
        return []
    return [name for name in records.gitlinks(worktree) if not os.path.lexists(worktree / name / ".git")]


def fill(worktree: Path, modules: Path, depth: int = DEPTH) -> None:
    """Fill what is empty as far as `modules`, where git keeps the repositories of submodules, has what is needed."""
    left = set(empty(worktree)) if depth else set()
    for name, path in _named(worktree) if left else ():
        local = _local(modules, name)
        if path not in left or local is None or not _has(local, worktree, path):
            continue
        variables = {**program.configuration(f"submodule.{name}.url", str(local)), "GIT_ALLOW_PROTOCOL": "file"}
        asked = ("submodule", "--quiet", "update", "--init", "--checkout", "--no-fetch", "--", path)
        if program.start(worktree, *asked, variables=variables).wait(LIMIT).ok:
            _copy_setting(local, "remote.origin.url", worktree / path)
            if depth < DEPTH:  # git calls it initialised where that is set; the first ones share their configuration
                _copy_setting(modules.parent, f"submodule.{name}.url", worktree)
            fill(worktree / path, local / "modules", depth - 1)


def _copy_setting(repository: Path, name: str, to: Path) -> None:
    """Let a repository that was just made have a setting of another one, by its git folder."""
    if value := program.read(repository, "--git-dir", repository, "config", "--get", name).line:
        program.write(to, "config", name, value)


def _named(worktree: Path) -> Iterator[tuple[str, str]]:
    """Name and path of each submodule, as the commit says: a link in the place of the file says nothing."""
    asked = ("config", "--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    for record in records.split(program.read(worktree, *asked).output):
        key, _, path = record.partition("\n")
        yield key.removeprefix("submodule.").removesuffix(".path"), path


def _local(modules: Path, name: str) -> Path | None:
    """The repository of a submodule below `modules`; None where there is none, or its name leads elsewhere."""
    found = modules / name
    is_inside = Path(os.path.realpath(found)).is_relative_to(os.path.realpath(modules)) and ".." not in found.parts
    return found if name and is_inside and (found / "HEAD").is_file() else None


def _has(local: Path, worktree: Path, path: str) -> bool:
    """Whether a repository has the commit that a worktree's index wants at a path."""
    wanted = records.in_index(worktree, "--", path)
    asked = ("--git-dir", local, "cat-file", "-e")
    return bool(wanted) and program.read(local, *asked, f"{wanted[0].object}^{{commit}}").ok
