"""The command import: the history of the system that ampsm replaces."""

from pathlib import Path

import click

from ampsm_engine.cli import arguments, diagnostics, documents, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.plain_text import plural


@click.command(cls=Command, short_help="Take in the history of the Amp Session Orchestrator.")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@arguments.json_option
def import_command(path: Path, *, as_json: bool) -> int:
    """Take in sessions, iterations, tool calls and batches from a database of the Amp Session Orchestrator.

    That database is not changed. Sessions whose worktree is gone are kept as history: in no list, but known to
    show, log, metrics, export and report. Importing again brings only what is new.

      ampsm import ~/.config/amp-session-manager/sessions.sqlite
    """
    from ampsm_engine.engine import history_import

    engine = arguments.open_engine()
    with diagnostics.working("Reading the database"):
        result = history_import.import_history(engine, path)
    if as_json:
        counts = {
            "sessions": result.sessions,
            "iterations": result.iterations,
            "toolCalls": result.tool_calls,
            "batches": result.batches,
            "items": result.items,
            "knownSessions": result.known_sessions,
        }
        history = [{"id": one.id, "name": one.name, "worktreePath": one.worktree_path} for one in result.history]
        output.document({**counts, "history": history, "leftOut": documents.plain(result.left_out)})
        return diagnostics.OK
    new = (
        plural(result.sessions, "session"),
        plural(result.iterations, "iteration"),
        plural(result.tool_calls, "tool call"),
        f"{result.batches} batch{'es' * (result.batches != 1)} with {plural(result.items, 'item')}",
    )
    known = f" {plural(result.known_sessions, 'session')} were known already." if result.known_sessions else ""
    output.line(f"Imported {', '.join(new)}.{known}")
    for session in result.history:
        gone = (
            f"  {one_line(session.name)} ({session.id}): no worktree {one_line(session.worktree_path)}; kept as history"
        )
        output.line(gone)
    for text in result.left_out:
        diagnostics.warning(f"Left out: {one_line(text)}.")
    if result.iterations:
        diagnostics.hint("ampsm metrics --by session")
    return diagnostics.OK
