"""The shell: boards come in, keys are remapped, themes are kept, and who leaves leaves."""

import pytest

from ampsm_engine.config import Settings
from ampsm_engine.errors import Failed
from ampsm_tui.widgets.session_table import SessionTable
from tests.tui.builders import a_board, a_day, a_session
from tests.tui.desk import Desk


async def test_a_board_is_shown(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        desk.sees("fix login")
        await desk.show(a_board(a_session("dark mode")))
        desk.sees("dark mode")


async def test_q_leaves(desk: Desk) -> None:
    async with desk.open(a_board(a_session())):
        await desk.leave("q")
        assert desk.app.return_code == 0


async def test_escape_on_the_first_screen_does_not_leave(desk: Desk) -> None:
    async with desk.open(a_board(a_session("here"))):
        await desk.press("escape", "escape")
        desk.sees("here")


async def test_remapped_keys_do_what_they_were_given_and_the_bar_names_them(desk: Desk) -> None:
    settings = Settings({"keys.list.filter": "ctrl+f", "keys.list.mark": "v"})
    async with desk.open(a_day(), size=(120, 40), settings=settings):
        desk.sees("^f filter")
        await desk.press("v")
        desk.sees("1 marked")
        await desk.press("space")
        desk.sees("1 marked")


async def test_clashing_keys_are_told(desk: Desk) -> None:
    async with desk.open(a_board(a_session()), settings=Settings({"keys.list.filter": "x"})):
        desk.sees("Keys clash", "x means")


async def test_an_unknown_theme_is_ours(desk: Desk) -> None:
    async with desk.open(a_board(), settings=Settings({"ui.theme": "no such theme"})):
        assert desk.app.theme == "ampsm"


async def test_a_store_that_fails_is_told_and_the_last_board_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk.open(a_board(a_session("still here"))):

        async def fails():
            raise Failed("The database is busy.", "ampsm doctor")
            yield

        desk.app._feed = fails()
        desk.app.follow()
        await desk.settle()
        desk.sees("still here", "The database is busy.", "ampsm doctor")


async def test_another_theme_repaints_all(desk: Desk) -> None:
    async with desk.open(a_day()):
        widget = desk.app.screen.query_one(SessionTable)
        dark = widget.render_line(1)
        desk.app.theme = "ampsm-light"
        await desk.settle()
        assert widget.render_line(1) != dark
