"""Where worktrees are made: in a folder of the repository that git does not look into, or outside of it."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import naming, templates
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.git import own_files, program, records, repository
from ampsm_engine.git.entities import Repo
from ampsm_engine.plain_text import list_some, printable
from ampsm_engine.templates import Names

if TYPE_CHECKING:
    from ampsm_engine.git.beginnings import Witness

_ATTEMPTS = 200
"""Names that are tried for one folder before we give up."""

_OF_GIT = frozenset(
    ("branches", "hooks", "info", "lfs", "logs", "modules", "objects", "refs", "reftable", "rr-cache", "worktrees")
)
"""Folders of git's and of git-lfs in a bare repository."""

_WAY = "ampsm config set worktree.place '../{repo}.{slug}'"


def hidden_folder(repo: Repo) -> Path:
    """The folder below a repository's top in which worktrees are where no setting says otherwise."""
    return repo.root / repository.WORKTREES


def free_place(repo: Repo, name: str) -> Path:
    """The place of that name in the usual folder, which is free; Refused when something is in the way."""
    below = hidden_folder(repo)
    _refuse_link(below)
    path = below / name
    if name != path.name or name.startswith("."):
        raise Refused(f"{printable(name)[:80]!r} cannot name a folder.")
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", f"ls -ld {path}")
    return path


def make_room(repo: Repo) -> None:
    """The usual folder of worktrees, hidden from git before there is something in it."""
    _make_folder(hidden_folder(repo))
    own_files.ensure(repo)


def claim_place(repo: Repo, template: str, names: Names, witness: "Witness") -> Path:
    """A place for a worktree by the template of the settings, which nobody else can take any more.

    The second of a name gets a number. Refused where it would lie among the files of a repository.
    """
    if template == templates.WORKTREE:
        path = free_place(repo, names.id)
        witness.place(path, is_ours=True)
        make_room(repo)
        return path
    wanted = _wanted_place(repo, template, names)
    hide_room(repo, wanted)
    for attempt in range(1, _ATTEMPTS):
        path = wanted.with_name(naming.numbered(wanted.name, attempt))
        if os.path.lexists(path):
            continue
        witness.place(path, is_ours=False)
        try:
            path.mkdir()
        except FileExistsError:
            continue
        except OSError as reason:
            leave(repo, path)
            raise Unfit(f"{path} cannot be made: {reason.strerror}.", f"ls -ld {path.parent}") from reason
        witness.place(path, is_ours=True)
        return path
    raise Refused(f"There is something at {wanted} and at each place of that name.", f"ls -ld {wanted}*")


def scratch_place(repo: Repo, template: str, name: str) -> Path:
    """Where a worktree of that name lies that is no session's and soon gone: beside those of the sessions.

    So tools that walk through the usual folder do not meet it where a person has moved the sessions' elsewhere.
    """
    if template == templates.WORKTREE:
        return free_place(repo, name)
    names = naming.names(name, name, datetime.now(UTC), repo.root.name)
    wanted = _wanted_place(repo, template, names).with_name(name)
    if os.path.lexists(wanted):
        raise Refused(f"There is something at {wanted} already.", f"ls -ld {wanted}")
    return wanted


def hide_room(repo: Repo, path: Path) -> None:
    """The folder that a worktree will lie in, hidden from git where that is below a repository's top."""
    own_files.ensure(repo)
    _make_folder(path.parent)
    if top := _top_within(repo, path):
        own_files.ensure(repo, top)


def _wanted_place(repo: Repo, template: str, names: Names) -> Path:
    try:
        wanted = Path(os.path.normpath(repo.root / Path(names.fill(template)).expanduser()))
    except RuntimeError as reason:
        raise Unfit(f"Nobody knows which folder ~ is in worktree.place: {reason}.", _WAY) from reason
    if top := _top_within(repo, wanted):
        if why := _why_not_hidden(repo, top, wanted):
            raise Refused(f"The worktree cannot be at {wanted}: {why}.", _WAY)
        return wanted
    wanted = wanted.parent.resolve() / wanted.name
    is_beside = repo.is_bare and wanted.parent == repo.root
    if not is_beside and any(wanted.is_relative_to(place) for place in (repo.root, repo.common_dir)):
        raise Refused(f"The worktree would be at {wanted}, among the files of the repository.", _WAY)
    return wanted


def _top_within(repo: Repo, path: Path) -> str:
    """The folder at a repository's top in which a worktree at a path would lie; empty where it is in none."""
    inside = path.relative_to(repo.root).parts if path.is_relative_to(repo.root) else ()
    return inside[0] if len(inside) > 1 else ""


def _why_not_hidden(repo: Repo, top: str, path: Path) -> str:
    """Why a folder at a repository's top cannot be one of worktrees alone, in words; empty where it can be."""
    folder = repo.root / top
    for one in _between(folder, path.parent):
        if one.is_symlink() or (one.exists() and not one.is_dir()):
            return f"{one} is a link or a file, and sessions' worktrees need a folder there"
        if os.path.lexists(one / ".git"):
            return f"{one} is a worktree or a repository itself"
    is_gits = repo.root == repo.common_dir and top in _OF_GIT
    if is_gits or top == own_files.CONTEXT or top.casefold() == ".git" or folder == repo.common_dir:
        return f"{top} is not for worktrees"
    return "" if top == repository.WORKTREES or repo.is_bare else _what_would_be_hidden(repo, top)


def _what_would_be_hidden(repo: Repo, top: str) -> str:
    """What a folder of a checkout has beside worktrees, in words; empty for nothing."""
    within = ("-z", "--", f":(top,literal){top}")
    if tracked := records.split(program.query(repo.root, "ls-files", *within)):
        return f"git tracks files in {top} ({list_some(tracked)}), and a folder of worktrees is hidden from git"
    listed = records.split(program.query(repo.root, "ls-files", "--others", "--exclude-standard", *within))
    loose = [name for name in listed if not name.endswith("/")]  # what ends so is a worktree of the user's
    return f"{top} has files that git would not show any more ({list_some(loose)})" if loose else ""


def _between(top: Path, folder: Path) -> Iterator[Path]:
    """A folder and those on the way down to another one, which comes last."""
    parts = folder.relative_to(top).parts
    return (top.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


def _refuse_link(below: Path) -> None:
    # A repository can bring a link of that name, and git would follow it out of the repository.
    if below.is_symlink() or (below.exists() and not below.is_dir()):
        message = f"{below} is in the way: sessions' worktrees need a folder there."
        raise Refused(message, f"ls -ld {below}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        near = next((one for one in folder.parents if one.exists()), folder.parent)
        raise Unfit(f"{folder} cannot be made: {reason.strerror}.", f"ls -ld {near}") from reason


def leave(repo: Repo, path: Path) -> None:
    """Take the folders away that were made for a worktree and have nothing in them any more."""
    own_files.leave(hidden_folder(repo))
    if top := _top_within(repo, path):
        for folder in reversed(list(_between(repo.root / top, path.parent))):
            own_files.leave(folder)
    elif path.parent not in (repo.root, repo.root.parent):
        with contextlib.suppress(OSError):
            path.parent.rmdir()
