"""Keeps the garbage collector from stalling the screen: it looks at what is new, a little at a time.

A full collection looks at every object there is: a tenth of a second with 50,000 events, for nothing. What is there to
stay is set aside (`gc.freeze`) as soon as it is made, and looked at again when its screen is gone.
"""

import contextlib
import gc
from collections.abc import Iterator

_RARELY = 10_000
"""Collections of the middle generation before a full one."""

_is_on = False


def begin() -> None:
    """After the first frame: what was imported stays, and what comes is collected by the millisecond."""
    global _is_on  # noqa: PLW0603 - there is one collector
    gc.freeze()
    gc.set_threshold(2_000, 3, 1_000)
    gc.enable()
    _is_on = True


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


def made() -> None:
    """Much was made that stays as long as its screen; nothing of it is garbage yet."""
    if _is_on:
        gc.freeze()


def over() -> None:
    """A screen that had much is gone, and nothing is to be done: look at everything once."""
    if _is_on:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
