"""Comments: made on lines, edited, sent to amp as the next prompt, resolved."""

from collections.abc import Sequence
from pathlib import Path

from ampsm_engine import redact, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.diff.content import is_binary, lines_of
from ampsm_engine.diff.deltas import Side
from ampsm_engine.engine import comment_positions, ranges, runs, views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import pinned_refs
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Iteration
from ampsm_engine.naming import LEAST_OF_AN_ID, new_id
from ampsm_engine.review import prompt
from ampsm_engine.review.annotations import WHOLE, Comment, CommentState
from ampsm_engine.review.prompt import ReviewDraft

AROUND = 3
"""Lines of context on either side."""

MOST_LINES = 200
"""Lines of a quotation that are kept."""

WIDEST = 1000
"""Characters of a quoted line that are kept."""


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
) -> Comment:
    """Comment on lines (first and last, from 1) of one side of a range, or with 0 and 0 on the file.

    NotFound when there are no such lines, Refused for lines of a binary file and without a word.
    """
    store = engine.store
    line, line_end = lines
    session = store.sessions.get(session_id)
    ends = ranges.resolve(engine, session_id, range_)
    with scratch(Path(ends.worktree), writes=False) as at:
        new = at.in_tree(ends.new, path) if ends.new else at.in_worktree(path)
        old = at.in_tree(ends.old, old_path or path)
        entry, other = (old, new) if side is Side.OLD else (new, old)
        if entry is None:
            where = "before" if side is Side.OLD else "now"
            there = f"It is on the other side: --side {'new' if side is Side.OLD else 'old'}" if other else ""
            raise NotFound(f"There is no file {path!r} {where}.", there or f"ampsm diff {session.id} --name-only")
        quote, context = _quoted(at, entry, path, line, line_end)
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
        state=CommentState.OPEN,
        created_at=now,
        updated_at=now,
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
    """Mark a comment as resolved."""
    return engine.store.reviews.set_comment_state(comment_id, CommentState.RESOLVED)


def reopen_comment(engine: Engine, comment_id: str) -> Comment:
    """Open a comment again, so that it is sent with the next prompt."""
    return engine.store.reviews.set_comment_state(comment_id, CommentState.OPEN)


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
        if one.reason and not one.undone_at and one.iteration_id is None
    ]


def draft(engine: Engine, session_id: str) -> ReviewDraft:
    """The prompt that the open comments and the reasons of rejections make; an empty text when there are none."""
    waiting = [one for one in located_comments(engine, session_id) if one.state is CommentState.OPEN]
    unsent = set(_unsent_rejections(engine, session_id))
    made = prompt.draft(waiting, [one for one in engine.store.reviews.rejections(session_id) if one.id in unsent])
    return replace(made, text=redact.text(made.text))


def send(engine: Engine, session_id: str, text: str, answers: Sequence[str]) -> Iteration:
    """Send a prompt as the next iteration; `answers` are the comments and rejections in it, which count as sent.

    Refused for an empty prompt. The outcome of a comment is known when that iteration has ended.
    """
    comment_positions.pin_contents(engine, session_id, frozenset(answers))
    return runs.iterate(engine, session_id, text, answers=tuple(answers))
