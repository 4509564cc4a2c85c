"""Comments in a review: written on a line or a range, shown below it, listed, edited, sent as amp's next prompt."""

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from ampsm_engine.diff.deltas import Side
from ampsm_engine.errors import AmpsmError
from ampsm_engine.review.values import Comment, CommentState
from ampsm_tui.ask import ask, asking
from ampsm_tui.house import house
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.layout import Anchor, Row, Sort
from ampsm_tui.widgets.diff.navigation import remarked
from ampsm_tui.widgets.diff.source import Note

if TYPE_CHECKING:
    from ampsm_engine.review.prompt import Draft


class ReviewComments(ReviewBase):
    """Adds V, c, C, S and the round brackets."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "comment", "Comment", id="review.comment"),
        Binding("V", "select", "Select lines", id="review.select", show=False),
        Binding("S", "send", "Send", id="review.send"),
        Binding("C", "comments", "Comments", id="review.comments", show=False),
        Binding("right_parenthesis", "note(1)", "Next comment", id="review.note", show=False),
        Binding("left_parenthesis", "note(-1)", "Comment before", id="review.note-before", show=False),
    ]

    # Where they stand.

    def place_comments(self) -> None:
        """Each comment below its line; one whose line is not shown at its file's head or hunk."""
        reading = self.reading
        if reading is None:
            return
        document = reading.document
        found: dict[int, list[tuple[Anchor, Note]]] = {}
        by_path = {path: at for at, file in enumerate(document.files) for path in (file.old_path, file.path) if path}
        for one in self.comments:
            if one.state is CommentState.RESOLVED:
                continue
            index = by_path.get(one.now_path or one.path, by_path.get(one.path, -1))
            if index >= 0:
                found.setdefault(index, []).append((_anchor(one, reading.review.files[index].new_oid), _note(one)))
        before = reading.source.notes
        reading.source.notes = {at: tuple(note for _, note in sorted(told, key=_order)) for at, told in found.items()}
        for index in {*before, *found}:
            anchors = tuple(anchor for anchor, _ in sorted(found.get(index, ()), key=_order))
            document.files[index].shape.notes = anchors
            document.changed(index)
            self.view.forget(index)

    @asking
    async def ask_comments(self) -> None:
        """The comments, followed to where their lines are now."""
        from ampsm_engine.engine import reviews

        told = await ask(reviews.comments, house(self).engine, self.session.id)
        if told is not None and told != self.comments:
            self.comments = told
            self.carry(self.place_comments)
            self.files.counted()

    def settled(self) -> None:
        """An iteration has ended: look what became of the lines."""
        self.ask_comments()

    def action_note(self, way: int) -> None:
        """To the next comment."""
        view = self.view
        found = navigation.next_note(view.document, view.cursor, way) if len(view.document) else None
        if found is not None:
            view.land(found)

    # Writing.

    def action_select(self) -> None:
        """Begin to select lines, or end it."""
        view = self.view
        view.selected_from = view.cursor if view.selected_from is None else None
        view.refresh()

    def action_comment(self) -> None:
        """Write a comment on the selected lines, the line, the hunk or the file."""
        row = self.row
        if row is None or self.reading is None:
            return
        if row.sort is Sort.NOTE:
            self.open_note(row)
            return
        place = remarked(self.view.document, self.view.cursor, self.view.selected_from)
        if place is None:
            self.say("No line to comment on; on a file's head c comments on the file, on a hunk's on its lines")
            return
        index, side, first, last = place
        file = self.reading.document.files[index]
        where = f"{file.path}:{first}{f'-{last}' if last != first else ''}" if first else file.path
        from ampsm_engine.engine import reviews
        from ampsm_tui.screens.writing import KeptTextScreen

        async def keep(text: str) -> None:
            await ask(
                reviews.comment,
                house(self).engine,
                self.session.id,
                file.path,
                (first, last),
                text.strip(),
                side=side,
                range_=self.range,
                old_path=file.old_path,
            )
            self.view.selected_from = None
            self.ask_comments()

        old = "" if side is Side.NEW else ", as it was"
        note = "It is kept until S sends it to amp."
        title = f"Comment on {where}{old}"
        screen = KeptTextScreen(title, keep, owner=self.session.id, purpose=title, note=note, may_be_empty=False)
        self.app.push_screen(screen)

    def open_note(self, row: Row) -> None:
        """Edit the comment under the cursor; an empty one is deleted."""
        comment = self._comment(row)
        if comment is None:
            return
        from ampsm_engine.engine import reviews
        from ampsm_tui.screens.writing import KeptTextScreen

        async def keep(text: str) -> None:
            if text.strip():
                await ask(reviews.edit_comment, house(self).engine, comment.id, text.strip())
            else:
                await ask(reviews.delete_comment, house(self).engine, comment.id)
            self.ask_comments()

        note = "Empty, it is deleted."
        screen = KeptTextScreen(
            f"Comment on {comment.place}",
            keep,
            owner=self.session.id,
            purpose=f"comment {comment.id}",
            text=comment.text,
            note=note,
            may_be_empty=True,
        )
        self.app.push_screen(screen)

    def _comment(self, row: Row | None) -> Comment | None:
        if row is None or row.sort is not Sort.NOTE or self.reading is None:
            return None
        notes = self.reading.source.notes.get(row.file, ())
        wanted = notes[row.a].id if row.a < len(notes) else ""
        return next((one for one in self.comments if one.id == wanted), None)

    # All of them.

    def action_comments(self) -> None:
        """The list of comments."""
        from ampsm_tui.screens.review.comment_list import CommentsScreen

        def chosen(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                self._do(*answer)

        self.app.push_screen(CommentsScreen(self.comments), chosen)

    @asking
    async def _do(self, what: str, comment_id: str) -> None:
        from ampsm_engine.engine import reviews

        verbs = {
            "resolve": reviews.resolve_comment,
            "reopen": reviews.reopen_comment,
            "delete": reviews.delete_comment,
        }
        if what == "go":
            self._go_to(comment_id)
            return
        await ask(verbs[what], house(self).engine, comment_id)
        self.ask_comments()
        self.action_comments()

    def _go_to(self, comment_id: str) -> None:
        reading = self.reading
        if reading is None:
            return
        for index, notes in reading.source.notes.items():
            for number, note in enumerate(notes):
                if note.id == comment_id:
                    document = reading.document
                    document.fold(index, folded=False)
                    self.view.forget(index)
                    self.view.land(document.find(Row(Sort.NOTE, index, number)))
                    return
        self.say("This range does not show its file; r chooses another")

    @asking
    async def action_send(self) -> None:
        """Look at the prompt that the comments make, edit it, send it."""
        from ampsm_engine.engine import reviews

        draft: Draft = await ask(reviews.draft, house(self).engine, self.session.id)
        if not draft.text.strip():
            self.say("There is nothing to send yet; c comments on a line")
            return
        from ampsm_tui.screens.writing import TextScreen

        async def send(text: str) -> None:
            await ask(reviews.send, house(self).engine, self.session.id, text, draft.answers)
            self.sent()
            self.ask_comments()

        count = len(draft.answers)
        title = f"Send {count} remark{'s' * (count != 1)} to amp"
        screen = TextScreen(
            title,
            send,
            owner=self.session.id,
            purpose="remarks",
            text=draft.text,
            note="It is amp's next prompt.",
            may_be_empty=False,
            joins=True,
        )
        screen.add_class("-tall")
        self.app.push_screen(screen)

    def sent(self) -> None:
        """The comments are on their way."""
        self.say("Sent; amp works on it")

    # Leaving.

    @asking
    async def leave(self) -> None:
        """Out of the review; comments that amp was not told of are asked about."""
        from ampsm_engine.engine import reviews

        try:
            count = await ask(reviews.unsent, house(self).engine, self.session.id) or 0
        except AmpsmError:
            count = self.unsent
        if not count:
            self.dismiss(None)
            return
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                self.dismiss(None)

        sentence = (
            f"{count} remark{'s were' if count != 1 else ' was'} not sent to amp. They are kept; S here sends them."
        )
        self.app.push_screen(ConfirmScreen("Leave the review?", sentence, yes="Leave"), answered)


def _anchor(one: Comment, new_oid: str) -> Anchor:
    """Below its last line, as that is counted in what is shown."""
    if one.side is Side.OLD:
        return Anchor(is_new=False, line=one.line_end)
    if one.blob == new_oid:
        return Anchor(is_new=True, line=one.line_end)
    return Anchor(is_new=True, line=one.now_line_end if one.now_line_end is not None else one.line_end)


def _order(told: tuple[Anchor, Note]) -> tuple[int, bool]:
    return told[0].line, told[0].is_new


def _note(one: Comment) -> Note:
    fate = one.outcome.value if one.outcome is not None else ""
    state = {"open": "not sent yet", "sent": fate or "sent, amp works on it"}[one.state.value]
    first, last = one.now_line or one.line, one.now_line_end or one.line_end
    lines = f"lines {first}-{last}  " if last != first else ""
    return Note(one.id, f"{lines}{state}", one.text, fate or one.state.value)
