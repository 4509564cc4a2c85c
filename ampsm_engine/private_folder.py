"""Our temporary folders, each locked while its process lives, so that those of killed processes can be removed.

Their names begin with `ampsm-` and their purpose.
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_OURS = re.compile(r"\.?ampsm-(trash|commit|forecast|proof|index|merge|review|live|sides)-\w+")
_YOUNG = 3600.0
"""Seconds in which a folder that does not bear its name yet may still be on its way to it."""


@contextlib.contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """A temporary folder, private to its owner and removed afterwards; OSError when it cannot be made."""
    young = Path(tempfile.mkdtemp(prefix=f".ampsm-{purpose}-"))
    descriptor = os.open(young, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    folder = young
    try:
        # Locked before it has the name by which others look for what was left.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = young.rename(young.with_name(young.name.removeprefix(".")))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        names = [entry.name for entry in entries if _OURS.fullmatch(entry.name)]
        for name in names:
            _remove_if_free(Path(tempfile.gettempdir(), name))


def _remove_if_free(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            is_young = folder.name.startswith(".") and time.time() - found.st_mtime < _YOUNG
            if found.st_uid == os.getuid() and not is_young:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
