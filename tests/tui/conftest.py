"""The fixtures of screens: a desk, and pictures kept in the folder snapshots/ at the top."""

import asyncio
import difflib
import html
import pickle
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.types import SerializableData, SerializedData
from textual._compositor import Compositor
from textual._context import active_app
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump
from textual.pilot import Pilot, WaitForScreenTimeout

from ampsm_tui import ask
from ampsm_tui.app import AmpsmApp
from ampsm_tui.widgets import collector
from tests.tui import styles
from tests.tui.desk import DEADLINE, PAINT, Desk
from tests.tui.legibility import faults

PICTURES = Path(__file__).parent.parent.parent / "snapshots"


class Picture(SingleFileSnapshotExtension):
    """An SVG a file, in a folder for each module of tests."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT

    @classmethod
    def dirname(cls, *, test_location: Any) -> str:
        return str(PICTURES / Path(test_location.filepath).stem)

    def serialize(self, data: SerializableData, **_: Any) -> SerializedData:
        return str(data)


def _paint_whole(compositor: Compositor, full: bool = False, **more: Any) -> RenderableType | None:
    """A picture is painted; a frame on the way to what a test looks at is not."""
    return PAINT(compositor, full, **more) if full else None


_at_work: Counter[MessagePump] = Counter()
_dispatch = MessagePump._dispatch_message


async def _dispatch_counted(pump: MessagePump, message: Message) -> None:
    _at_work[pump] += 1
    try:
        await _dispatch(pump, message)
    finally:
        _at_work[pump] -= 1
        if not _at_work[pump]:
            del _at_work[pump]


TURNS = 4
"""Turns of the loop that a key needs from the driver to the app's queue, and one more."""


async def _all_heard(*_: float) -> bool:
    """Every widget has dealt with what it was told, and with what followed from that.

    Textual's own sleeps 20 ms, and again while the process is busy, and has each widget answer: all of that for each
    key is most of what a test costs. An app that has crashed hears nothing any more: its error is the test's.
    """
    app = active_app.get()
    deadline = time.monotonic() + DEADLINE
    quiet = turns = 0
    while quiet < TURNS:
        if app._exception is not None:
            raise app._exception
        quiet = 0 if _is_busy(app) else quiet + 1
        turns += 1
        await asyncio.sleep(0 if turns < 100 else 0.01)
        if time.monotonic() > deadline:
            raise WaitForScreenTimeout
    return True


def _is_busy(app: App[Any]) -> bool:
    """Somebody is in the middle of a message, or has one or a callback waiting."""
    if _at_work or app.screen._callbacks:
        return True
    return any(pump._next_callbacks or not pump._message_queue.empty() for pump in (app, *app._registry))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is parsed or styled twice, and nothing sleeps."""
    _at_work.clear()
    styles.find_once(monkeypatch)
    monkeypatch.setattr(Compositor, "render_update", _paint_whole)
    monkeypatch.setattr(MessagePump, "_dispatch_message", _dispatch_counted)
    monkeypatch.setattr(Pilot, "_wait_for_screen", _all_heard)
    monkeypatch.setattr("textual.pilot.wait_for_idle", _all_heard)
    monkeypatch.setattr("textual.app.wait_for_idle", _all_heard)
    # It sets aside all that lives, for good: every app of the process would stay in memory after its test.
    monkeypatch.setattr(collector, "turn_on", lambda: None)
    # A toast goes when its five seconds are over, whether the picture of it is taken by then or not.
    monkeypatch.setattr(AmpsmApp, "NOTIFICATION_TIMEOUT", 3600.0)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is painted, as in a terminal."""
    monkeypatch.setattr(Compositor, "render_update", PAINT)


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked crosses into a thread: a side process for each app takes half a second to start."""

    def answer(question: bytes) -> bytes:
        try:
            return pickle.dumps((pickle.loads(question)(), None))
        except Exception as error:  # noqa: BLE001 - it is raised on the other side
            return pickle.dumps((None, error))

    async def cross(question: Callable[[], Any]) -> Any:
        said, error = pickle.loads(await asyncio.to_thread(answer, pickle.dumps(question)))
        if error is not None:
            raise error
        return said

    monkeypatch.setattr(ask, "call_side_process", cross)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    return Desk(monkeypatch, tmp_path)


_TEXT = re.compile(r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)" (clip-path="[^"]*")>((?:&#160;)+)')
CELL = 12.2


def picture(app: AmpsmApp) -> str:
    """What the app shows as SVG: the same at every run, and right in programs that drop spaces before a word."""

    def moved(found: re.Match[str]) -> str:
        x, y, length, clip, spaces = found.groups()
        blank = spaces.count("&#160;") * CELL
        return f'x="{float(x) + blank:.1f}" y="{y}" textLength="{max(float(length) - blank, 0):.1f}" {clip}>'

    app.screen.refresh()  # what `Desk.text` has read of a box was painted, and kept, without the screen behind it
    svg = re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="ampsm"))
    return _TEXT.sub(moved, svg)


def words_of(svg: str) -> list[str]:
    """What stands on a picture, piece by piece, for a report."""
    return [html.unescape(text) for text in re.findall("<text[^>]*>([^<]*)</text>", svg)]


class Camera:
    """`camera(app)` compares what the app shows with its picture."""

    def __init__(self, snapshot: SnapshotAssertion) -> None:
        self._snapshot = snapshot.use_extension(Picture)

    def __call__(self, app: AmpsmApp, name: str | None = None) -> None:
        expected = self._snapshot(name=name) if name else self._snapshot
        self.check(app)
        taken = picture(app)
        same = taken == expected  # apart: pytest takes minutes to tell two long texts apart
        if not same:
            print(
                *difflib.unified_diff(words_of(str(expected)), words_of(taken), "its picture", "the screen"), sep="\n"
            )
        assert same, "the screen does not look as in its picture; look at both: pytest --snapshot-update, git diff"

    def check(self, app: AmpsmApp) -> None:
        """All that is shown can be read, and nothing is cut at the edges."""
        found = faults(app)
        assert not found, "\n".join(found)

    async def glance(self, desk: Desk, state: str = "") -> None:
        """The two sizes that every state has, while the test holds back an answer."""
        for width, height in ((80, 24), (120, 40)):
            await desk.give_size(width, height)
            await desk.rest()
            self(desk.app, f"{state}{'-' if state else ''}{width}x{height}")

    async def tour(self, desk: Desk, state: str = "") -> None:
        """The same at the sizes of terminals that people have; in the smallest it is only checked."""
        for width, height in ((80, 24), (120, 40), (50, 20)):
            await desk.resize(width, height)
            self(desk.app, f"{state}{'-' if state else ''}{width}x{height}")
        await desk.resize(30, 20)
        self.check(desk.app)
        await desk.resize(50, 20)


@pytest.fixture
def snapshot_svg(snapshot: SnapshotAssertion) -> Camera:
    return Camera(snapshot)
