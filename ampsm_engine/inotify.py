"""Changes in folders as Linux reports them, see inotify(7), so that no polling is needed."""

import contextlib
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

_EVENT = struct.Struct("iIII")
_WRITTEN = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF."""
_NEW = 0x80 | 0x100
_ONLY_FOLDERS, _IGNORED, _IS_FOLDER = 0x01000000, 0x8000, 0x40000000


def is_reliable() -> bool:
    """Whether this system has it and hears of all files: a Linux inside Windows hears nothing of Windows' own."""
    return (
        sys.platform == "linux"
        and "microsoft" not in os.uname().release
        and "WATCHFILES_FORCE_POLLING" not in os.environ
    )


class InotifyEvent(NamedTuple):
    """Something has changed in a watched folder, or with the folder itself."""

    watch: int
    """The number of the folder's watch; below 0: more has happened than the system keeps."""
    name: str
    """What has changed in the folder; empty where it was the folder itself."""
    is_new_folder: bool
    is_end: bool
    """Whether nothing more is told of the folder: it has gone."""


class Inotify:
    """One queue of events of the system; OSError where none can be had."""

    def __init__(self) -> None:
        import ctypes

        self._system = ctypes.CDLL(None, use_errno=True)
        self._file = self._system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be had")

    def fileno(self) -> int:
        """The descriptor that can be read from when something has happened."""
        return int(self._file)

    def add(self, folder: str) -> int:
        """Watch a folder; the number of the watch, below 0 where it cannot be watched."""
        return int(self._system.inotify_add_watch(self._file, os.fsencode(folder), _WRITTEN | _ONLY_FOLDERS))

    def read(self) -> Iterator[InotifyEvent]:
        """What has happened since this was asked last; does not wait."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._file, 1 << 16):
                at = 0
                while at < len(data):
                    number, mask, _, length = _EVENT.unpack_from(data, at)
                    name = os.fsdecode(data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0"))
                    at += _EVENT.size + length
                    yield InotifyEvent(number, name, bool(mask & _IS_FOLDER and mask & _NEW), bool(mask & _IGNORED))

    def close(self) -> None:
        """Close the queue; its watches end."""
        os.close(self._file)
