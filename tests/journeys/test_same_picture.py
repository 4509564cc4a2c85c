"""Walks through the screens in a real terminal: what the driver leaves there is what Textual means.

Textual's own text goes to a file besides, and from there to a second terminal that has no driver.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import soak
from tests.emulator import Terminal as Plain
from tests.journeys.terminal import Terminal
from tests.waiting import until
from tests.worker.bench import Bench

TEE = """
import sys
from ampsm_tui.driver.output import TerminalOutput
file = open(sys.argv.pop(1), "a", newline="", encoding="utf-8")
write = TerminalOutput.write
def both(self, data):
    file.write(data)
    file.flush()
    write(self, data)
TerminalOutput.write = both
from ampsm_tui.__main__ import main
sys.exit(main())
"""

KEYS = (
    *("j", "k", "J", "K", "f", "b", "d", "u", "g", "G", "]", "[", "}", "{", "tab", "down", "up", "pagedown"),
    *("?", "@", ",", "/", "n", "enter", "escape", "escape", "escape", "v", "V", "w", "o", "t", "\\", "|", "z", "Z"),
    *("c", "m", "=", "+", "i", "s", "1", "2", "space", "left", "right", "a", "é", "漢", "H", "L"),
)
"""What moves, opens and types; nothing that ends the app or hands the terminal to another program."""

_NO_PICTURE = re.compile(r"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;?]*\$[a-z]|\x1b\][0-9]+;.*?(?:\x07|\x1b\\)", re.DOTALL)


def prepared(bench: Bench) -> str:
    """A few sessions, one of which has a diff with wide, combined and turned characters."""
    for name in ("fix login", "漢字 and é", "a long name that is cut somewhere in the list of sessions"):
        bench.new(None, name=name)
    session = bench.new(None, name="diff")
    root = Path(session.worktree_path)
    code = "".join(f"def f{at}(a, b):\n    return a * {at} + b  # line {at}\n\n" for at in range(80))
    (root / "new.py").write_text(code)
    (root / "wide.txt").write_text("漢字 is wide\n👍 too\ne\u0301 is combined\n\tand a tab\n" * 12)
    for number in range(12):
        (root / f"file{number}.md").write_text(f"# Title {number}\n\nText *{number}*\n")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Change"], cwd=root, check=True)
    return session.id


class Walk:
    """One app in a terminal, and a terminal that shows Textual's own text."""

    def __init__(self, bench: Bench, arguments: tuple[str, ...], raw: Path, size: tuple[int, int]) -> None:
        raw.touch()
        self._raw = raw
        self._read = 0
        command = [sys.executable, "-c", TEE, raw, *arguments]
        self.terminal = Terminal(command, cwd=bench.repo, size=size)
        self._ours = Plain(1, 1)
        self._ours.screen = self.terminal.screen
        self._plain = Plain(*size)

    def is_same(self) -> bool:
        """Both terminals show the same, once all has come."""
        self.terminal.read(0.05)
        with self._raw.open(newline="", encoding="utf-8", errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            self._read = file.tell()
        self._plain.feed(_NO_PICTURE.sub("", text))
        return not self._ours.differs(self._plain)

    def difference(self) -> str:
        """Where they differ."""
        return "\n".join(str(one) for one in self._ours.differs(self._plain)[:10]) + "\n" + self.terminal.text


@pytest.mark.parametrize("screen", ["list", "review"])
@pytest.mark.parametrize(
    ("number", "journeys"), [(0, 2), *(pytest.param(at + 1, 50, marks=pytest.mark.soak) for at in range(10))]
)
def test_any_walk_leaves_what_textual_means(
    bench: Bench, tmp_path: Path, screen: str, number: int, journeys: int
) -> None:
    session = prepared(bench)
    dice = soak.dice(f"walk {screen}", number)
    size = dice.choice([(160, 50), (100, 30), (80, 24)])
    walk = Walk(bench, ("review", session) if screen == "review" else (), tmp_path / "raw", size)
    try:
        walk.terminal.sees("ampsm" if screen == "list" else "new.py")
        for _ in range(journeys):
            keys = [dice.choice(KEYS) for _ in range(50)]
            for key in keys:
                walk.terminal.press(key)
                if dice.random() < 0.5:
                    walk.terminal.read(0.01)
            until(walk.is_same, lambda keys=keys: f"one picture after {keys}\n{walk.difference()}")
            walk.terminal.press(*["escape"] * 4)
            until(walk.is_same, lambda: f"one picture after escape\n{walk.difference()}")
    finally:
        walk.terminal.close()
