"""The prompts that wait, oldest first: one line each, to be edited or taken out."""

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
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cut, one_line
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

    waiting: reactive[tuple[Iteration, ...]] = reactive((), layout=True)
    """What waits, oldest first."""

    @dataclass
    class EditWanted(Message):
        """This prompt is to be edited."""

        iteration: Iteration

    @dataclass
    class Dropped(Message):
        """This prompt is not to run."""

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
        label = f"{'▌' if is_here else '◌'} {iteration.number} queued  "
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
        """The cursor goes where one clicks."""
        index = event.y + self._first()
        if index < len(self.waiting):
            self._cursor = self.waiting[index].id
            self.refresh()
