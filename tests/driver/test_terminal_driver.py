"""Frames collapse while the line is behind, and the last state is shown as soon as it is free."""

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers import linux_driver
from textual.message import Message

from ampsm_tui.driver import output as room
from ampsm_tui.driver.encoder import SYNC_BEGIN, SYNC_END
from ampsm_tui.driver.terminal_driver import is_plain, terminal_driver
from ampsm_tui.signals import MODES_OFF
from tests.waiting import becomes

COLUMNS, LINES = 30, 6


class Base(Driver):
    """What Textual's own drivers do, as far as ours relies on it."""

    taken: list[Message]

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.taken = []

    def write(self, data: str) -> None:  # noqa: ARG002 - Textual's
        raise AssertionError("ours writes")

    def start_application_mode(self) -> None:
        self.write("\x1b[?1049h")

    def stop_application_mode(self) -> None:
        self.write("\x1b[?1049l")

    def disable_input(self) -> None:
        pass

    def send_message(self, message: Message) -> None:
        self.taken.append(message)


class Line:
    """The other end: bytes are taken from it when a test wants to."""

    painted: list[str]

    def __init__(self, driver: Any, read: int) -> None:
        self.driver = driver
        self._read = read

    def frame(self, text: str) -> None:
        """Textual paints a word onto every line, as a frame."""
        self.driver.write(SYNC_BEGIN)
        rows = "\n".join(f"\x1b[{row};1H{text.ljust(COLUMNS)}" for row in range(1, LINES + 1))
        self.driver.write(f"{rows}\x1b[1;1H")
        self.driver.write(SYNC_END)

    async def until(self, fact: Callable[[str], object]) -> str:
        """Take what comes until it satisfies a fact."""
        taken = ""
        async with asyncio.timeout(20):
            while not fact(taken):
                try:
                    taken += os.read(self._read, 1 << 16).decode()
                except BlockingIOError:
                    await asyncio.sleep(0)
        return taken

    def answer(self, column: int = 0, row: int = 0) -> None:
        """The terminal says where its cursor is."""
        self.driver.process_message(events.CursorPosition(column, row))


@pytest_asyncio.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("LINES", str(LINES))
    with os.fdopen(write, "w") as file:
        monkeypatch.setattr(room.sys, "__stderr__", file)

        painted: list[str] = []

        def output(app: App[Any]) -> room.TerminalOutput:
            return room.TerminalOutput(
                plain=False, lost=app.exit, repaint_all=lambda: painted.append("all"), size=lambda: (COLUMNS, LINES)
            )

        driver = terminal_driver(Base, output)(App())
        driver.start_application_mode()
        made = Line(driver, read)
        made.painted = painted
        await made.until(lambda text: "1049h" in text)
        yield made
        os.close(read)


async def test_the_first_frame_is_painted_whole(line: Line) -> None:
    line.frame("hello")
    await line.until(lambda text: text.count("hello") == LINES)


async def test_frames_collapse_while_the_line_is_behind(line: Line) -> None:
    line.frame("begin")
    await line.until(lambda text: text.count("begin") == LINES)
    line.driver.output.write_own("\x07" * (1 << 20))  # the line is blocked
    for at in range(200):
        line.frame(f"state {at}")
        await asyncio.sleep(0)
    taken = await line.until(lambda text: "199" in text)
    assert len(re.findall("[0-9]{1,3}", re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", taken))) <= 2 * LINES


async def test_a_terminal_that_is_behind_gets_no_third_frame_before_its_answer(line: Line) -> None:
    line.driver.output._answers = True
    big = "x" * (COLUMNS - 2)
    for at in range(2):
        line.frame(f"{at}{big if at else big.upper()}")
        await line.until(lambda text: text.endswith("\x1b[6n"))
    line.frame("third")
    line.frame("fourth")
    line.answer()
    taken = await line.until(lambda text: "four" in text)
    assert "third" not in taken


async def test_the_answer_about_margins_is_kept_from_the_app(line: Line) -> None:
    driver = line.driver
    driver.output.probe()
    line.answer(column=2, row=5)
    await asyncio.sleep(0)
    assert not driver.output.capabilities.has_margins, "an answer to another question"
    line.answer(column=2, row=1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert driver.output.capabilities.has_margins
    assert driver.output._answers
    assert not driver.taken


async def test_a_terminal_that_stops_answering_gets_its_frames_and_is_not_asked_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PATIENCE", 0.05)
    monkeypatch.setattr(room, "_LEAST_PATIENCE", 0.05)
    line.driver.output._answers = True
    for letter in "abcdefghi":
        line.frame(letter * COLUMNS)
        taken = await line.until(lambda text, letter=letter: text.count(letter * COLUMNS) == LINES)
    assert not taken.endswith("\x1b[6n")


async def test_an_answer_that_is_lost_holds_up_one_frame_for_a_moment(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PATIENCE", 600)
    line.driver.output._answers = True
    line.driver.output._round_trip = 0.0
    for letter in "abc":
        line.frame(letter * COLUMNS)
        await line.until(lambda text, letter=letter: letter * COLUMNS in text and text.endswith("\x1b[6n"))


async def test_the_terminal_is_given_away_after_its_last_answer(line: Line) -> None:
    line.driver.output._answers = True
    line.frame("x" * COLUMNS)
    await line.until(lambda text: text.endswith("\x1b[6n"))
    answer = threading.Timer(0.1, line.answer)
    answer.start()
    line.driver.disable_input()
    assert not line.driver.output._asked, "the next who reads would get what it did not ask for"
    answer.join()


async def test_a_picture_with_holes_is_asked_for_before_it_is_shown(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_HOLD", 0.01)
    line.driver.write("\x1b[?1049h")
    line.driver.write(f"\x1b[1;1H{'part'.ljust(COLUMNS)}\x1b[1;1H")
    await becomes(lambda: line.painted, "all to be painted")
    assert line.painted == ["all"]
    line.frame("whole")
    taken = await line.until(lambda text: text.count("whole") == LINES)
    assert "part" not in taken


async def test_a_terminal_that_was_of_another_size_for_a_moment_is_painted_anew(line: Line) -> None:
    line.frame("hello")
    await line.until(lambda text: text.count("hello") == LINES)
    line.driver.output.resized()
    await line.until(lambda text: text.count("hello") == LINES)


def test_what_the_driver_asks_of_a_terminal_is_taken_back_by_force_too() -> None:
    source = re.sub("#.*", "", Path(linux_driver.__file__).read_text())
    asked = set(re.findall(r"\[\?([0-9]+)h", source)) | {"7"}
    given = set(re.findall(r"\[\?([0-9]+)[hl]", MODES_OFF.decode()))
    assert {"1049", "2004", "1000", "1003"} <= asked
    assert asked <= given


async def test_orders_that_are_no_frame_pass_in_order_and_unsafe_ones_do_not(line: Line) -> None:
    line.driver.write("\x1b[?1003h")
    line.driver.write("\x1b]52;c;eA==\x07")
    line.driver.write("\x1b[5i")
    line.driver.write("\x1b[?25h")
    taken = await line.until(lambda text: "25h" in text)
    assert "\x1b[5i" not in taken
    assert taken.replace("[5i", "") == "\x1b[?1003h\x1b]52;c;eA==\x07\x1b[?25h"


async def test_nothing_is_painted_once_the_terminal_is_given_back(line: Line) -> None:
    line.frame("hello")
    line.driver.stop_application_mode()
    line.frame("later")
    line.driver.close()
    taken = await line.until(lambda text: "1049l" in text)
    assert "later" not in taken
    assert taken.endswith("\x1b[m\x1b[?1049l")


@pytest.mark.parametrize(
    ("setting", "environ", "plain"),
    [
        ("auto", {"TERM": "xterm-256color"}, False),
        ("plain", {"TERM": "xterm-256color"}, True),
        ("auto", {"TERM": "xterm-256color", "AMPSM_RENDERER": "plain"}, True),
        ("auto", {"TERM": "dumb"}, True),
        ("auto", {}, True),
    ],
)
def test_plain_is_a_choice_and_the_way_out(setting: str, environ: dict[str, str], *, plain: bool) -> None:
    assert is_plain(setting, environ) == plain
