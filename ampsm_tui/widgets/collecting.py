"""Keeps the garbage collector from stalling the screen while a transcript of many thousand blocks is read or shown.

A full collection looks at every object there is: a tenth of a second with 50,000 events, for nothing.
"""

import contextlib
import gc
from collections.abc import Iterator

_RARELY = 10_000
"""Collections of the middle generation before a full one."""


@contextlib.contextmanager
def rarely() -> Iterator[None]:
    """Put full collections off while much is being made."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, _RARELY)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def set_aside() -> None:
    """What is there now is looked at no more, until `take_back`."""
    gc.freeze()


def take_back() -> None:
    """Everything may be collected again: the screen it belonged to is gone."""
    gc.unfreeze()
