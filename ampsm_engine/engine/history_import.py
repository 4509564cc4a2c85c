"""Taking in the history of the Amp Session Orchestrator: its database is copied and read, and never written to.

A session whose worktree is still there, and in which no other session works, goes on here. Of others the history is
kept: it is in no list of sessions, and `show`, `log`, `metrics`, `export` and `report` know it.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import changes, commits
from ampsm_engine.home import PRIVATE_FOLDER, write_private
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Session
from ampsm_engine.private_folder import private_folder
from ampsm_engine.store.predecessor_history import ForeignHistory, ForeignSession, read_history

_PARTS = ("", "-wal", "-journal")
"""The files that a database of SQLite may consist of; a copy makes its own shared memory."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """How much an import has added to the store."""

    sessions: int
    iterations: int
    tool_calls: int
    batches: int
    items: int
    known_sessions: int
    """Sessions that were there already: nothing of theirs was changed."""
    history: tuple[Session, ...]
    """New sessions without a worktree of their own: kept as history."""
    left_out: tuple[str, ...]
    """What could not be taken, and why."""


def import_history(engine: Engine, path: Path) -> ImportResult:
    """Take in what a database of the predecessor holds and this store does not.

    NotFound without that file; Refused when it is none of the predecessor's; Failed when it cannot be read.
    """
    source = path.expanduser().absolute()
    if not source.exists():
        raise NotFound(f"There is no file {source}.", f"ls {source.parent}")
    if not source.is_file() or source.samefile(engine.home.database):
        raise Refused(f"{source} is no database to import from.", "ampsm import --help")
    try:
        with private_folder("import") as folder:
            copy = folder / "history.sqlite"
            for part in _PARTS:
                if (original := source.with_name(source.name + part)).exists():
                    shutil.copyfile(original, copy.with_name(copy.name + part))
            history = read_history(copy)
    except OSError as reason:
        raise Failed(f"{source} could not be copied: {reason.strerror or reason}.", f"ls -l {source}") from reason
    sessions = tuple(_placed_all(engine, history.sessions, source))
    placed = ForeignHistory(sessions, history.batches, history.left_out)
    known = {session.id for session in map(_session_of, sessions) if _is_known(engine, session.id)}
    entered = engine.store.imported_history.enter(placed, str(source))
    _write_transcripts(engine, sessions)
    return ImportResult(
        sessions=entered.sessions,
        iterations=len(entered.iterations),
        tool_calls=entered.tool_calls,
        batches=entered.batches,
        items=entered.items,
        known_sessions=entered.known_sessions,
        history=tuple(
            replace(session, name=redact.text(session.name), worktree_path=redact.text(session.worktree_path))
            for session in map(_session_of, sessions)
            if session.history_from and session.id not in known
        ),
        left_out=tuple(map(redact.text, history.left_out)),
    )


def _session_of(foreign: ForeignSession) -> Session:
    return foreign.session


def _is_known(engine: Engine, session_id: str) -> bool:
    try:
        engine.store.sessions.get(session_id)
    except NotFound:
        return False
    return True


def _placed_all(engine: Engine, every: Iterable[ForeignSession], source: Path) -> Iterator[ForeignSession]:
    """The sessions with where each stands now; one whose worktree another session works in is history as well."""
    owners = {os.path.realpath(one.worktree_path): one.id for one in engine.store.sessions.all()}
    for foreign in every:
        session = foreign.session
        owner = owners.setdefault(os.path.realpath(session.worktree_path), session.id)
        yield _placed(foreign, source, is_taken=owner != session.id)


def _placed(foreign: ForeignSession, source: Path, *, is_taken: bool) -> ForeignSession:
    """The session with where it stands now: history without its worktree, else the commit that it began at.

    A repository's own checkout, whose .git is a folder, is no worktree that a session could work in.
    """
    session = foreign.session
    worktree = Path(session.worktree_path)
    if is_taken or not worktree.is_absolute() or not (worktree / ".git").is_file():
        return replace(foreign, session=replace(session, history_from=str(source)))
    try:
        base = changes.merge_base(worktree, session.base_branch, session.branch_name)
        base = base or commits.head(worktree).commit
    except AmpsmError:
        base = ""
    return replace(foreign, session=replace(session, base_commit=session.base_commit or base))


def _write_transcripts(engine: Engine, sessions: tuple[ForeignSession, ...]) -> None:
    """Lay what amp printed where `ampsm log` looks for it, without secrets.

    Also that of iterations which were known: an import that was killed may have entered them and come no further.
    """
    for foreign in sessions:
        for iteration_id, output in foreign.outputs.items():
            run = engine.home.iteration(iteration_id)
            if not run.stream.exists():
                run.path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                write_private(run.stream, redact.bytes_(output.encode("utf-8", "replace")), lasting=False)
