"""Memory that the C library keeps after a rush of work goes back to the system once there is nothing to do."""

import ctypes


def give_back() -> None:
    """Give it back, where the C library can."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return
    trim(0)
