"""The screens of batch runs: how they stand and how far they are, what is done to them, and that nothing of it lies."""

import asyncio
import time
from dataclasses import replace

import pytest

from ampsm_engine.batch.overview import RunLine
from ampsm_engine.batch.runs import ResumedRun
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import BatchState, ItemState
from ampsm_tui.screens.batch.screen import RunScreen, RunsScreen
from ampsm_tui.screens.session.screen import SessionScreen
from ampsm_tui.widgets import run_head
from ampsm_tui.widgets.record_table import RecordTable
from tests.tui.batches import (
    AT_WORK,
    QUEUED,
    SUCCESS,
    a_run,
    a_view,
    all_states,
    an_item,
    on_hosts,
    progress_of,
    sessions_of,
    some_runs,
)
from tests.tui.builders import NOW, a_board, ago
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.tui.test_clean import HOSTILE as PIECES

HOSTILE = " ".join(PIECES)
SIZES = [(30, 24), (50, 20), (80, 24), (120, 40)]
ITEMS = all_states()
BOARD = a_board(*sessions_of(ITEMS))


@pytest.fixture
def runs(desk: Desk) -> Desk:
    """A desk whose engine has some runs, of which the first is at work on items in all states."""
    desk.answers |= {
        "run_lines": lambda *_: some_runs(),
        "run_view": lambda *_: a_view(a_run(), ITEMS),
        "timeline": lambda *_: None,
    }
    return desk


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_list_of_runs(runs: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with runs.open(BOARD, size=size):
        await runs.press("B")
        snapshot_svg(runs.app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_run_with_items_in_all_states(runs: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    async with runs.open(BOARD, size=size):
        await runs.press("B", "enter")
        snapshot_svg(runs.app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_run_on_hosts_says_which_has_each_item(desk: Desk, snapshot_svg: Camera, size: tuple[int, int]) -> None:
    lines = on_hosts()
    items = tuple(line.item for line in lines)
    view = replace(a_view(a_run(concurrency=1000), items, tokens=0), items=lines)
    desk.answers |= {"run_lines": lambda *_: (RunLine(view.batch, view.progress),), "run_view": lambda *_: view}
    async with desk.open(a_board(*sessions_of(items)), size=size):
        await desk.press("B", "enter")
        if size[0] >= 80:
            desk.sees("ran on build-server-1.example; also ran on web2, too late")
        snapshot_svg(desk.app)


def test_the_bar_of_a_run_whose_items_are_all_on_their_way_to_hosts_is_full() -> None:
    placed = progress_of(tuple(an_item(number, "x", ItemState.PLACED) for number in range(3)))
    pieces = run_head.bar_pieces(placed, 12)
    assert [piece.text for piece in pieces] == ["─" * 12]


async def test_who_was_cut_off_in_a_run_is_offered_it_by_its_name(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B")
        assert runs.app.screen.place() == LastPlace("runs", "")
        await runs.press("enter")
        assert runs.app.screen.place() == LastPlace("run", a_run().id, name=a_run().name)


async def test_no_run_yet(desk: Desk, snapshot_svg: Camera) -> None:
    desk.answers["run_lines"] = lambda *_: ()
    async with desk.open(BOARD):
        await desk.press("B")
        desk.sees("No runs yet", "ampsm batch start")
        await snapshot_svg.tour(desk)


async def test_a_run_that_waits_says_until_when_and_why(
    runs: Desk, snapshot_svg: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()  # the moment is told by this machine's clock
    waiting = a_run(wait_until=ago(minutes=-25), wait_reason="amp's rate limit is reached")
    runs.answers["run_view"] = lambda *_: a_view(waiting, ITEMS, cost="$1.20", seconds_left=None)
    async with runs.open(BOARD):
        await runs.press("B", "enter")
        runs.sees("waiting", "starts nothing for 25m 00s", "rate limit is reached", "$1.20")
        runs.sees_not("about")
        await snapshot_svg.tour(runs)


def test_an_estimate_is_told_only_where_there_is_one() -> None:
    items = (an_item(1, "a", SUCCESS), an_item(2, "b", AT_WORK))
    assert run_head.left_text(a_run(), progress_of(items, seconds_left=None), NOW) == "no estimate yet"
    assert run_head.left_text(a_run(), progress_of(items, seconds_left=700.0), NOW) == "about 12m left"
    assert run_head.left_text(a_run(state=BatchState.STOPPED), progress_of(items), NOW) == ""
    assert run_head.left_text(a_run(), progress_of(items[:1], seconds_left=None), NOW) == ""


@pytest.mark.parametrize("room", [8, 13, 60])
@pytest.mark.parametrize("many", [1, 3, 200])
def test_a_bar_is_as_long_as_it_is_and_leaves_out_no_state(room: int, many: int) -> None:
    states = [SUCCESS] * many + [ItemState.FAIL, AT_WORK, QUEUED]
    progress = progress_of(tuple(an_item(at, "x", state) for at, state in enumerate(states, 1)))
    bar = run_head.bar_pieces(progress, room)
    assert sum(len(piece.text) for piece in bar) == room
    assert [piece.style for piece in bar] == ["success", "fail", "running", "queued"]


async def test_what_amp_does_now_is_seen_without_asking(runs: Desk) -> None:
    async with runs.open(BOARD, size=(200, 40)):
        await runs.press("B", "enter")
        runs.sees("prompt: Edit app/part_8.py", "again in 2m 00s: overloaded")
        moved = replace(
            BOARD.rows[7],
            current=replace(BOARD.rows[7].current, activity="Running: make test"),  # type: ignore[type-var]
        )
        await runs.show(a_board(*BOARD.rows[:7], moved, *BOARD.rows[8:]))
        runs.sees("prompt: Running: make test")


async def test_an_item_that_ends_is_seen_to_have_ended(runs: Desk) -> None:
    async with runs.open(BOARD, size=(200, 40)):
        await runs.press("B", "enter")
        ended = (*ITEMS[:7], an_item(8, "Upgrade the import", SUCCESS, reason="merged into main"), *ITEMS[8:])
        runs.answers["run_view"] = lambda *_: a_view(a_run(), ended)
        await runs.show(a_board(*BOARD.rows[:3]))
        assert "✓ success" in runs.line_with("Upgrade the import")
        runs.sees("8 of 10", "✓ 3 success")


async def test_items_are_filtered_sorted_and_chosen_by_state(runs: Desk) -> None:
    async with runs.open(BOARD, size=(120, 40)):
        await runs.press("B", "enter", "slash")
        await runs.type("archive")
        runs.sees("Upgrade the archive")
        runs.sees_not("Upgrade the mails")
        table = runs.app.screen.query_one(RecordTable)
        await runs.press("escape", "o", "o")
        names = [line.item.name for line in table.rows]
        assert names == sorted(names, key=str.casefold)
        await runs.press("O")
        assert [line.item.name for line in table.rows] == names[::-1]
        await runs.press("f")
        runs.sees("only conflict", "Upgrade the settings")
        runs.sees_not("Upgrade the archive")
        await runs.press("escape")
        runs.sees("Upgrade the archive")


async def test_an_item_opens_its_session_and_one_without_says_so(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "enter", "enter")
        assert isinstance(runs.app.screen, SessionScreen)
        assert runs.app.screen.session_id == "s000000001"
        await runs.press("escape", "G", "enter")
        assert isinstance(runs.app.screen, RunScreen)
        runs.sees("Upgrade the changelog has not begun")


async def test_stopping_is_asked_about_and_gentle_or_not(runs: Desk, snapshot_svg: Camera) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "enter", "x")
        runs.sees("Stop nightly upgrade?", "comes to its end")
        await snapshot_svg.tour(runs)
        await runs.press("n")
        runs.asked_not("stop")
        await runs.press("x", "y")
        runs.asked("stop", "b000000001", force=False)
        await runs.press("ctrl+x")
        runs.sees("End nightly upgrade now?", "amp is ended")
        await runs.press("y")
        runs.asked("stop", "b000000001", force=True)


async def test_what_does_not_run_is_not_stopped(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "G", "x")
        runs.sees("old dependencies does not run")
        stays = "One of them stays."
        runs.answers["resume"] = lambda *_: ResumedRun(a_run(), (stays,))
        await runs.press("ctrl+g")
        runs.asked("resume", "b000000004")
        runs.sees("old dependencies goes on. One of them stays.")


async def test_items_are_tried_again_marked_ones_together(runs: Desk) -> None:
    async with runs.open(BOARD, size=(120, 40)):
        await runs.press("B", "enter", "j", "j", "space", "space", "r")
        assert [args[1] for name, args, _ in runs.verbs if name == "retry"] == ["b000000001-3", "b000000001-4"]
        await runs.press("escape", "g", "r")
        runs.sees("It has passed")
        await runs.press("G", "r")
        runs.sees("It has not ended yet")
        assert len([name for name, _, _ in runs.verbs if name == "retry"]) == 2


async def test_removing_says_first_what_goes(runs: Desk) -> None:
    made = [row.session for row in BOARD.rows[:7]]
    runs.answers |= {
        "sessions_of_run": lambda *_: tuple(made),
        "describe_loss": lambda _, one: f"{one} goes to the trash with 2 commits of its own.",
        "remove": lambda _, one: ((), ()) if one.startswith("b") else None,
    }
    async with runs.open(BOARD):
        await runs.press("B", "j", "j", "d")
        runs.sees("Remove three ways to cache?", "s000000005 goes to the trash", "2 more go with them")
        runs.asked_not("remove")
        await runs.press("y")
        removed = [args[1] for name, args, _ in runs.verbs if name == "remove"]
        assert removed == [*(session.id for session in made), "b000000003"], "the sessions, and then the run"


async def test_a_run_that_is_removed_from_its_screen_takes_it_along_without_an_error(runs: Desk) -> None:
    def remove(*_: object) -> object:
        runs.answers["run_view"] = NotFound("There is no batch b000000001.", "ampsm batch ls")
        return (), ()

    ended = a_view(a_run(state=BatchState.ENDED), ITEMS[:3])
    runs.answers |= {"run_view": lambda *_: ended, "sessions_of_run": lambda *_: (), "remove": remove}
    async with runs.open(BOARD):
        await runs.press("B", "enter", "d")
        runs.sees("It has no sessions to lose.")
        await runs.press("y")
        assert isinstance(runs.app.screen, RunsScreen)
        runs.sees("nightly upgrade is removed")
        runs.sees_not("There is no batch")


async def test_a_run_at_work_is_not_removed(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "d")
        runs.sees("nightly upgrade is running", "x (stop)")
        runs.asked_not("sessions_of_run")


async def test_a_refusal_is_told_with_its_hint(runs: Desk) -> None:
    runs.answers["resume"] = Refused("The repository /home/ada/shop is gone.", "ampsm repair")
    async with runs.open(BOARD):
        await runs.press("B", "G", "ctrl+g")
        runs.sees("The repository /home/ada/shop is gone.")


async def test_a_run_that_is_gone_takes_its_screen_along(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "enter")
        runs.answers["run_view"] = NotFound("There is no batch b000000001.", "ampsm batch ls")
        await runs.show(a_board(*BOARD.rows[:3]))
        assert isinstance(runs.app.screen, RunsScreen)
        runs.sees("There is no batch b000000001.")


READS = {"measured_changes", "folders", "run_lines", "run_view", "forecast_conflicts", "open_merges"}


async def test_who_only_watches_looks_at_runs_and_changes_none(runs: Desk) -> None:
    async with runs.open(BOARD, read_only=True):
        await runs.press("B", "x", "ctrl+g", "d", "enter", "x", "ctrl+x", "r", "d")
        assert {name for name, _, _ in runs.verbs} <= READS
        assert isinstance(runs.app.screen, RunScreen)


async def test_nothing_foreign_reaches_the_terminal_raw(runs: Desk) -> None:
    items = (an_item(1, HOSTILE, ItemState.ERROR, reason=HOSTILE, mode=HOSTILE, repo=f"/x/{HOSTILE}", step=HOSTILE),)
    runs.answers["run_view"] = lambda *_: a_view(a_run(HOSTILE, wait_reason=HOSTILE), items, cost=HOSTILE)
    async with runs.open(BOARD, size=(200, 30)):
        await runs.press("B", "enter")
        for line in runs.lines:
            assert all(letter.isprintable() for letter in line), line


async def test_a_slow_answer_is_not_asked_for_again_meanwhile(runs: Desk) -> None:
    go = asyncio.Event()
    answers = 0

    async def slow(*_: object) -> object:
        nonlocal answers
        answers += 1
        await go.wait()
        return a_view(a_run(), ITEMS)

    async with runs.open(BOARD):
        await runs.press("B")
        runs.answers["run_view"] = slow
        await runs.pilot.press("enter")
        for many in range(1, 6):
            runs.feed.pour(a_board(*BOARD.rows[:many]))
            await runs.taken()
        await runs.rest()
        assert answers == 1
        go.set()
        await runs.settle()
        assert answers == 2, "what changed meanwhile is asked for once"
        runs.sees("nightly upgrade")


async def test_variants_need_a_prompt_with_several(runs: Desk) -> None:
    async with runs.open(BOARD):
        await runs.press("B", "enter", "vertical_line")
        runs.sees("is the only answer to its prompt.", "in the list a (new)")
        runs.sees_not("(new) 3")
