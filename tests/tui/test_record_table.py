"""The table that runs, items, variants and figures are shown in: no more is painted than what changed."""

from hypothesis import given
from hypothesis import strategies as st

from ampsm_tui.clean import cells
from ampsm_tui.widgets.line_widgets import Piece, fitting
from ampsm_tui.widgets.record_table import RecordArrangement, RecordTable, layout
from ampsm_tui.widgets.run_columns import files_kind, items_kind, runs_kind, variants_kind
from ampsm_tui.widgets.table_lines import GAP
from tests.tui.batches import a_run, a_view, all_states, an_item, sessions_of, some_runs
from tests.tui.builders import a_board
from tests.tui.desk import Desk

KINDS = (runs_kind(""), items_kind(lambda _: None), variants_kind(lambda: None), files_kind(()))


@given(st.integers(27, 300), st.sampled_from(KINDS))
def test_columns_fill_their_width_exactly_and_are_never_below_their_least(width: int, kind: object) -> None:
    shown = layout(kind.columns, width)  # type: ignore[attr-defined]
    assert sum(room for _, room in shown) + GAP * (len(shown) - 1) == width
    assert all(room >= column.least for column, room in shown)


def test_what_a_column_does_not_need_is_for_the_last_that_has_text() -> None:
    needs = {"NAME": 20, "REPOSITORY": 13, "MODE": 4, "#": 2}
    shown = {column.title: room for column, room in layout(KINDS[1].columns, 120, lambda one: needs.get(one.title, 0))}
    assert (shown["NAME"], shown["REPOSITORY"]) == (20, 13)
    spare = {column.title: room for column, room in layout(KINDS[1].columns, 120)}
    assert shown["DOING"] > spare["DOING"]


@given(st.lists(st.sampled_from(["✓ 2 ", "⊘ 1 ", "", "漢字", "a", "…"]), max_size=6), st.integers(1, 24))
def test_what_a_cell_has_no_room_for_leaves_an_ellipsis(texts: list[str], room: int) -> None:
    whole = "".join(texts)
    shown = "".join(piece.text for piece in fitting([Piece(text) for text in texts], room))
    assert cells(shown) <= room
    assert shown == whole or shown.endswith("…") or not whole[len(shown) :].strip()


def test_what_is_not_known_comes_last_whichever_way_round() -> None:
    kind = items_kind(lambda _: None)
    lines = a_view(a_run(), all_states()).items
    for is_reversed in (False, True):
        shown = kind.arranged(lines, RecordArrangement(sort="TOKENS", is_reversed=is_reversed))
        assert shown[-1].tokens is None
        known = [line.tokens for line in shown[:-1]]
        assert known == sorted(known, key=lambda many: many or 0, reverse=is_reversed)


async def test_a_changed_item_repaints_its_line_alone(desk: Desk) -> None:
    items = all_states()
    desk.answers |= {"run_lines": lambda *_: some_runs(), "run_view": lambda *_: a_view(a_run(), items)}
    board = a_board(*sessions_of(items))
    async with desk.open(board, size=(120, 40)):
        await desk.press("B", "enter")
        table = desk.app.screen.query_one(RecordTable)
        lines: list[int] = []
        plain = table.render_line

        def noted(y: int):
            lines.append(y)
            return plain(y)

        table.render_line = noted  # type: ignore[method-assign]
        changed = (an_item(1, "Upgrade the login", items[0].state, reason="landed"), *items[1:])
        desk.answers["run_view"] = lambda *_: a_view(a_run(), changed)
        await desk.show(a_board(*board.rows[:6], *board.rows[7:], board.rows[6]))
        del table.render_line
        desk.sees("landed")
        assert set(lines) == {1}


async def test_the_cursor_stays_on_its_record_and_marks_go_with_theirs(desk: Desk) -> None:
    items = all_states()
    desk.answers |= {"run_lines": lambda *_: some_runs(), "run_view": lambda *_: a_view(a_run(), items)}
    async with desk.open(a_board(*sessions_of(items))):
        await desk.press("B", "enter", "space", "space", "j")
        table = desk.app.screen.query_one(RecordTable)
        assert table.cursor == "b000000001-4"
        desk.answers["run_view"] = lambda *_: a_view(a_run(), (*items[1:4], *items[5:]))
        await desk.show(a_board(*sessions_of(items)[:2]))
        assert (table.cursor, table.marked) == ("b000000001-4", {"b000000001-2"})
