"""One phase of an iteration in which other programs may hang: what it is, since when, on what, and its end by a stop.

While it lasts, the iteration's activity says so. A git that is waited for in it is ended when a stop was asked for and
the time that `stop.commit` gives is over.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from ampsm_engine import redact
from ampsm_engine.amp.process import busy_with
from ampsm_engine.config import Settings
from ampsm_engine.git import program
from ampsm_engine.plain_text import printable
from ampsm_engine.store import PatientStore

TOLD_AFTER = 2.0
"""Seconds after which it is told what a phase waits for."""

LEAST = 2.0
"""Seconds that each git has in any case: those that are to tidy up come after the one that hung."""


@dataclass(slots=True)
class Phase:
    """A context: the phase lasts as long as it does."""

    store: PatientStore
    settings: Settings
    iteration_id: str
    what: str
    hung: str = ""
    """What did not end in time after a stop, and was ended; empty when nothing was."""
    _began: float = field(default_factory=time.monotonic)
    _since: datetime = field(default_factory=lambda: datetime.now().astimezone())
    _seen: int = -1
    _stop_at: float | None = None
    _told: str | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._stack.enter_context(program.watched(self._watch))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._told is not None:
            self._tell(None)

    def turn_to(self, what: str) -> None:
        """Go on with something else; the time that a stop gives is not given again."""
        if self._told is not None:
            self._tell(None)
        self.what, self._told = what, None
        self._began, self._since = time.monotonic(), datetime.now().astimezone()

    def stop_wanted(self) -> bool:
        """Whether somebody asked to stop; the store is only read again after somebody wrote to it."""
        version = self.store.data_version()
        if version != self._seen:
            self._seen = version
            if self._stop_at is None and self.store.iterations.get(self.iteration_id).stop_requested_at is not None:
                self._stop_at = time.monotonic()
        return self._stop_at is not None

    def is_over(self) -> bool:
        """Whether a stop was asked for, and what runs had its time to end; tells meanwhile what the phase is."""
        if self._told is None and time.monotonic() - self._began >= TOLD_AFTER:
            self._tell("")
        if not self.stop_wanted() or self._stop_at is None:
            return False
        return time.monotonic() - self._stop_at >= self.settings.number("stop.commit")

    def _watch(self, pid: int, seconds: float) -> bool:
        if seconds >= TOLD_AFTER and (hanging := busy_with(pid)) != self._told:
            self._tell(hanging)
        if not (self.is_over() and seconds >= LEAST):
            return False
        self.hung = printable(redact.text(busy_with(pid) or self._told or "git"))[:200]
        return True

    def _tell(self, hanging: str | None) -> None:
        """Write into the store what the phase waits for; None: for nothing any more."""
        self._told = hanging
        text = f"{self.what} since {self._since:%H:%M:%S}"
        named = printable(redact.text(hanging or ""))[:200]
        activity = None if hanging is None else f"{text}: {named}" if named else text
        self.store.iterations.update(self.iteration_id, activity=activity)
