"""Watching one amp process through its files: what it said, how long it is silent, how it is ended.

A child and an adopted orphan are watched by the same code. Nothing here writes to the store.
"""

import os
import time
from dataclasses import dataclass, field
from enum import StrEnum

from ampsm_engine import redact
from ampsm_engine.amp.process import Child
from ampsm_engine.amp.stream import CHUNK, EventReader
from ampsm_engine.amp.tally import Fold
from ampsm_engine.config import Settings
from ampsm_engine.home import RunDirectory

BURST = 1 << 22
"""Bytes read before the watch looks at the other things it waits for."""


class Reason(StrEnum):
    """Why we end amp."""

    STOP = "stop"
    TIMEOUT = "timeout"
    SILENT = "silent"
    LOST = "lost-connection"
    LOGIN = "login"
    LINGERING = "lingering"
    """Its result is there, but it does not exit."""


@dataclass(slots=True)
class Transcript:
    """The stream file read as far as it goes, folded."""

    run: RunDirectory
    fold: Fold = field(init=False)
    reader: EventReader = field(default_factory=lambda: EventReader(redact=redact.text))
    head: bytes = b""
    position: int = 0
    grown_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.fold = Fold(self.run.path.name)

    def read(self, limit: int = BURST) -> bool:
        """Fold what is new, at most about `limit` bytes; whether there was anything."""
        try:
            descriptor = os.open(self.run.stream, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        start = self.position
        try:
            os.lseek(descriptor, start, os.SEEK_SET)
            while self.position - start < limit and (data := os.read(descriptor, CHUNK)):
                self.position += len(data)
                if len(self.head) < CHUNK:
                    self.head += data[: CHUNK - len(self.head)]
                for event in self.reader.feed(data):
                    self.fold.add(event)
        finally:
            os.close(descriptor)
        if self.position > start:
            self.grown_at = time.monotonic()
        return self.position > start

    def read_to_end(self) -> None:
        """Fold the rest, also a last line that has no end."""
        while self.read():
            pass
        for event in self.reader.close():
            self.fold.add(event)


@dataclass(slots=True)
class Ladder:
    """Ending amp: SIGINT to amp itself, then SIGTERM, then SIGKILL to its group.

    SIGINT lets amp tell its server, end its tool and print a result; SIGHUP never, it dies silently.
    """

    child: Child
    interrupt: float
    terminate: float
    reason: Reason | None = None
    _began: float = 0.0
    _step: int = 0

    def begin(self, reason: Reason) -> None:
        """Send the first signal, once; the first reason counts."""
        if self.reason is None:
            self.reason = reason
            self._began = time.monotonic()
            self._step = 1
            self.child.interrupt()

    def climb(self) -> None:
        """Send the next signal when the time for the one before is over."""
        waited = time.monotonic() - self._began
        if self._step == 1 and waited >= self.interrupt:
            self._step = 2
            self.child.terminate()
        elif self._step == 2 and waited >= self.interrupt + self.terminate:
            self._step = 3
            self.child.kill()


@dataclass(slots=True)
class Patience:
    """How long amp may be silent, and since when it is."""

    settings: Settings
    told: bool = False

    def exceeded(self, transcript: Transcript, *, lost: bool) -> tuple[bool, Reason | None]:
        """Whether to tell somebody now, and why to end amp (None: let it go on)."""
        silent = time.monotonic() - transcript.grown_at
        if lost and silent >= self.settings.number("silence.lost-connection"):
            return False, Reason.LOST
        in_tool = transcript.fold.open_tools > 0
        limit = self.settings.number("silence.stop")
        if limit and not in_tool and silent >= limit:
            return False, Reason.SILENT
        tell = silent >= self.settings.number("silence.tell-in-tool" if in_tool else "silence.tell")
        if not tell:
            self.told = False
        news = tell and not self.told
        self.told = tell
        return news, None
