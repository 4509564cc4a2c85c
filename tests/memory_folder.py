"""Temporary folders in memory, where the machine has them: a fifth of all tests' time went to a disk making folders."""

import contextlib
import os
import tempfile

import psutil

SHARED_MEMORY = "/dev/shm"

NEEDED = 2 << 30
"""Bytes. Three processes of pytest-xdist hold 0.3 GB there; what failed stays, as in any temporary folder."""


def use(folder: str = SHARED_MEMORY) -> None:
    """Let this process, and all that it starts, make temporary folders in memory.

    Not where somebody has said where they go, nor where the folder is small (a container's has 64 MB) or holds no programs.
    """
    if "TMPDIR" in os.environ or "PYTEST_DEBUG_TEMPROOT" in os.environ:
        return
    with contextlib.suppress(OSError):
        disk = os.statvfs(folder)
        free = min(disk.f_bavail * disk.f_frsize, psutil.virtual_memory().available)
        if free >= NEEDED and not disk.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(folder, os.W_OK | os.X_OK):
            os.environ["TMPDIR"] = folder
            tempfile.tempdir = None  # whoever asked before has it kept
