"""Follow-ups: those that wait, and the box for the next.

Enter sends, ctrl+j is a new line, the arrows at the ends bring back earlier prompts. No key that a terminal over SSH
cannot send. Who sends it, and where drafts are kept, is decided by the screen.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Iteration
from ampsm_engine.state_styles import STATES
from ampsm_tui.bindings import allow_action, bind
from ampsm_tui.clean import cut, one_line
from ampsm_tui.widgets.inputs import typed
from ampsm_tui.widgets.text_input import TextInput
from ampsm_tui.widgets.timeline import on_ground

MOST = 4
"""Lines that the queue takes at most; the cursor scrolls it."""


class QueuedPrompts(Widget, can_focus=True):
    """The queued iterations of a session, with a cursor."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {"queued-prompts--label", "queued-prompts--text", "queued-prompts--cursor"}
    DEFAULT_CSS = f"""
    QueuedPrompts {{
        height: auto; max-height: {MOST}; display: none; padding: 0 1;
        &.-any {{ display: block; }}
        & > .queued-prompts--label {{ color: $secondary; }}
        & > .queued-prompts--text {{ color: $foreground; }}
        & > .queued-prompts--cursor {{ background: $primary 25%; }}
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("queue.edit", "edit", "Edit"),
        bind("queue.take-out", "drop", "Take out"),
        bind("move.down", "step(1)"),
        bind("move.up", "step(-1)"),
    ]

    check_action = allow_action

    waiting: reactive[tuple[Iteration, ...]] = reactive((), layout=True)
    """What waits, oldest first."""

    @dataclass
    class EditWanted(Message):
        """Posted when a queued prompt is to be edited."""

        iteration: Iteration

    @dataclass
    class Dropped(Message):
        """Posted when a queued prompt is to be taken out of the queue."""

        iteration: Iteration

    def __init__(self) -> None:
        super().__init__()
        self._cursor = ""

    def show(self, waiting: Sequence[Iteration]) -> None:
        """Show what waits; the cursor stays on its prompt."""
        index = self._index()
        self.waiting = tuple(waiting)
        if self.waiting and all(one.id != self._cursor for one in self.waiting):
            self._cursor = self.waiting[min(index, len(self.waiting) - 1)].id
        self.set_class(bool(self.waiting), "-any")
        self.can_focus = bool(self.waiting)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002 - Textual's
        """A line for each waiting prompt, up to `MOST`."""
        return min(MOST, len(self.waiting))

    def render_line(self, y: int) -> Strip:
        """One waiting prompt as a line of cells."""
        index = y + self._first()
        width = self.content_size.width
        if index >= len(self.waiting):
            return Strip.blank(width, self.rich_style)
        iteration = self.waiting[index]
        is_here = self.has_focus and iteration.id == self._cursor
        label = f"{'▌' if is_here else STATES['queued'].glyph} {iteration.number} queued  "
        last = self._first() + self.size.height - 1
        more = len(self.waiting) - 1 - last if index == last else 0
        tail = f"  +{more} more" if more > 0 else ""
        text = cut(one_line(iteration.prompt, 500), max(4, width - len(label) - len(tail)))
        strip = Strip(
            [
                Segment(label, self._style("label")),
                Segment(text, self._style("text")),
                Segment(tail, self._style("label")),
            ]
        ).adjust_cell_length(width)
        if is_here:
            return on_ground(strip, self.get_component_rich_style("queued-prompts--cursor"))
        return strip.apply_style(self.rich_style)

    def _style(self, name: str) -> Style:
        return Style(color=self.get_component_rich_style(f"queued-prompts--{name}").color)

    def _first(self) -> int:
        return max(0, self._index() - max(1, self.size.height) + 1)

    def _index(self) -> int:
        for index, iteration in enumerate(self.waiting):
            if iteration.id == self._cursor:
                return index
        return 0

    def action_step(self, by: int) -> None:
        """Move the cursor by so many prompts."""
        if self.waiting:
            self._cursor = self.waiting[min(max(self._index() + by, 0), len(self.waiting) - 1)].id
            self.refresh()

    def action_edit(self) -> None:
        """Change the prompt under the cursor."""
        if self.waiting:
            self.post_message(self.EditWanted(self.waiting[self._index()]))

    def action_drop(self) -> None:
        """Take the prompt under the cursor out of the queue."""
        if self.waiting:
            self.post_message(self.Dropped(self.waiting[self._index()]))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the prompt that was clicked."""
        index = event.y + self._first()
        if index < len(self.waiting):
            self._cursor = self.waiting[index].id
            self.refresh()


class PromptBox(TextInput):
    """A box of many lines for the next prompt."""

    DEFAULT_CSS = """
    PromptBox {
        height: auto; min-height: 1; max-height: 12; border: none; padding: 0 1 0 0; background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("text.send", "send", "Send", priority=True),
        bind("back", "leave", "Leave"),
    ]

    check_action = allow_action

    @dataclass
    class Sent(Message):
        """Posted when the text is to be sent as the next prompt."""

        text: str

    @dataclass
    class Left(Message):
        """Posted when the box was left; the text stays in it."""

    def __init__(self) -> None:
        super().__init__(
            soft_wrap=True,
            show_line_numbers=False,
            compact=True,
            highlight_cursor_line=False,
            tab_behavior="focus",
        )
        self._history: tuple[str, ...] = ()
        self._place = -1
        self._draft = ""

    @property
    def unsent(self) -> str:
        """What a person wrote in here: not an earlier prompt that is only looked at."""
        recalled = self._place >= 0 and self.text == self._history[self._place]
        return self._draft if recalled else self.text

    def remember(self, prompts: Sequence[str]) -> None:
        """What was asked before, newest first."""
        self._history = tuple(dict.fromkeys(typed(prompt) for prompt in prompts))

    def fill(self, text: str) -> None:
        """Have this text in the box, the cursor behind it."""
        super().fill(text)
        self._place = -1

    def on_paste(self, event: events.Paste) -> None:
        """Take pasted text in, without what no prompt may hold."""
        event.stop().prevent_default()
        self.insert_typed(typed(event.text))

    def action_send(self) -> None:
        """Send; behind a backslash, a new line instead."""
        if not self.begin_line() and self.text.strip():
            self.post_message(self.Sent(self.text))

    def action_leave(self) -> None:
        """Leave the box; the text stays in it."""
        self.post_message(self.Left())

    def action_cursor_up(self, select: bool = False) -> None:
        """Move the cursor up; from the first line, take the prompt before."""
        if not select and self.navigator.is_first_wrapped_line(self.cursor_location) and self._recall(1):
            return
        super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move the cursor down; from the last line, take the prompt after, and at last what was being written."""
        if not select and self.navigator.is_last_wrapped_line(self.cursor_location) and self._recall(-1):
            return
        super().action_cursor_down(select)

    def _recall(self, by: int) -> bool:
        place = self._place + by
        if not -1 <= place < len(self._history):
            return False
        if self._place == -1:
            self._draft = self.text
        self.load_text(self._draft if place == -1 else self._history[place])
        self.move_cursor(self.document.end if by < 0 else (0, 0))
        self._place = place
        return True
