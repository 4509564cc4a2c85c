"""Comments: made on lines, edited, sent to amp as the next prompt, resolved."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ampsm_engine import redact, timestamps
from ampsm_engine.amp.findings import ReviewFinding
from ampsm_engine.context import Engine
from ampsm_engine.diff import encodings
from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.diff.hunks import Side, lines_of
from ampsm_engine.engine import comment_positions, iterations, reviews, views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import attributes, pinned_refs
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Iteration
from ampsm_engine.naming import LEAST_OF_AN_ID, new_id
from ampsm_engine.review import prompt
from ampsm_engine.review.annotations import WHOLE, Comment, CommentAnswer, CommentState, RejectionState, ReviewRound
from ampsm_engine.review.prompt import ReviewDraft

AROUND = 3
"""Lines of context on either side."""

MOST_LINES = 200
"""Lines of a quotation that are kept."""

WIDEST = 1000
"""Characters of a quoted line that are kept."""

MOST_OF_AN_ANSWER = 4000
"""Characters of what amp says of a comment that are kept."""


def add_comment(
    engine: Engine,
    session_id: str,
    path: str,
    lines: tuple[int, int],
    text: str,
    *,
    side: Side = Side.NEW,
    range_: str = WHOLE,
    old_path: str | None = None,
    note_by: str | None = None,
) -> Comment:
    """Comment on lines (first and last, from 1) of one side of a range, or with 0 and 0 on the file.

    `note_by`: it is a note of that author's, which a person is to take as a comment or to dismiss; the same note again
    is the one that there is, dismissed or not. NotFound when there are no such lines, Refused for lines of a binary
    file and without a word.
    """
    store = engine.store
    line, line_end = lines
    session = store.sessions.get(session_id)
    ends = reviews.resolve(engine, session_id, range_)
    with scratch(Path(ends.worktree), writes=False) as at:
        new = at.in_tree(ends.new, path) if ends.new else at.in_worktree(path)
        old = at.in_tree(ends.old, old_path or path)
        entry, other = (old, new) if side is Side.OLD else (new, old)
        if entry is None:
            where = "before" if side is Side.OLD else "now"
            there = f"It is on the other side: --side {'new' if side is Side.OLD else 'old'}" if other else ""
            raise NotFound(f"There is no file {path!r} {where}.", there or f"ampsm diff {session.id} --name-only")
        quote, context = _quoted(at, entry, path, line, line_end)
    if note_by is not None:
        text = redact.text(text.strip())
        for one in store.reviews.comments(session.id):
            if one.author == note_by and (one.path, one.quote, one.text) == (path, redact.text(quote), text):
                return one
    now = timestamps.now()
    made = Comment(
        id=new_id(),
        session_id=session.id,
        path=path,
        old_path=old_path if old_path != path else None,
        side=side,
        line=line,
        line_end=line_end,
        quote=quote,
        context=context,
        blob=entry.blob,
        other_blob=other.blob if other else "",
        text=text,
        state=CommentState.OPEN if note_by is None else CommentState.NOTE,
        created_at=now,
        updated_at=now,
        author=note_by or "",
    )
    place = Path(ends.worktree)
    pinned_refs.keep(
        place, session.id, made.id, {"line": made.blob, "other": made.other_blob} if other else {"line": made.blob}
    )
    try:
        return store.reviews.add_comment(made)
    except BaseException:
        pinned_refs.let_go(place, session.id, made.id)
        raise


def _quoted(at: Scratch, entry: TreeEntry, path: str, line: int, line_end: int) -> tuple[str, str]:
    if line == 0 and line_end == 0:
        return "", ""
    content = b"" if entry.is_submodule else at.content(entry)
    if entry.is_submodule or is_binary(content):
        raise Refused(f"{path} has no lines to comment on.", "Comment on the whole file instead: PATH without a line.")
    lines = lines_of(content)
    if not 1 <= line <= line_end <= len(lines):
        named = f"line {line}" if line == line_end else f"lines {line}-{line_end}"
        raise NotFound(f"{path} has no {named}: it has {len(lines)}.", "Lines count from 1.")
    if not encodings.is_utf8(content):
        text = attributes.decoded_lines(at.worktree, path, content)
        lines = lines_of(text.encode("utf-8", "replace"))
    quote = lines[line - 1 : min(line_end, line - 1 + MOST_LINES)]
    around = lines[max(line - 1 - AROUND, 0) : min(line_end, line + MOST_LINES) + AROUND]
    return _text(quote), _text(around)


def _text(lines: Sequence[bytes]) -> str:
    shown = (line.rstrip(b"\r\n").decode("utf-8", "replace") for line in lines)
    return "\n".join(line if len(line) <= WIDEST else f"{line[:WIDEST]}…" for line in shown)


def located_comments(engine: Engine, session_id: str) -> tuple[Comment, ...]:
    """The comments of a session, oldest first, where their lines are now; see `comment_positions`."""
    return comment_positions.locate_comments(engine, session_id)


def edit_comment(engine: Engine, comment_id: str, text: str) -> Comment:
    """Change the text of a comment; Refused for an empty one."""
    return engine.store.reviews.change_comment(comment_id, text=text)


def resolve_comment(engine: Engine, comment_id: str) -> Comment:
    """Mark a comment as resolved, a note as dismissed."""
    reviews = engine.store.reviews
    is_note = reviews.comment(comment_id).state in (CommentState.NOTE, CommentState.DISMISSED)
    return reviews.set_comment_state(comment_id, CommentState.DISMISSED if is_note else CommentState.RESOLVED)


def reopen_comment(engine: Engine, comment_id: str) -> Comment:
    """Open a comment again, so that it is sent with the next prompt; a note becomes a comment by that."""
    return engine.store.reviews.set_comment_state(comment_id, CommentState.OPEN)


def answer_comment(
    engine: Engine, reference: str, answer: CommentAnswer, text: str, *, session_id: str = "", run: str = ""
) -> Comment:
    """Store what became of a comment, as amp says it; `no` needs a reason.

    `reference` is its id, or the beginning of one where the session is known: by `session_id`, or by `run`, the
    iteration inside which this is called. From inside an iteration only its own session's comments can be answered:
    Refused otherwise, and for a comment that was not sent. NotFound.
    """
    store = engine.store
    why = text.strip()
    if answer is CommentAnswer.NO and not why:
        raise Refused("A no needs its reason.", f'ampsm comment --answer {reference} no "WHY"')
    inside = store.iterations.get(run).session_id if run else ""
    if inside and session_id not in ("", inside):
        raise Refused("From inside an iteration only its own session's comments are answered.", "")
    owner = session_id or inside
    found = find_comment(engine, owner, reference) if owner else store.reviews.comment(reference)
    return store.reviews.answer_comment(found.id, answer, why[:MOST_OF_AN_ANSWER] or None, run or None)


def rounds(engine: Engine, session_id: str) -> tuple[ReviewRound, ...]:
    """The rounds in which comments and rejections of a session were sent, by number."""
    return engine.store.reviews.rounds(session_id)


def delete_comment(engine: Engine, comment_id: str) -> None:
    """Delete a comment for good."""
    store = engine.store
    found = store.reviews.comment(comment_id)
    session = store.sessions.get(found.session_id)
    store.reviews.delete_comment(comment_id)
    if Path(session.repo_root).is_dir():
        pinned_refs.let_go(views.place_of(session), session.id, comment_id)


def find_comment(engine: Engine, session_id: str, reference: str) -> Comment:
    """The comment that an id or a beginning of LEAST_OF_AN_ID characters names; NotFound, or Refused for several."""
    every = engine.store.reviews.comments(session_id)
    meant = [one for one in every if one.id == reference] or [
        one for one in every if len(reference) >= LEAST_OF_AN_ID and one.id.startswith(reference)
    ]
    if not meant:
        raise NotFound(f"There is no comment {reference[:80]!r} in this session.", f"ampsm comments {session_id}")
    if len(meant) > 1:
        raise Refused(f"{reference!r} means {len(meant)} comments.", f"ampsm comments {session_id}")
    return meant[0]


def count_unsent(engine: Engine, session_id: str) -> int:
    """How many open comments and reasons of rejections were not sent to amp yet."""
    store = engine.store
    waiting = [one for one in store.reviews.comments(session_id) if one.state is CommentState.OPEN]
    return len(waiting) + len(_unsent_rejections(engine, session_id))


def _unsent_rejections(engine: Engine, session_id: str) -> list[str]:
    return [
        one.id
        for one in engine.store.reviews.rejections(session_id)
        if one.reason and one.state is RejectionState.DONE and not one.undone_at and one.iteration_id is None
    ]


def add_findings(
    engine: Engine, session_id: str, findings: Sequence[ReviewFinding], author: str
) -> tuple[tuple[Comment, ...], tuple[tuple[ReviewFinding, str], ...]]:
    """Make a note of each finding; the notes, and the findings that have no place here, each with the reason."""
    session = engine.store.sessions.get(session_id)
    made, left = [], []
    for one in findings:
        path = one.path
        for root in (session.worktree_path, session.repo_root):
            path = path.removeprefix(f"{root}/")
        try:
            lines = (one.line, one.line_end)
            made.append(add_comment(engine, session_id, path.removeprefix("./"), lines, one.text, note_by=author))
        except (NotFound, Refused) as reason:
            left.append((one, reason.message))
    return tuple(made), tuple(left)


def draft(engine: Engine, session_id: str) -> ReviewDraft:
    """The prompt that the open comments and the reasons of rejections make; an empty text when there are none."""
    waiting = [one for one in located_comments(engine, session_id) if one.state is CommentState.OPEN]
    unsent = set(_unsent_rejections(engine, session_id))
    rejected = [one for one in engine.store.reviews.rejections(session_id) if one.id in unsent]
    made = prompt.draft(waiting, rejected, program=_program())
    return replace(made, text=redact.text(made.text))


def _program() -> str:
    """How amp calls this ampsm: by its name where that is found, else by its place beside the interpreter."""
    own = Path(sys.executable).with_name("ampsm")
    return "ampsm" if shutil.which("ampsm") or not own.is_file() else shlex.quote(str(own))


def send(engine: Engine, session_id: str, text: str, answers: Sequence[str]) -> Iteration:
    """Send a prompt as the next iteration; `answers` are the comments and rejections in it, which count as sent.

    Refused for an empty prompt. The outcome of a comment is known when that iteration has ended.
    """
    comment_positions.pin_contents(engine, session_id, frozenset(answers))
    return iterations.iterate(engine, session_id, text, answers=tuple(answers))
