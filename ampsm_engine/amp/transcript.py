"""A run's output file, read and followed by byte offset, whether its amp lives or not.

The offset that comes with an event is where another reader may go on. Nothing here waits: who follows a file
is told that there is nothing new, and decides how long to sleep.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.amp.events import Event
from ampsm_engine.amp.stream import CHUNK, EventReader, attempt_line
from ampsm_engine.amp.tally import Fold
from ampsm_engine.home import IterationDirectory, open_private
from ampsm_engine.lean_dataclass import dataclass, field

TAIL = 64 * 1024
"""Bytes of the standard error that count."""

BURST = 1 << 22
"""Bytes that a transcript reads at once before its reader looks at other things."""

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # control sequences, private modes included
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other strings
    r"|[ -/]*[0-~])?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Transcript:
    """A run's output as far as it was read: redacted, folded into one tally."""

    run: IterationDirectory
    fold: Fold = field(init=False)
    reader: EventReader = field(default_factory=lambda: EventReader(redact=redact.text))
    head: bytes = b""
    position: int = 0
    grown_at: float = field(default_factory=time.monotonic)
    """When something new was read, as `time.monotonic` counts."""
    _live_from: int = 0
    """Bytes that were there before the file was followed: when amp wrote them is not known."""

    def __post_init__(self) -> None:
        self.fold = Fold(self.run.path.name)
        with contextlib.suppress(FileNotFoundError):
            self._live_from = self.run.stream.stat().st_size

    def read(self) -> bool:
        """Fold what is new, at most about BURST bytes; whether there was anything."""
        start = self.position
        with contextlib.ExitStack() as stack:
            file = _opened(self.run.stream, start, stack)
            while file and self.position - start < BURST and (data := file.read(CHUNK)):
                self.fold.now = time.time() if self.position >= self._live_from else None
                self.position += len(data)
                if len(self.head) < CHUNK:
                    self.head += data[: CHUNK - len(self.head)]
                self.fold.add_all(self.reader.feed(data))
        if self.position > start:
            self.grown_at = time.monotonic()
        return self.position > start

    def read_to_end(self) -> None:
        """Fold the rest, also a last line that has no end."""
        while self.read():
            pass
        self.fold.add_all(self.reader.close())


def read(path: Path, offset: int = 0) -> Iterator[tuple[int, Event]]:
    """Every event from an offset on, each with the offset behind its line; none when there is no file yet."""
    reader = EventReader(offset=offset)
    with contextlib.ExitStack() as stack:
        file = _opened(path, offset, stack)
        while data := file.read(CHUNK) if file else b"":
            yield from reader.located(data)
    yield from ((reader.offset, event) for event in reader.close())


def follow(
    path: Path, *, offset: int = 0, alive: Callable[[], bool], redact: Callable[[str], str] | None = None
) -> Iterator[Event | None]:
    """Events as they are written, None when there is nothing new; ends once the writer is gone and all is read.

    The file stays open: when it is replaced (redaction does that), the old one is followed to its end.
    """
    reader = EventReader(offset=offset, redact=redact)
    living, file = True, None
    with contextlib.ExitStack() as stack:
        while living:
            living = alive()  # asked before reading: what was written before the end is still read
            file = file or _opened(path, offset, stack)
            idle = True
            while data := file.read(CHUNK) if file else b"":
                idle = False
                yield from reader.feed(data)
            if idle and living:
                yield None
    yield from reader.close()


def _opened(path: Path, offset: int, stack: contextlib.ExitStack) -> FileIO | None:
    with contextlib.suppress(FileNotFoundError):
        file = stack.enter_context(FileIO(path))
        file.seek(offset)
        return file
    return None


def mark_attempt(path: Path, number: int) -> None:
    """Write our own line before amp is started again into the same file."""
    with os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "wb") as file:
        file.write(attempt_line(number))


def tail(path: Path, size: int = TAIL) -> str:
    """The last bytes of a file as text without terminal control; empty when it does not exist yet."""
    with contextlib.ExitStack() as stack:
        file = _opened(path, 0, stack)
        if file is None:
            return ""
        file.seek(max(0, file.seek(0, os.SEEK_END) - size))
        return without_escapes(file.read(size).decode("utf-8", "replace"))


def without_escapes(text: str) -> str:
    """The text without terminal escape sequences and other control characters; lines stay lines."""
    return _CONTROL.sub("", _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")).strip()


_THREAD = re.compile(rb'"threadId":"(T-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


def thread_in_log(run: IterationDirectory) -> str | None:
    """The thread's id from amp's own log, which names it about a second before the stream does."""
    try:
        with run.log.open("rb") as file:
            found = _THREAD.search(file.read(1 << 20))
    except FileNotFoundError:
        return None
    return found.group(1).decode() if found else None
