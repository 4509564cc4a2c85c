"""Colours by what the terminal can do, in real terminals of other names: no colour too many, and the cursor is seen."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.emulator import Emulator, cells
from tests.journeys.conftest import Open
from tests.worker.bench import Bench

TRUE, MANY, FEW = "[34]8;2;", "[34]8;5;", "(?:[34]|9|10)[0-7]"


def kinds(data: bytes) -> set[str]:
    """Which kinds of colours were ever asked for."""
    found: set[str] = set()
    for codes in re.findall(r"\x1b\[([0-9;:]*)m", data.decode(errors="replace")):
        for kind in (TRUE, MANY):
            found |= {kind} if re.search(kind, codes) else set()
        rest = re.sub("[34]8;(?:2;[0-9]+;[0-9]+;|5;)[0-9]+", "", codes)
        found |= {FEW} if re.search(f"(?:^|;){FEW}(?:;|$)", rest) else set()
    return found


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, {TRUE}),
        ({"TERM": "xterm-256color", "COLORTERM": ""}, {MANY}),  # over SSH, and by sudo
        pytest.param(
            {"TERM": "screen.xterm-256color", "STY": "1.pts", "COLORTERM": "truecolor"}, {MANY}, marks=pytest.mark.soak
        ),
        ({"TERM": "linux", "COLORTERM": ""}, {FEW}),
        pytest.param({"TERM": "vt100", "COLORTERM": ""}, set(), marks=pytest.mark.soak),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, set()),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_no_terminal_gets_colours_that_it_lacks_and_each_shows_its_cursor(
    bench: Bench, terminal: Open, environ: dict[str, str], kind: set[str]
) -> None:
    session = bench.new(None, name="mend")
    root = Path(session.worktree_path)
    (root / "new.py").write_text("def f(a):\n    return 'x' + a  # why\n" * 20)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-qm", "Change"], cwd=root, check=True)
    screen = terminal(size=(80, 24), environ=environ).sees("mend", "NAME")
    assert len({looks(screen.screen, row) for row in range(2, 6)}) > 1, "the row under the cursor looks like the others"
    screen.press("v").sees("return 'x'").press("j", "j", "j").sees("0 of 1")
    if environ["TERM"].startswith("xterm"):
        screen.until(lambda: italics(screen.bytes), "the comment in italics, when its language is known")
    screen.press("?").sees("Help: review").press("escape").sees_no_more("Help: review")
    assert kinds(screen.bytes) == kind
    assert environ["TERM"].startswith("xterm") or not italics(screen.bytes), "italics where there are none"


def italics(data: bytes) -> bool:
    """Whether italics were ever asked for."""
    plain = re.sub(rb"[34]8;(?:2;\d+;\d+;|5;)\d+", b"", data)
    return re.search(rb"\x1b\[(?:[0-9;]*;)?3(?:;[0-9;]*)?m", plain) is not None


def looks(screen: Emulator, row: int) -> object:
    """How a blank of a row looks: its ground, or that it is inverted."""
    return next(look for y, x, look in cells(screen) if (y, x) == (row, 60))


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_move_its_cursor_is_told_what_else_there_is(
    bench: Bench, terminal: Open, term: str
) -> None:
    bench.new(None, name="mend")
    screen = terminal(environ={"TERM": term})
    assert screen.ended() == 5
    assert "TERM is" in screen.text
    assert "ampsm ls" in screen.text
    assert b"\x1b[?1049h" not in screen.bytes
