"""The commands stage, reject and viewed: on a file, lines or a hunk, what the keys of a review do."""

from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.reviews import named_lines
from ampsm_engine.cli.root import Command
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import list_some, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.engine.range_hunks import ChangedHunk, Place
    from ampsm_engine.model import Session
    from ampsm_engine.review.annotations import Rejection

_ID = 8
"""Letters of a hunk's id that a table shows: enough to name it."""

_side_option = click.option(
    "--side", type=click.Choice(["old", "new"]), default="new", help="Lines as they were, or as they are."
)
_hunk_option = click.option(
    "--hunk", metavar="ID", type=parameters.TEXT, help="A hunk, by its id or the first letters."
)
_iteration_option = click.option(
    "--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="Of what one iteration changed."
)
_uncommitted_option = click.option("--uncommitted", is_flag=True, help="Of what is not committed.")
_places_argument = click.argument("places", metavar="[PATH[:LINE[-LINE]]]...", nargs=-1, type=parameters.PlaceInFile())


@click.command(cls=Command, short_help="Stage files, lines or hunks of what is not committed.")
@parameters.session_argument
@_places_argument
@_side_option
@_hunk_option
@click.option("--undo", is_flag=True, help="Take it out of the index again.")
@parameters.json_option
def stage_command(
    reference: str, places: tuple[str, ...], *, side: str, hunk: str | None, undo: bool, as_json: bool
) -> int:
    """Stage what of a session's worktree is not committed, for a commit by hand; without a place, list its hunks.

    A line takes with it what stood in its place. Nothing is staged while amp works, and nothing but what you name.

      ampsm stage dark
      ampsm stage dark src/theme.py src/app.py:12-18
      ampsm stage dark --hunk 3f2a91c0
      ampsm stage dark src/theme.py --undo
    """
    if undo and not (places or hunk):
        raise click.UsageError("--undo needs a place, or --hunk ID.")
    engine = engine_access.open_engine()
    from ampsm_engine.engine import range_hunks, reviews

    if not places and hunk is None:
        session = engine_access.session(engine, reference)
    else:
        session = engine_access.target(engine, reference)
        range_hunks.stage(engine, session.id, _places(session, places, side, hunk), undo=undo)
    with diagnostics.working("Comparing"), range_hunks.opened(engine, session.id, reviews.UNCOMMITTED) as found:
        listed, partly = found.hunks(), found.partly_staged
    _show(session, listed, as_json=as_json, mark="STAGED")
    if partly:
        diagnostics.note(f"Some of it is staged, and not all: {list_some(partly)}.")
    if not as_json and (partly or any(one.is_staged for one in listed)):
        diagnostics.hint(f"git -C {session.worktree_path} commit")
    return diagnostics.OK


@click.command(cls=Command, short_help="Take a file, lines or a hunk of a session back.")
@parameters.session_argument
@click.argument("place", metavar="[PATH[:LINE[-LINE]]]", required=False, type=parameters.PlaceInFile())
@_side_option
@_hunk_option
@click.option("--reason", "-m", metavar="TEXT", type=parameters.TEXT, help="Why: it goes into the next prompt.")
@_iteration_option
@_uncommitted_option
@click.option("--undo", metavar="ID", type=parameters.TEXT, help="Bring a rejection back (or: last).")
@parameters.json_option
def reject_command(
    reference: str,
    place: str | None,
    *,
    side: str,
    hunk: str | None,
    reason: str | None,
    number: int | None,
    uncommitted: bool,
    undo: str | None,
    as_json: bool,
) -> int:
    """Take a change back with a commit on the session's branch; without a place, list what was rejected.

    What is not committed goes back in the worktree alone. While amp works a rejection waits until the turn has ended,
    and is refused where amp has changed the same lines meanwhile. Each can be undone.

      ampsm reject dark src/theme.py:12-18 -m 'Others call it'
      ampsm reject dark --hunk 3f2a91c0
      ampsm reject dark --undo last
    """
    if sum((place is not None, hunk is not None, undo is not None)) > 1:
        raise click.UsageError("Choose one of a place, --hunk and --undo.")
    if reason is not None and place is None and hunk is None:
        raise click.UsageError("--reason goes with a place, or with --hunk.")
    range_ = _range(number, uncommitted=uncommitted)
    engine = engine_access.open_engine()
    from ampsm_engine.engine import hunk_actions, range_hunks

    if place is None and hunk is None and undo is None:
        session = engine_access.session(engine, reference)
        _show_rejections(session, hunk_actions.rejections(engine, session.id), as_json=as_json)
        return diagnostics.OK
    session = engine_access.target(engine, reference)
    if undo is not None:
        made = hunk_actions.undo_named(engine, session.id, undo)
    else:
        (where,) = _places(session, (place,) if place is not None else (), side, hunk)
        made = range_hunks.reject(engine, session.id, where, reason=reason, range_=range_)
    if as_json:
        output.document({"sessionId": session.id, "rejections": [documents.plain(made)]})
    else:
        output.line(
            f"Rejection {made.id} of a change in {one_line(made.path)}: {_outcome(made, is_undone=undo is not None)}"
        )
    return diagnostics.OK


@click.command(cls=Command, short_help="Mark files, lines or hunks of a session as viewed.")
@parameters.session_argument
@_places_argument
@_side_option
@_hunk_option
@click.option("--all", "-a", "everything", is_flag=True, help="All of it.")
@_iteration_option
@_uncommitted_option
@click.option("--undo", is_flag=True, help="Take the marks away again.")
@parameters.json_option
def viewed_command(
    reference: str,
    places: tuple[str, ...],
    *,
    side: str,
    hunk: str | None,
    everything: bool,
    number: int | None,
    uncommitted: bool,
    undo: bool,
    as_json: bool,
) -> int:
    """Mark what you have read as viewed, hunk by hunk; without a place, list the hunks and which of them are.

    A mark stays on its hunk until that changes. What is marked counts as looked at for `--since looked`.

      ampsm viewed dark
      ampsm viewed dark src/theme.py src/app.py:12
      ampsm viewed dark --hunk 3f2a91c0 --undo
      ampsm viewed dark --all
    """
    changes = bool(places) or hunk is not None or everything
    if everything and (places or hunk is not None):
        raise click.UsageError("--all goes with no place and no --hunk.")
    if undo and not changes:
        raise click.UsageError("--undo needs a place, --hunk ID or --all.")
    range_ = _range(number, uncommitted=uncommitted)
    engine = engine_access.open_engine()
    from ampsm_engine.engine import range_hunks

    session = (engine_access.target if changes else engine_access.session)(engine, reference)
    with diagnostics.working("Comparing"):
        if changes:
            named = None if everything else _places(session, places, side, hunk)
            listed = range_hunks.mark_viewed(engine, session.id, named, range_=range_, undo=undo)
        else:
            with range_hunks.opened(engine, session.id, range_) as found:
                listed = found.hunks()
    _show(session, listed, as_json=as_json, mark="VIEWED")
    return diagnostics.OK


def _range(number: int | None, *, uncommitted: bool) -> str:
    if number is not None and uncommitted:
        raise click.UsageError("Choose one of --iteration and --uncommitted.")
    return f"iteration:{number}" if number is not None else "uncommitted" if uncommitted else "whole"


def _places(session: "Session", named: "Sequence[str]", side: str, hunk: str | None) -> "list[Place]":
    from ampsm_engine.diff.hunks import Side
    from ampsm_engine.engine.range_hunks import Place

    found = [Place(hunk=hunk)] if hunk is not None else []
    for one in named:
        path, lines = named_lines(one, session)
        found.append(Place(path, lines if lines[0] else None, Side(side)))
    return found


def _show(session: "Session", listed: "Sequence[ChangedHunk]", *, as_json: bool, mark: str) -> None:
    """Write the hunks of a range, secrets in names hidden; `mark`: what of them matters, VIEWED or STAGED."""
    from ampsm_engine import redact

    listed = [
        replace(one, path=redact.text(one.path), old_path=redact.text(one.old_path) if one.old_path else None)
        for one in listed
    ]
    if as_json:
        output.document({"sessionId": session.id, "hunks": [documents.plain(one) for one in listed]})
        return
    if not listed:
        diagnostics.note("No changes.")
        return

    def marked(one: "ChangedHunk") -> bool:
        return bool(one.is_viewed if mark == "VIEWED" else one.is_staged)

    from ampsm_engine.cli.tables import TableColumn, table

    columns: tuple[TableColumn[ChangedHunk], ...] = (
        TableColumn("HUNK", lambda one: one.id.removeprefix("file:")[:_ID]),
        TableColumn("PLACE", _place, least=16),
        TableColumn("ADDED", lambda one: Styled(f"+{one.additions}", "green"), right=True),
        TableColumn("DELETED", lambda one: Styled(f"-{one.deletions}", "red"), right=True),
        TableColumn(mark, lambda one: "yes" if marked(one) else ""),
    )
    table(columns, listed)
    output.line(f"{sum(map(marked, listed))} of {plural(len(listed), 'hunk')} {mark.lower()}")


def _place(one: "ChangedHunk") -> str:
    return f"{one.path}:{one.line}" if one.line else one.path


def _outcome(one: "Rejection", *, is_undone: bool) -> str:
    from ampsm_engine.review.annotations import RejectionState

    note = f" {one.note}" if one.note else ""
    if is_undone:
        return "taken from the queue." if one.state is RejectionState.QUEUED else "it is back."
    if one.state is RejectionState.QUEUED:
        return "it waits for the end of amp's turn."
    return f"taken back{f' by commit {one.commit_sha[:8]}' if one.commit_sha else ' in the worktree'}.{note}"


def _show_rejections(session: "Session", found: "Sequence[Rejection]", *, as_json: bool) -> None:
    if as_json:
        output.document({"sessionId": session.id, "rejections": [documents.plain(one) for one in found]})
        return
    if not found:
        diagnostics.note("Nothing was rejected.")
        return
    from ampsm_engine.cli.tables import TableColumn, table

    columns: tuple[TableColumn[Rejection], ...] = (
        TableColumn("ID", lambda one: one.id),
        TableColumn("FILE", lambda one: one.path, least=12, most=60),
        TableColumn("STATE", lambda one: "undone" if one.undone_at else str(one.state)),
        TableColumn("WHY", _why, least=12, drop_order=1),
    )
    table(columns, found)


def _why(one: "Rejection") -> str:
    """Why a hunk was refused, else the reason that was given for its rejection."""
    return (one.note if one.state == "refused" else None) or one.reason or ""
