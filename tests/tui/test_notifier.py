"""The app knows what is before its person, and holds a lock that says so to the workers."""

from pathlib import Path

import pytest

from ampsm_engine import viewer_lock
from ampsm_engine.config import Settings
from ampsm_engine.home import Home
from ampsm_engine.model import Board, Fact
from ampsm_tui import notifier
from ampsm_tui.notifier import Notifier
from tests.tui.builders import ERROR, RUNNING, a_board, a_session
from tests.tui.desk import Desk
from tests.waiting import becomes

IN_A_LINK = {"TERM": "foot", "SSH_CONNECTION": "1 2 3 4"}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(notifier, "GATHERING", 0.001)
    return []


def teller(desk: Desk, written: list[str], environ: dict[str, str], home: Home | None = None) -> Notifier:
    return Notifier(desk.app, environ, home, settings=lambda: desk.app.settings, write=written.append)


def ended(board: Board) -> Board:
    """The same board when its first session has failed."""
    row = board.rows[0]
    after = a_session(row.session.name, ERROR, id=row.session.id)
    assert after.current
    fact = Fact(1, row.session.created_at, "failed", row.session.id, after.current.id, "no credit")
    return Board((after, *board.rows[1:]), (fact,))


async def test_a_look_is_held_while_its_session_is_before_somebody(
    desk: Desk, written: list[str], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home", tmp_path / "db")
    home.ensure()
    row = a_session("fix login", RUNNING)
    async with desk.open(a_board(row)):
        voice = teller(desk, written, IN_A_LINK, home)
        voice.update_viewed()
        assert not viewer_lock.is_viewed(home, row.session.id)
        await desk.press("enter")
        voice.update_viewed()
        assert viewer_lock.is_viewed(home, row.session.id)
        desk.app.app_focus = False
        voice.update_viewed()
        assert not viewer_lock.is_viewed(home, row.session.id)
        desk.app.app_focus = True
        voice.update_viewed()
        voice.close()
        assert not viewer_lock.is_viewed(home, row.session.id)


async def test_what_ends_elsewhere_is_told_and_what_is_looked_at_is_not(desk: Desk, written: list[str]) -> None:
    before = a_board(a_session("fix login", RUNNING))
    async with desk.open(before):
        voice = teller(desk, written, IN_A_LINK)
        voice.take_board(None, before)
        voice.take_board(before, ended(before))
        await becomes(lambda: written, "the notice")
        assert written == ["\x1b]777;notify;fix login: error;amp's model is overloaded.\x07"]
        await desk.press("enter")
        voice.update_viewed()
        voice.take_board(before, ended(before))
        assert voice._news == [], "nothing is gathered that would be told"
        assert len(written) == 1


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({"TERM": "foot", "DISPLAY": ":0"}, {}),
        (IN_A_LINK, {"notify.terminal": "off"}),
        (IN_A_LINK, {"notify.error": False}),
    ],
)
async def test_the_terminal_is_silent_where_it_shall_be(
    desk: Desk, written: list[str], environ: dict[str, str], settings: dict[str, str | bool]
) -> None:
    before = a_board(a_session("fix login", RUNNING))
    async with desk.open(before, settings=Settings(settings)):
        voice = teller(desk, written, environ)
        voice.take_board(before, ended(before))
        await becomes(lambda: not voice._news, "the news to be gathered")
        await desk.settle()
        assert written == []
