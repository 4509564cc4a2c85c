"""What every screen around a table has: an answer that is kept up to date; filter, order and choice of its rows."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from textual.binding import BindingType
from textual.reactive import var

from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_table import ALL, RecordArrangement, RecordTable

if TYPE_CHECKING:
    from textual.widgets import Input

    from ampsm_tui.widgets.inputs import FilterBox


Answer = TypeVar("Answer")

TICK = 1.0
"""Seconds between two questions while something runs: what the board does not show, such as a time that goes by."""

PAUSE = 0.2
"""Seconds between two questions at least; changes come in bursts."""

LONG_PAUSE = 2.0
"""Seconds between two questions at least whose answers take git, or every iteration there ever was."""

SHARE = 3.0
"""The pause after a question, as a multiple of the time that it took."""


class LiveAnswer(Generic[Answer]):
    """One answer of one screen.

    `ask` asks for it, `show` shows it and says whether something goes on that is to be followed; `gone` hears the
    error of an answer that there is none any more.
    """

    def __init__(
        self,
        screen: AppScreen[Any],
        ask: Callable[[], Awaitable[Answer]],
        show: Callable[[Answer], bool],
        gone: Callable[[AmpsmError], None] | None = None,
        *,
        pause: float = PAUSE,
    ) -> None:
        self._screen = screen
        self._pause = pause
        self._ask = ask
        self._show = show
        self._gone = gone
        self._is_stale = False
        self._is_asking = False
        self._goes_on = False

    def start(self) -> None:
        """Ask for the first time, and again from now on."""
        self._screen.set_interval(TICK, self._tick)
        self.renew()

    def renew(self) -> None:
        """Something may have changed: ask again, as soon as that is due and the screen is in front."""
        self._is_stale = True
        if not self._is_asking and self._screen.is_current:
            self._is_asking = True
            run_while_open(self._screen, self._follow(), group="answering")

    def _tick(self) -> None:
        if self._goes_on or self._is_stale:
            self.renew()

    async def _follow(self) -> None:
        try:
            while self._is_stale:
                self._is_stale = False
                began = time.monotonic()
                self._goes_on = self._show(await self._ask())
                self._screen.refresh_bindings()
                if self._is_stale:
                    await asyncio.sleep(max(self._pause, SHARE * (time.monotonic() - began)))
        except AmpsmError as reason:
            self._goes_on = False
            (self._gone or self._complain)(reason)
        finally:
            self._is_asking = False

    def _complain(self, reason: AmpsmError) -> None:
        show_error(self._screen, reason)


class TableScreen(AppScreen[None]):
    """A screen around one table; a screen with others as well has them beside it."""

    CSS_PATH = Path(__file__).with_name("table.tcss")  # a subclass in another folder would look for it there
    FILTER_BY: ClassVar = "name"
    """What a filter looks through, in words."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("table.filter", "filter", "Filter"),
        bind("table.status", "status"),
        bind("table.sort", "sort"),
        bind("table.reverse", "reverse"),
        bind("back", "back"),
    ]

    board: var[Board | None] = var(None, init=False)

    table: RecordTable[Any]
    live: LiveAnswer[Any]
    """What the table shows, asked for again whenever the board has changed."""

    def on_mount(self) -> None:
        """Take the keys to the table, and ask for what it shows from now on."""
        self.table.focus()
        self.show_arrangement()
        self.live.start()

    def watch_board(self) -> None:
        """Ask again: what has changed may be in the table."""
        self.live.renew()

    def on_screen_resume(self) -> None:
        """Show what changed while something else was in front."""
        self.live.renew()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a filter is typed, `/` is a letter."""
        if action == "filter" and self.focused is not None and not isinstance(self.focused, RecordTable):
            return False
        return super().check_action(action, parameters)

    def offers(self, key_id: str) -> bool:
        """What opens lives on a row, and a filter where there is something to find."""
        if key_id == "table.open":
            return bool(self.table.rows)
        if key_id == "table.filter":
            return bool(self.table.records)
        return super().offers(key_id)

    def show_arrangement(self) -> None:
        """Show what the table was narrowed to, where the screen has a place for it."""

    def chosen(self) -> list[Piece]:
        """What the table was narrowed to and how it is sorted, for the end of a line."""
        how = self.table.arrangement
        parts = [f"{len(self.table.marked)} marked" if self.table.marked else ""]
        if how.text:
            parts.append(f"/{one_line(how.text, 20)}")
        if how.state != ALL:
            parts.append(f"only {how.state}")
        if how.sort:
            parts.append(f"by {how.sort.lower()}")
        return [Piece("  ".join(filter(None, parts)), "chosen")]

    def on_table_view_marks_changed(self) -> None:
        """Say how many are marked, and which keys live now."""
        self.show_arrangement()
        self.refresh_bindings()

    def on_table_view_row_highlighted(self) -> None:
        """Name the keys that live on the row under the cursor."""
        self.refresh_bindings()

    def on_filter_box_list_moved(self, event: "FilterBox.ListMoved") -> None:
        """Move in the table while a filter is typed."""
        self.table.action_move(event.by)

    def on_filter_box_typing_ended(self) -> None:
        """Give the keys back to the table."""
        self.table.focus()

    def on_input_changed(self, event: "Input.Changed") -> None:
        """Narrow the table with each letter."""
        self._arrange(replace(self.table.arrangement, text=event.value))

    def _arrange(self, how: RecordArrangement) -> None:
        self.table.arrangement = how
        self.show_arrangement()

    async def action_filter(self) -> None:
        """Open the box that a filter is typed into."""
        from ampsm_tui.widgets.inputs import FilterBox

        boxes = self.query(FilterBox)
        box = boxes.first() if boxes else FilterBox(self.FILTER_BY)
        if not boxes:
            await self.mount(box, before=self.table)
        box.show()

    def action_status(self) -> None:
        """Show only the rows in the next state."""
        self._arrange(self.table.kind.next_state(self.table.records or (), self.table.arrangement))

    def action_sort(self) -> None:
        """Sort by the next column that can."""
        self._arrange(self.table.kind.next_sort(self.table.arrangement))
        sort = self.table.arrangement.sort
        app_of(self).show_toast(f"Sorted by {sort.lower()}" if sort else "In their own order")

    def action_reverse(self) -> None:
        """Reverse the order of the rows."""
        how = self.table.arrangement
        self._arrange(replace(how, is_reversed=not how.is_reversed))

    async def action_back(self) -> None:
        """Take back what narrows the table, one thing at a time; then leave."""
        how = self.table.arrangement
        if self.table.marked:
            self.table.marked = frozenset()
        elif how.text:
            from ampsm_tui.widgets.inputs import FilterBox

            self.query_one(FilterBox).action_leave()
        elif how.state != ALL:
            self._arrange(replace(how, state=ALL))
        else:
            self.dismiss(None)
