"""The real engine, the real side process, a scripted amp: what it says is on the screen while it says it."""

from ampsm_engine.store import follow
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.session.screen import SessionScreen
from ampsm_tui.widgets.transcript.painter import MARK
from ampsm_tui.widgets.transcript.view import TranscriptView
from tests.tui.desk import screen_lines
from tests.waiting import becomes
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]


async def test_amp_is_watched_live_and_followed_up(bench: Bench) -> None:
    go, on = bench.flag("go"), bench.flag("on")
    bench.scenario(
        runs=[
            [
                {"say": "I begin with **one.py**."},
                {"create_file": "one.py", "content": "1\n"},
                {"wait_for": str(go)},
                {"say": "That was it."},
            ],
            [{"say": "Again: {prompt}"}, {"wait_for": str(on)}],
        ]
    )
    session = bench.new("Make one.py")
    app = AmpsmApp(bench.engine, follow(bench.engine.store, interval=0.02), settings=bench.engine.settings)
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(SessionScreen(session.id).data_bind(AmpsmApp.board))

        async def sees(*words: str) -> None:
            await becomes(lambda: all(word in "\n".join(screen_lines(app)) for word in words), f"{words}")
            await pilot.pause()

        await sees(f"{MARK}Make one.py", "I begin with one.py.", "create_file one.py  +1 -0", "● running")
        await pilot.press("m", *"And", "space", *"two", "enter")
        await sees("2 queued  And two", "1 queued")
        go.touch()
        await sees("Again: And two", "1  Make one.py", "done ")
        on.touch()
        await sees("✓ done in", "nothing was changed")
        transcript = app.screen.query_one(TranscriptView)
        assert transcript.status.is_following
    bench.settled(session)
