"""Small boxes to write in: a message of many lines, notes, a name. What was written is handed to a verb from here.

A refusal is shown in the box, so that nothing that was typed is lost by it; nor is it by closing the box, by leaving
the app or by losing the terminal: it is kept as it is typed, and stands there again when the box is opened again.
"""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.unsent_texts import TypedText, UnsentText
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_to_end, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.hints import key_name
from ampsm_tui.screens.dialog import Dialog
from ampsm_tui.widgets.inputs import LineInput
from ampsm_tui.widgets.text_input import TextInput

MESSAGE = "message"
"""The purpose of a follow-up that is not sent yet, whichever screen it is written on."""


class KeptText:
    """The text of one box of a screen; `owner` and `purpose` say whose it is and what for."""

    def __init__(self, screen: Screen[Any], owner: str, purpose: str) -> None:
        self._screen = screen
        self._place = UnsentText(app_of(screen).engine.home, owner, purpose)
        self._has_failed = False

    def read(self) -> TypedText | None:
        """The text as it was left; None when there is none."""
        return self._place.read()

    def keep(self, text: str, base: str = "") -> None:
        """Keep what stands in the box, unless it is what the box began with; a toast where that does not work."""
        if text == base:
            self._place.drop()
            return
        try:
            self._place.write(text, base)
        except OSError as reason:
            if not self._has_failed:
                show_error(
                    self._screen, Failed(f"What you write cannot be kept: {reason.strerror}.", "Send it, or copy it.")
                )
            self._has_failed = True
        else:
            self._has_failed = False

    def drop(self) -> None:
        """Forget the kept text, because it was sent."""
        self._place.drop()

    def close(self, text: str, base: str, dismiss: Callable[[], object]) -> None:
        """Close the box: what was typed is kept, and a toast says so; where it could not be kept, ask first."""
        self.keep(text, base)
        if text == base:
            dismiss()
        elif self._has_failed:
            self._ask(dismiss)
        else:
            app_of(self._screen).show_toast("What you wrote is kept: it stands here again next time")
            dismiss()

    def _ask(self, dismiss: Callable[[], object]) -> None:
        from ampsm_tui.screens.dialog import confirm

        sentence = "It could not be kept on disk, so it would be lost."
        confirm(self._screen, "Throw away what you wrote?", sentence, yes="Throw away", then=dismiss)


Deliver = Callable[[str], Awaitable[None]]
"""Does with the text what the box is for; raises the refusal that the box shows."""


class KeptTextScreen(Dialog[bool]):
    """A text of many lines that is kept here: a comment, notes, the message of a commit. Ctrl+j is a new line.

    Hands what was written to `deliver` and closes when that went well; answers whether it did.

    `owner` and `purpose` say where the text is kept until then; `text` is what the box begins with. `joins`: where that
    has changed since something was typed, both stand in the box, what is new first.
    """

    WORD: ClassVar = "save"
    """What handing it over is called."""
    BOX: ClassVar[type[Widget]] = TextArea
    """What it is written in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text.send", "send", "Save", priority=True),
        bind("dialog.reset", "reset", priority=True),
    ]

    def __init__(
        self,
        title: str,
        deliver: Deliver,
        *,
        owner: str,
        purpose: str,
        text: str = "",
        note: str = "",
        may_be_empty: bool,
        joins: bool = False,
    ) -> None:
        super().__init__(title)
        self._deliver = deliver
        self._owner, self._purpose = owner, purpose
        self._text = text
        self._note = note
        self._may_be_empty = may_be_empty
        self._joins = joins
        self._is_handing_over = False

    @cached_property
    def _unsent(self) -> KeptText:
        return KeptText(self, self._owner, self._purpose)

    def compose_body(self) -> ComposeResult:
        """The box as it was left, what it is for, and whether it was begun before."""
        kept = self._unsent.read()
        if kept is None:
            yield self.compose_box(self._text)
        elif self._joins and kept.base != self._text:
            yield self.compose_box(f"{self._text}\n\n{kept.text}")
        else:
            yield self.compose_box(kept.text)
        if self._note:
            yield Static(self._note, classes="note", markup=False)
        if kept is not None and kept.text != self._text:
            changed = " What it was made from has changed since." if kept.base != self._text else ""
            yield Static(
                f"As you left it.{changed} {key_name(self, 'dialog.reset')} begins anew.",
                classes="note",
                id="as-left",
                markup=False,
            )

    def compose_box(self, text: str) -> Input | TextArea:
        """The box, with this text in it."""
        return TextInput(text, show_line_numbers=False, soft_wrap=True, compact=True)

    def on_mount(self) -> None:
        """The cursor behind what is there; a text that is to be read first begins at its beginning."""
        for area in self.query(TextArea):
            if not self.has_class("-tall"):
                area.move_cursor(area.document.end)

    def written(self) -> str:
        """The text in the box, as it is now."""
        return self.query_one(TextArea).text

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _keep(self) -> None:
        self._unsent.keep(self.written(), self._text)

    def action_reset(self) -> None:
        """The box as if nothing had been typed; the text area's own undo brings it back."""
        area = self.query_one(TextArea)
        area.replace(self._text, (0, 0), area.document.end)

    def action_cancel(self) -> None:
        """Close the box; what was typed is kept. What is handed over goes on, and is kept until that went well."""
        if self._is_handing_over:
            app_of(self).show_toast("It is on its way already: closing the box does not call it back")
            self.dismiss(None)
            return
        self._unsent.close(self.written(), self._text, lambda: self.dismiss(None))

    def action_send(self) -> None:
        """Hand over what was written; a text that must not be empty is refused when it is."""
        box = self.focused
        if self._is_handing_over or (isinstance(box, TextInput) and box.begin_line()):
            return
        if not self.written().strip() and not self._may_be_empty:
            self.show_trouble(f"There is nothing to {self.WORD} yet.")
            return
        self.show_trouble("")
        self._is_handing_over = True
        run_while_open(self, self._hand_over(self.query_one(self.BOX)))

    async def _hand_over(self, box: Widget) -> None:
        """Hand the text over; until the answer is here the box takes no key: a second Enter would send it twice."""
        box.disabled = True
        text = self.written()

        async def deliver() -> None:
            await self._deliver(text)
            self._unsent.drop()

        try:
            await run_to_end(deliver())
        except AmpsmError as refusal:
            self.show_trouble(refusal.message, refusal.hint)
            box.disabled = False
            box.focus()
        else:
            self.dismiss(True)
        finally:
            self._is_handing_over = False


class TextScreen(KeptTextScreen):
    """A box for a text of many lines that goes to amp."""

    WORD = "send"
    BINDINGS: ClassVar[list[BindingType]] = [bind("text.send", "send", "Send", priority=True)]


class LineScreen(KeptTextScreen):
    """A box for a text of one line; Enter hands it over."""

    BOX: ClassVar = Input

    def compose_box(self, text: str) -> Input:
        """The box of one line, with this text in it."""
        return LineInput(text, compact=True, select_on_focus=False)

    def written(self) -> str:
        """The text in the box of one line."""
        return self.query_one(Input).value

    def action_reset(self) -> None:
        """The line as if nothing had been typed."""
        self.query_one(Input).value = self._text


class RejectionScreen(LineScreen):
    """The reason why something is taken back."""

    WORD = "reject"
    BINDINGS: ClassVar[list[BindingType]] = [bind("text.send", "send", "Reject", priority=True)]


class CommitScreen(KeptTextScreen):
    """The message of a commit by hand."""

    WORD = "commit"
    BINDINGS: ClassVar[list[BindingType]] = [bind("text.send", "send", "Commit", priority=True)]
