"""SIGTERM and SIGHUP: the app ends in order and gives the terminal back; by force where it is stuck."""

import asyncio
import contextlib
import os
import select
import signal
import termios
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App
    from textual.driver import Driver

EXIT_PATIENCE = 60.0
"""Seconds that leaving waits for what is unfinished; `ampsm repair` finds what was cut off after them."""

LOOP_PATIENCE = 3.0
"""Seconds that the loop may stand still once the app was told to end. After them it ends without: texts are on disk."""

INTERVAL = 0.2
"""Seconds between two questions to the loop of an app that was told to end."""

MODES_OFF = (
    b"\x1b[?7h\x1b]8;;\x1b\\\x1b[?69l\x1b[r\x1b[<u\x1b[?2048l\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l"
    b"\x1b[?2026l\x1b[?1049l\x1b[?25h\x1b[0m"
)
"""Takes back what the driver asks of a terminal: wrapping, margins, keys, mouse, focus, the other screen, no cursor."""


def exit_on_signals(app: "App[int]", driver: "Callable[[], Driver | None]") -> None:
    """Have the running app exit on SIGTERM and SIGHUP with 128 and the number of the signal; `driver` is its terminal.

    The handlers are Python's, not the loop's: they run between two steps of whatever holds the loop up.
    """
    loop = asyncio.get_running_loop()
    received: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_end_when_stuck, args=(received, loop, driver), daemon=True).start()

    def handle(number: int, _frame: object) -> None:
        # It comes between any two lines, also those that hold a lock of threads: nothing here takes one.
        received.put(number)
        with contextlib.suppress(RuntimeError):  # the loop is closed: the app is about to end
            loop.call_soon_threadsafe(app.exit, None, 128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def _end_when_stuck(
    received: "SimpleQueue[int]", loop: asyncio.AbstractEventLoop, driver: "Callable[[], Driver | None]"
) -> None:
    """End a process whose loop stands still, from a thread that dies with a process that ends in order."""
    number = received.get()
    deadline = time.monotonic() + EXIT_PATIENCE + LOOP_PATIENCE
    while time.monotonic() < deadline and _answers(loop):
        time.sleep(INTERVAL)
    restore_terminal(driver())
    os._exit(128 + number)


def _answers(loop: asyncio.AbstractEventLoop) -> bool:
    answered = threading.Event()
    try:
        loop.call_soon_threadsafe(answered.set)
    except RuntimeError:  # it is closed: what comes after it ends the process
        return True
    return answered.wait(LOOP_PATIENCE)


def restore_terminal(driver: "Driver | None") -> None:
    """Give the terminal back as it was, without the app's help; where it does not take a byte, that is left out."""
    before, file = getattr(driver, "attrs_before", None), getattr(driver, "fileno", None)
    if before is None or file is None:
        return
    with contextlib.suppress(OSError, ValueError, termios.error):
        if select.select([], [file], [], 0.2)[1]:
            os.write(file, MODES_OFF)
        termios.tcsetattr(file, termios.TCSANOW, before)
