"""The line in which a search or a filter of a review is typed; each letter is told."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from ampsm_tui.widgets.typed import Line

_HINTS = {"/": "search: a regular expression", "&": "files: part of a path, *.py, !tests, unviewed, commented"}


class ReviewBox(Line):
    """One line; it is there only while something is typed."""

    DEFAULT_CSS = """
    ReviewBox, ReviewBox:focus {
        display: none; height: 1; border: none; padding: 0 1; background: $panel; color: $foreground;
        &.-open { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", key_display="enter"),
        Binding("escape", "leave", "Clear"),
    ]

    @dataclass
    class Typed(Message):
        """This stands there now; `what` is `/` or `&`."""

        what: str
        text: str

    @dataclass
    class Done(Message):
        """Typing is over."""

        what: str
        is_kept: bool

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=True)
        self._what = "/"

    def open(self, what: str, text: str) -> None:
        """Be there, with what was typed last."""
        self._what = what
        self.placeholder = _HINTS[what]
        with self.prevent(Line.Changed):
            self.value = text
        self.add_class("-open")
        self.screen.set_focus(self)  # at once: the next keys may be here already

    def on_input_changed(self, event: Line.Changed) -> None:
        """Each letter."""
        event.stop()
        self.post_message(self.Typed(self._what, event.value))

    async def action_submit(self) -> None:
        """Keep what was found."""
        self._close(is_kept=bool(self.value))

    def action_leave(self) -> None:
        """Drop it."""
        self._close(is_kept=False)

    def _close(self, *, is_kept: bool) -> None:
        self.remove_class("-open")
        self.post_message(self.Done(self._what, is_kept))

    def on_blur(self, _event: events.Blur) -> None:
        """Gone with the keys."""
        self.remove_class("-open")
