"""Walks through the screens in a real terminal: what the driver leaves there is what Textual means.

Textual's own text goes to a file besides, and from there to a second terminal that has no driver.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ampsm_engine.model import Session
from tests import soak
from tests.emulator import Emulator, EmulatorStream, cells
from tests.emulator import Terminal as Plain
from tests.journeys.terminal import Terminal
from tests.journeys.test_merge_journey import in_each_others_way
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

WAYS: dict[str, tuple[str, ...]] = {
    "list": (),
    "review": ("v",),
    "session": ("enter",),
    "settings": (",",),
    "help": ("?",),
    "palette": (":",),
    "merge": ("M",),
    "conflict": ("M", "enter", "ctrl+g"),
}
"""From the list to each screen."""

SEEN = {
    "list": "NAME",
    "review": "new.py",
    "session": "m writes a follow-up",
    "settings": "slots",
    "help": "Help: sessions",
    "palette": "Search",
    "merge": "Merge",
    "conflict": "Conflict 1 of 1",
}
"""What is on it."""

_NO_PICTURE = re.compile(r"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;?]*\$[a-z]|\x1b\][0-9]+;.*?(?:\x07|\x1b\\)", re.DOTALL)

TMUX, SCREEN = shutil.which("tmux"), shutil.which("screen")


def prepared(bench: Bench, screen: str) -> Session:
    """A few sessions; one of them has a diff with wide, combined and turned characters, or a conflict with its base."""
    for name in ("fix login", "漢字 and é", "a long name that is cut somewhere in the list of sessions"):
        bench.new(None, name=name)
    if screen == "conflict":
        return in_each_others_way(bench)
    session = bench.new(None, name="diff")
    root = Path(session.worktree_path)
    code = "".join(f"def f{at}(a, b):\n    return a * {at} + b  # line {at}\n\n" for at in range(80))
    (root / "new.py").write_text(code)
    (root / "wide.txt").write_text("漢字 is wide\n👍 too\ne\u0301 is combined\n\tand a tab\n" * 12)
    for number in range(12):
        (root / f"file{number}.md").write_text(f"# Title {number}\n\nText *{number}*\n")
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Change"], cwd=root, check=True)
    return session


class Walk:
    """One app in a terminal, and a terminal that shows Textual's own text."""

    def __init__(self, bench: Bench, raw: Path, size: tuple[int, int]) -> None:
        raw.touch()
        self._raw = raw
        self._read = 0
        self._plain = Plain(*size)
        self.terminal = Terminal(self.command(), cwd=bench.repo, size=size)

    def command(self) -> list[str | Path]:
        """What runs in the terminal."""
        return [sys.executable, "-c", TEE, self._raw]

    def shown(self) -> Emulator:
        """What stands there."""
        return self.terminal.screen

    def go(self, session: Session, screen: str) -> None:
        """From the start to a screen of that session."""
        self.terminal.sees("NAME", "diff" if screen != "conflict" else "Mend").press("/")
        self.terminal.type(session.name).press("enter", *WAYS[screen][:1])
        if screen == "conflict":
            self.terminal.sees("would conflict").press("enter").sees("What will happen").press("ctrl+g")
        self.terminal.sees(SEEN[screen])

    def is_same(self) -> bool:
        """Both terminals show the same, once all has come."""
        self.terminal.read(0.05)
        with self._raw.open(newline="", encoding="utf-8", errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            self._read = file.tell()
        self._plain.feed(_NO_PICTURE.sub("", text))
        return not self._differences()

    def _differences(self) -> list[object]:
        shown, meant = cells(self.shown()), cells(self._plain.screen)
        return [(one, other) for one, other in zip(shown, meant, strict=True) if one != other]

    def agrees(self, after: object) -> None:
        """Wait until what stands there is what Textual means."""
        until(self.is_same, lambda: f"one picture after {after}\n{self._difference()}")

    def _difference(self) -> str:
        return "\n".join(str(one) for one in self._differences()[:10]) + "\n" + self.terminal.text

    def resize(self, width: int, height: int) -> None:
        """The window has another size; where Textual's text is cut by that is nothing that it means."""
        self.terminal.resize(width, height)
        self._plain = Plain(width, height)
        self._read = self._raw.stat().st_size


class TmuxWalk(Walk):
    """The same in a tmux with a client attached: what the client shows counts, and what tmux holds."""

    def __init__(self, bench: Bench, raw: Path, size: tuple[int, int]) -> None:
        self._tmux = [TMUX or "", "-u", "-S", str(raw.with_name("tmux")), "-f", os.devnull]
        super().__init__(bench, raw, size)

    def command(self) -> list[str | Path]:
        # No status line: the pane is as large as the terminal.
        app = ["new-session", "-s", "one", sys.executable, "-c", TEE, str(self._raw)]
        options = {
            "status": "off",
            "focus-events": "on",
            "terminal-features": "*:RGB",
            "default-terminal": "tmux-256color",
        }
        settings = [word for name, value in options.items() for word in ("set", "-g", name, value, ";")]
        return [*self._tmux, *settings, *app]

    def ask(self, *words: str) -> str:
        """What tmux says."""
        done = subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True)
        return done.stdout.rstrip("\n")

    def _differences(self) -> list[object]:
        return super()._differences() or self._differences_inside()

    def _differences_inside(self) -> list[object]:
        """Where tmux holds something else; the ground of blanks at the end of a line it does not tell."""
        plain, captured = self._plain.screen, Plain(self._plain.screen.columns, self._plain.screen.lines)
        rows = self.ask("capture-pane", "-p", "-e", "-t", "one").split("\n")
        captured.feed("".join(f"\x1b[{at};1H{row}" for at, row in enumerate(rows, start=1)))
        held, meant = list(cells(captured.screen)), list(cells(plain))
        ends = {
            y: max((x for at, x, look in held if at == y and look[0] != " "), default=-1) for y in range(plain.lines)
        }
        return [(one, other) for one, other in zip(held, meant, strict=True) if one != other and one[1] <= ends[one[0]]]

    def attach(self) -> None:
        """Come back with another terminal."""
        self.terminal.close()
        size = self._plain.screen.columns, self._plain.screen.lines
        self.terminal = Terminal([*self._tmux, "attach"], cwd=self._raw.parent, size=size)

    def end(self) -> None:
        """Take the server along, and the app in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)


class ScreenWalk(Walk):
    """The same in a GNU screen; what its client shows counts."""

    def __init__(self, bench: Bench, raw: Path, size: tuple[int, int]) -> None:
        self._sockets = Path(tempfile.mkdtemp(prefix="screen-"))
        super().__init__(bench, raw, size)

    def command(self) -> list[str | Path]:
        """The app in a session of its own, without the status line and the page at the start."""
        environ = ["env", f"SCREENDIR={self._sockets}", "LC_ALL=C.UTF-8", "SYSSCREENRC=/dev/null"]
        options = ["-U", "-c", os.devnull, "-S", "one", "-T", "screen-256color"]
        return [*environ, SCREEN or "", *options, sys.executable, "-c", TEE, self._raw]

    def end(self) -> None:
        """Take the session along, and the app in it."""
        environ = os.environ | {"SCREENDIR": str(self._sockets)}
        subprocess.run([SCREEN or "", "-S", "one", "-X", "quit"], env=environ, check=False, capture_output=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


@pytest.fixture
def walk(bench: Bench, tmp_path: Path) -> Iterator[Callable[..., Walk]]:
    """`walk(size)` opens the app in a terminal, `walk(size, kind=TmuxWalk)` in tmux."""
    made: list[Walk] = []

    def begin(size: tuple[int, int], kind: type[Walk] = Walk) -> Walk:
        made.append(kind(bench, tmp_path / "raw", size))
        return made[-1]

    yield begin
    for one in made:
        if isinstance(one, TmuxWalk | ScreenWalk):
            one.end()
        one.terminal.close()


def stroll(walk: Walk, session: Session, screen: str, name: str, number: int, journeys: int) -> None:
    """Journeys of fifty keys from a screen on."""
    dice = soak.dice(name, number)
    walk.go(session, screen)
    for _ in range(journeys):
        keys = [dice.choice(KEYS) for _ in range(50)]
        for key in keys:
            walk.terminal.press(key)
            if dice.random() < 0.5:
                walk.terminal.read(0.01)
        walk.agrees(keys)
        walk.terminal.press(*["escape"] * 4)
        walk.agrees("escape")


JOURNEYS = [(0, 2), *(pytest.param(at + 1, 50, marks=pytest.mark.soak) for at in range(10))]
OTHERS = [one for one in WAYS if one not in {"list", "review"}]


@pytest.mark.parametrize("screen", ["list", "review", *soak.one_in(6, OTHERS)])
@pytest.mark.parametrize(("number", "journeys"), JOURNEYS)
def test_any_walk_leaves_what_textual_means(
    bench: Bench, walk: Callable[..., Walk], screen: str, number: int, journeys: int
) -> None:
    session = prepared(bench, screen)
    size = soak.dice(f"size {screen}", number).choice([(160, 50), (100, 30), (80, 24)])
    stroll(walk(size), session, screen, f"walk {screen}", number, journeys)


def test_a_stop_and_a_lost_picture_are_mended(bench: Bench, walk: Callable[..., Walk]) -> None:
    session = prepared(bench, "review")
    one = walk((100, 30))
    one.go(session, "review")
    one.agrees("the start")
    os.kill(one.terminal.pid, signal.SIGTSTP)
    until(lambda: psutil.Process(one.terminal.pid).status() == psutil.STATUS_STOPPED, "it to stop")
    one.terminal.read()
    EmulatorStream(one.terminal.screen).feed("\x1b[H\x1b[41mshell: it is late\x1b[J")
    os.kill(one.terminal.pid, signal.SIGCONT)
    one.terminal.press("j")
    one.agrees("a stop")


needs_tmux = pytest.mark.skipif(TMUX is None, reason="there is no tmux on this machine")


@needs_tmux
@pytest.mark.parametrize(
    "screen", ["review", *(pytest.param(one, marks=pytest.mark.soak) for one in ("list", *OTHERS))]
)
@pytest.mark.parametrize(("number", "journeys"), [(0, 1), pytest.param(1, 50, marks=pytest.mark.soak)])
def test_any_walk_leaves_in_tmux_what_textual_means(
    bench: Bench, walk: Callable[..., Walk], screen: str, number: int, journeys: int
) -> None:
    session = prepared(bench, screen)
    stroll(walk((100, 30), kind=TmuxWalk), session, screen, f"tmux {screen}", number, journeys)


@pytest.mark.skipif(SCREEN is None, reason="there is no GNU screen on this machine")
@pytest.mark.parametrize("screen", soak.one_in(9, ["review", "list", *OTHERS]))
@pytest.mark.parametrize(("number", "journeys"), [(0, 1), pytest.param(1, 50, marks=pytest.mark.soak)])
def test_any_walk_leaves_in_screen_what_textual_means(
    bench: Bench, walk: Callable[..., Walk], screen: str, number: int, journeys: int
) -> None:
    session = prepared(bench, screen)
    stroll(walk((100, 30), kind=ScreenWalk), session, screen, f"screen {screen}", number, journeys)


@needs_tmux
def test_what_others_do_to_the_terminal_is_mended(bench: Bench, walk: Callable[..., Walk]) -> None:
    """In tmux: another size, another window in front, another program's output, a lost client and another one."""
    session = prepared(bench, "review")
    one = walk((100, 30), kind=TmuxWalk)
    assert isinstance(one, TmuxWalk)
    one.go(session, "review")
    one.agrees("the start")
    for width, height in ((70, 20), (120, 40), (100, 30)):
        one.resize(width, height)
        one.terminal.press("j")
        one.agrees(f"{width} by {height}")
    one.ask("new-window", "sh")
    one.ask("last-window")
    one.terminal.press("ctrl+f")
    one.agrees("a change of the focus")
    Path(one.ask("display", "-p", "-t", "one", "#{pane_tty}")).write_text("\x1b[H\x1b[41mwall: it is late\x1b[J")
    until(lambda: "wall: it is late" in one.ask("capture-pane", "-p", "-t", "one"), "the output of another program")
    one.terminal.press("ctrl+l")
    one.agrees("ctrl+l")
    os.kill(int(one.ask("list-clients", "-F", "#{client_pid}")), signal.SIGHUP)
    until(lambda: not one.ask("list-clients"), "the client to be lost")
    one.ask("send-keys", "-t", "one", "j", "j")
    one.attach()
    one.terminal.press("j")
    one.agrees("a lost line")
