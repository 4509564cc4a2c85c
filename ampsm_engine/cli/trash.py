"""The commands rm and trash: sessions go to the trash, come back, or are purged. Nothing goes unasked."""

from typing import TYPE_CHECKING

import click

from ampsm_engine import labels, plain_text
from ampsm_engine.cli import arguments, diagnostics, documents, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command, Group
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.engine.session_trash import Removed, TrashEntry

_TRASHED = arguments.SessionReference(trashed=True)
_NOTHING_REMOVED = "Nothing was removed."


@click.command(cls=Command, short_help="Move sessions to the trash.")
@click.argument("references", metavar="SESSION...", nargs=-1, required=True, type=arguments.SessionReference())
@arguments.yes_option
@arguments.json_option
def rm_command(references: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Move sessions to the trash: branch, worktree and what is not committed.

    Everything but what git ignores can be brought back with `ampsm trash restore` until you purge it. A session
    that runs is refused: `ampsm stop` it first.

      ampsm rm dark login --yes
    """
    from ampsm_engine.engine import session_trash

    engine = arguments.open_engine()
    sessions = _sessions(engine, references)
    if not yes:
        for session in sessions:
            diagnostics.note(session_trash.describe_loss(engine, session.id))
        many = "this session" if len(sessions) == 1 else f"these {len(sessions)} sessions"
        command = f"ampsm rm {' '.join(session.id for session in sessions)}"
        diagnostics.ask(f"Move {many} to the trash?", command, otherwise=_NOTHING_REMOVED)
    removed = []
    for session in sessions:
        if yes and (lost := session_trash.describe_ignored(engine, session.id)):
            diagnostics.note(lost)
        with diagnostics.working(f"Moving {one_line(session.name)} to the trash"):
            gone = session_trash.remove(engine, session.id)
        removed.append(_removed_document(gone))
        if not as_json:
            _print_removed(gone)
    if as_json:
        output.document({"removed": removed})
    else:
        diagnostics.hint(f"ampsm trash restore {sessions[0].id}")
    return diagnostics.OK


def _print_removed(gone: "Removed") -> None:
    output.line(f"{one_line(gone.session.name)} ({gone.session.id}) is in the trash.")
    if gone.is_away:
        diagnostics.note(f"Its repository is not at {gone.session.repo_root}: nothing else was touched.")
    if gone.not_archived:
        diagnostics.warning(gone.not_archived)
    for text in gone.outside:
        diagnostics.warning(f"What is outside of its worktree stays as it is: {text}")


def _removed_document(gone: object) -> documents.Document:
    fields = documents.plain(gone)
    found: documents.Document = dict(fields)  # type: ignore[call-overload]
    return found


def _sessions(engine: "Engine", references: tuple[str, ...], *, trashed: bool = False) -> list[Session]:
    """The sessions named, each once; all are found before anything is done to one."""
    found: dict[str, Session] = {}
    for reference in references:
        session = arguments.target(engine, reference, trashed=trashed)
        found[session.id] = session
    return list(found.values())


@click.group(cls=Group, short_help="List, restore or purge removed sessions.")
def trash_command() -> None:
    """What `ampsm rm` removed. Nothing leaves the trash by itself.

    ampsm trash ls
    ampsm trash restore dark
    """


@trash_command.command("ls", cls=Command, short_help="List what is in the trash.")
@arguments.json_option
def trash_ls(*, as_json: bool) -> int:
    """List what is in the trash, newest first, with about how much disk only the trash still holds.

    ampsm trash ls
    """
    from ampsm_engine.engine import session_trash

    engine = arguments.open_engine()
    with diagnostics.working("Measuring the trash"):
        entries = session_trash.trashed(engine)
    if as_json:
        ids = [entry.session.id for entry in entries]
        iterations, notes = engine.store.iterations.of_sessions(ids), engine.store.facts.notes_of(ids)
        output.document(
            {
                "sessions": [
                    documents.session_document(entry.session, iterations.get(entry.session.id, ()), notes)
                    | {"trashBytes": entry.bytes}
                    for entry in entries
                ]
            }
        )
    elif entries:
        _print_trash(entries)
    else:
        diagnostics.note("The trash is empty.")
    return diagnostics.OK


def _print_trash(entries: "Sequence[TrashEntry]") -> None:
    from datetime import UTC, datetime

    from ampsm_engine.cli.tables import TableColumn, table

    at = datetime.now(UTC)
    columns: tuple[TableColumn[TrashEntry], ...] = (
        TableColumn("NAME", lambda one: one.session.name, least=12),
        TableColumn("BRANCH", lambda one: one.session.branch_name, drop_order=2, least=12),
        TableColumn("SIZE", lambda one: labels.size(one.bytes), drop_order=1, right=True),
        TableColumn("AGE", lambda one: labels.age(one.session.trashed_at, at), right=True),
        TableColumn("ID", lambda one: one.session.id),
    )
    table(columns, entries)


@trash_command.command("restore", cls=Command, short_help="Bring a session back.")
@click.argument("reference", metavar="SESSION", type=_TRASHED)
@arguments.json_option
def trash_restore(reference: str, *, as_json: bool) -> int:
    """Bring a session back from the trash exactly as it was: branch, worktree, uncommitted changes.

    ampsm trash restore dark
    """
    from ampsm_engine.engine import session_trash

    engine = arguments.open_engine()
    session = _sessions(engine, (reference,), trashed=True)[0]
    with diagnostics.working("Restoring the worktree"):
        back = session_trash.restore(engine, session.id)
    if as_json:
        from ampsm_engine.cli.session_details import print_session

        print_session(engine, back.id)
    else:
        output.line(f"{one_line(back.name)} ({back.id}) is back in {back.worktree_path}")
    if note := session_trash.restore_note(engine, back):
        diagnostics.note(note)
    return diagnostics.OK


@trash_command.command("purge", cls=Command, short_help="Remove trashed sessions for good.")
@click.argument("references", metavar="[SESSION...]", nargs=-1, type=_TRASHED)
@arguments.yes_option
@arguments.json_option
def trash_purge(references: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Remove sessions from the trash for good, their transcripts included. Without SESSION: all of them.

    ampsm trash purge dark --yes
    """
    from ampsm_engine.engine import session_trash

    engine = arguments.open_engine()
    sessions = _sessions(engine, references, trashed=True) if references else engine.store.sessions.all(trashed=True)
    if sessions and not yes:
        for session in sessions:
            only = session_trash.unversioned_contents(session)
            more = f", with {plain_text.list_some(only)}" if only else ""
            diagnostics.note(f"{one_line(session.name)} ({session.id}) would be gone for good{more}.")
        command = f"ampsm trash purge {' '.join(references)}".strip()
        diagnostics.ask("Remove for good what only the trash still holds?", command, otherwise=_NOTHING_REMOVED)
    freed = 0
    for session in sessions:
        with diagnostics.working(f"Purging {one_line(session.name)}"):
            freed += session_trash.purge(engine, session.id)
    if as_json:
        output.document({"purged": [session.id for session in sessions], "freedBytes": freed})
    elif sessions:
        output.line(f"Purged {plural(len(sessions), 'session')}, about {labels.size(freed)}.")
    else:
        diagnostics.note("The trash is empty.")
    return diagnostics.OK
