"""The real engine, a real run of a plan, a scripted amp: its screen shows how it gets on, and stops it."""

import pytest

from ampsm_engine.model import ItemState
from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp
from tests.batch.conftest import desk
from tests.batch.desk import BatchDesk
from tests.tui.desk import screen_lines
from tests.waiting import becomes

__all__ = ["desk"]


@pytest.mark.usefixtures("beside")
async def test_a_run_is_watched_live_and_stopped_gently(desk: BatchDesk) -> None:
    go = desk.folder / "go"
    held = desk.prompt({"wait_for": str(go)}, {"create_file": "held.py", "content": "1\n"}, {"say": "Held."})
    batch = desk.start(
        desk.item(desk.writes("first.py"), name="first"),
        desk.item(held, name="held"),
        desk.item(desk.writes("never.py"), name="never"),
        concurrency=1,
    )
    board = desk.engine.store.sessions.board()
    feed = follow(desk.engine.store, interval=0.02)
    app = AmpsmApp(desk.engine, feed, settings=desk.engine.settings, board=board)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:

        async def sees(*words: str) -> None:
            await becomes(
                lambda: all(word in "\n".join(screen_lines(app)) for word in words),
                lambda: f"{words} on the screen:\n" + "\n".join(screen_lines(app)),
            )
            await pilot.pause()

        await sees("held")
        await pilot.press("B")
        await sees("STATE", "DONE", "ITEMS")
        await pilot.press("enter")
        await sees("1 of 3", "✓ 1 success", "● 1 running", "◌ 1 queued", "no estimate yet")
        await pilot.press("x")
        await sees("Stop", "comes to its end")
        await pilot.press("y")
        await sees("stopping")
        go.touch()
        await sees("■ stopped", "✓ 2 success", "1 stopped")
    desk.over(batch)
    states = [item.state for item in desk.items(batch)]
    assert states == [ItemState.SUCCESS, ItemState.SUCCESS, ItemState.STOPPED]
