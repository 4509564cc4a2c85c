"""A review with nothing to see: no key of the screen does harm there."""

from pathlib import Path

import pytest

from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed

ENDS = {"quit", "back", "review.edit"}
"""What leaves the screen, or hands the terminal to an editor."""


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    return Reviewed(desk, tmp_path / "shop", monkeypatch)


async def test_every_key_is_harmless_where_there_is_no_change(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        screen = reviewed.screen
        await reviewed.until(lambda: not screen.view.document.files, "the empty diff")
        pressed = 0
        for binding in [one.binding for one in screen.active_bindings.values()]:
            if binding.id in ENDS or binding.system or binding.key == "ctrl+q":
                continue
            for key in (binding.key, "3", binding.key):
                await desk.pilot.press(key)
            pressed += 1
            for _ in range(20):
                if desk.app.screen is screen:
                    break
                await desk.pilot.press("escape")
            assert desk.app.screen is screen, f"{binding.key} left the review for {desk.app.screen}"
            assert desk.app.is_running
        assert pressed > 40


async def test_it_is_said_that_there_is_nothing_and_no_key_is_named_that_would_do_nothing(reviewed: Reviewed) -> None:
    async with reviewed.open() as desk:
        await reviewed.until(lambda: "Nothing has changed." in desk.text, "the note")
        bar = desk.lines[-1]
        assert desk.text.count("Nothing has changed.") == 1
        assert "help" in bar
        assert not any(word in bar for word in ("hunk", "viewed", "comment", "reject"))
