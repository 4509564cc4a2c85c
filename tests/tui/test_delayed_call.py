"""A busy machine: timers of Textual that are lost, toasts that are late. The app goes on and knows its size."""

import sys
import time

import pytest
import textual._time

from ampsm_tui.delayed_call import LastingNotification, call_after
from tests.tui.builders import a_board, a_session
from tests.tui.desk import Desk
from tests.waiting import becomes

RESIZE_DELAY = 1 / 120
"""Seconds that Textual's app waits before its screens hear of a new size."""


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The machine is busy whenever a timer for a new size looks at the clock: those looks."""
    looks: list[float] = []
    clock = textual._time.get_time

    def late() -> float:
        if sys._getframe(1).f_locals.get("_interval") == RESIZE_DELAY:
            looks.append(clock())
            return clock() + len(looks)
        return clock()

    monkeypatch.setattr(textual._time, "get_time", late)
    return looks


async def test_each_new_size_reaches_the_screen_though_its_timer_is_lost(desk: Desk, stalled: list[float]) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        for size in ((100, 30), (50, 20), (120, 40)):
            await desk.resize(*size)
            assert desk.app.screen.region.size == size
        assert stalled, "Textual has no such timer any more, and needs no help"


async def test_a_toast_that_is_late_does_not_hold_the_app_still(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login"))):
        for timeout in (0.0, 1e-6, -1.0):
            desk.app.notify("gone before it was seen", timeout=timeout)
            await desk.press("question_mark")
            desk.sees("Help")
            await desk.press("escape")


def test_a_notification_has_time_left_until_it_is_gone() -> None:
    late = LastingNotification("x", timeout=1, raised_at=time.time() - 2)
    assert (late.has_expired, late.time_left > 0) == (True, True)
    fresh = LastingNotification("x", timeout=100)
    assert not fresh.has_expired
    assert 99 < fresh.time_left <= 100


async def test_a_call_comes_once_unless_it_is_taken_back_or_its_screen_has_gone(desk: Desk) -> None:
    called: list[str] = []
    async with desk.open(a_board(a_session("fix login"))):
        call_after(desk.app, 0, lambda: called.append("app"))
        call_after(desk.app, 0, lambda: called.append("never")).cancel()
        await becomes(lambda: called == ["app"])
        await desk.press("question_mark")
        box = desk.app.screen
        await desk.press("escape")
        call_after(box, 0, lambda: called.append("gone"))
        call_after(desk.app, 0, lambda: called.append("again"))
        await becomes(lambda: called == ["app", "again"])
