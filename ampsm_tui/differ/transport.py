"""The pipes to the diff process: starting it, messages in and out without ever waiting, and ending it.

Nothing here knows what the messages mean.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from ampsm_engine.differ.protocol import Frames, frame
from ampsm_engine.errors import Failed
from ampsm_engine.home import RUN_MARK

_PIECE = 1 << 16
"""Bytes taken from the pipe in one turn of the event loop."""

_SERVER = "import gc; gc.disable(); from ampsm_engine.differ import server; gc.enable(); server.main()"
"""Starts the process. `-m` would import what finds modules, and the collector would look through what is imported."""

_FAREWELL = 2.0
"""Seconds that a process has to end what runs beside it and to clear away what it wrote; it takes some milliseconds."""


class Transport:
    """One diff process and its two pipes. It ends when they close, however their holder died."""

    def __init__(self, folder: str = "") -> None:
        environment = dict(os.environ)
        environment.pop(RUN_MARK, None)  # inside an iteration it must not be ended as one of that iteration's leftovers
        command = [sys.executable, "-P", "-c", _SERVER, *([folder] if folder else [])]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=environment,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as reason:
            message = f"The diff process could not be started: {reason.strerror}."
            raise Failed(message, "ampsm doctor") from reason
        assert self._process.stdin is not None  # noqa: S101 - for the types
        assert self._process.stdout is not None  # noqa: S101
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._waiting = bytearray()
        self._frames: Frames | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def attach(self, heard: Callable[[Any, bytes], None], ended: Callable[[], None]) -> None:
        """Let the running event loop listen: `heard` gets every message, `ended` is called once, at the end."""
        self._frames = Frames()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._out, self._read, heard, ended)
        self._flush()

    def send(self, *message: Any) -> None:
        """Send a message; what the pipe does not take at once waits."""
        self._waiting += frame(list(message))
        self._flush()

    def end(self, *, at_once: bool = False) -> None:
        """Close the pipes, and end the process if it does not end of that; `at_once` when somebody waits."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._out)
            self._loop.remove_writer(self._in)
        self._loop = None
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0 if at_once else _FAREWELL)
            return
        self._process.kill()
        self._process.wait()

    def _read(self, heard: Callable[[Any, bytes], None], ended: Callable[[], None]) -> None:
        try:
            chunk = os.read(self._out, _PIECE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            if self._loop is not None:
                self._loop.remove_reader(self._out)
            ended()
            return
        assert self._frames is not None  # noqa: S101 - for the types
        for header, body in self._frames.feed(chunk):
            heard(header, body)

    def _flush(self) -> None:
        if self._process.stdin is None or self._process.stdin.closed:
            return
        while self._waiting:
            try:
                done = os.write(self._in, self._waiting[:_PIECE])
            except BlockingIOError:
                break
            except OSError:  # it died; its other pipe tells
                self._waiting.clear()
                break
            del self._waiting[:done]
        if self._loop is None:
            return
        if self._waiting:
            self._loop.add_writer(self._in, self._flush)
        else:
            self._loop.remove_writer(self._in)
