"""The command note: what scripts and amp's reviewer have to say of lines, for a person to take or to dismiss."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import arguments, diagnostics, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.reviews import comment_document, named_lines
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.plain_text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.model import Session
    from ampsm_engine.review.annotations import Comment

FINDINGS_LIMIT = 16 * 1024 * 1024
"""Bytes of findings that are read."""

AMP = "amp review"


@click.command(cls=Command, short_help="Leave a note at lines of a session's changes, from a script.")
@arguments.session_argument
@click.argument("place", metavar="[PATH[:LINE[-LINE]]]", required=False, type=arguments.TEXT)
@click.argument("text", required=False, type=arguments.TEXT)
@click.option("--side", type=click.Choice(["old", "new"]), default="new", help="Lines as they were, or as they are.")
@click.option("--by", "author", metavar="NAME", type=arguments.TEXT, help="Who says so: the name of the script.")
@click.option("--findings", metavar="FILE", type=click.Path(), help="What amp review printed, - for standard input.")
@click.option("--take", metavar="ID", type=arguments.TEXT, help="Take a note as a comment: it is sent with the next.")
@click.option("--dismiss", metavar="ID", type=arguments.TEXT, help="Dismiss a note; the same one does not come again.")
@arguments.json_option
def note_command(
    reference: str,
    place: str | None,
    text: str | None,
    *,
    side: str,
    author: str | None,
    findings: str | None,
    take: str | None,
    dismiss: str | None,
    as_json: bool,
) -> int:
    """Leave a note at lines of a session, or list its notes.

    A note stands at its lines in the review until you take it as a comment or dismiss it; amp does not see it before.

      ampsm note dark src/theme.py:12 'unused import' --by ruff
      ampsm note dark --take 4k2m
      (cd WORKTREE && amp review) | ampsm note dark --findings -
    """
    if sum((place is not None, findings is not None, take is not None, dismiss is not None)) > 1:
        raise click.UsageError("Choose one of a place with a text, --findings, --take and --dismiss.")
    if (place is None) != (text is None):
        raise click.UsageError("A note needs a place and a text: ampsm note SESSION PATH:LINE 'TEXT'.")
    engine = arguments.open_engine()
    changes = any(word is not None for word in (place, findings, take, dismiss))
    session = (arguments.target if changes else arguments.session)(engine, reference)
    from ampsm_engine.diff.deltas import Side
    from ampsm_engine.engine import comments

    if findings is not None:
        return _add_findings(engine, session, findings, author or AMP, as_json=as_json)
    if place is not None:
        path, lines = named_lines(place, session)
        made = comments.add_comment(
            engine, session.id, path, lines, text or "", side=Side(side), note_by=author or "a script"
        )
        _tell((made,), session, as_json=as_json)
    elif take is not None or dismiss is not None:
        found = comments.find_comment(engine, session.id, take or dismiss or "")
        if not found.is_note:
            raise Refused(f"{found.id} is no note: it is a comment already.", f"ampsm comments {session.id}")
        verb = comments.reopen_comment if take is not None else comments.resolve_comment
        done = verb(engine, found.id)
        if as_json:
            _tell((done,), session, as_json=True)
        else:
            output.line(f"Note {done.id} is {'a comment' if take is not None else 'dismissed'}.")
    else:
        notes = [one for one in comments.located_comments(engine, session.id) if one.is_note and not one.is_closed]
        _tell(notes, session, as_json=as_json, lists=True)
    return diagnostics.OK


def _add_findings(engine: "Engine", session: "Session", name: str, author: str, *, as_json: bool) -> int:
    from ampsm_engine.amp.findings import parse
    from ampsm_engine.engine import comments

    found = parse(_content(name))
    made, left = comments.add_findings(engine, session.id, found, author)
    for one, why in left:
        diagnostics.warning(f"{one_line(one.path)}:{one.line}: {one_line(why)}")
    if not found:
        diagnostics.note("No findings were recognised in it.")
    _tell(made, session, as_json=as_json)
    return diagnostics.OK


def _content(name: str) -> str:
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(FINDINGS_LIMIT + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(FINDINGS_LIMIT + 1)
    except OSError as reason:
        raise NotFound(f"{one_line(name)} cannot be read: {reason.strerror}.", "Name a file, or - for stdin.") from None
    if len(raw) > FINDINGS_LIMIT:
        raise Refused(f"There are more than {FINDINGS_LIMIT} bytes of findings.", "Give them in parts.")
    return raw.decode("utf-8", "replace")


def _tell(notes: "Sequence[Comment]", session: "Session", *, as_json: bool, lists: bool = False) -> None:
    if as_json:
        output.document({"sessionId": session.id, "notes": [comment_document(one) for one in notes]})
        return
    if lists and notes:
        from ampsm_engine.cli.tables import TableColumn, table

        columns: tuple[TableColumn[Comment], ...] = (
            TableColumn("ID", lambda one: one.id),
            TableColumn("PLACE", lambda one: one.place, least=16, most=60),
            TableColumn("BY", lambda one: one.author, goes=1, most=20),
            TableColumn("TEXT", lambda one: one.text, least=20),
        )
        table(columns, notes)
    elif len(notes) == 1:
        output.line(f"Note {notes[0].id} on {one_line(notes[0].place)}.")
    else:
        diagnostics.note(f"{plural(len(notes), 'note')}." if notes else "No notes.")
