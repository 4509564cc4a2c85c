"""The fixtures of screens: a desk, and pictures kept in the folder snapshots/ at the top."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.types import SerializableData, SerializedData
from textual._context import active_app
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from ampsm_tui.app import AmpsmApp
from tests.tui.desk import Desk

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


_PARSED: dict[object, list[RuleSet]] = {}
_parse_rules = Stylesheet._parse_rules


def _parse_once(sheet: Stylesheet, css: str, *arguments: Any, **more: Any) -> list[RuleSet]:
    """The rules of a style sheet, parsed once a process: a third of a test's time went into parsing them again."""
    key = (css, arguments, *sorted(more.items()), *sheet._variables.items())
    if key not in _PARSED:
        _PARSED[key] = _parse_rules(sheet, css, *arguments, **more)
    return _PARSED[key]


async def _all_heard(*_: float) -> None:
    """Every widget has dealt with what it was told, and with what followed from that.

    Textual's own sleeps 20 ms, and again while the process is busy: too long at rest, too short on a busy machine.
    """
    pilot: Pilot[Any] = Pilot(active_app.get())
    for _round in range(3):
        if not await _is_hearing(pilot.app):
            return
        await pilot._wait_for_screen()


async def _is_hearing(app: App[Any]) -> bool:
    """Somebody has a message or a callback waiting, also after those had a turn who were in the middle of one."""
    for _turn in range(2):
        if any(pump._next_callbacks or not pump._message_queue.empty() for pump in (app, *app._registry)):
            return True
        await asyncio.sleep(0)
    return bool(app.screen._callbacks)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is parsed twice, and nothing sleeps."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)
    monkeypatch.setattr("textual.pilot.wait_for_idle", _all_heard)
    monkeypatch.setattr("textual.app.wait_for_idle", _all_heard)


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


class Camera:
    """`camera(app)` compares what the app shows with its picture."""

    def __init__(self, snapshot: SnapshotAssertion) -> None:
        self._snapshot = snapshot.use_extension(Picture)

    def __call__(self, app: AmpsmApp, name: str | None = None) -> None:
        expected = self._snapshot(name=name) if name else self._snapshot
        same = picture(app) == expected  # apart: pytest takes minutes to tell two long texts apart
        assert same, "the screen does not look as in its picture; look at both: pytest --snapshot-update, git diff"

    async def glance(self, desk: Desk, state: str = "") -> None:
        """The two sizes that every state has, while the test holds back an answer."""
        for width, height in ((80, 24), (120, 40)):
            await desk.give_size(width, height)
            await desk.rest()
            self(desk.app, f"{state}{'-' if state else ''}{width}x{height}")

    async def tour(self, desk: Desk, state: str = "") -> None:
        """The same at the sizes of terminals that people have."""
        for width, height in ((80, 24), (120, 40), (50, 20)):
            await desk.resize(width, height)
            self(desk.app, f"{state}{'-' if state else ''}{width}x{height}")


@pytest.fixture
def snapshot_svg(snapshot: SnapshotAssertion) -> Camera:
    return Camera(snapshot)
