"""The garbage collector's settings while the app runs: it looks at what is new, a little at a time.

A full collection looks at every object, all of it for nothing. What is there to stay is set aside (`gc.freeze`) as
soon as it is made, and collected once its screen is gone. The figures are in `ampsm_engine/__init__.py`.
"""

import contextlib
import gc
from collections.abc import Iterator

from ampsm_engine import COLLECTOR_OF_APP, MIDDLE_COLLECTIONS_WHILE_LOADING

_is_on = False


def turn_on() -> None:
    """Begin to collect, after the first frame: what was imported is set aside."""
    global _is_on  # noqa: PLW0603 - there is one collector
    gc.freeze()
    gc.set_threshold(*COLLECTOR_OF_APP)
    gc.enable()
    _is_on = True


@contextlib.contextmanager
def without_full_collections() -> Iterator[None]:
    """Put full collections off while much is being made."""
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, MIDDLE_COLLECTIONS_WHILE_LOADING)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)


def set_aside() -> None:
    """Look no more at what is there now: much was made that stays as long as its screen."""
    if _is_on:
        gc.freeze()


def take_back() -> None:
    """Let everything be collected again: the screen that much was set aside for is gone."""
    if _is_on:
        gc.unfreeze()


def collect_all() -> None:
    """Run a full collection, for the time after a screen with many objects has gone."""
    if _is_on:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
