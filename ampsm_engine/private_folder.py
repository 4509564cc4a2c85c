"""Our temporary folders, each locked while its process lives, so that those of killed processes can be removed.

Their names begin with `ampsm-` and their purpose.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import file_lock

_OURS = r"\.?ampsm-(trash|commit|forecast|proof|index|merge|review|live|sides|differ|import|edit)-\w+"
_YOUNG = 3600.0
"""Seconds in which a folder that does not bear its name yet may still be on its way to it."""


@contextlib.contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """A temporary folder, private to its owner and removed afterwards; OSError when it cannot be made."""
    import shutil

    folder, descriptor = make(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def make(purpose: str) -> tuple[Path, int]:
    """A folder that only its owner may read, and the descriptor that holds it: closed, others may take it away."""
    import shutil
    import tempfile  # 14 ms, and few commands need a folder

    young = Path(tempfile.mkdtemp(prefix=f".ampsm-{purpose}-"))
    try:
        # Locked before it has the name by which others look for what was left.
        descriptor = hold(young)
        return young.rename(young.with_name(young.name.removeprefix("."))), descriptor
    except BaseException:
        shutil.rmtree(young, ignore_errors=True)
        raise


def hold(folder: Path) -> int:
    """Lock a folder, as one that another process has left; BlockingIOError while a living one holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not file_lock.acquire(descriptor, 0):
        os.close(descriptor)
        raise BlockingIOError(f"{folder} is in use")
    return descriptor


def remove_abandoned() -> None:
    """Delete the private folders of processes that were killed."""
    import tempfile

    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        names = [entry.name for entry in entries if re.fullmatch(_OURS, entry.name)]
        for name in names:
            _remove_if_free(Path(tempfile.gettempdir(), name))


def _remove_if_free(folder: Path) -> None:
    with contextlib.suppress(OSError):
        found = folder.lstat()
        is_young = folder.name.startswith(".") and time.time() - found.st_mtime < _YOUNG
        if found.st_uid == os.getuid() and not is_young:
            import shutil

            descriptor = hold(folder)
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
