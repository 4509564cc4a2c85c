"""The session list: the first screen. It is given the board; what is done with a session lives in `actions`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var

from ampsm_engine import labels, list_memory
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Board, BoardRow, Session
from ampsm_engine.state_styles import STATES
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, in_background
from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.screens.actions import SessionActions, SessionActionsScreen
from ampsm_tui.screens.list_updates import ChangeCounter, ForecastWatcher
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece, TextLine, pieces_width
from ampsm_tui.widgets.notices import ReturnNotice, StaleNotice
from ampsm_tui.widgets.preview import Preview
from ampsm_tui.widgets.session_order import NEED, Arrangement, needs_me, repository_of
from ampsm_tui.widgets.session_table import SessionTable

if TYPE_CHECKING:
    from textual.widgets import Input

    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_tui.widgets.forecast import Forecasts
    from ampsm_tui.widgets.inputs import FilterBox

LOOK_AGAIN = 15.0
"""Seconds between two updates of the ages, which are given in minutes."""


class SummaryBar(TextLine):
    """How many sessions are what, with glyph and word, or the glyph alone; and what the list was narrowed to."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-brand", "-quiet", "-chosen", *(f"-{word}" for word in STATES)}
    DEFAULT_CSS = """
    SummaryBar {
        background: $surface; padding: 0 1;
        & > .-brand { color: $foreground; text-style: bold; }
        & > .-quiet { color: $foreground 55%; }
        & > .-chosen { color: $accent; }
    }
    """ + state_rules("SummaryBar")

    def show(self, rows: Sequence[BoardRow], how: Arrangement, marked: int, *, read_only: bool) -> None:
        """Show the counts of these sessions, and how the list is arranged."""
        counted = Counter(labels.state_word(row) for row in rows)
        brand = [Piece("ampsm", "brand"), Piece(" watch" if read_only else "", "quiet")]
        chosen = _chosen(how, marked)
        width = self.size.width
        for left in (
            [*brand, *_counts(counted, words=True, gap="  ")],
            [*brand, *_counts(counted, words=False, gap="  ")],
            [*_counts(counted, words=False, gap=" ")],
        ):
            if pieces_width((*left, *chosen)) < width:
                break
        self.set_pieces(left, chosen)


class SessionsScreen(SessionActionsScreen):
    """The list of sessions, a row each; beside it, where there is room, a preview."""

    TITLE = "sessions"
    CSS_PATH = "sessions.tcss"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        *((0, "-narrow"), (45, "-slim"), (70, "-normal"), (100, "-wide"), (140, "-broad")),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high"), (36, "-tall")]  # noqa: RUF012
    PURPOSE = (
        "A line a session: what it does, what it changed, if it needs you.",
        "What needs you stands at the top; {list.next} goes from one to the next.",
        "Marked with {list.mark}, several are acted on at once.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.new", "new", "New"),
        bind("session.new-from", "new_from"),
        bind("list.copy", "session('copy')"),
        bind("back", "back"),
        bind("list.filter", "filter", "Filter"),
        bind("list.next", "next_needing", "Next for me"),
        bind("list.status", "status"),
        bind("list.sort", "sort"),
        bind("list.group", "group"),
        bind("list.here", "here"),
        bind("list.preview", "preview"),
        bind("list.radar", "open('radar')"),
        bind("list.runs", "open('runs')"),
        bind("list.clean", "clean"),
        bind("list.metrics", "open('metrics')"),
        bind("list.upkeep", "open('upkeep')"),
    ]

    PASSING_KEYS = (*SessionActionsScreen.PASSING_KEYS, "list.open", "list.next", "list.filter")

    board: var[Board | None] = var(None, init=False)
    counts: var[Mapping[str, "ChangeCounts"]] = var(dict, init=False)
    forecasts: var["Forecasts"] = var(dict, init=False)

    def __init__(self) -> None:
        super().__init__()
        self.table = SessionTable()
        """The widget that lists the sessions."""
        self.actions = SessionActions(self, self.table.selected_sessions)
        self._counter: ChangeCounter | None = None
        self._forecasts: ForecastWatcher | None = None

    def compose(self) -> ComposeResult:
        """Summary, list and preview, keys."""
        yield SummaryBar()
        yield StaleNotice()
        yield ReturnNotice()
        with Horizontal():
            shown = (SessionsScreen.board, SessionsScreen.counts, SessionsScreen.forecasts)
            yield self.table.data_bind(*shown)
            yield Preview().data_bind(*shown)
        yield KeyBar()

    def on_mount(self) -> None:
        """Take the keys to the list."""
        self.table.focus()
        engine = app_of(self).engine
        if engine is not None:
            self.counts = list_memory.counts(engine.home)
            if not app_of(self).read_only:
                self.table.marked = list_memory.marks(engine.home)
            self._counter = ChangeCounter(self, engine, partial(setattr, self, "counts"), self.counts)
            self._forecasts = ForecastWatcher(self, engine, partial(setattr, self, "forecasts"))
        self.set_interval(LOOK_AGAIN, self._refresh_ages)

    def watch_board(self, board: Board | None) -> None:
        """Show the sessions and counts of the new board."""
        if self._counter and board:
            self._counter.take_board(board)
        if self._forecasts and board:
            self._forecasts.take_board(board)
        self._summarize()
        self.renew_keys()

    def offers(self, key_id: str) -> bool:
        """What opens, finds and goes on lives where there is something to open, to find or to go to."""
        rows = self.table.rows
        if key_id == "list.next":
            return any(map(needs_me, rows))
        if key_id == "list.open":
            return bool(rows)
        if key_id == "list.filter":
            return bool(rows or self.table.arrangement.text)
        return super().offers(key_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does anything: while a filter is typed, `/` is a letter."""
        if action == "filter" and self.focused is not None and not self.table.has_focus:
            return False
        return super().check_action(action, parameters)

    def _refresh_ages(self) -> None:
        self.table.refresh_changed()
        self.query_one(Preview).refresh_changed()

    def _summarize(self) -> None:
        rows = [row for row in self.board.rows if not labels.is_away(row)] if self.board else []
        table = self.table
        self.query_one(SummaryBar).show(rows, table.arrangement, len(table.marked), read_only=app_of(self).read_only)

    def on_resize(self) -> None:
        """Show the counts that fit into the new size."""
        self.call_after_refresh(self._summarize)

    def on_session_table_rows_shown(self, event: SessionTable.RowsShown) -> None:
        """Count what is on screen."""
        if self._counter:
            self._counter.set_shown(event.session_ids)

    def on_table_view_row_chosen(self, event: SessionTable.RowChosen) -> None:
        """Open the screen of the session that was chosen."""
        app_of(self).opener.open_session(event.key)

    def on_table_view_row_highlighted(self, event: SessionTable.RowHighlighted) -> None:
        """Show what is under the cursor."""
        self.query_one(Preview).session_id = event.key
        self.renew_keys()

    def on_table_view_marks_changed(self) -> None:
        """Say how many are marked, and keep which."""
        self._summarize()
        self.renew_keys()
        engine = app_of(self).engine
        if engine is not None and not app_of(self).read_only:
            list_memory.keep_marks(engine.home, self.table.marked)

    def on_filter_box_list_moved(self, event: "FilterBox.ListMoved") -> None:
        """Move in the list while a filter is typed."""
        self.table.action_move(event.by)

    def on_filter_box_typing_ended(self) -> None:
        """Give the keys back to the list."""
        self.table.focus()

    def on_input_changed(self, event: "Input.Changed") -> None:
        """Narrow the list with each letter."""
        self._arrange(text=event.value)

    def _arrange(self, **choice: object) -> None:
        self.table.arrangement = replace(self.table.arrangement, **choice)  # type: ignore[arg-type]
        self._summarize()

    def action_new(self) -> None:
        """Open the form for a new session."""
        self._open_form(None)

    def action_new_from(self) -> None:
        """Open the form with the repository, base, script and mode of the selected session."""
        if session := self.actions.only_one("New from"):
            self._open_form(session)

    def _open_form(self, like: Session | None) -> None:
        from ampsm_tui.screens.new_session import Beginning, FormResult, NewSessionScreen

        def follow(made: FormResult | None) -> None:
            if made is not None and made.batch_id:
                app_of(self).opener.open_run(made.batch_id)
            elif made is not None:
                self.table.expect(made.session_id)

        self.app.push_screen(NewSessionScreen(Beginning.of(like) if like else None), follow)

    async def action_filter(self) -> None:
        """Open the box that a filter is typed into."""
        from ampsm_tui.widgets.inputs import FilterBox  # its Input is not worth the time of the first frame

        boxes = self.query(FilterBox)
        box = boxes.first() if boxes else FilterBox()
        if not boxes:
            await self.mount(box, after=self.query_one(SummaryBar))
        box.show()

    def action_status(self) -> None:
        """Show only the sessions of the next status."""
        rows = self.board.rows if self.board else ()
        self._arrange(status=self.table.arrangement.next_status(rows).status)

    def action_sort(self) -> None:
        """Sort the sessions by the next of the ways to sort."""
        self._arrange(sort=self.table.arrangement.next_sort().sort)
        app_of(self).show_toast(f"Sorted by {self.table.arrangement.sort}")

    def action_group(self) -> None:
        """Group the sessions by the next thing: repository, tag, nothing."""
        rows = self.board.rows if self.board else ()
        self._arrange(group=self.table.arrangement.next_group(rows).group)

    def action_here(self) -> None:
        """Show only the repository that ampsm was started in, or all."""
        rows = self.board.rows if self.board else ()
        if self.table.arrangement.inside is not None:
            self._arrange(inside=None)
        elif (inside := repository_of(Path.cwd(), rows)) is not None:
            self._arrange(inside=inside)
        else:
            app_of(self).show_toast(f"{one_line(str(Path.cwd()), 200)} is in no repository with a session")

    def action_open(self, what: str) -> None:
        """Open the radar (which sessions overlap), the batch runs, the numbers of all that ran, or the upkeep."""
        opener = app_of(self).opener
        {
            "radar": opener.open_radar,
            "runs": opener.open_runs,
            "metrics": opener.open_metrics,
            "upkeep": opener.open_upkeep,
        }[what]()

    def action_preview(self) -> None:
        """Show the preview, below the list where there is no room beside it, or hide it."""
        is_shown = self.query_one(Preview).display
        self.set_class(is_shown, "-without-preview")
        self.set_class(not is_shown, "-below")

    @in_background
    async def action_clean(self) -> None:
        """Offer what is merged, here or upstream, for the trash."""
        from ampsm_engine.engine import merged_elsewhere

        app_of(self).show_toast("Looking for sessions whose work is merged")
        found = await ask(merged_elsewhere.find_merged, app_of(self).engine)
        wanted = {one.session_id for one in found.merged}
        sessions = [row.session for row in (self.board.rows if self.board else ()) if row.session.id in wanted]
        if sessions:
            title = f"Move {labels.session_names(sessions)} to the trash? All work is merged."
            self.actions.trash_these(sessions, title, "To the trash", merged=True)
        else:
            app_of(self).show_toast("No session has all its work in its base")

    def action_next_needing(self) -> None:
        """Move the cursor to the next session that waits for a person."""
        if not self.table.next_that_needs_me():
            app_of(self).show_toast("No session in this list needs you")

    async def action_back(self) -> None:
        """Take back what narrows the list, one thing at a time: marks, filter, status, repository."""
        table = self.table
        how = table.arrangement
        if table.marked:
            table.marked = frozenset()
        elif how.text:
            from ampsm_tui.widgets.inputs import FilterBox

            self.query_one(FilterBox).action_leave()
        elif how.status != "all":
            self._arrange(status="all")
        elif how.inside is not None:
            self._arrange(inside=None)


def _counts(counted: Counter[str], *, words: bool, gap: str) -> list[Piece]:
    parts = []
    for word in NEED:
        if counted[word]:
            name = f" {word}" if words else ""
            parts.append(Piece(f"{gap}{STATES[word].glyph} {counted[word]}{name}", word))
    return parts


def _chosen(how: Arrangement, marked: int) -> list[Piece]:
    parts = [f"{marked} marked" if marked else ""]
    if how.text:
        parts.append(f"/{one_line(how.text, 20)}")
    if how.status != "all":
        parts.append(f"only {how.status}")
    if how.inside is not None:
        parts.append(f"in {one_line(how.inside.rstrip('/').rpartition('/')[2], 24)}")
    if how.group:
        parts.append(f"by {how.group}")
    if how.sort != "needs me":
        parts.append(f"by {how.sort}")
    return [Piece("  ".join(filter(None, parts)), "chosen")]
