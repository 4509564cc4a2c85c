"""What `ls` and `show` do once their arguments are read. Knows no parser: plain arguments come here without one."""

from typing import TYPE_CHECKING

from ampsm_engine.cli import diagnostics, engine_access, output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.errors import AmpsmError
    from ampsm_engine.model import Status
    from ampsm_engine.store.sessions import SessionFilter


def list_sessions(
    repo: "Path | None",
    statuses: "Sequence[Status]",
    *,
    tags: "Sequence[str]" = (),
    archived: bool = False,
    as_json: bool,
) -> int:
    """Write the sessions of the repository around a path, or of all, in any of these statuses, or in any; exit code.

    `tags`: those that have all of them; `archived`: those that were put away, which are left out otherwise.
    """
    engine = engine_access.open_engine()
    root = engine_access.repository_root(engine, repo)
    from ampsm_engine.store.sessions import SessionFilter

    wanted = SessionFilter(root, statuses, tags, archived)
    store = engine.store
    _follow_renamed(engine, wanted)
    if as_json:
        from ampsm_engine.cli import documents

        output.written_document(documents.listed_sessions(store, wanted))
        return diagnostics.OK
    found = store.sessions.chosen(wanted)
    ids = [session.id for session in found]
    if found:
        from ampsm_engine import session_problems
        from ampsm_engine.cli.tables import print_sessions

        print_sessions(
            found,
            store.iterations.of_sessions(ids),
            store.facts.notes_of(ids),
            session_problems.sessions_in_conflict(store),
        )
        _warn_of_workers(engine)
    elif not (root or statuses or tags or archived) and (lost := _lost_sessions(engine)):
        diagnostics.warning(lost.message)
        diagnostics.hint(lost.hint)
    elif store.sessions.chosen(SessionFilter()):
        is_all = not (root or statuses or tags or archived)
        diagnostics.note("All sessions are put away." if is_all else "No session is like that.")
        diagnostics.hint("ampsm ls --archived" if is_all else "ampsm ls")
    else:
        diagnostics.note("No sessions yet.")
        diagnostics.hint("ampsm new 'what amp is to do'")
    return diagnostics.OK


def _follow_renamed(engine: "Engine", wanted: "SessionFilter") -> None:
    """Give sessions whose base was renamed its new name; a note says so for each."""
    from ampsm_engine.engine.bases import gone_bases

    for session_id in gone_bases(engine.store.sessions.places(wanted)):
        engine_access.followed(engine, engine.store.sessions.get(session_id))


def _warn_of_workers(engine: "Engine") -> None:
    """Say so while no worker can start: what waits in the queue would wait without a word."""
    if engine.home.failed_starts.exists():
        from ampsm_engine import failed_starts

        if trouble := failed_starts.trouble(engine.home):
            diagnostics.warning(trouble)
            diagnostics.hint("ampsm doctor")


def _lost_sessions(engine: "Engine") -> "AmpsmError | None":
    if not engine.home.has_iterations:
        return None
    from ampsm_engine.engine import drafts

    return drafts.lost_sessions(engine)


def show_session(reference: str, *, as_json: bool) -> int:
    """Write one session with its iterations; the exit code."""
    engine = engine_access.open_engine()
    session = engine_access.session(engine, reference)
    from ampsm_engine.cli import session_details

    if as_json:
        session_details.print_session(engine, session.id)
        return diagnostics.OK
    from ampsm_engine import session_problems
    from ampsm_engine.engine import views

    with diagnostics.working("Reading the worktree"):
        view = views.show(engine, session)
    amiss = session_problems.problem_text(
        session, conflict=session.id in session_problems.sessions_in_conflict(engine.store)
    )
    session_details.print_session_details(view, engine.store.facts.notes_of((session.id,)), amiss)
    return diagnostics.OK
