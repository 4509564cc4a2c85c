"""The commands review, comments, comment and note: reading a session's diff, and answering amp on the line."""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine.cli import diagnostics, documents, engine_access, output, parameters
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, unreadable
from ampsm_engine.home import RUN_MARK
from ampsm_engine.plain_text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.context import Engine
    from ampsm_engine.model import Session
    from ampsm_engine.review.annotations import Comment

_PLACE = re.compile(r"(?P<path>.+?)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?", re.DOTALL)


@click.command(cls=Command, short_help="Read what a session changed, comment on it, take changes back.")
@click.argument("reference", metavar="[SESSION]", required=False, type=parameters.SessionReference())
@click.option("--pr", metavar="N", type=parameters.TEXT, help="Read a pull request: its number or address.")
@click.option("--repo", metavar="P", type=click.Path(path_type=Path), default=Path(), help="Of which repository.")
@click.pass_context
def review_command(ctx: click.Context, reference: str | None, pr: str | None, repo: Path) -> int:
    """Open the app where a session's diff is read: comments on lines, viewed marks, rejecting and staging of hunks.

    With --pr it is the session that began from that pull request; the first time it is made, and later you are asked
    whether to fetch what was pushed to it since. Your comments go there with `ampsm comments SESSION --submit`, or to
    amp as ever.

      ampsm review dark
      ampsm review --pr 12
    """
    if (reference is None) == (pr is None):
        raise click.UsageError("Name a session, or a pull request with --pr.")
    if ctx.obj is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = f"ampsm diff {shlex.quote(reference)}" if reference else f"ampsm new --pr {pr}"
        raise Refused("ampsm review needs a terminal to show itself in.", hint)
    engine = engine_access.open_engine()
    if pr is None:
        return int(ctx.obj(review=engine_access.session(engine, reference or "").id))
    from ampsm_engine.engine import pull_requests

    session = pull_requests.find(engine, repo, pr)
    if session is None:
        with diagnostics.working("Fetching the pull request"):
            session = pull_requests.begin(engine, repo, pr)[0]
    else:
        offer_newer(engine, session)
    return int(ctx.obj(review=session.id))


def offer_newer(engine: "Engine", session: "Session") -> None:
    """Say where a session's pull request has moved on, and fetch it if that is wanted."""
    from ampsm_engine.engine import pull_requests

    try:
        with diagnostics.working("Asking for the pull request"):
            now = pull_requests.newer(engine, session.id)
    except AmpsmError as reason:
        diagnostics.warning(f"Whether the pull request has moved on is not known: {one_line(reason.message)}")
        return
    if now is None:
        return
    text = f"Pull request {now.number} has moved on since this session began: it is at {now.head_sha[:12]} now."
    if diagnostics.confirmed(f"{text} Fetch it?"):
        with diagnostics.working("Fetching the pull request"):
            pull_requests.follow(engine, session.id, now)
    else:
        diagnostics.note(text)


@click.command(cls=Command, short_help="List the comments on a session's changes, or send them to amp.")
@parameters.session_argument
@click.option("--all", "-a", "everything", is_flag=True, help="Resolved ones, too.")
@click.option("--prompt", "as_prompt", is_flag=True, help="Print the prompt that the open comments make.")
@click.option("--send", is_flag=True, help="Send that prompt to amp as the next iteration.")
@click.option(
    "--submit",
    metavar="VERDICT",
    type=click.Choice(["comment", "approve", "request-changes"]),
    help="Submit the open comments as a review of the pull request: comment, approve or request-changes.",
)
@click.option("--message", "-m", metavar="TEXT", type=parameters.TEXT, default="", help="What that review says itself.")
@parameters.wait_option
@parameters.json_option
def comments_command(
    reference: str,
    *,
    everything: bool,
    as_prompt: bool,
    send: bool,
    submit: str | None,
    message: str,
    wait: bool,
    as_json: bool,
) -> int:
    """List the comments on a session's changes: where they are now, and what amp did to their lines.

    open: not sent yet. sent: part of a prompt, in a numbered round. AMP is what amp says became of it, done or no with
    its reason; GIT is what became of its lines once that iteration has ended: touched, untouched or gone. Where the two
    do not go together, GIT has a mark: ≠.

      ampsm comments dark
      ampsm comments dark --prompt
      ampsm comments dark --send --wait
      ampsm comments '#12' --submit request-changes -m 'Nearly there'
    """
    if message and submit is None:
        raise click.UsageError("--message goes with --submit.")
    if sum((as_prompt, send, submit is not None)) > 1 or (as_prompt and as_json) or (wait and not send):
        raise click.UsageError(
            "Choose one of --prompt, --send, --submit and --json (--send --json is fine); --wait needs --send."
        )
    engine = engine_access.open_engine()
    session = (engine_access.target if send or submit else engine_access.session)(engine, reference)
    from ampsm_engine.engine import comments, hunk_actions

    if as_prompt:
        output.write(output.clean(comments.draft(engine, session.id).text, lines=True))
        return diagnostics.OK
    if submit is not None:
        return _submit(engine, session, submit, message, as_json=as_json)
    if send:
        return _send(engine, session, wait=wait, as_json=as_json)
    found = [
        one
        for one in comments.located_comments(engine, session.id)
        if not one.is_note and (everything or not one.is_closed)
    ]
    if as_json:
        rejected = [documents.plain(one) for one in hunk_actions.rejections(engine, session.id)]
        documented = [comment_document(one) for one in found]
        rounds = [documents.plain(one) for one in comments.rounds(engine, session.id)]
        output.document({"sessionId": session.id, "comments": documented, "rejections": rejected, "rounds": rounds})
    else:
        _print(found)
    return diagnostics.OK


def _submit(engine: "Engine", session: "Session", verdict: str, message: str, *, as_json: bool) -> int:
    from ampsm_engine.engine import pull_requests

    done = pull_requests.submit(engine, session.id, verdict=verdict, message=message)  # type: ignore[arg-type]
    if as_json:
        output.document({"sessionId": session.id, "review": documents.plain(done)})
        return diagnostics.OK
    text = f"The review is at {one_line(done.url)}: {plural(done.at_lines, 'comment')} at their lines"
    output.line(text + (f", {done.in_text} in its text." if done.in_text else "."))
    return diagnostics.OK


def _send(engine: "Engine", session: "Session", *, wait: bool, as_json: bool) -> int:
    from ampsm_engine.engine import comments

    draft = comments.draft(engine, session.id)
    if not draft.text:
        raise Refused(f"Session {session.name} has no open comments.", f"ampsm comment {session.id} PATH:LINE 'TEXT'")
    iteration = comments.send(engine, session.id, draft.text, draft.answers)
    if not as_json:
        many = len(draft.answers)
        sent = f"{plural(many, 'comment')} sent"
        output.line(f"Iteration {iteration.number} of {one_line(session.name)} ({session.id}) is queued: {sent}.")
    code = diagnostics.OK
    if wait:
        from ampsm_engine.cli.iterations import wait_for

        code = wait_for(engine, (session.id,), iteration_id=iteration.id)
    if as_json:
        latest = engine.store.iterations.get(iteration.id)
        output.document({"sessionId": session.id, "iteration": documents.iteration_document(latest)})
    return code


def comment_document(one: "Comment") -> documents.Document:
    """A comment or a note as JSON, with its place, and whether amp and git say different things."""
    document: documents.Document = dict(documents.plain(one))  # type: ignore[call-overload]
    return document | {"place": one.place, "differs": one.differs}


def _print(found: "list[Comment]") -> None:
    from ampsm_engine.cli.tables import TableColumn, table

    if not found:
        diagnostics.note("No comments.")
        return
    columns: tuple[TableColumn[Comment], ...] = (
        TableColumn("ID", lambda one: one.id),
        TableColumn("PLACE", lambda one: one.place, least=16, most=60),
        TableColumn("SIDE", lambda one: one.side.value, drop_order=2),
        TableColumn("ROUND", lambda one: str(one.round or ""), drop_order=3, right=True),
        TableColumn("STATE", lambda one: one.state.value),
        TableColumn("AMP", _answer, drop_order=1, most=40),
        TableColumn("GIT", _fate, drop_order=1),
        TableColumn("TEXT", lambda one: one.text, least=20),
    )
    table(columns, found)


def _answer(one: "Comment") -> str:
    return ", ".join(part for part in (one.answer or "", one.answer_text or "") if part)


def _fate(one: "Comment") -> str:
    return f"{one.outcome or ''}{' ≠' if one.differs else ''}"


@click.command(cls=Command, short_help="Comment on lines of a session's changes.")
@click.argument("reference", metavar="[SESSION]", required=False, type=parameters.SessionReference())
@click.argument("place", metavar="[PATH[:LINE[-LINE]]]", required=False, type=parameters.PlaceInFile())
@click.argument("text", required=False, type=parameters.TEXT)
@click.option("--side", type=click.Choice(["old", "new"]), default="new", help="Lines as they were, or as they are.")
@click.option("--iteration", "-i", "number", metavar="N", type=click.IntRange(min=1), help="Lines as of an iteration.")
@click.option("--edit", metavar="ID", type=parameters.TEXT, help="Give a comment another text: --edit ID TEXT.")
@click.option("--resolve", metavar="ID", type=parameters.TEXT, help="Mark it as resolved.")
@click.option(
    "--reopen", metavar="ID", type=parameters.TEXT, help="Open it again, so that it is sent with the next prompt."
)
@click.option("--delete", metavar="ID", type=parameters.TEXT, help="Delete it.")
@click.option("--answer", metavar="ID", type=parameters.TEXT, help="Say what became of it: done, or no and why.")
@parameters.json_option
def comment_command(
    reference: str | None,
    place: str | None,
    text: str | None,
    *,
    side: str,
    number: int | None,
    edit: str | None,
    resolve: str | None,
    reopen: str | None,
    delete: str | None,
    answer: str | None,
    as_json: bool,
) -> int:
    """Comment on a line, on lines or on a file of a session, as it is in its worktree; scripts and editors may, too.

    The comments go to amp with `ampsm comments SESSION --send`, or with m in the review. amp answers each with
    --answer, which needs no session: from inside an iteration it is that iteration's, and no other's.

      ampsm comment dark src/theme.py:12 'Take the colour from the settings'
      ampsm comment dark src/theme.py:12-18 'Why twice?'
      ampsm comment dark src/old.py:3 --side old 'This was needed'
      ampsm comment dark --resolve 4k2m
      ampsm comment --answer 4k2m8p0xq1 no 'Others call it'
    """
    if answer is not None:
        if edit or resolve or reopen or delete:
            raise click.UsageError("--answer goes with nothing but done or no, and a text.")
        return _answer_comment(answer, [word for word in (reference, place, text) if word is not None], as_json=as_json)
    verbs = {"edit": edit, "resolve": resolve, "reopen": reopen, "delete": delete}
    named = [(verb, given) for verb, given in verbs.items() if given is not None]
    if len(named) > 1:
        raise click.UsageError("Choose one of --edit, --resolve, --reopen and --delete.")
    if reference is None:
        raise click.UsageError("A comment needs a session: ampsm comment SESSION PATH:LINE 'TEXT'.")
    _check(named[0][0] if named else "", place, text)
    engine = engine_access.open_engine()
    session = engine_access.target(engine, reference)
    if named:
        made = _change_comment(engine, session.id, *named[0], place or "")
    else:
        made = _add_comment(engine, session, place or "", text or "", side=side, number=number)
    if as_json:
        output.document({"sessionId": session.id, "comment": comment_document(made)})
    elif not named:
        output.line(f"Comment {made.id} on {one_line(made.place)}.")
    return diagnostics.OK


def _answer_comment(reference: str, words: list[str], *, as_json: bool) -> int:
    """Store what amp says of a comment; the words are `done` or `no`, a text, and before both perhaps a session."""
    from ampsm_engine.engine import comments
    from ampsm_engine.review.annotations import CommentAnswer

    named = words.pop(0) if words and words[0] not in set(CommentAnswer) else ""
    is_answer = words and words[0] in set(CommentAnswer) and len(words) <= 2
    if not is_answer or (words[0] == CommentAnswer.NO and not printable("".join(words[1:]))):
        example = f"ampsm comment --answer {reference} no 'Others call it'"
        raise click.UsageError(f"An answer is done, or no and why: {example}.")
    engine = engine_access.open_engine()
    session_id = engine_access.target(engine, named).id if named else ""
    text = words[1] if len(words) > 1 else ""
    run = os.environ.get(RUN_MARK, "")
    made = comments.answer_comment(engine, reference, CommentAnswer(words[0]), text, session_id=session_id, run=run)
    if as_json:
        output.document({"sessionId": made.session_id, "comment": comment_document(made)})
    else:
        output.line(f"Comment {made.id} on {one_line(made.place)} is answered: {made.answer}.")
    return diagnostics.OK


def _check(verb: str, place: str | None, text: str | None) -> None:
    """Wrong usage when there is a word too few or too many."""
    if verb == "edit" and (place is None or text is not None):
        raise click.UsageError("--edit needs the new text: ampsm comment SESSION --edit ID 'TEXT'.")
    if verb not in ("", "edit") and place is not None:
        raise click.UsageError(f"--{verb} takes nothing but the comment's id.")
    if not verb and (place is None or text is None):
        raise click.UsageError("A comment needs a place and a text: ampsm comment SESSION PATH:LINE 'TEXT'.")
    written = {"": text, "edit": place}.get(verb)
    if written is not None and not printable(written):
        raise click.UsageError("A comment needs at least one visible character.")


def _change_comment(engine: "Engine", session_id: str, verb: str, reference: str, text: str) -> "Comment":
    from ampsm_engine.engine import comments

    found = comments.find_comment(engine, session_id, reference)
    if verb in ("edit", "delete") and found.id != reference:
        text = f"{reference!r} is the beginning of comment {found.id} ({one_line(found.text)[:60]})"
        engine_access.confirm_guess(text, found.id)
    if verb == "edit":
        return comments.edit_comment(engine, found.id, text)
    if verb == "delete":
        comments.delete_comment(engine, found.id)
        return found
    return (comments.resolve_comment if verb == "resolve" else comments.reopen_comment)(engine, found.id)


def _add_comment(
    engine: "Engine", session: "Session", place: str, text: str, *, side: str, number: int | None
) -> "Comment":
    from ampsm_engine.diff.hunks import Side
    from ampsm_engine.engine import comments

    path, lines = named_lines(place, session)
    range_ = f"iteration:{number}" if number is not None else "whole"
    return comments.add_comment(engine, session.id, path, lines, text, side=Side(side), range_=range_)


def named_lines(place: str, session: "Session") -> tuple[str, tuple[int, int]]:
    """The path and the lines (from 1, or 0 and 0) that a place names; wrong usage where it names none."""
    parts = _PLACE.fullmatch(place)
    if parts is None:
        raise click.UsageError(f"{place!r} names no place: PATH:LINE or PATH:LINE-LINE.")
    first = int(parts["first"] or 0)
    last = int(parts["last"] or first)
    if parts["first"] is not None and not first:
        raise click.UsageError(f"{place!r} names no lines: they count from 1.")
    if last < first:
        raise click.UsageError(f"{place!r} names no lines: its last one is before its first.")
    return _inside(parts["path"], session), (first, last)


def _inside(path: str, session: "Session") -> str:
    """A path inside the repository; editors name files by their whole path."""
    if not Path(path).is_absolute():
        return path.removeprefix("./")
    real = Path(path).parent.resolve() / Path(path).name
    for root in (session.worktree_path, session.repo_root):
        if real.is_relative_to(Path(root).resolve()):
            return str(real.relative_to(Path(root).resolve()))
    raise NotFound(f"{path} is not in the worktree of {session.name}.", f"ls {session.worktree_path}")


FINDINGS_LIMIT = 16 * 1024 * 1024
"""Bytes of findings that are read."""

AMP = "amp review"


@click.command(cls=Command, short_help="Leave a note at lines of a session's changes, from a script.")
@parameters.session_argument
@click.argument("place", metavar="[PATH[:LINE[-LINE]]]", required=False, type=parameters.PlaceInFile())
@click.argument("text", required=False, type=parameters.VISIBLE_TEXT)
@click.option("--side", type=click.Choice(["old", "new"]), default="new", help="Lines as they were, or as they are.")
@click.option("--by", "author", metavar="NAME", type=parameters.TEXT, help="Who says so: the name of the script.")
@click.option("--findings", metavar="FILE", type=click.Path(), help="What amp review printed, - for standard input.")
@click.option("--take", metavar="ID", type=parameters.TEXT, help="Take a note as a comment: it is sent with the next.")
@click.option("--dismiss", metavar="ID", type=parameters.TEXT, help="Dismiss a note; the same one does not come again.")
@parameters.json_option
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
    engine = engine_access.open_engine()
    changes = any(word is not None for word in (place, findings, take, dismiss))
    session = (engine_access.target if changes else engine_access.session)(engine, reference)
    from ampsm_engine.diff.hunks import Side
    from ampsm_engine.engine import comments

    if findings is not None:
        return _add_findings(engine, session, findings, author or AMP, as_json=as_json)
    if place is not None:
        path, lines = named_lines(place, session)
        made = comments.add_comment(
            engine, session.id, path, lines, text or "", side=Side(side), note_by=author or "a script"
        )
        _print_notes((made,), session, as_json=as_json)
    elif take is not None or dismiss is not None:
        found = comments.find_comment(engine, session.id, take or dismiss or "")
        if not found.is_note:
            raise Refused(f"{found.id} is no note: it is a comment already.", f"ampsm comments {session.id}")
        verb = comments.reopen_comment if take is not None else comments.resolve_comment
        done = verb(engine, found.id)
        if as_json:
            _print_notes((done,), session, as_json=True)
        else:
            output.line(f"Note {done.id} is {'a comment' if take is not None else 'dismissed'}.")
    else:
        notes = [one for one in comments.located_comments(engine, session.id) if one.is_note and not one.is_closed]
        _print_notes(notes, session, as_json=as_json, lists=True)
    return diagnostics.OK


def _add_findings(engine: "Engine", session: "Session", name: str, author: str, *, as_json: bool) -> int:
    from ampsm_engine.amp.findings import parse
    from ampsm_engine.engine import comments

    found = parse(_content(name))
    if not found:
        where = "standard input" if name == "-" else one_line(name)
        message = f"No findings were recognised in {where}: nothing is noted."
        raise Failed(message, "A finding names its place, as src/app.py:12, or is JSON with a path, a line and a text.")
    made, left = comments.add_findings(engine, session.id, found, author)
    for one, why in left:
        diagnostics.warning(f"{one_line(one.path)}:{one.line}: {one_line(why)}")
    _print_notes(made, session, as_json=as_json)
    return diagnostics.OK


def _content(name: str) -> str:
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(FINDINGS_LIMIT + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(FINDINGS_LIMIT + 1)
    except OSError as reason:
        raise unreadable("The file", one_line(name), reason) from None
    if len(raw) > FINDINGS_LIMIT:
        raise Refused(f"There are more than {FINDINGS_LIMIT} bytes of findings.", "Give them in parts.")
    return raw.decode("utf-8", "replace")


def _print_notes(notes: "Sequence[Comment]", session: "Session", *, as_json: bool, lists: bool = False) -> None:
    if as_json:
        output.document({"sessionId": session.id, "notes": [comment_document(one) for one in notes]})
        return
    if lists and notes:
        from ampsm_engine.cli.tables import TableColumn, table

        columns: tuple[TableColumn[Comment], ...] = (
            TableColumn("ID", lambda one: one.id),
            TableColumn("PLACE", lambda one: one.place, least=16, most=60),
            TableColumn("BY", lambda one: one.author, drop_order=1, most=20),
            TableColumn("TEXT", lambda one: one.text, least=20),
        )
        table(columns, notes)
    elif len(notes) == 1:
        output.line(f"Note {notes[0].id} on {one_line(notes[0].place)}.")
    else:
        diagnostics.note(f"{plural(len(notes), 'note')}." if notes else "No notes.")
