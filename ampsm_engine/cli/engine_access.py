"""The engine as a command opens it, and the session that a person names. Knows no parser, prints warnings alone."""

from typing import TYPE_CHECKING

from ampsm_engine.cli import diagnostics
from ampsm_engine.cli.output import one_line
from ampsm_engine.engine import startup
from ampsm_engine.errors import NotFound, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.model import Batch, Session


def open_engine() -> "Engine":
    """The engine on the home that the environment names."""
    startup.report_recovered = diagnostics.note
    engine = startup.open_engine()
    diagnostics.warn_of_settings(engine.settings)
    return engine


def session(engine: "Engine", reference: str) -> "Session":
    """The live session that a reference names, for a command that only reads."""
    return followed(engine, engine.store.sessions.resolve(reference))


def followed(engine: "Engine", found: "Session") -> "Session":
    """The session with its present base: where that was renamed, a note says so."""
    from ampsm_engine.engine.bases import gone_bases

    if found.trashed_at or found.history_from or not gone_bases((found,)):
        return found
    from ampsm_engine.merging import session_branches

    now = session_branches.follow(engine.store, found)
    if now.base_branch != found.base_branch:
        old, new = one_line(found.base_branch), one_line(now.base_branch)
        diagnostics.note(f"The base of {one_line(found.name)} was renamed: {old} is {new} now, and is its base.")
    return now


def target(engine: "Engine", reference: str, *, trashed: bool = False) -> "Session":
    """The session that a reference names, for a command that changes something; a beginning is asked about."""
    match = engine.store.sessions.match(reference, trashed=trashed)
    found = match.session
    if not match.is_exact:
        confirm_guess(f"{reference!r} is the {match.kind} of session {one_line(found.name)} ({found.id})", found.id)
    return followed(engine, found)


def target_run(engine: "Engine", reference: str) -> "Batch":
    """The run that a reference names, for a command that changes something; a beginning is asked about."""
    run = engine.store.batches.resolve(reference)
    if reference.strip() not in (run.id, run.name):
        confirm_guess(f"{reference!r} is the beginning of run {one_line(run.name)} ({run.id})", run.id)
    return run


def repository_root(engine: "Engine", path: "Path | None") -> str | None:
    """The root of the repository that a path lies in, to choose its sessions; None without a path.

    A root that is gone counts where a session, in the trash or not, has it; NotFound otherwise, Unfit for what is no
    repository.
    """
    if path is None:
        return None
    absolute = path.expanduser().absolute()
    if absolute.exists():
        from ampsm_engine.git import repository

        return str(repository.around(absolute).root)
    sessions = engine.store.sessions
    if not any(sessions.all(repo_root=str(absolute), trashed=trashed) for trashed in (False, True)):
        message = f"There is no folder {one_line(str(path))}, and no session has its repository there."
        raise NotFound(message, "ampsm ls")
    return str(absolute)


def confirm_guess(text: str, exact: str) -> None:
    """Ask whether an abbreviation was meant as it is resolved, even with --yes; Refused without a yes."""
    answer = diagnostics.confirmed(f"{text}. Is that what you mean?")
    if answer is None:
        raise Refused(f"{text}; a command that changes something needs more than a beginning.", f"Name it: {exact}")
    if not answer:
        raise Refused("Nothing was done.")
