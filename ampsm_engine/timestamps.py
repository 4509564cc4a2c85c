"""Timestamps as they are stored: text in ISO 8601, UTC, with milliseconds."""

from datetime import UTC, datetime


def now() -> str:
    """The present time as a timestamp: ISO 8601, UTC, milliseconds."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """A moment as a timestamp: ISO 8601, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(stamped: str) -> datetime:
    """The moment of a timestamp; one without a zone is UTC."""
    parsed = datetime.fromisoformat(stamped)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
