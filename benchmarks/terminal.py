"""A terminal for benchmarks: a program in a pty of its own, its bytes as they come, its CPU time."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path


class Terminal:
    """A program in a pty of 120 columns and 40 lines."""

    def __init__(self, command: Sequence[str | Path], *, columns: int = 120, lines: int = 40) -> None:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execv(command[0], [str(word) for word in command])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> bytes:
        """What comes within so many seconds of nothing coming, at most 64 KB."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        try:
            return os.read(self.fd, 65536) if ready else b""
        except OSError:
            return b""

    def until(self, mark: bytes, limit: float = 60) -> float:
        """Seconds from the start until these bytes have come."""
        seen = b""
        while mark not in seen:
            seen = (seen + self.read(0.05))[-200_000:]
            if time.perf_counter() - self.began > limit:
                raise TimeoutError(f"{mark!r} did not come; the last: {seen[-400:]!r}")
        return time.perf_counter() - self.began

    def drain(self, quiet: float) -> int:
        """Read until nothing has come for so many seconds; how many bytes came."""
        count = 0
        while chunk := self.read(quiet):
            count += len(chunk)
        return count

    def press(self, key: str) -> None:
        """Write the bytes of a key to the terminal."""
        os.write(self.fd, key.encode())

    def cpu(self) -> float:
        """Seconds of CPU that the program itself has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """End the program, and wait for it; a second call does nothing."""
        if self.fd >= 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)
            self.fd = -1
