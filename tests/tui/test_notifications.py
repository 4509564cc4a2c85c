"""Each kind of notice is switched where it stands and tried out in this very terminal."""

import pytest

from ampsm_engine import config
from ampsm_tui.app import AmpsmApp
from ampsm_tui.screens.notifications import NotificationsScreen
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the app writes to its terminal by itself."""
    told: list[str] = []
    monkeypatch.setattr(AmpsmApp, "write_ours", lambda _, sequence: told.append(sequence))
    for name in ("TMUX", "STY", "DISPLAY", "WAYLAND_DISPLAY", "TERM_PROGRAM", "LC_TERMINAL", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "foot")
    return told


@pytest.fixture
def real(desk: Desk) -> Desk:
    desk.answers["store"] = config.store
    return desk


async def test_each_kind_is_there_and_its_place(real: Desk, written: list[str], snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session())):
        await real.press("at")
        real.sees("finished", "needs you", "tests failed", "conflict", "error", "desktop", "auto")
        real.sees("No desktop here: foot is notified by OSC 777")
        await snapshot_svg.tour(real)


async def test_a_kind_is_switched_off_and_on_in_the_file(real: Desk, written: list[str]) -> None:
    real.engine.config.write_text("# mine\nslots = 2\n")
    async with real.open(a_board(a_session())):
        await real.press("at", "j", "space")
        assert "· off" in real.line_with("needs you")
        assert "# mine" in real.engine.config.read_text()
        assert config.load(real.engine.config).switch("notify.needs-input") is False
        assert real.app.settings.switch("notify.needs-input") is False
        await real.press("enter")
        assert "✓ on" in real.line_with("needs you")
        assert config.load(real.engine.config).switch("notify.needs-input") is True


async def test_the_way_of_the_terminal_is_chosen_among_few_words(real: Desk, written: list[str]) -> None:
    async with real.open(a_board(a_session())):
        await real.press("at", "k", "right")
        assert config.load(real.engine.config).text("notify.terminal") == "osc9"
        real.sees("foot is notified by OSC 9")
        await real.press("left", "left")
        assert config.load(real.engine.config).text("notify.terminal") == "off"


async def test_a_test_is_told_as_it_would_be(real: Desk, written: list[str]) -> None:
    async with real.open(a_board(a_session())):
        await real.press("at", "ctrl+g")
        assert written == ["\x1b]777;notify;Try it out: finished;3 files changed, the script passed\x07"]
        real.sees("Sent to foot by OSC 777")


async def test_where_there_is_a_desktop_it_is_told(
    real: Desk, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":9")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("SSH_TTY", raising=False)
    real.answers["send"] = lambda *_: True
    async with real.open(a_board(a_session())):
        await real.press("at", "ctrl+g")
        real.asked("send", "Try it out: finished")
        real.sees("The desktop has taken it.")
        assert written == []


async def test_a_file_that_cannot_be_written_is_said(real: Desk, written: list[str]) -> None:
    real.engine.config.write_text("slots = [")
    async with real.open(a_board(a_session())):
        await real.press("at", "space")
        real.sees("The configuration", "Mend it with an editor")
        assert "✓ on" in real.line_with("finished")
        await real.press("escape")
        assert not isinstance(real.app.screen, NotificationsScreen)
