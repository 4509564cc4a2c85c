"""Who is at an operation: a lock in the home that the kernel frees with its holder. Light: every start may ask."""

import contextlib
from collections.abc import Iterator

from ampsm_engine import file_lock
from ampsm_engine.errors import Refused
from ampsm_engine.home import PRIVATE_FOLDER, Home

FOLDER = "merges"

_MOMENT = 0.5
"""Seconds in which a process that merely asks whether a merge is held, and holds it for that, has its answer."""


@contextlib.contextmanager
def at_work(home: Home, merge_id: str) -> Iterator[None]:
    """Be the one who is at an operation; Refused while another process is."""
    folder = home.root / FOLDER
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with file_lock.locked(folder / merge_id, _MOMENT) as is_ours:
        if not is_ours:
            raise Refused("Another ampsm is at this merge already.", "Wait for it to end, then ask again.")
        yield


def is_held(home: Home, merge_id: str) -> bool:
    """Whether a living process carries out an operation."""
    return file_lock.is_held(home.root / FOLDER / merge_id)
