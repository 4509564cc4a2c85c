"""The diff process: one loop that answers questions, and in between does the next piece of the most urgent work.

Texts first, then the patches in view, colours and words in view, then all other patches. No piece takes longer than a
few milliseconds, so that a change of mind is heard; a lexer that goes astray is stopped by an alarm. The git program
runs beside the loop, in a forked child that can be ended: it ends its git, and itself, on request and when the diff
process is gone, and answers once, in JSON. The process ends with its input.
"""

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ampsm_engine import COLLECTOR_OF_DIFF_PROCESS
from ampsm_engine.differ.comparison import Comparison, ComparisonRequest
from ampsm_engine.differ.job_queue import JobQueue, JobTimedOut
from ampsm_engine.differ.protocol import Frames, frame
from ampsm_engine.differ.repositories import Repositories, attempt
from ampsm_engine.errors import AmpsmError

SLICE = 0.006
"""Seconds of work between two reads of the input."""

BATCH = 48 << 10
"""Bytes of patches that go out together, so that the other end never has much at once."""

ENTRIES = 300
"""Entries of files in one message."""

RISKY = 256 << 10
"""Bytes of a blob from which the client is sent what is being done, in case this process dies of it."""

NICENESS = 5
"""How much the niceness of this process goes up once the first patches are out."""

_HEARTBEAT = 1.0
_REST = 1.5
"""Seconds without work after which caches are freed."""


class Server:
    """The loop of the diff process, with its comparisons, its jobs and its child processes."""

    def __init__(self, folder: str) -> None:
        self._frames = Frames()
        self._repositories = Repositories(folder)
        self._comparisons: dict[int, Comparison] = {}
        self._uncounted: dict[int, ComparisonRequest] = {}
        """Reviews whose lines git is yet to count: it does when all patches are sent."""
        self._tasks: dict[ChildTask, tuple[int, Callable[[Any], None]]] = {}
        self._jobs = JobQueue(self._comparisons, self._send)
        self._poison: set[str] = set()
        self._last_sent = time.monotonic()
        self._has_input = True

    def run(self) -> None:
        """Serve until the input ends."""
        has_caches = False
        while self._has_input:
            is_busy = self._step()
            has_caches |= is_busy
            wait = 0.0 if is_busy else _HEARTBEAT if self._tasks else _REST if has_caches else None
            has_received = self._receive(wait)
            if (is_busy or self._tasks) and time.monotonic() - self._last_sent > _HEARTBEAT:
                self._send(["alive", 0])
            elif has_caches and not is_busy and not has_received:
                has_caches = False
                self._release_caches()

    def close(self) -> None:
        """End the child processes, and remove the files that were written."""
        for one in tuple(self._tasks):
            one.end()
        reap(1.0 if self._tasks else 0.0)
        self._repositories.close()

    def _send(self, header: list[Any], body: bytes = b"") -> None:
        rest = memoryview(frame(header, body))
        while rest:
            rest = rest[os.write(1, rest) :]
        self._last_sent = time.monotonic()

    def _release_caches(self) -> None:
        """Free caches, and return their memory to the system."""
        self._repositories.release_caches()
        _trim_memory()

    # Input

    def _receive(self, seconds: float | None) -> bool:
        """Handle the input of the next seconds; False when there was none."""
        inputs: list[Any] = [0, *self._tasks]
        ready, _, _ = select.select(inputs, [], [], seconds)
        for one in ready:
            if isinstance(one, ChildTask):
                # The input comes first: what it closed has a pipe no more, and its number may be another one's.
                if one in self._tasks and one.receive():
                    _, on_result = self._tasks.pop(one)
                    reap()
                    on_result(one.answer)
                continue
            chunk = os.read(0, 1 << 16)
            self._has_input = bool(chunk)
            for message, _ in self._frames.feed(chunk):
                self._handle(message)
        return bool(ready)

    def _handle(self, message: list[Any]) -> None:
        kind, number, *rest = message
        if kind == "open":
            self._open(number, *rest)
        elif kind == "poison":
            self._poison |= set(rest[0])
            self._jobs.poison |= self._poison
        elif kind == "text":
            self._jobs.add_question((number, *rest))
        elif kind == "close":
            self._close(number)
        elif number in self._comparisons:
            self._jobs.set_focus(kind, self._comparisons[number], rest)

    def _close(self, number: int) -> None:
        self._comparisons.pop(number, None)
        self._uncounted.pop(number, None)
        self._jobs.forget(number)
        for one in [one for one, (owner, _) in self._tasks.items() if owner == number]:
            self._tasks.pop(one)
            one.end()
        self._repositories.forget(self._comparisons.values())
        self._send(["closed", number])

    # Opening

    def _open(self, number: int, location: list[str], names: list[str | None], options: list[Any], *more: Any) -> None:
        base, pinned = more
        request = ComparisonRequest(location, names, options, base)
        if names[1] is None and pinned is None:
            question = self._repositories.snapshot(*location)
            self._run_task(number, question, lambda result: self._compare(number, request, [names[0], *result]))
        else:
            old, new = pinned or names
            self._compare(number, request, [old, new, [], names[1] is None])

    def _run_task(self, number: int, question: Callable[[], Any], on_result: Callable[[Any], None]) -> None:
        """Run a question in a child; a refusal is sent as the review's."""

        def finished(result: list[Any]) -> None:
            if result[0] == "refused":
                self._send(["refused", number, result[1:]])
            else:
                on_result(result[1])

        self._tasks[ChildTask(question)] = (number, finished)

    def _compare(self, number: int, request: ComparisonRequest, result: list[Any]) -> None:
        old, new, left_out, _ = result
        refusal = attempt(lambda: self._compared(number, request, (old, new)))
        if isinstance(refusal, list):
            self._comparisons.pop(number, None)
            self._send(["refused", number, refusal])
            return
        made, before = refusal, self._comparisons.get(request.base)
        if before is not None and (before.old_tree, before.new_tree) == (made.old_tree, made.new_tree):
            self._send(["same", number])
            return
        if before is not None:
            made.inherit(before)
        self._comparisons[number] = made
        self._send_files(made, range(len(made.entries)))
        places = {"folder": self._repositories.folder, "objects": self._repositories.objects(request.location[0])}
        head = {"old": made.old_tree, "new": made.new_tree, "left_out": left_out, **places}
        self._send(["opened", number, head])
        self._uncounted[made.number] = request
        question = self._repositories.moves(request.location[0], request.location[1], made)
        self._run_task(made.number, question, lambda found: self._renames_found(made, found))

    def _compared(self, number: int, request: ComparisonRequest, names: tuple[str, str]) -> Comparison:
        source = self._repositories.source(*request.location)
        made = Comparison(number, source, source.tree(names[0]), source.tree(names[1]), *request.options)
        if made.order == "size":  # every patch is needed for the first
            self._repositories.load_library([made])
        made.list_files()
        return made

    def _renames_found(self, made: Comparison, found: list[Any]) -> None:
        changed = made.finish_renames(found)
        if changed:
            self._send_files(made, changed)
        self._finish(made)

    def _send_files(self, made: Comparison, indices: Any) -> None:
        rows = [made.row(index) for index in indices]
        for first in range(0, len(rows), ENTRIES):
            self._send(["files", made.number, rows[first : first + ENTRIES]])

    # Work

    def _step(self) -> bool:
        """Do the next piece of work; False when there is none."""
        until = time.monotonic() + SLICE
        return (
            self._jobs.answer_question()
            or self._patches(until, near=True)
            or self._load_library()
            or self._jobs.work(until)
            or (self._patches(until, near=False))
        )

    def _load_library(self) -> bool:
        """Load libgit2 once there is work for it, and lower the priority of this process; whether it did."""
        has_work = any(made.entries for made in self._comparisons.values())
        if self._repositories.has_library or not has_work:  # what is not committed may be on its way yet
            return False
        self._send(["alive", 0])  # on a busy machine it may take seconds
        self._repositories.load_library(self._comparisons.values())
        os.nice(NICENESS)
        return True

    def _patches(self, until: float, *, near: bool) -> bool:
        for made in reversed(tuple(self._comparisons.values())):
            if made.near if near else made.pending:
                self._batch(made, until, 1 if near else 1 << 30)
                return True
        return False

    def _batch(self, made: Comparison, until: float, most: int) -> None:
        rows: list[list[Any]] = []
        bodies: list[bytes] = []
        size = 0
        while len(rows) < most and size < BATCH and (index := made.next()) is not None:
            row, body = self._patch(made, index)
            rows.append(row)
            bodies.append(body)
            size += len(body)
            if time.monotonic() > until:
                break
        if rows:
            self._send(["patches", made.number, rows], b"".join(bodies))
        self._finish(made)

    def _patch(self, made: Comparison, index: int) -> tuple[list[Any], bytes]:
        entry = made.entries[index]
        name = f"patch {entry.old_oid} {entry.new_oid}"
        is_risky = made.is_risky(index, RISKY)
        if is_risky or entry.is_submodule:
            self._load_library()  # git may take long, and is not asked what a submodule's commits are
        if is_risky:
            self._send(["doing", 0, name])
        try:
            return made.patch(index, is_poison=name in self._poison)
        finally:
            if is_risky:
                self._send(["doing", 0, ""])

    def _finish(self, made: Comparison) -> None:
        if not made.has_renames or made.pending or made.is_complete:
            return
        request = self._uncounted.pop(made.number, None)
        if request is not None:
            question = self._repositories.counts(request.location[0], request.location[1], made)
            self._run_task(made.number, question, lambda counts: self._complete(made, counts))

    def _complete(self, made: Comparison, counts: dict[str, list[int] | None] | None) -> None:
        """Send git's counts after the last patch, and that the review is complete."""
        if counts is not None:
            rows = [counts.get(entry.path, (0, 0)) or (0, 0) for entry in made.entries]
            self._send(["counts", made.number, rows])
        made.is_complete = True
        self._send(["complete", made.number])
        self._release_caches()


def _trim_memory() -> None:
    """Return memory that the C library holds after much work to the system, where it can."""
    import ctypes

    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return
    trim(0)


def _time_out(_number: int, _frame: object) -> None:
    raise JobTimedOut


def main() -> None:
    """Serve on standard input and output."""
    gc.set_threshold(*COLLECTOR_OF_DIFF_PROCESS)
    signal.signal(signal.SIGPROF, _time_out)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    server = Server(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is on its way out, and has to clear away
        server.close()
        os._exit(0)


_lifelines: list[int] = []
"""The ends that close with this process; no child may hold those of another."""


class ChildTask:
    """A question that a forked child answers, once, over a pipe."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self._answer, answer = os.pipe()
        watched, self._lifeline = os.pipe()
        _lifelines.append(self._lifeline)
        self.pid = os.fork()
        if not self.pid:
            _run_child(question, answer, watched)
        os.close(answer)
        os.close(watched)
        os.set_blocking(self._answer, False)
        self._received = bytearray()

    def fileno(self) -> int:
        """The pipe that becomes readable with the answer."""
        return self._answer

    def receive(self) -> bool:
        """Read what the child has written; True once the answer is complete."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._answer, 1 << 20):
                self._received += chunk
            self.end()
            return True
        return False

    @property
    def answer(self) -> Any:
        """The child's answer: ["answer", value], or ["refused", kind, message, hint]."""
        try:
            return json.loads(self._received)
        except ValueError:
            return ["refused", "Failed", "The side process ended before it had an answer.", "Try again"]

    def end(self) -> None:
        """Ask the child to end if it still runs; `reap` waits for it."""
        if self._lifeline < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        _lifelines.remove(self._lifeline)
        os.close(self._lifeline)
        os.close(self._answer)
        self._lifeline = -1


def reap(seconds: float = 0.0) -> None:
    """Reap children that have ended; wait so many seconds for those that were asked to end."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if not ended:
                if time.monotonic() >= until:
                    return
                time.sleep(0.005)


def _run_child(question: Callable[[], Any], answer: int, watched: int) -> NoReturn:
    """Run the child; never returns to the loop that it was forked from."""
    try:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number in (signal.SIGTERM, signal.SIGIO):
            signal.signal(number, _exit_on_signal)
        for lifeline in _lifelines:
            os.close(lifeline)
        fcntl.fcntl(watched, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(watched, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            if not os.read(watched, 1):
                os._exit(1)
        outcome = _outcome(question)
        with os.fdopen(answer, "wb") as file:
            file.write(json.dumps(outcome).encode())
    finally:
        os._exit(0)


def _outcome(question: Callable[[], Any]) -> list[Any]:
    try:
        return ["answer", question()]
    except AmpsmError as reason:
        return ["refused", type(reason).__name__, reason.message, reason.hint]
    except OSError as reason:
        return ["refused", "Failed", f"The state could not be read: {reason.strerror}: {reason.filename}.", ""]


def _exit_on_signal(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
