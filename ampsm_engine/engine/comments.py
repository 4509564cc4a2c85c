"""Comments: made on lines, edited, sent to amp as the next prompt, resolved; where their lines are now.

A comment that was sent gets its outcome once, when its iteration has ended: the content when it was sent is compared to
the content at the end. Its position is computed each time, from the content that it was made on.
"""

import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ampsm_engine import redact, timestamps
from ampsm_engine.amp.findings import ReviewFinding
from ampsm_engine.context import Engine
from ampsm_engine.diff import encodings
from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.diff.hunks import Side, lines_of
from ampsm_engine.engine import iterations, reviews, views
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import attributes, changes, pinned_refs
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import Iteration, Session, State
from ampsm_engine.naming import LEAST_OF_AN_ID, new_id
from ampsm_engine.review import anchors, prompt
from ampsm_engine.review.anchors import Edit
from ampsm_engine.review.annotations import (
    WHOLE,
    Comment,
    CommentAnswer,
    CommentState,
    Ends,
    Fate,
    RejectionState,
    ReviewRound,
)
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
    """The comments of a session, oldest first, where their lines are now; see `locate_comments`."""
    return locate_comments(engine, session_id)


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
    pin_contents(engine, session_id, frozenset(answers))
    return iterations.iterate(engine, session_id, text, answers=tuple(answers))


def locate_comments(engine: Engine, session_id: str) -> tuple[Comment, ...]:
    """The comments of a session with their positions and outcomes as of now, which are stored as well."""
    store = engine.store
    every = store.reviews.comments(session_id)
    session = store.sessions.get(session_id)
    unfinished = [one for one in every if not one.is_closed or _awaits(one)]
    if not unfinished or not Path(session.repo_root).is_dir():
        return every
    iterations = {one.id: one for one in store.iterations.of(session_id)}
    now: dict[str, Comment] = {}
    with scratch(views.place_of(session), writes=False) as at:
        positions = _Positions(engine, session, at)
        for one in unfinished:
            iteration = iterations.get(one.iteration_id or "")
            judged = positions.judged(one, iteration) if _awaits(one) and _is_over(iteration) else one
            now[one.id] = positions.placed(judged)
    for one in every:
        new = now.get(one.id, one)
        if new != one:
            columns = ("outcome", "now_path", "now_line", "now_line_end", "now_blob")
            store.reviews.change_comment(one.id, **{name: getattr(new, name) for name in columns})
    return tuple(now.get(one.id, one) for one in every)


def pin_contents(engine: Engine, session_id: str, ids: Collection[str]) -> None:
    """Store and pin the present contents of the files of these comments, to compare what the iteration changes."""
    session = engine.store.sessions.get(session_id)
    for one in locate_comments(engine, session_id):
        if one.id in ids:
            place = views.place_of(session)
            with scratch(place, writes=False) as at:
                positions = _Positions(engine, session, at)
                new = positions.now(one.now_path or one.path)
            blob = one.now_blob or one.blob
            pinned_refs.keep(place, session.id, one.id, {"now": blob, "other": new.blob if new else ""})
            engine.store.reviews.change_comment(one.id, other_blob=new.blob if new else "")


def _awaits(one: Comment) -> bool:
    return one.iteration_id is not None and one.outcome is None


def _is_over(iteration: Iteration | None) -> bool:
    return iteration is not None and iteration.state is State.SETTLED


@dataclass
class _Positions:
    """The comparisons for one session: each file and each pair of contents is compared once."""

    engine: Engine
    session: Session
    at: Scratch
    _entries: dict[tuple[str | None, str], TreeEntry | None] = field(default_factory=dict)
    _edits: dict[tuple[str, str], tuple[Edit, ...]] = field(default_factory=dict)
    _renames: dict[tuple[str, str | None], dict[str, str]] = field(default_factory=dict)
    _ends: Ends | None = None

    @property
    def ends(self) -> Ends:
        if self._ends is None:
            self._ends = reviews.resolve(self.engine, self.session.id)
        return self._ends

    def now(self, path: str) -> TreeEntry | None:
        """The entry that the session has at a path now; None without one."""
        return self._entry(self.ends.new, path)

    def _entry(self, tree: str | None, path: str) -> TreeEntry | None:
        key = (tree, path)
        if key not in self._entries:
            self._entries[key] = self.at.in_tree(tree, path) if tree else self._live(path)
        return self._entries[key]

    def _live(self, path: str) -> TreeEntry | None:
        try:
            return self.at.in_worktree(path)
        except AmpsmError:  # in conflict, or a secret by now
            return None

    def _renamed(self, old: str, new: str | None, path: str) -> str:
        """The path that a file was renamed to between two trees; its own path when it was not."""
        key = (old, new)
        if key not in self._renames:
            found = changes.files(self.at.worktree, old, new)
            self._renames[key] = {one.old_path: one.path for one in found if one.old_path and one.kind == "renamed"}
        return self._renames[key].get(path, path)

    def _between(self, before: str, after: str) -> tuple[Edit, ...] | None:
        """The edits from one blob to another; None when the old one is not there any more."""
        if before == after:
            return ()
        key = (before, after)
        if key not in self._edits:
            if not (pinned_refs.has(self.at.worktree, before) and pinned_refs.has(self.at.worktree, after)):
                return None
            self._edits[key] = anchors.edits(self.at.edits(before, after))
        return self._edits[key]

    def placed(self, one: Comment) -> Comment:
        """The comment with the place where its lines are now; where it was before when they cannot be found."""
        path, entry = self._found(one)
        if entry is None:
            return one if one.now_path is None else replace(one, now_path=path)
        edits = self._between(one.blob, entry.blob)
        if edits is None:
            return one
        if not edits or not one.line:
            same = entry.blob == one.blob and path == one.path
            if same:
                return replace(one, now_path=None, now_line=None, now_line_end=None, now_blob=None)
            return replace(one, now_path=path, now_line=one.line, now_line_end=one.line_end, now_blob=entry.blob)
        place = anchors.place(edits, one.line, one.line_end)
        return replace(one, now_path=path, now_line=place.line, now_line_end=place.line_end, now_blob=entry.blob)

    def _found(self, one: Comment) -> tuple[str, TreeEntry | None]:
        """The path and the content of a comment's side now, renames followed."""
        if one.side is Side.OLD:
            path = one.old_path or one.path
            return one.now_path or one.path, self._entry(self.ends.old, path)
        for path in dict.fromkeys((one.path, one.now_path or one.path)):
            if (entry := self.now(path)) is not None:
                return path, entry
        path = self._renamed(self.session.base_commit or self.ends.old, self.ends.new, one.path)
        return path, self.now(path)

    def judged(self, one: Comment, iteration: Iteration | None) -> Comment:
        """The comment with what its iteration did to its lines."""
        if iteration is None or iteration.start_time is None:
            return one
        end = iteration.commit_sha
        path = one.now_path or one.path
        entry = self._entry(end, path) if end else self.now(path)
        if entry is None and iteration.start_sha:
            path = self._renamed(iteration.start_sha, end, path)
            entry = self._entry(end, path) if end else self.now(path)
        fate = self._fate_of_old(one, entry) if one.side is Side.OLD else self._fate(one, entry)
        return replace(one, outcome=fate, now_path=path)

    def _fate(self, one: Comment, entry: TreeEntry | None) -> Fate:
        if entry is None:
            return Fate.GONE
        blob, line = one.now_blob or one.blob, one.now_line if one.now_line is not None else one.line
        edits = self._between(blob, entry.blob)
        if not line or edits is None:
            return Fate.UNTOUCHED if blob == entry.blob else Fate.TOUCHED
        return anchors.place(edits, line, one.now_line_end or one.line_end).fate

    def _fate_of_old(self, one: Comment, entry: TreeEntry | None) -> Fate:
        """The fate of a comment on the old side: touched when its lines have another image than when it was sent."""
        if entry is None:
            return Fate.GONE if one.other_blob else Fate.UNTOUCHED
        if not one.other_blob:
            return Fate.TOUCHED
        blob, line = one.now_blob or one.blob, one.now_line if one.now_line is not None else one.line
        before, after = self._between(blob, one.other_blob), self._between(blob, entry.blob)
        if before is None or after is None or not line:
            return Fate.UNTOUCHED if one.other_blob == entry.blob else Fate.TOUCHED
        last = one.now_line_end or one.line_end
        images = (self._image(one.other_blob, before, line, last), self._image(entry.blob, after, line, last))
        return Fate.UNTOUCHED if images[0] == images[1] else Fate.TOUCHED

    def _image(self, blob: str, edits: Iterable[Edit], line: int, last: int) -> list[bytes]:
        begin, end = anchors.image(tuple(edits), line, last)
        return lines_of(self.at.content(TreeEntry("100644", blob)))[begin:end]
