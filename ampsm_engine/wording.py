"""How values read to a person: ages, durations, counts, words and glyphs of a state.

Pure, without colour and without a screen.
"""

from datetime import UTC, datetime

from ampsm_engine.model import BoardRow, Outcome, State, Status

GLYPHS = {
    "queued": "◌",
    "running": "●",
    "idle": "○",
    "awaiting-input": "◆",
    "error": "✗",
    "done": "✓",
}
"""One cell each, and different without colour."""


def now() -> str:
    """This moment as the store keeps it: ISO 8601, UTC, milliseconds."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """A moment as the store keeps it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(stamped: str) -> datetime:
    """The moment that the store keeps; what has no zone is UTC."""
    parsed = datetime.fromisoformat(stamped)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def age(stamped: str | None, at: datetime) -> str:
    """How long ago, in one unit: `now`, `42s`, `7m`, `3h`, `12d`; `-` for never."""
    if stamped is None:
        return "-"
    seconds = int((at - moment(stamped)).total_seconds())
    if seconds < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(milliseconds: int | None) -> str:
    """A length of time: `0.8s`, `42s`, `7m 05s`, `1h 02m`; `-` when not known."""
    if milliseconds is None:
        return "-"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f}s"
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"


def count(number: int | None) -> str:
    """A count in at most six cells: `999`, `12.3k`, `4.5M`; `-` when not known."""
    if number is None:
        return "-"
    if number < 1_000:
        return str(number)
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)  # pragma: no cover - the loop above covers every number from 1,000 on


def state_word(row: BoardRow) -> str:
    """The one word for a session in a list: `queued` while its next iteration waits, else its status."""
    if row.session.status is not Status.RUNNING and row.queued:
        return "queued"
    return row.session.status.value


def ending(outcome: Outcome | None, state: State) -> str:
    """The one word for an iteration: its outcome once there is one, its state before."""
    return outcome.value if outcome else state.value
