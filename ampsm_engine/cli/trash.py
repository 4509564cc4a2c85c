"""The commands rm, clean and trash: sessions go to the trash, come back, or are purged. Nothing goes unasked."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine import labels, plain_text
from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command, Group
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.engine.merged_elsewhere import KeptSession, MergedWork
    from ampsm_engine.engine.session_trash import Removed, TrashEntry


@click.command(cls=Command, short_help="Move sessions to the trash whose work is merged.")
@click.option(
    "--repo",
    metavar="P",
    type=parameters.FOLDER,
    help="Only those of one repository. [default: all]",
)
@click.option("--fetch", is_flag=True, help="Fetch their bases first.")
@click.option("--dry-run", is_flag=True, help="Only say which they are.")
@parameters.yes_option
@parameters.json_option
def clean_command(repo: Path | None, *, fetch: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Move the sessions to the trash whose work is in its base: merged, squashed or picked, here or upstream.

    A session stays where something runs, or where anything is not committed or not merged. `gh` or `glab` is asked
    about pull requests of branches that were pushed. `ampsm trash restore` brings one back.

      ampsm clean --dry-run
      ampsm clean --fetch
    """
    from ampsm_engine.engine import bases, merged_elsewhere, session_trash

    engine = engine_access.open_engine()
    root = engine_access.repository_root(engine, repo)
    if fetch:
        with diagnostics.working("Fetching the bases"):
            for text in bases.fetch_all(engine, root):
                diagnostics.warning(text)
    with diagnostics.working("Looking for work that is merged"):
        found = merged_elsewhere.find_merged(engine, root)
        merged_elsewhere.update_merged_marks(engine)
    for text in found.trouble:
        diagnostics.warning(one_line(text))
    if not as_json:
        _print_found(found)
    if found.merged and not (dry_run or yes):
        many = "it" if len(found.merged) == 1 else f"these {len(found.merged)}"
        command = f"ampsm clean{f' --repo {root}' if root else ''}"
        open_ones = session_trash.describe_comments(engine, [one.session_id for one in found.merged])
        diagnostics.ask(f"{open_ones} Move {many} to the trash?".strip(), command, otherwise="Nothing was removed.")
    removed, stayed = ([], []) if dry_run else _removed(engine, found)
    if as_json:
        parts = {"landed": found.merged, "staying": (*found.staying, *stayed), "removed": removed}
        output.document({name: [documents.plain(one) for one in ones] for name, ones in parts.items()})
    elif removed:
        output.line(f"{plural(len(removed), 'session')} moved to the trash.")
        diagnostics.hint(f"ampsm trash restore {removed[0].session.id}")
    elif not found.merged:
        diagnostics.note("No session has all its work in its base.")
    return diagnostics.FAILED if stayed else diagnostics.OK


def _removed(engine: "Engine", found: "MergedWork") -> "tuple[list[Removed], list[KeptSession]]":
    """What went to the trash, and what was to go and stays, which is told."""
    from ampsm_engine.engine import merged_elsewhere

    removed, stayed = [], []
    for one in found.merged:
        try:
            with diagnostics.working(f"Moving {one_line(one.name)} to the trash"):
                removed.append(merged_elsewhere.remove_merged(engine, one.session_id))
        except AmpsmError as reason:
            stayed.append(merged_elsewhere.KeptSession(one.session_id, one.name, reason.message))
            diagnostics.warning(one_line(reason.message))
    return removed, stayed


def _print_found(found: "MergedWork") -> None:
    for one in found.merged:
        output.line(f"{one_line(one.name)} ({one.session_id}): {one_line(one.how)}.")
        if one.note:
            diagnostics.note(f"{one_line(one.name)}: {one.note}")
    for kept in found.staying:
        diagnostics.note(f"{one_line(kept.name)} ({kept.session_id}) stays: {one_line(kept.why)}.")


_TRASHED = parameters.SessionReference(trashed=True)
_NOTHING_REMOVED = "Nothing was removed."


@click.command(cls=Command, short_help="Move sessions to the trash.")
@click.argument("references", metavar="SESSION...", nargs=-1, required=True, type=parameters.SessionReference())
@parameters.yes_option
@parameters.json_option
def rm_command(references: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Move sessions to the trash: branch, worktree and what is not committed.

    Everything but what git ignores can be brought back with `ampsm trash restore` until you purge it. A session
    that runs is refused: `ampsm stop` it first.

      ampsm rm dark login --yes
    """
    from ampsm_engine.engine import session_trash

    engine = engine_access.open_engine()
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
        session = engine_access.target(engine, reference, trashed=trashed)
        found[session.id] = session
    return list(found.values())


@click.group(cls=Group, short_help="List, restore or purge removed sessions.")
def trash_command() -> None:
    """What `ampsm rm` removed. Nothing leaves the trash by itself.

    ampsm trash ls
    ampsm trash restore dark
    """


@trash_command.command("ls", cls=Command, short_help="List what is in the trash.")
@parameters.json_option
def trash_ls(*, as_json: bool) -> int:
    """List what is in the trash, newest first, with about how much disk only the trash still holds.

    ampsm trash ls
    """
    from ampsm_engine.engine import session_trash

    engine = engine_access.open_engine()
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
@parameters.json_option
def trash_restore(reference: str, *, as_json: bool) -> int:
    """Bring a session back from the trash exactly as it was: branch, worktree, uncommitted changes.

    ampsm trash restore dark
    """
    from ampsm_engine.engine import session_trash

    engine = engine_access.open_engine()
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
@parameters.yes_option
@parameters.json_option
def trash_purge(references: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Remove sessions from the trash for good, their transcripts included. Without SESSION: all of them.

    ampsm trash purge dark --yes
    """
    from ampsm_engine.engine import session_trash

    engine = engine_access.open_engine()
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
