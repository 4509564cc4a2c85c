"""Workers that end before they can work: how many in a row, why, and how long no sweep starts another.

Each would be followed by another one at once, for ever, while something waits in the queue. One that comes to its slot
takes the memory of those before it away.
"""

import json
import time
from contextlib import suppress
from typing import NamedTuple

from ampsm_engine import redact
from ampsm_engine.home import Home, write_json_object
from ampsm_engine.plain_text import printable

LEAST = 2
"""Failed starts in a row before anything is put off: one may have been killed by chance."""

FIRST_PAUSE = 4.0
LONGEST_PAUSE = 60.0

TOGETHER = 1.0
"""Seconds within which several that end are one failure: who kills all of them has not shown that none can start."""


class FailedStarts(NamedTuple):
    """The failures since a worker last came to its slot."""

    in_a_row: int
    at: float
    """When the last one ended, by the clock of the machine."""
    reason: str
    is_reported: bool = False
    """Whether the history of the store says so."""

    @property
    def pause(self) -> float:
        """Seconds after the last failure in which no further worker is started."""
        return 0.0 if self.in_a_row < LEAST else min(FIRST_PAUSE * 2 ** (self.in_a_row - LEAST), LONGEST_PAUSE)

    @property
    def is_paused(self) -> bool:
        """Whether the pause is not over yet; a clock that was set back pauses nothing."""
        return 0 <= time.time() - self.at < self.pause

    @property
    def sentence(self) -> str:
        """The failures in one sentence for users."""
        return f"No worker comes to its work: {self.in_a_row} ended at their start. {self.reason}"


def read(home: Home) -> FailedStarts | None:
    """The failures since a worker last came to its slot; None without any."""
    try:
        found = json.loads(home.failed_starts.read_bytes())
        return FailedStarts(
            int(found["in_a_row"]), float(found["at"]), str(found["reason"]), bool(found["is_reported"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def trouble(home: Home) -> str:
    """The message for users while no worker can start; empty while workers start."""
    found = read(home)
    return found.sentence if found is not None and found.in_a_row >= LEAST else ""


def record(home: Home, reason: str) -> None:
    """Note that a worker ended before it had its slot. Where that cannot be written, nothing is put off."""
    before = read(home)
    if before is not None and 0 <= time.time() - before.at < TOGETHER:
        return
    count = before.in_a_row + 1 if before is not None else 1
    text = printable(redact.text(reason))[:500]
    _write(home, FailedStarts(count, time.time(), text, before.is_reported if before is not None else False))


def mark_reported(home: Home, found: FailedStarts) -> None:
    """Note that the failures are recorded in the history of the store."""
    _write(home, found._replace(is_reported=True))


def clear(home: Home) -> None:
    """Forget the failures: a worker has started."""
    with suppress(OSError):
        home.failed_starts.unlink(missing_ok=True)


def _write(home: Home, found: FailedStarts) -> None:
    with suppress(OSError):
        write_json_object(home.failed_starts, found._asdict())
