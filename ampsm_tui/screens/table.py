"""What every screen around a table has: filter, order and choice of its rows, and Esc that takes each of them back."""

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.reactive import var

from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.live_answer import LiveAnswer
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_columns import ALL, RecordArrangement
from ampsm_tui.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from textual.widgets import Input

    from ampsm_tui.widgets.inputs import FilterBox


class TableScreen(AppScreen[None]):
    """A screen around one table; a screen with others as well has them beside it."""

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

    def on_record_table_record_marks_changed(self) -> None:
        """Say how many are marked, and which keys live now."""
        self.show_arrangement()
        self.refresh_bindings()

    def on_record_table_record_highlighted(self) -> None:
        """Name the keys that live on the row under the cursor."""
        self.refresh_bindings()

    def on_filter_box_list_moved(self, event: "FilterBox.ListMoved") -> None:
        """Move in the table while a filter is typed."""
        self.table.action_move(event.by)

    def on_filter_box_typing_ended(self) -> None:
        """Back to the table."""
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
