"""The submodules of a new worktree, filled from the repositories that the main worktree has of them.

Each is cloned from a folder of this repository's own `modules`, with no other protocol than files allowed, so that
what `.gitmodules` says of addresses is not followed. What the main worktree does not have is left empty.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ampsm_engine.git import program, records

LIMIT = 600.0
"""Seconds that one submodule may take."""

DEPTH = 5
"""How deep submodules of submodules are filled."""


def empty(worktree: Path) -> list[str]:
    """The submodules of a worktree that are not filled, by their paths."""
    return list(_empty(worktree))


def _empty(worktree: Path) -> dict[str, str]:
    """The commits that the index wants of the submodules that are not filled, by their paths."""
    if not os.path.lexists(worktree / ".gitmodules"):
        return {}
    links = records.gitlinks(worktree)
    return {path: commit for path, commit in links.items() if not os.path.lexists(worktree / path / ".git")}


def fill(worktree: Path, modules: Path, depth: int = DEPTH) -> list[str]:
    """Fill what is empty as far as `modules`, where git keeps the repositories of submodules, has what is needed.

    Answers the paths of those that stay empty in the worktree itself.
    """
    wanted = _empty(worktree) if depth else {}
    here = {path: name for name, path in (_named(worktree) if wanted else ()) if path in wanted}
    local = {path: found for path, name in here.items() if (found := _local(modules, name))}
    local = {path: found for path, found in local.items() if _has(found, wanted[path])}
    if not local:
        return list(wanted)
    _update(worktree, {path: (here[path], found) for path, found in local.items()})
    for path, found in local.items():
        if os.path.lexists(worktree / path / ".git"):
            _copy_setting(found, "remote.origin.url", worktree / path)
            if depth < DEPTH:  # git calls it initialised where that is set; the first ones share their configuration
                _copy_setting(modules.parent, f"submodule.{here[path]}.url", worktree)
            fill(worktree / path, found / "modules", depth - 1)
    return [path for path in wanted if not os.path.lexists(worktree / path / ".git")]


def _update(worktree: Path, found: Mapping[str, tuple[str, Path]]) -> None:
    """Clone submodules: name and repository by path. By one git; where that fails, each by its own."""
    urls = {f"submodule.{name}.url": str(local) for name, local in found.values()}
    variables = {**program.configuration(urls), "GIT_ALLOW_PROTOCOL": "file"}
    asked = ("submodule", "--quiet", "update", "--init", "--checkout", "--no-fetch", "--", *found)
    if program.start(worktree, *asked, variables=variables).wait(LIMIT * len(found)).ok:
        return
    import shutil

    for path in found:  # half of one is what git, too, takes for filled
        shutil.rmtree(worktree / path, ignore_errors=True)
        (worktree / path).mkdir(exist_ok=True)
        if len(found) > 1:
            _update(worktree, {path: found[path]})


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


def _has(local: Path, commit: str) -> bool:
    """Whether a repository has a commit."""
    return program.read(local, "--git-dir", local, "cat-file", "-e", f"{commit}^{{commit}}").ok
