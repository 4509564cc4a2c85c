"""Token counts added up, where not knowing is not the same as zero. Pure; whose tokens they are is not known here."""

from ampsm_engine.amp.events import Usage

FIELDS = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")


class Sums:
    """Token counts added up field by field; a field that no line gave is unknown."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(FIELDS, 0)
        self._given = dict.fromkeys(FIELDS, 0)

    def add(self, usage: Usage, sign: int = 1) -> None:
        """Add a request's tokens; with a sign of -1 take them back."""
        for name in FIELDS:
            count = getattr(usage, name)
            if count is not None:
                self._sums[name] += sign * count
                self._given[name] += sign

    def known(self) -> dict[str, int | None]:
        """The sum of each field, None where no line gave it."""
        return {name: self._sums[name] if self._given[name] else None for name in FIELDS}

    def total(self) -> int | None:
        """All fields together, None when not one is known."""
        counts = [count for count in self.known().values() if count is not None]
        return sum(counts) if counts else None


def plus(one: int | None, other: int | None) -> int | None:
    """The sum of what is known of two counts."""
    if one is None or other is None:
        return one if other is None else other
    return one + other
