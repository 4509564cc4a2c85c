"""Boxes over the screen: a title, a body that others fill, the keys below; a question; a menu of letters; progress."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, fit, many_lines, one_line
from ampsm_tui.delayed_call import call_after
from ampsm_tui.hints import in_app
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.inputs import Menu, TroubleText
from ampsm_tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    import asyncio

Answer = TypeVar("Answer")


class Dialog(AppScreen[Answer | None], ModalScreen[Answer | None]):
    """A box with a title; Esc closes it and answers nothing."""

    CSS_PATH = Path(__file__).with_name("dialog.tcss")  # a subclass in another folder would look for it there
    BINDINGS: ClassVar[list[BindingType]] = [bind("dialog.cancel", "cancel", "Cancel")]

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        self._heading = title

    def compose(self) -> ComposeResult:
        """The box and, at the bottom, the keys."""
        with Vertical(id="box"):
            yield Static(Content(one_line(self._heading, 200)), id="heading")
            yield from self.compose_body()
            yield TroubleText()
        yield KeyBar()

    def compose_body(self) -> ComposeResult:
        """Yield the widgets between title and keys."""
        yield from ()

    def show_trouble(self, message: str, hint: str = "") -> None:
        """Say in the box what is wrong; an empty message takes it away."""
        self.query_one(TroubleText).show(message, in_app(self, hint))

    def action_cancel(self) -> None:
        """Close the box without an answer."""
        self.dismiss(None)


class ConfirmScreen(Dialog[bool]):
    """Answers True for yes, False or None for no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.yes", "answer(True)", "Yes"),
        bind("dialog.no", "answer(False)", "No"),
        Binding("left,right,h,l", "app.focus_next", show=False),
        Binding("up,k", "scroll_text(-1)", show=False),
        Binding("down,j", "scroll_text(1)", show=False),
        Binding("pageup", "scroll_text(-1, True)", show=False),
        Binding("pagedown,space", "scroll_text(1, True)", show=False),
    ]

    def __init__(
        self,
        title: str,
        sentence: str,
        *,
        yes: str = "Yes",
        no: str = "Cancel",
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(title, id=id)
        self._sentence = sentence
        self._yes, self._no = yes, no

    def compose_body(self) -> ComposeResult:
        """The sentence, and the two answers for the mouse."""
        with VerticalScroll(id="text", can_focus=False):
            yield Static(Content(many_lines(self._sentence, 2000)), id="sentence")
        with Horizontal(classes="buttons"):
            yield Button(f"{self._yes}  y", id="yes", variant="primary", compact=True)
            yield Button(f"{self._no}  n", id="no", compact=True)

    def on_resize(self) -> None:
        """Give the sentence the room that the answers leave; what has none is scrolled to."""
        self.call_after_refresh(self._make_room)

    def _make_room(self) -> None:
        box, text = self.query_one("#box"), self.query_one("#text")
        others = [one for one in (*box.children, self.query_one(KeyBar)) if one is not text and one.display]
        taken = sum(one.outer_size.height + one.styles.margin.height for one in others)
        text.styles.max_height = max(self.size.height - taken - box.gutter.height, 1)

    def action_scroll_text(self, way: int, is_page: bool = False) -> None:
        """Move through a sentence that is higher than its room, by a line or by what is seen of it."""
        text = self.query_one("#text")
        text.scroll_relative(y=way * (max(text.size.height - 1, 1) if is_page else 1), animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer by the button that was pressed, by mouse or by Tab and Enter."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Close the question with its answer."""
        self.dismiss(yes)


def confirm(node: DOMNode, title: str, sentence: str, *, yes: str, then: Callable[[], object]) -> None:
    """Ask in a box over the screen; `then` is called after a yes, and nothing after a no."""

    def answered(answer: bool | None) -> None:
        if answer:
            then()

    node.app.push_screen(ConfirmScreen(title, sentence, yes=yes), answered)


class MenuLine(NamedTuple):
    """A line of a menu: its letter, its word and the value now."""

    letter: str
    word: str
    value: str
    """What it is now, on one line; empty where there is nothing."""


class LetterMenu(Dialog[str]):
    """Answers the word that was chosen."""

    def __init__(self, title: str, lines: Sequence[MenuLine]) -> None:
        super().__init__(title)
        self._lines = tuple(lines)

    def compose_body(self) -> ComposeResult:
        """The lines of the menu, a letter before each."""
        wide = max(cells(line.word) for line in self._lines)
        options = []
        for line in self._lines:
            # Bold, not dim beside plain: on the terminal's own colours what is dim cannot be read under the cursor.
            head = Content(f" {line.letter}  {fit(line.word, wide)}  ").stylize("bold")
            options.append(Option(head.append(one_line(line.value, 300) or "-")))
        yield Menu(*options, compact=True)

    def on_key(self, event: events.Key) -> None:
        """Choose the line that begins with the letter that was pressed."""
        for line in self._lines:
            if event.character == line.letter:
                event.stop().prevent_default()
                self.action_pick(line.word)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose a line by Enter or by mouse."""
        self.action_pick(self._lines[event.option_index].word)

    def action_pick(self, word: str) -> None:
        """Close the menu with the word that was chosen."""
        self.dismiss(word)


PATIENCE = 0.4
"""Seconds before there is a box."""


class ProgressScreen(Dialog[None]):
    """Which one of how many; Esc stops after it."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("progress.stop", "cancel", "Stop after this one")]

    def __init__(self, progress: "Progress") -> None:
        super().__init__("One moment")
        self._progress = progress

    def compose_body(self) -> ComposeResult:
        """Yield a line that says how many items are done."""
        yield Static(self._progress.line, id="at", markup=False)

    def show(self) -> None:
        """The line as it is now; written only when it changes."""
        self.query_one("#at", Static).update(self._progress.line)

    def action_cancel(self) -> None:
        """Let the current item come to its end, and begin no further one."""
        self._progress.unwanted = True
        self.show()


class Progress:
    """Used in a `with` around the verbs; `unwanted`: no further one is to begin."""

    def __init__(self, screen: Screen[None], many: int) -> None:
        self.unwanted = False
        self._screen = screen
        self._many = many
        self._number = 0
        self._name = ""
        self._box: ProgressScreen | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def line(self) -> str:
        """`2 of 5 · fix login`."""
        stopping = "; then it stops" if self.unwanted else ""
        return f"{self._number} of {self._many} · {one_line(self._name, 200)}{stopping}"

    def at(self, name: str) -> None:
        """Show that the next item has begun."""
        self._number += 1
        self._name = name
        if self._box is not None and self._box.is_mounted:
            self._box.show()

    def _open(self) -> None:
        self._box = ProgressScreen(self)
        self._screen.app.push_screen(self._box)

    def __enter__(self) -> Self:
        self._timer = call_after(self._screen, PATIENCE, self._open)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._box is not None and self._box.is_attached:
            self._box.dismiss(None)
