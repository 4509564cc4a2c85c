"""Comments in a review: written on a line or a range, shown below it, listed, edited, sent."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ampsm_engine.diff.hunks import Side
from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural
from ampsm_engine.review.annotations import Comment, CommentState
from ampsm_engine.unsent_texts import UnsentText, kept_of
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.hints import key_name, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.layout import Anchor, Row, RowKind
from ampsm_tui.widgets.diff.navigation import remarked
from ampsm_tui.widgets.diff.source import Note
from ampsm_tui.widgets.inputs import Menu

if TYPE_CHECKING:
    from ampsm_engine.review.prompt import ReviewDraft


class CommentPlace(NamedTuple):
    """What a comment is on: lines of one side of a file, from 1, or with 0 and 0 the file."""

    path: str
    side: Side
    first: int
    last: int

    @property
    def purpose(self) -> str:
        """What a comment that is being written is kept for; `of` reads it."""
        return f"comment {self.side.value} {self.first}-{self.last} {self.path}"

    @classmethod
    def of(cls, purpose: str) -> Self | None:
        """The place that is commented on; None where the purpose is another."""
        word, side, lines, path = (*purpose.split(" ", 3), "", "", "")[:4]
        first, dash, last = lines.partition("-")
        if word != "comment" or side not in set(Side) or not (dash and first.isdecimal() and last.isdecimal()):
            return None
        return cls(path, Side(side), int(first), int(last))

    def __str__(self) -> str:
        lines = f":{self.first}" + (f"-{self.last}" if self.last != self.first else "") if self.first else ""
        return f"{self.path}{lines}{'' if self.side is Side.NEW else ', as it was'}"


class CommentsScreen(Dialog[tuple[str, str]]):
    """Answers what to do with which comment: `go`, `resolve`, `reopen` or `delete`.

    `begun` has the texts of comments that were not finished, by their purposes; of those it answers `finish` or `drop`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("comments.go", "answer('go')", "Go there", priority=True),
        bind("comments.resolve", "answer('resolve')", "Resolve"),
        bind("comments.reopen", "answer('reopen')", "Send again"),
        bind("comments.delete", "answer('delete')", "Delete"),
    ]

    def __init__(self, comments: Iterable[Comment], begun: Mapping[str, str]) -> None:
        self._comments = tuple(comments)
        self._begun = dict(begun)
        super().__init__("Comments")

    def compose_body(self) -> ComposeResult:
        """The comments in a list, or how to write the first one."""
        if not self._comments and not self._begun:
            yield Static(
                Content(with_keys(self, "There are none yet. {review.comment} comments on a line.")), classes="note"
            )
            return
        options = []
        for purpose, text in self._begun.items():
            line = Content(f"{one_line(str(CommentPlace.of(purpose)), 60)}  ")
            line = line.append(Content("not finished").stylize("$warning"))
            options.append(Option(line.append(f"\n  {one_line(text, 200)}")))
        for one in self._comments:
            line = Content(f"{one_line(one.place, 60)}  ")
            line = line.append(Content(_standing(one)).stylize("$warning" if one.differs else "$accent"))
            text = f"\n  {one_line(one.text, 200)}"
            if one.answer_text:
                text += f"\n  amp: {one_line(one.answer_text, 200)}"
            options.append(Option(line.append(text)))
        yield Menu(*options, compact=True)

    def offers(self, key_id: str) -> bool:
        """What acts on a comment lives where there is one."""
        return not key_id.startswith("comments.") or bool(self._comments or self._begun)

    def action_answer(self, what: str) -> None:
        """Close the list with what is to be done to the comment."""
        found = self.query(Menu)
        at = found.first().highlighted if found else None
        if at is None:
            return
        begun = list(self._begun)
        if at >= len(begun):
            self.dismiss((what, self._comments[at - len(begun)].id))
        elif word := {"go": "finish", "delete": "drop"}.get(what):
            self.dismiss((word, begun[at]))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose a comment by Enter or by mouse."""
        event.stop()
        self.action_answer("go")


class ReviewComments:
    """The comments of a session, in a pane."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._comments: tuple[Comment, ...] = ()
        self._essence: object = ()
        """What of the comments is not about where their lines are now."""

    def fetch(self) -> None:
        """Ask for the comments, followed to where their lines are now, and show them there."""
        run_while_open(self._screen, self._fetch())

    def place(self, reading: DiffReading) -> None:
        """Show each comment below its line; one whose line is not shown at its file's head or hunk."""
        document = reading.document
        found: dict[int, list[tuple[Anchor, Note]]] = {}
        by_path = {path: at for at, file in enumerate(document.files) for path in (file.old_path, file.path) if path}
        for one in self._comments:
            if one.is_closed:
                continue
            index = by_path.get(one.now_path or one.path, by_path.get(one.path, -1))
            if index >= 0:
                found.setdefault(index, []).append((_anchor(one, reading.review.files[index].new_oid), _note(one)))
        before = reading.source.notes
        reading.source.notes = {at: tuple(note for _, note in sorted(here, key=_order)) for at, here in found.items()}
        for index in {*before, *found}:
            anchors = tuple(anchor for anchor, _ in sorted(found.get(index, ()), key=_order))
            document.files[index].shape.notes = anchors
            document.changed(index)
            self._view.forget(index)

    def go_next(self, way: int) -> None:
        """Go to the next comment, or with `way` -1 to the one before."""
        view = self._view
        found = navigation.next_note(view.document, view.cursor, way) if len(view.document) else None
        if found is not None:
            view.land(found)

    def write(self) -> None:
        """Write a comment on the selected lines, the line, the hunk or the file; on a comment, edit that."""
        row, reading = self._pane.row, self._pane.reading
        if reading is None:
            return
        if row is None:
            app_of(self._screen).show_toast("No file is shown, so there is no line to comment on")
            return
        if row.kind is RowKind.NOTE:
            self.edit()
            return
        start = self._view.selected_from
        document = self._view.document
        is_across = start is not None and document.row(start).file != row.file
        place = None if is_across else remarked(document, self._view.cursor, start)
        if place is None:
            if is_across:
                sentence = "The selection is of several files; a comment is on lines of one file"
            elif start is not None:
                sentence = "No line is selected; a comment is on lines of one file"
            else:
                sentence = (
                    "No line to comment on; on a file's head {review.comment} comments on it, on a hunk's on its lines"
                )
            app_of(self._screen).show_toast(with_keys(self._screen, sentence))
            return
        self._write_on(CommentPlace(reading.document.files[place.file].path, place.side, place.first, place.last))

    def _write_on(self, place: CommentPlace) -> None:
        from ampsm_engine.engine import comments
        from ampsm_tui.screens.text_dialogs import KeptTextScreen

        reading = self._pane.reading
        files = reading.document.files if reading is not None else ()
        old_path = next((file.old_path for file in files if file.path == place.path), None)

        async def keep(text: str) -> None:
            await ask(
                comments.add_comment,
                app_of(self._screen).engine,
                self._pane.session.id,
                place.path,
                (place.first, place.last),
                text.strip(),
                side=place.side,
                range_=self._pane.range,
                old_path=old_path,
            )
            self._view.selected_from = None
            self.fetch()

        note = with_keys(self._screen, "It is kept until {review.send} sends it to amp.")
        owner, title = self._pane.session.id, f"Comment on {place}"
        screen = KeptTextScreen(title, keep, owner=owner, purpose=place.purpose, note=note, may_be_empty=False)
        self._screen.app.push_screen(screen)

    def edit(self) -> bool:
        """Edit the comment under the cursor; an empty one is deleted. Whether the cursor is on a comment."""
        row = self._pane.row
        if row is None or row.kind is not RowKind.NOTE:
            return False
        comment = self._comment(row)
        if comment is None:
            return True
        from ampsm_engine.engine import comments
        from ampsm_tui.screens.text_dialogs import KeptTextScreen

        engine = app_of(self._screen).engine

        async def keep(text: str) -> None:
            if text.strip():
                await ask(comments.edit_comment, engine, comment.id, text.strip())
                if comment.is_note:
                    await ask(comments.reopen_comment, engine, comment.id)
            else:
                await ask(comments.resolve_comment if comment.is_note else comments.delete_comment, engine, comment.id)
            self.fetch()

        note = (
            "Saved, it is a comment of yours; empty, it is dismissed." if comment.is_note else "Empty, it is deleted."
        )
        screen = KeptTextScreen(
            f"{'Note' if comment.is_note else 'Comment'} on {comment.place}",
            keep,
            owner=self._pane.session.id,
            purpose=f"comment {comment.id}",
            text=comment.text,
            note=note,
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen)
        return True

    def list_all(self) -> None:
        """Open the list of comments."""

        def chosen(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                self._answer(*answer)

        self._screen.app.push_screen(CommentsScreen(self._comments, self._begun()), chosen)

    def report_unfinished(self) -> None:
        """Say that there are comments that were begun and not finished, if there are."""
        if begun := self._begun():
            verb, them = ("is", "it") if len(begun) == 1 else ("are", "them")
            lists = key_name(self._screen, "review.comments")
            app_of(self._screen).show_toast(
                f"{plural(len(begun), 'comment')} {verb} not finished; {lists} lists {them}"
            )

    def _begun(self) -> dict[str, str]:
        """The texts of comments that were begun and not finished, by their purposes."""
        if app_of(self._screen).read_only:
            return {}
        kept = kept_of(app_of(self._screen).engine.home, self._pane.session.id)
        return {purpose: typed.text for purpose, typed in kept.items() if CommentPlace.of(purpose) is not None}

    def follow(self, stored: tuple[Comment, ...]) -> None:
        """Show the comments that the store has where others have written, changed or sent some."""
        if _essence_of(stored) != self._essence:
            self._essence = _essence_of(stored)
            self.fetch()

    def take(self, comments: tuple[Comment, ...]) -> None:
        """Take the comments of the session, and count those that are not sent."""
        self._comments = comments
        self._essence = _essence_of(comments)
        self._pane.unsent = sum(one.state is CommentState.OPEN for one in comments)

    async def _fetch(self) -> None:
        from ampsm_engine.engine import comments

        found = await ask(comments.located_comments, app_of(self._screen).engine, self._pane.session.id)
        if found is not None and found != self._comments:
            self.take(found)
            reading = self._pane.reading
            if reading is not None:
                self._pane.change_rows(lambda: self.place(reading))
            self._pane.files.counted()

    def _comment(self, row: Row) -> Comment | None:
        if self._pane.reading is None:
            return None
        notes = self._pane.reading.source.notes.get(row.file, ())
        wanted = notes[row.a].id if row.a < len(notes) else ""
        return next((one for one in self._comments if one.id == wanted), None)

    def _answer(self, what: str, comment_id: str) -> None:
        """Do what was chosen in the list; what deletes the words of a person is asked about first."""
        if what not in ("delete", "drop"):
            run_while_open(self._screen, self._do(what, comment_id))
            return
        from ampsm_tui.screens.dialog import confirm

        found = next((one for one in self._comments if one.id == comment_id), None)
        place = found.place if found else str(CommentPlace.of(comment_id) or "")
        text = found.text if found else self._begun().get(comment_id, "")
        sentence = f"{one_line(place, 100)}: {one_line(text, 200)}"

        def delete() -> None:
            run_while_open(self._screen, self._do(what, comment_id))

        confirm(self._screen, "Delete this comment?", sentence, yes="Delete", then=delete)

    async def _do(self, what: str, comment_id: str) -> None:
        from ampsm_engine.engine import comments

        verbs = {
            "resolve": comments.resolve_comment,
            "reopen": comments.reopen_comment,
            "delete": comments.delete_comment,
        }
        place = CommentPlace.of(comment_id)
        if what == "go":
            self._go_to(comment_id)
            return
        if what == "finish" and place is not None:
            self._write_on(place)
            return
        if what == "drop":
            UnsentText(app_of(self._screen).engine.home, self._pane.session.id, comment_id).drop()
            self.list_all()
            return
        await ask(verbs[what], app_of(self._screen).engine, comment_id)
        await self._fetch()  # the list is to say what they are now
        self.list_all()

    def _go_to(self, comment_id: str) -> None:
        reading = self._pane.reading
        if reading is None:
            return
        for index, notes in reading.source.notes.items():
            for number, note in enumerate(notes):
                if note.id == comment_id:
                    document = reading.document
                    document.fold(index, folded=False)
                    self._view.forget(index)
                    self._view.land(document.find(Row(RowKind.NOTE, index, number)))
                    return
        sentence = "This range does not show its file; {review.range} chooses another"
        app_of(self._screen).show_toast(with_keys(self._screen, sentence))


def _anchor(one: Comment, new_oid: str) -> Anchor:
    """The line below which a comment stands: its last one, as that is counted in what is shown."""
    if one.side is Side.OLD:
        return Anchor(is_new=False, line=one.line_end)
    if one.blob == new_oid:
        return Anchor(is_new=True, line=one.line_end)
    return Anchor(is_new=True, line=one.now_line_end if one.now_line_end is not None else one.line_end)


def _essence_of(comments: tuple[Comment, ...]) -> object:
    return [
        (one.id, one.text, one.state, one.outcome, one.iteration_id, one.answer, one.answer_text) for one in comments
    ]


def _order(placed: tuple[Anchor, Note]) -> tuple[int, bool]:
    return placed[0].line, placed[0].is_new


def _standing(one: Comment) -> str:
    """How far a comment has come, what amp says of it and what git says: the two may differ."""
    if one.is_note:
        word = "dismissed note" if one.is_closed else "note"
        return f"{word} by {one_line(one.author, 40)}" if one.author else word
    words = {
        CommentState.OPEN: "not sent yet",
        CommentState.RESOLVED: "resolved",
        CommentState.SUBMITTED: "submitted to the pull request",
    }
    parts = [words.get(one.state, "")]
    if one.round is not None:
        parts.append(f"round {one.round}")
    if one.answer is not None:
        parts.append(f"amp: {one.answer}")
    if one.outcome is not None:
        parts.append(f"git: {one.outcome}" if one.answer is not None else one.outcome.value)
    elif one.state is CommentState.SENT:
        parts.append("amp works on it")
    if one.differs:
        parts.append("they differ")
    return " · ".join(part for part in parts if part)


def _note(one: Comment) -> Note:
    first, last = one.now_line or one.line, one.now_line_end or one.line_end
    lines = f"lines {first}-{last}  " if last != first else ""
    text = f"{one.text}\n↳ amp: {one.answer_text}" if one.answer_text else one.text
    mark = "differs" if one.differs else one.outcome or one.state
    return Note(one.id, f"{lines}{_standing(one)}", text, mark)


class ReviewPrompt:
    """Sends the comments of a session; `sent` is called when that was done."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, sent: Callable[[], None]) -> None:
        self._screen = screen
        self._pane = pane
        self._sent = sent

    async def send(self) -> None:
        """Show the prompt that the comments make, let it be edited, and send it; without comments it is a follow-up."""
        from ampsm_engine.engine import comments

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        draft: ReviewDraft = await ask(comments.draft, engine, session_id)
        from ampsm_tui.screens.text_dialogs import TextScreen

        if not draft.text.strip():
            self._send_message()
            return

        async def send(text: str) -> None:
            await ask(comments.send, engine, session_id, text, draft.answers)
            app_of(self._screen).show_toast("Sent; amp works on it")
            self._sent()

        count = len(draft.answers)
        title = f"Send {plural(count, 'comment')} to amp"
        screen = TextScreen(
            title,
            send,
            owner=session_id,
            purpose="comments",
            text=draft.text,
            note="It is amp's next prompt.",
            may_be_empty=False,
            joins=True,
        )
        screen.add_class("-tall")
        self._screen.app.push_screen(screen)

    def _send_message(self) -> None:
        from ampsm_engine.engine import iterations
        from ampsm_tui.screens.text_dialogs import MESSAGE, TextScreen

        session = self._pane.session

        async def send(text: str) -> None:
            await ask(iterations.iterate, app_of(self._screen).engine, session.id, text)
            app_of(self._screen).show_toast("Sent; amp works on it")

        title = f"Message to {session.name}"
        note = "There are no comments to send: this is amp's next prompt."
        screen = TextScreen(title, send, owner=session.id, purpose=MESSAGE, note=note, may_be_empty=False)
        self._screen.app.push_screen(screen)

    async def leave(self, leave: Callable[[], object]) -> None:
        """Leave the review, after one question when there are comments that were not sent."""
        from ampsm_engine.engine import comments

        try:
            count = await ask(comments.count_unsent, app_of(self._screen).engine, self._pane.session.id) or 0
        except AmpsmError:
            count = self._pane.unsent
        if not count:
            leave()
            return
        from ampsm_tui.screens.dialog import confirm

        were, are, them = ("s were", "They are", "them") if count != 1 else (" was", "It is", "it")
        sends = f"{key_name(self._screen, 'review.send')} here sends {them}"
        sentence = f"{count} comment{were} not sent to amp. {are} kept; {sends}."
        confirm(self._screen, "Leave the review?", sentence, yes="Leave", then=leave)
