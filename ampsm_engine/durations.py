"""Lengths of time as people write them: `2h`, `90 s`, `1h 30m`; a bare number is seconds."""

import math
import re

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds of a unit, the largest first."""

_WORDS = {
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
}
_PART = re.compile(r"([0-9]+(?:[.][0-9]+)?) ?([a-z]+)")
_ALL = re.compile(rf"{_PART.pattern}(?:(?:,? ?| and ){_PART.pattern})*")
_NUMBER = re.compile(r"[0-9]+(?:[.][0-9]*)?|[.][0-9]+")

EXAMPLES = "90s, 10m or 1h 30m"


def seconds(text: str) -> float | None:
    """The seconds that a text means, to the millisecond and whole where they are; None where it is no length of time.

    Several units add up, each at most once and the larger first.
    """
    plain = " ".join(text.lower().split())
    if _NUMBER.fullmatch(plain):
        return _whole(float(plain) * 1000)
    if not _ALL.fullmatch(plain):
        return None
    total, order = 0.0, list(_UNITS)
    for number, word in _PART.findall(plain):
        unit = _WORDS.get(word)
        if unit not in order:
            return None
        order = order[order.index(unit) + 1 :]
        total += float(number) * _UNITS[unit]
    return _whole(total)


def _whole(milliseconds: float) -> float | None:
    """Seconds, an int where they are whole; None where they are longer than a wait can be."""
    if not math.isfinite(milliseconds) or milliseconds > 1e15:
        return None
    rounded = round(milliseconds)
    return rounded // 1000 if rounded % 1000 == 0 else rounded / 1000


def written(length: float) -> str:
    """So many seconds in the fewest units: `2h`, `1h 30m`, `1m 30s`, `0.5s`; `0` for none. `seconds` reads it back."""
    left = round(length * 1000)
    parts = []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, _UNITS[unit])
        parts += [f"{count}{unit}"] * bool(count)
    parts += [f"{left / 1000:.3f}".rstrip("0").rstrip(".") + "s"] * bool(left)
    return " ".join(parts) or "0"
