"""A worktree begun before anybody knew that it may be: `ampsm new` takes as long as git takes to fill it.

The front door begins it when the arguments are plain; the verb takes it over when they were understood the same
way, and everything else undoes it. At most one a process.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import repository, worktrees
from ampsm_engine.git.places import Base, Repo
from ampsm_engine.naming import new_id


class Begun(NamedTuple):
    """What was begun, and for which words."""

    repo: Repo
    base: Base
    session_id: str
    pending: worktrees.Pending
    words: tuple[str, str | None, str]


_begun: list[Begun] = []


def _words(path: Path, base: str | None, title: str) -> tuple[str, str | None, str]:
    return os.path.abspath(path), base, title  # noqa: PTH100 - as typed: links are resolved by `locate`


def made(path: Path, base: str | None, title: str) -> Begun:
    """Begin a session's worktree and branch. Whatever `locate`, `base` and `begin` refuse."""
    repo = repository.locate(path)
    start = repository.base(repo, base)
    session_id = new_id()
    pending = worktrees.begin(repo, start, session_id, title, datetime.now(UTC).astimezone())
    return Begun(repo, start, session_id, pending, _words(path, base, title))


def begin(path: Path, base: str | None, title: str) -> None:
    """Begin it ahead of time; what forbids it is said later, by the verb itself."""
    try:
        _begun.append(made(path, base, title))
    except (AmpsmError, OSError):
        return


def take(path: Path, base: str | None, title: str) -> Begun:
    """What was begun for these words; else begin it now."""
    if _begun and _begun[0].words == _words(path, base, title):
        return _begun.pop()
    drop()
    return made(path, base, title)


def drop() -> None:
    """Undo what nobody took."""
    while _begun:
        _begun.pop().pending.undo()
