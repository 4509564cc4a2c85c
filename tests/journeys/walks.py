"""Walks through the screens in a real terminal, beside it one that shows Textual's own text: what both show is compared.

Textual's text goes to a file besides, and from there to a second terminal that has no driver.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from ampsm_engine.model import Session
from tests.emulator import Emulator, cells
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
    "review": "hunks viewed",
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

FOREIGN = "\x1b[H\x1b[41mwall: it is late\x1b[J\x1b[3;7r"
"""What another program writes: some text, a colour, and a scroll region that it forgets."""


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
        found: list[object] = [(one, other) for one, other in zip(shown, meant, strict=True) if one != other]
        places = self._cursor(), _place(self._plain.screen)
        return found if places[0] == places[1] else [*found, ("cursor", *places)]

    def _cursor(self) -> tuple[int, int]:
        """The column and the row of the app's cursor."""
        return _place(self.shown())

    def agrees(self, after: object) -> None:
        """Wait until what stands there is what Textual means."""
        until(self.is_same, lambda: f"one picture after {after}\n{self._difference()}")

    def _difference(self) -> str:
        return "\n".join(str(one) for one in self._differences()[:10]) + "\n" + self.terminal.text

    def resize(self, width: int, height: int) -> None:
        """The window has another size; where Textual's text is cut by that is nothing that it means."""
        self._plain = Plain(width, height)
        self._read = self._raw.stat().st_size  # before: what is painted for the new size may come at once
        self.terminal.resize(width, height)

    def change_size(self, width: int, height: int) -> None:
        """Another size, unless it has it; all is painted by the time that this is over."""
        if (width, height) != (self._plain.screen.columns, self._plain.screen.lines):
            self.resize(width, height)
            self.agrees(f"{width} by {height}")

    @property
    def app(self) -> psutil.Process:
        """The process of the app."""
        return psutil.Process(self.terminal.pid)

    def its_terminal(self) -> Path:
        """The terminal that the app has."""
        name = subprocess.check_output(["ps", "-o", "tty=", "-p", str(self.app.pid)], text=True)
        return Path("/dev", name.strip())

    def be_written_over(self) -> None:
        """Another program writes on the terminal of the app."""
        terminal = os.open(self.its_terminal(), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        left = FOREIGN.encode()
        try:
            while left:
                try:
                    left = left[os.write(terminal, left) :]
                except BlockingIOError:  # what was written before is to be taken first
                    self.terminal.read()
        finally:
            os.close(terminal)

    def stop(self) -> None:
        """The app is stopped as by ctrl+z, another program writes, and the app goes on."""
        app, before = self.app, self._raw.stat().st_size
        app.send_signal(signal.SIGTSTP)
        self.terminal.until(lambda: "\x1b[?1049l" in self._written(before), "it to stop")
        self.be_written_over()
        self.terminal.until(lambda: self._goes_on(app, before), "it to go on")

    def _goes_on(self, app: psutil.Process, before: int) -> bool:
        if app.status() == psutil.STATUS_STOPPED:
            app.send_signal(signal.SIGCONT)
        return "\x1b[?1049h" in self._written(before)

    def _written(self, before: int) -> str:
        """What Textual has written since its file had so many bytes."""
        with self._raw.open("rb") as file:
            file.seek(before)
            return file.read().decode("utf-8", "replace")

    def lose_focus(self) -> None:
        """The window is left, and entered again."""
        self.terminal.type("\x1b[O").type("\x1b[I")

    def lose_line(self) -> None:
        """Nothing: what runs in a terminal ends with it."""


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

    def _cursor(self) -> tuple[int, int]:
        x, y = self.ask("display", "-p", "-t", "one", "#{cursor_x} #{cursor_y}").split()
        return int(x), int(y)

    @property
    def app(self) -> psutil.Process:
        """The process in the pane."""
        return psutil.Process(int(self.ask("display", "-p", "-t", "one", "#{pane_pid}")))

    def stop(self) -> None:
        """As everywhere; tmux lets it go on at once, perhaps before the other program writes, which ctrl+l mends then."""
        super().stop()
        self.terminal.press("ctrl+l")

    def lose_line(self) -> None:
        """The client is lost, and somebody comes back with another one."""
        os.kill(int(self.ask("list-clients", "-F", "#{client_pid}")), signal.SIGHUP)
        until(lambda: not self.ask("list-clients"), "the client to be lost")
        self.ask("send-keys", "-t", "one", "j", "j")
        self.attach()

    def attach(self) -> None:
        """Come back with another terminal."""
        self.terminal.close()
        size = self._plain.screen.columns, self._plain.screen.lines
        self.terminal = Terminal([*self._tmux, "attach"], cwd=self._raw.parent, size=size)
        # Before that a further size would be lost: the terminal gets its first one when the client begins.
        self.terminal.until(lambda: self.ask("list-clients"), "the client")

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

    def _cursor(self) -> tuple[int, int]:
        """As it is meant: screen shows none that is hidden."""
        return _place(self._plain.screen)

    @property
    def app(self) -> psutil.Process:
        """The process in the window, a child of the server that screen has left in the background."""
        found = (one for one in psutil.process_iter(["cmdline"]) if str(self._raw) in (one.info["cmdline"] or ())[-1:])
        return next(one for one in found if one.name() != "screen")

    def stop(self) -> None:
        """Nothing: once a program in it was stopped, GNU screen 4.9 hears of no further size, whatever the program is."""

    def lose_focus(self) -> None:
        """Nothing: screen tells nobody."""

    def end(self) -> None:
        """Take the session along, and the app in it."""
        environ = os.environ | {"SCREENDIR": str(self._sockets)}
        subprocess.run([SCREEN or "", "-S", "one", "-X", "quit"], env=environ, check=False, capture_output=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


def _place(screen: Emulator) -> tuple[int, int]:
    """Where a cursor is seen: behind the last column it stands on it."""
    return min(screen.cursor.x, screen.columns - 1), screen.cursor.y
