"""A real terminal around a program: its bytes, its screen as text, keys, sizes, and the ways in which a terminal dies."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.emulator import Emulator, EmulatorByteStream
from tests.waiting import DEADLINE, until

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pagedown": "\x1b[6~",
    "space": " ",
} | {f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"}

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[[0-9;?]*\$[a-z]|\x1bP.*?\x1b\\", re.DOTALL)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-9;?<=>$]*|P[^\x1b]*\x1b?|\][^\x07\x1b]*\x1b?)?\Z", re.DOTALL)


class Terminal:
    """One program in a terminal of its own."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        size: tuple[int, int] = (80, 24),
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        answers: Mapping[bytes, str] | None = None,
    ) -> None:
        width, height = size
        self._answers = {b"\x1b[?2026$p": "\x1b[?2026;2$y"} | dict(answers or {})
        """What it answers to which question, before it says where its cursor is."""
        # The size is there before the program is, as with a real terminal; pexpect would set it afterwards.
        sized = ["/bin/sh", "-c", 'stty cols "$0" rows "$1"; shift; exec "$@"', str(width), str(height)]
        # No variable of the terminal that the tests run in: its multiplexer is not ours, nor is its size.
        own = {
            name: value
            for name, value in os.environ.items()
            if name not in {"TMUX", "STY", "TERM_PROGRAM", "VTE_VERSION", "COLUMNS", "LINES"}
        }
        own |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONDONTWRITEBYTECODE": "1"}
        self.child: Any = pexpect.spawn(
            sized[0],
            [*sized[1:], *(str(word) for word in command)],
            dimensions=(height, width),
            env=own | dict(environ or {}),
            cwd=cwd,
            timeout=DEADLINE,
        )
        self.child.delaybeforesend = None
        self.screen = Emulator(width, height, answer=self._answer)
        self.bytes = b""
        """All that was ever written."""
        self._stream = EmulatorByteStream(self.screen)
        self._rest = b""

    @property
    def pid(self) -> int:
        return int(self.child.pid)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def read(self, timeout: float = 0.02) -> bool:
        """Take what has come; False when the program has closed its side."""
        try:
            data = self.child.read_nonblocking(1 << 16, timeout)
        except pexpect.TIMEOUT:
            return True
        except (pexpect.EOF, OSError, ValueError):
            return False
        self.bytes += data
        self._show(data)
        return True

    def _show(self, data: bytes) -> None:
        data = self._rest + data
        unfinished = _UNFINISHED.search(data)
        cut = unfinished.start() if unfinished else len(data)
        self._rest = data[cut:]
        for question, answer in self._answers.items():
            if question in data[:cut]:
                self._answer(answer)
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data[:cut]))

    def _answer(self, text: str) -> None:
        """What the program has asked the terminal."""
        with contextlib.suppress(OSError):
            self.child.send(text)

    def until(self, fact: Callable[[], Any], what: str) -> Any:
        """Read until a fact holds; its value."""
        deadline = time.monotonic() + DEADLINE
        while not (value := fact()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE:g} s for {what}; the screen:\n{self.text}")
            if not self.read() and not fact():
                pytest.fail(f"the program ended before {what}; the screen:\n{self.text}\n{self.bytes[-2000:]!r}")
        return value

    def sees(self, *words: str) -> "Terminal":
        """Wait until all these words are on the screen."""
        self.until(self._shown(lambda text: all(word in text for word in words)), f"{words} on the screen")
        return self

    def sees_no_more(self, *words: str) -> "Terminal":
        """Wait until none of these words is on the screen."""
        self.until(self._shown(lambda text: not any(word in text for word in words)), f"{words} to leave the screen")
        return self

    def _shown(self, fact: Callable[[str], bool]) -> Callable[[], bool]:
        """A fact about the text of the screen, looked at again only when something has come: that is slow."""
        seen = -1

        def look() -> bool:
            nonlocal seen
            if seen == len(self.bytes):
                return False
            seen = len(self.bytes)
            return fact(self.text)

        return look

    def line_with(self, word: str) -> str:
        """The first line that has this word, once there is one."""
        return str(self.until(lambda: next((line for line in self.lines if word in line), ""), f"a line with {word!r}"))

    def press(self, *keys: str) -> "Terminal":
        """Press keys: names of KEYS, or characters as they are."""
        for key in keys:
            self.child.send(KEYS.get(key, key))
        return self

    def type(self, text: str) -> "Terminal":
        """Type a text."""
        self.child.send(text)
        return self

    def resize(self, width: int, height: int) -> "Terminal":
        """The window has now another size."""
        self.child.setwinsize(height, width)
        self.screen.resize(height, width)
        return self

    def ended(self) -> int:
        """Wait until the program has ended; its exit code, or minus the signal that killed it."""
        deadline = time.monotonic() + DEADLINE
        while self.child.isalive():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE:g} s for the end; the screen:\n{self.text}")
            self.read()
        while self.read(0.0) and not self.child.closed:
            if self.child.flag_eof:
                break
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)

    def kill(self) -> None:
        """kill -9, as a machine short of memory does."""
        os.kill(self.pid, signal.SIGKILL)
        self.ended()

    def hang_up(self) -> None:
        """The terminal goes away under the program, as a lost SSH link does."""
        self.child.ptyproc.fileobj.close()
        until(lambda: not self.child.isalive(), "the program to end with its terminal")

    def close(self) -> None:
        """End it, whatever it does."""
        if self.child.isalive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.child.wait()
        with contextlib.suppress(OSError):
            self.child.close()
