"""What the operating system says no to, in a sentence and with a class that has an exit code. Touches nothing."""

import errno
import os

from ampsm_engine.errors import AmpsmError, Failed, Unfit

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def told(reason: OSError) -> AmpsmError | None:
    """What to tell of an error that the machine is to blame for; None where it may be a fault of ampsm."""
    why = os.strerror(reason.errno) if reason.errno else str(reason)
    name = reason.filename
    place = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    if reason.errno in _NO_ROOM:
        if not place:
            return Failed(f"What was to be written has no room: {why}.", "df -h")
        return Failed(f"{place} could not be written: {why}.", f"df -h {os.path.dirname(place)}")  # noqa: PTH120
    if reason.errno in _FORBIDDEN:
        if not place:
            return Unfit(f"The operating system forbids it: {why}.", "ampsm doctor")
        return Unfit(f"{place} cannot be used: {why}.", f"ls -ld {place}")
    return None
