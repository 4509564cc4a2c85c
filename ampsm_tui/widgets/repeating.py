"""A number typed before a key: how often it is done, as in vim and less. What the keys do is not known here."""

import time
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

PATIENCE = 3.0
"""Seconds after which a number that no key followed is forgotten."""

MOST = 6
"""Digits that count."""


class Repeating(Widget):
    """A widget whose keys may be told how often."""

    # Bindings as what they go with, so that they come in turn.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(digit), f"digit({digit})", show=False, system=True) for digit in range(10)
    ]

    _typed = ""
    _typed_at = 0.0

    def action_digit(self, digit: int) -> None:
        """Digits add up; a number does not begin with 0."""
        typed = self._typed if self._is_fresh() else ""
        self._typed, self._typed_at = (typed + str(digit)).lstrip("0")[:MOST], time.monotonic()

    def _is_fresh(self) -> bool:
        return bool(self._typed) and time.monotonic() - self._typed_at < PATIENCE

    def number(self) -> int | None:
        """The number that was typed before this key; it is used up."""
        typed, self._typed = (self._typed if self._is_fresh() else ""), ""
        return int(typed) if typed else None

    def times(self) -> int:
        """How often this key is to be done."""
        return self.number() or 1
