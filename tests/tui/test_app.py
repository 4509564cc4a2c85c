"""The shell: boards come in, keys are remapped, nothing foreign reaches the terminal."""

from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk


async def test_a_board_is_shown(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        desk.sees("fix login")
        await desk.show(a_board(a_session("dark mode")))
        desk.sees("dark mode")


async def test_q_leaves(desk: Desk) -> None:
    async with desk.open(a_board()):
        await desk.pilot.press("q")
        await desk.pilot.pause()
        assert desk.app.return_code == 0
