"""The screens' end of the diff process: one process an app, any number of reviews, everything asked by messages.

    differ = Differ.start()
    review = await differ.open(Request(...))       # the list of files
    review.listen(arrived); review.focus(index)    # then patches, colours and words come, nearest first
    review.patch(index), .colours(index, side), .words(index)      # for drawing: what is here already, else None

Nothing is computed here, and nothing blocks: each callback handles one piece of the pipe. A process that dies is
started again with the reviews that it had; one that is stuck is ended first.
"""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from ampsm_engine import errors
from ampsm_engine.differ.protocol import Colours, DiffRequest, Frames, frame
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.home import RUN_MARK
from ampsm_tui.differ.arriving_diff import ArrivingDiff, ColourCache

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
        """The process id of the diff process."""
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
        """Close the pipes, and end the process if that does not end it; `at_once` ends it without a grace time."""
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


PULSE = 2.0
"""Seconds between looks at a process with work to do; silent for three of them, it is taken for stuck."""

PATIENCE = 0.5
"""Seconds that a cancelled job may take to end before the process is ended for it; each time in a row four times more.

On a busy machine a process needs longer than that for a start alone.
"""

RESTARTS = 3
"""How often a process may die without any work done in between."""

_BEGINNINGS = frozenset({"alive", "doing", "files", "opened"})
"""Messages of a process that may yet die of what it begins."""


class Differ:
    """The diff process, started and kept alive."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._numbers = itertools.count(1)
        self._reviews: dict[int, ArrivingDiff] = {}
        self._bases: dict[int, ArrivingDiff | None] = {}
        self._opening: dict[int, asyncio.Future[ArrivingDiff | None]] = {}
        self._asked: dict[int, tuple[list[Any], asyncio.Future[Any]]] = {}
        self._colours = ColourCache()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pulse: asyncio.TimerHandle | None = None
        self._silent = self._deaths = 0
        self._is_up = False
        """Whether this process has said anything yet."""
        self._folder = self._doing = ""
        self._poison: list[str] = []
        self._leaving: dict[int, asyncio.TimerHandle] = {}
        self._is_closed = self._is_attached = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or given up: another one has to be started."""
        return self._is_closed

    @classmethod
    def start(cls) -> "Differ":
        """Start the process; it gets ready while the caller does something else. Failed when it cannot be started."""
        return cls(Transport())

    @property
    def pid(self) -> int:
        """The process; another one when it had to be started again."""
        return self._transport.pid

    async def open(self, request: DiffRequest) -> ArrivingDiff:
        """Compare two trees; answers as soon as the list of files is here.

        NotFound without such a revision, Failed when the worktree cannot be written down or the process is gone.
        """
        review = self._made(request)
        return await self._opened(review, None) or review  # only `renew` may find nothing new

    def close(self) -> None:
        """End the process and all that it does."""
        if self._is_closed:
            return
        self._is_closed = True
        for timer in (self._pulse, *self._leaving.values()):
            if timer is not None:
                timer.cancel()
        self._transport.end()
        self._fail(Failed("The diff process was closed."))

    # What reviews need of it

    def send(self, *message: Any) -> None:
        """Send a message to the process, unless this was closed."""
        if not self._is_closed:
            self._transport.send(*message)
            self._watch()

    async def ask(self, *message: Any) -> Any:
        """Send a question and wait for its answer; it is asked again when the process dies over it."""
        number = next(self._numbers)
        future = self.promise()
        self._asked[number] = ([message[0], number, *message[1:]], future)
        self.send(*self._asked[number][0])
        try:
            return await future
        finally:
            self._asked.pop(number, None)

    async def renew(self, review: ArrivingDiff, request: DiffRequest) -> ArrivingDiff | None:
        """A review with what it has in common with another; None when it is the same."""
        return await self._opened(self._made(request), review)

    def coloured(self, key: tuple[str, str]) -> Colours | None:
        """The colours of a blob that are here."""
        return self._colours.get(key)

    def promise(self) -> asyncio.Future[Any]:
        """A new future of the running event loop."""
        return self._here().create_future()

    def forget(self, review: ArrivingDiff) -> None:
        """Drop a review that is shown no more; a process that does not let go of it within `PATIENCE` is restarted."""
        self._reviews.pop(review.number, None)
        for (_, _, about, *_), future in self._asked.values():
            if about == review.number:  # the process drops what no review wants: no answer will come
                future.cancel()
        if self._loop is None or self._is_closed:
            return
        self.send("close", review.number)
        self._await_closed(review.number)

    def _await_closed(self, number: int) -> None:
        """Restart a process that does not let go of a review in time, counted from when it has come up."""
        if self._loop is not None:
            patience = PATIENCE * 4**self._deaths
            self._leaving[number] = self._loop.call_later(patience, self._lose_patience, number)

    def _lose_patience(self, number: int) -> None:
        if self._is_up:
            self._restart()
        else:
            self._await_closed(number)

    # Inside

    def _made(self, request: DiffRequest) -> ArrivingDiff:
        return ArrivingDiff(self, next(self._numbers), request)

    def _here(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def _expect(self, review: ArrivingDiff) -> None:
        """Read messages from the process, once there is an event loop."""
        self._reviews[review.number] = review
        self._here()
        if not self._is_attached and not self._is_closed:
            self._is_attached = True
            self._transport.attach(self._take_message, self._ended)

    async def _opened(self, review: ArrivingDiff, base: ArrivingDiff | None) -> ArrivingDiff | None:
        if self._is_closed:
            raise Failed("The diff process was closed.")
        number = review.number
        future: asyncio.Future[ArrivingDiff | None] = self.promise()
        self._bases[number], self._opening[number] = base, future
        self._send_open(review)
        self._expect(review)
        try:
            return await future
        except BaseException:
            review.close()
            raise
        finally:
            self._opening.pop(number, None)
            self._bases.pop(number, None)

    def _send_open(self, review: ArrivingDiff) -> None:
        """Ask for a review; one that was here before the process died is asked for by its trees."""
        asked, base = review.request, self._bases.get(review.number)
        pinned = [review.old_tree, review.new_tree] if review.is_open else None
        options = [asked.ignore_whitespace, asked.context, asked.order]
        place = [asked.worktree, asked.repo_root]
        before = base.number if base else 0
        self.send("open", review.number, place, [asked.old, asked.new], options, before, pinned)

    def _take_message(self, header: Any, body: bytes) -> None:
        self._silent, self._is_up = 0, True
        kind, number, *rest = header
        if kind not in _BEGINNINGS:
            self._deaths = 0
        if kind == "text":
            asked = self._asked.get(number)
            _settle(asked[1] if asked else None, (*rest, body))
        elif kind == "colours":
            self._take_colours(rest, body)
        elif kind == "doing":
            self._doing = rest[0]
        elif kind == "closed":
            timer = self._leaving.pop(number, None)
            if timer is not None:
                timer.cancel()
        elif number in self._reviews:
            self._take(self._reviews[number], kind, rest, body)

    def _take(self, review: ArrivingDiff, kind: str, rest: list[Any], body: bytes) -> None:
        if kind == "files":
            review.take_files(rest[0], is_first=not review.is_open or review.is_reopening)
        elif kind == "patches":
            review.take_patches(rest[0], body)
        elif kind == "words":
            review.take_words(rest[0], body)
        elif kind == "counts":
            review.take_counts(rest[0])
        elif kind == "complete":
            review.take_end()
        else:
            self._take_answer(review, kind, *rest)

    def _take_answer(self, review: ArrivingDiff, kind: str, told: Any = None) -> None:
        """How the opening of a review ended."""
        future = self._opening.get(review.number)
        if kind == "opened":
            self._folder = told["folder"] or self._folder
            review.take_head(told, self._bases.get(review.number))
            _settle(future, review)
        elif kind == "same":
            self._reviews.pop(review.number)
            _settle(future, None)
        else:
            review.fail(_refusal(told))
            _settle(future, None, _refusal(told))

    def _take_colours(self, rest: list[Any], body: bytes) -> None:
        oid, language, first, lines, is_complete = rest
        self._colours.take((oid, language), first, lines, body, is_complete=is_complete)
        for review in tuple(self._reviews.values()):
            review.take_colours((oid, language))

    # Its life

    def _watch(self) -> None:
        """Look at the process from time to time, as long as it owes something; at rest nothing ticks."""
        if self._pulse is None and self._loop is not None and not self._is_closed:
            self._pulse = self._loop.call_later(PULSE, self._beat)

    def _beat(self) -> None:
        self._pulse = None
        owed = self._asked or self._opening or any(not review.is_idle for review in self._reviews.values())
        if not owed:
            self._silent = 0
            return
        self._silent += 1
        # A new process may need longer than the one before was given: the machine may be slow.
        if self._silent > 3 << (2 * self._deaths):
            self._restart()
        self._watch()

    def _restart(self) -> None:
        """End a process that does not answer; its end has it started again."""
        self._transport.end(at_once=True)
        self._ended()

    def _ended(self) -> None:
        """Start a process that died anew with the reviews that it had, unless it dies of them again and again."""
        if self._is_closed or self._loop is None:
            return
        self._transport.end(at_once=True)
        self._deaths += 1
        self._silent, self._is_up = 0, False
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()
        if self._deaths > RESTARTS:
            self._give_up(Failed("The diff process dies again and again.", "ampsm doctor"))
            return
        self._poison += [self._doing] if self._doing else []
        self._doing = ""
        try:
            self._transport = Transport(self._folder)
        except Failed as reason:
            self._give_up(reason)
            return
        self._transport.attach(self._take_message, self._ended)
        self._transport.send("poison", 0, self._poison)
        for review in tuple(self._reviews.values()):
            review.lose()
            self._send_open(review)
            review.repeat_focus()
        for message, _ in self._asked.values():
            self.send(*message)

    def _give_up(self, reason: AmpsmError) -> None:
        """Start no other process, and fail every review and every waiting call."""
        self._is_closed = True
        reviews = tuple(self._reviews.values())
        self._fail(reason)
        for review in reviews:
            review.notify_failure()

    def _fail(self, reason: AmpsmError) -> None:
        futures = [*self._opening.values(), *(future for _, future in self._asked.values())]
        for future in futures:
            _settle(future, None, type(reason)(*reason.args))
        for review in tuple(self._reviews.values()):
            review.fail(reason)


def _refusal(told: list[str]) -> AmpsmError:
    """The refusal that the process sent: kind, message, hint."""
    kind, message, hint = told
    found = getattr(errors, kind) if kind in ("NotFound", "Refused", "Unfit") else Failed
    return found(message, hint)


def _settle(future: asyncio.Future[Any] | None, answer: Any, reason: AmpsmError | None = None) -> None:
    """Give a waiting call its answer, or raise the reason in it; nothing happens where none waits."""
    if future is None or future.done():
        return
    if reason is None:
        future.set_result(answer)
    else:
        future.set_exception(reason)
