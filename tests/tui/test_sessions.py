"""The session list: what it shows at every size, what keys do, and that it repaints no more than what changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import ComposeResult

from ampsm_engine import list_memory
from ampsm_engine.list_memory import ChangeCounts
from ampsm_engine.model import State
from ampsm_tui.screens import list_updates
from ampsm_tui.screens.sessions import SessionsScreen, SummaryBar
from ampsm_tui.widgets.preview import Preview
from ampsm_tui.widgets.session_table import SessionTable
from tests.tui.builders import AWAITING, IDLE, RUNNING, a_board, a_day, a_days_counts, a_session, some_counts
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_clean import HOSTILE

SIZES = [(30, 24), (50, 20), (80, 24), (80, 10), (120, 40), (200, 50)]


@pytest.fixture
def counted(desk: Desk) -> Desk:
    """A desk whose engine counts what belongs to `a_day`."""
    desk.answers["changes"] = lambda _, ids: {one: counts for one, counts in a_days_counts().items() if one in ids}
    desk.answers["folders"] = lambda _, __: {}
    return desk


def table(desk: Desk) -> SessionTable:
    return desk.app.screen.query_one(SessionTable)


@contextmanager
def painted(desk: Desk) -> Iterator[list[int]]:
    """The lines of the table that are painted meanwhile."""
    lines: list[int] = []
    widget = table(desk)
    plain = widget.render_line

    def noted(y: int):
        lines.append(y)
        return plain(y)

    widget.render_line = noted  # type: ignore[method-assign]
    yield lines
    del widget.render_line


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_all_states(counted: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with counted.open(a_day(), size=size):
        snapshot_svg(counted.app)
        for line in counted.lines:
            assert cell_len(line) <= size[0]


async def test_watching(counted: Desk, snapshot_svg: Camera) -> None:
    async with counted.open(a_day(), read_only=True):
        snapshot_svg(counted.app)
        await counted.press("x", "d", "a", "m", "e", "exclamation_mark")
        assert isinstance(counted.app.screen, SessionsScreen)
        assert [verb for verb, _, _ in counted.verbs if verb not in {"measured_changes", "folders"}] == []


async def test_without_colour(counted: Desk, snapshot_svg: Camera) -> None:
    async with counted.open(a_day(), size=(120, 40), colours=0):
        snapshot_svg(counted.app)


@pytest.mark.parametrize("theme", ["ampsm-light", "ansi-dark"])
async def test_other_colours(counted: Desk, snapshot_svg: Camera, theme: str) -> None:
    async with counted.open(a_day(), size=(120, 40)):
        counted.app.theme = theme
        await counted.settle()
        snapshot_svg(counted.app)


async def test_by_repository_and_marked(counted: Desk) -> None:
    async with counted.open(a_day()):
        await counted.press("b", "space", "space")
        counted.sees("shop  5", "documentation  3", "2 marked", "by repository")


async def test_filter_without_a_match(counted: Desk) -> None:
    async with counted.open(a_day()):
        await counted.press("slash")
        await counted.type("login")
        counted.sees("Fix the login")
        counted.sees_not("changelog")
        await counted.type(" zebra")
        counted.sees("Nothing matches")
        await counted.press("escape")
        counted.sees("changelog")


async def test_hostile_names_are_inert_and_break_no_column(desk: Desk, snapshot_svg: Camera) -> None:
    rows = [a_session(name, IDLE, id=f"h{at}", amp_prompt=name) for at, name in enumerate(HOSTILE)]
    for size in ((80, 24), (120, 40), (30, 24)):
        async with desk.open(a_board(*rows), size=size):
            ages = {cell_len(line[: line.rindex("1h")]) for line in desk.lines if line.rstrip().endswith("1h")}
            if size[0] < 100:
                assert len(ages) == 1, "the last column stands in one line"
            assert not any(letter in desk.text for letter in "\x1b\x07\x00\x9b\u202e")
            await desk.press("G", "g")
            if size == (80, 24):
                snapshot_svg(desk.app)


async def test_what_changed_outside_of_a_worktree_is_marked_and_told_beside_the_list(desk: Desk) -> None:
    rows = (a_session("fix login", outside="branch main moved, stash +1"), a_session("dark mode"))
    async with desk.open(a_board(*rows), size=(120, 40)):
        desk.sees("! fix login", "outside its worktree", "branch main moved, stash +1")
        desk.sees_not("! dark mode")
    async with desk.open(a_board(*rows), size=(30, 24)):
        desk.sees("! fix login")


async def test_what_is_gone_of_a_session_stands_in_the_list(desk: Desk) -> None:
    desk.answers["changes"] = lambda _, ids: {one: some_counts(missing="worktree gone") for one in ids}
    async with desk.open(a_board(a_session("fix login")), size=(100, 20)):
        desk.sees("worktree gone")


async def test_moving_the_cursor_paints_two_lines(counted: Desk) -> None:
    async with counted.open(a_day()):
        with painted(counted) as lines:
            await counted.press("j")
        assert sorted(set(lines)) == [1, 2]
        assert table(counted).cursor == "fails"


async def test_a_changed_session_paints_its_line_alone(counted: Desk) -> None:
    board = a_day()
    async with counted.open(board):
        row = board.rows[0]
        said = replace(row, current=replace(row.current, activity="Read app/session.py"))  # type: ignore[type-var]
        with painted(counted) as lines:
            await counted.show(replace(board, rows=(said, *board.rows[1:])))
        assert set(lines) == {3}
        counted.sees("Read app/sess")


async def test_a_board_that_says_the_same_paints_nothing(counted: Desk) -> None:
    async with counted.open(a_day()):
        with painted(counted) as lines:
            await counted.show(a_day())
        assert lines == []


async def test_the_cursor_stays_on_its_session_wherever_that_goes(counted: Desk) -> None:
    board = a_day()
    async with counted.open(board):
        await counted.press("j", "j")
        assert table(counted).cursor == "works"
        needs = replace(board.rows[0].session, status=AWAITING)
        await counted.show(replace(board, rows=(replace(board.rows[0], session=needs), *board.rows[1:])))
        assert table(counted).cursor == "works"
        assert counted.line_with("Fix the login").startswith("▌")
        await counted.show(replace(board, rows=board.rows[1:]))
        assert table(counted).cursor is not None, "when it is gone, the one in its place"


async def test_an_end_of_many_is_reached_and_seen(desk: Desk) -> None:
    board = a_board(*(a_session(f"session {at:03}", id=f"m{at:03}") for at in range(300)))
    async with desk.open(board):
        await desk.press("G")
        desk.sees("session 299")
        await desk.press("ctrl+u")
        assert table(desk).cursor != "m299"
        await desk.press("g")
        desk.sees("session 000")


async def test_w_goes_to_what_needs_me_and_says_when_nothing_does(counted: Desk) -> None:
    async with counted.open(a_day()):
        await counted.press("G", "n")
        assert table(counted).cursor == "asks"
        await counted.press("n")
        assert table(counted).cursor == "fails"
        await counted.show(a_board(a_session("calm")))
        await counted.press("n")
        counted.sees("No session in this list needs you")


async def test_marks_select_several_and_escape_takes_back_one_thing_at_a_time(counted: Desk) -> None:
    async with counted.open(a_day()) as desk:
        screen = desk.app.screen
        assert isinstance(screen, SessionsScreen)
        assert [one.id for one in screen.table.selected_sessions()] == ["asks"]
        await desk.press("f", "space", "space")
        assert {one.id for one in screen.table.selected_sessions()} == {"asks", "fails"}
        desk.sees("only needs me", "2 marked")
        await desk.press("escape")
        desk.sees("only needs me")
        desk.sees_not("marked")
        await desk.press("escape")
        desk.sees_not("only needs me")
        await desk.press("escape")
        assert desk.app.screen is screen


async def test_layouts_switch_while_the_pane_is_resized(counted: Desk) -> None:
    async with counted.open(a_day(), size=(120, 40)):
        counted.sees("STATUS", "iterations")
        await counted.resize(30, 24)
        counted.sees("script failed (2)", "◆ 1 ✗ 1")
        counted.sees_not("STATUS", "iterations")
        await counted.resize(80, 10)
        counted.sees("script failed (2)", "quit")
        await counted.resize(200, 50)
        counted.sees("TESTS", "Move the billing job to the queue  ", "iterations")


async def test_only_what_is_on_screen_is_counted(desk: Desk) -> None:
    asked: list[str] = []
    desk.answers["changes"] = lambda _, ids: asked.extend(ids) or {one: some_counts() for one in ids}
    board = a_board(*(a_session(f"session {at:03}", id=f"m{at:03}") for at in range(300)))
    async with desk.open(board):
        assert asked == [f"m{at:03}" for at in range(len(asked))]
        assert 10 < len(asked) < 40
        desk.sees("+120 -34")
        await desk.press("G")
        assert "m299" in asked


async def test_counts_are_asked_again_when_an_iteration_ends_not_when_amp_speaks(desk: Desk) -> None:
    asked: list[str] = []
    desk.answers["changes"] = lambda _, ids: asked.extend(ids) or {one: some_counts() for one in ids}
    row = a_session("one", RUNNING, id="one", activity="Reading")
    async with desk.open(a_board(row)):
        assert asked == ["one"]
        speaks = replace(row, current=replace(row.current, activity="Writing"))  # type: ignore[type-var]
        await desk.show(a_board(speaks))
        assert asked == ["one"]
        ended = replace(row, current=replace(row.current, state=State.SETTLED, commit_sha="c" * 40))  # type: ignore[type-var]
        await desk.show(a_board(ended))
        assert asked == ["one", "one"]


async def test_only_the_repository_of_this_folder(
    counted: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = a_session("mine", repo_root=os.fspath(tmp_path))
    async with counted.open(a_board(mine, a_session("theirs"))):
        await counted.press("full_stop")
        counted.sees("mine")
        counted.sees_not("theirs")
        await counted.press("full_stop")
        counted.sees("theirs")


async def test_n_goes_from_match_to_match_while_a_filter_holds(desk: Desk) -> None:
    rows = [a_session(name, id=name) for name in ("fix a", "other", "fix b", "fix c")]
    async with desk.open(a_board(*rows)):
        desk.sees_not("n next match")
        await desk.press("slash")
        await desk.type("fix")
        await desk.press("enter")
        desk.sees("n next match")
        seen = [desk.app.screen.table.cursor]  # type: ignore[attr-defined]
        for key in ("n", "n", "n", "N"):
            await desk.press(key)
            seen.append(desk.app.screen.table.cursor)  # type: ignore[attr-defined]
        assert seen == ["fix a", "fix b", "fix c", "fix a", "fix c"]
        await desk.press("escape")
        desk.sees("other")


async def test_an_edited_session_is_counted_before_those_that_are_only_doubted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_updates, "PAUSE", 0)
    asked: list[list[str]] = []
    desk.answers["changes"] = lambda _, ids: asked.append(list(ids)) or {one: some_counts() for one in ids}
    ids = [f"m{at}" for at in range(8)]
    async with desk.open(a_board(*(a_session(one, id=one) for one in ids))):
        asked.clear()
        counter = desk.app.screen._counter  # type: ignore[attr-defined]
        counter._mark_unsure(set(ids))
        counter._mark_changed({"m7"})
        await desk.settle()
        assert asked[0] == ["m7"]
        assert sorted(one for some in asked[1:] for one in some) == ids[:7]
        assert max(map(len, asked)) <= list_updates.FEW


async def test_the_mouse_works_but_is_never_needed(desk: Desk) -> None:
    desk.answers["describe_loss"] = lambda *_: "It goes."
    rows = [a_session(name, id=name) for name in ("first", "second", "third")]
    async with desk.open(a_board(*rows)):
        await desk.pilot.click(SessionTable, offset=(10, 2))
        assert table(desk).cursor == "second"
        await desk.press("d")
        await desk.pilot.click("#no")
        await desk.settle()
        desk.asked_not("remove")
        await desk.press("d")
        await desk.pilot.click("#yes")
        await desk.settle()
        desk.asked("remove", "second")
        await desk.pilot.click(SessionTable, offset=(10, 0))
        assert table(desk).cursor == "second", "titles are no session"
        await desk.pilot.click(SessionTable, offset=(10, 3), times=2)
        await desk.settle()
        assert getattr(desk.app.screen, "session_id", None) == "third"


async def test_text_of_the_list_and_beside_it_is_selected_by_dragging(desk: Desk) -> None:
    rows = [a_session(name, id=name) for name in ("first", "second", "third")]
    async with desk.open(a_board(*rows), size=(150, 30)):
        view = table(desk)
        await desk.drag(view, (0, 1), (90, 2))
        assert view.cursor == "first", "a drag is no click"
        await desk.press("ctrl+c")
        first, second = desk.app.clipboard.split("\n")
        assert "first" in first
        assert "second" in second
        desk.sees("Copied what is selected")
        preview = desk.app.screen.query_one(Preview)
        await desk.drag(preview, (2, 0), (40, 0))
        await desk.press("ctrl+c")
        assert desk.app.clipboard == "first", "what is selected is the text that is seen, and that of one widget alone"
        await desk.drag(desk.app.screen.query_one(SummaryBar), (1, 0), (6, 0))
        await desk.press("ctrl+c")
        assert desk.app.clipboard == "ampsm"
        await desk.pilot.click(view, offset=(10, 2))
        await desk.press("ctrl+c")
        desk.sees("Leave ampsm?")


@pytest.mark.parametrize("sessions", [1, 20])
def test_counting_now_and_then_is_free_and_without_end_is_bounded(sessions: int) -> None:
    at = 0.0
    pacing = list_updates.Pacing(lambda: at)
    names = [f"s{number}" for number in range(sessions)]
    for _ in range(4):
        at += list_updates.PAUSE + 0.01
        assert pacing.wait("s0", sessions) == 0, "a few edits after a rest show at once"
        pacing.spend(["s0"], 0.3)
    counted, began = 0.0, at
    while at - began < 400:
        due = [one for one in names if not pacing.wait(one, sessions)]
        for one in due[:1]:
            at, counted = at + 0.3, counted + 0.3
            pacing.spend([one], 0.3)
        at += 0 if due else 0.05
    assert counted / (at - began) < list_updates.SHARE + 0.05
    assert pacing.wait("another", sessions) == 0, "the first edit after a rest shows at once, whatever others cost"
    at += 60
    assert pacing.wait("s0", sessions) == 0


async def test_an_edit_is_counted_while_a_session_that_is_edited_all_the_time_waits(desk: Desk) -> None:
    asked: list[list[str]] = []
    desk.answers["changes"] = lambda _, ids: asked.append(list(ids)) or {one: some_counts() for one in ids}
    async with desk.open(a_board(*(a_session(one, id=one) for one in ("busy", "other")))):
        counter = desk.app.screen._counter  # type: ignore[attr-defined]
        counter._pacing.spend(["busy"], 3600.0)
        asked.clear()
        counter._mark_changed({"busy"})
        await desk.settle()
        counter._mark_changed({"other"})
        await desk.settle()
        assert asked == [["other"]]


async def test_the_first_layout_is_for_the_size_that_the_terminal_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all styles and the layout would be worked out twice before anything is seen."""
    seen: list[set[str]] = []
    compose = SessionsScreen.compose

    def composed(screen: SessionsScreen) -> ComposeResult:
        seen.append(set(screen.classes))
        yield from compose(screen)

    monkeypatch.setattr(SessionsScreen, "compose", composed)
    async with desk.open(a_board(a_session("one")), size=(120, 40)):
        assert [one & {"-wide", "-tall", "-normal"} for one in seen] == [{"-wide", "-tall"}]


async def test_marks_and_counts_are_there_at_the_next_start(desk: Desk) -> None:
    rows = [a_session(name, id=name) for name in ("one", "two", "three")]
    list_memory.keep_counts(desk.engine.home, {"two": ChangeCounts(12_345, 123_456, files=2)}, ["two"])
    desk.answers["changes"] = lambda *_: {}
    list_memory.keep_conflicts(desk.engine.home, {"two": (("", ("a.py",)),)})
    async with desk.open(a_board(*rows)):
        desk.sees("≠ two")
        assert "+12k -123k" in desk.line_with("two"), "before anybody has counted"
        await desk.press("j", "space")
    async with desk.open(a_board(*rows[1:])):
        assert desk.app.screen.table.marked == {"two"}  # type: ignore[attr-defined]
        desk.sees("1 marked")


async def test_a_session_that_was_put_away_is_in_the_list_of_its_own_status_alone(desk: Desk) -> None:
    away = replace(
        a_session("old", id="old"),
        session=replace(a_session("old", id="old").session, archived_at="2026-09-14T10:00:00.000Z"),
    )
    tagged = a_session("new", id="new")
    tagged = replace(tagged, session=replace(tagged.session, tags=("urgent", "shop")))
    async with desk.open(a_board(away, tagged)):
        desk.sees("#urgent", "○ 1")
        desk.sees_not("old")
        await desk.press("f", "f")
        desk.sees("only archived", "old")
        desk.sees_not("#urgent")
        await desk.press("E", "a")
        desk.asked("unarchive", "old")
        await desk.press("escape", "slash", *"#urg", "enter")
        desk.sees("#urgent")
        await desk.press("escape", "slash", *"#shoes", "enter")
        desk.sees("Nothing matches")


async def test_a_session_says_which_host_of_a_cluster_ran_it(desk: Desk) -> None:
    there = a_session("migrate", id="there")
    there = replace(there, session=replace(there.session, host="web\x1b1"))
    async with desk.open(a_board(a_session("local", id="local"), there), size=(80, 24)):
        assert "@web" in desk.line_with("migrate")
        assert "@" not in desk.line_with("local")
        await desk.press("slash", *"@web", "enter")
        desk.sees("migrate")
        desk.sees_not("local")
        await desk.press("enter")
        desk.sees("ran on web")


async def test_at_thirty_columns_a_session_that_needs_me_says_so_in_a_line_of_its_own(desk: Desk) -> None:
    async with desk.open(a_day(), size=(30, 24)):
        at = desk.lines.index(desk.line_with("◆  Move the billing"))
        assert "script failed" in desk.lines[at + 1]
