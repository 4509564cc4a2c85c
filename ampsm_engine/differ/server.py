"""The diff process: one loop that answers questions, and in between makes the next piece of what is wanted most.

Texts first, then the patches in view, colours and words in view, then all other patches. No piece takes longer than a
few milliseconds, so that a change of mind is heard; a lexer that goes astray is stopped by an alarm. The git program
runs beside the loop (`child_task`). The process ends with its input.
"""

import contextlib
import ctypes
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ampsm_engine.differ import child_task
from ampsm_engine.differ.child_task import ChildTask
from ampsm_engine.differ.comparison import Asked, Comparison
from ampsm_engine.differ.job_queue import JobQueue, Late
from ampsm_engine.differ.protocol import Frames, frame
from ampsm_engine.differ.repositories import Repositories, attempt

SLICE = 0.006
"""Seconds of work between two looks at the input."""

JOB_LIMIT = 5.0
"""Seconds that a job may take."""

BATCH = 48 << 10
"""Bytes of patches that go out together, so that the other end never has much at once."""

ENTRIES = 300
"""Entries of files in one message."""

RISKY = 256 << 10
"""Bytes of a blob from which the other end is told what is being done, in case it is the end of us."""

_HEARTBEAT = 1.0
_REST = 1.5
"""Seconds without work after which what only makes work faster is given back."""


class Server:
    """The state of the process."""

    def __init__(self, folder: str) -> None:
        self._frames = Frames()
        self._repositories = Repositories(folder)
        self._comparisons: dict[int, Comparison] = {}
        self._uncounted: dict[int, Asked] = {}
        """Reviews whose lines git has not been asked to count yet: it is when all patches are out."""
        self._tasks: dict[ChildTask, tuple[int, Callable[[Any], None]]] = {}
        self._jobs = JobQueue(self._comparisons, self._say)
        self._poison: set[str] = set()
        self._said = time.monotonic()
        self._is_fed = True

    def run(self) -> None:
        """Serve until the input ends."""
        is_fat = False
        while self._is_fed:
            is_busy = self._step()
            is_fat |= is_busy
            wait = 0.0 if is_busy else _HEARTBEAT if self._tasks else _REST if is_fat else None
            has_come = self._listen(wait)
            if (is_busy or self._tasks) and time.monotonic() - self._said > _HEARTBEAT:
                self._say(["alive", 0])
            elif is_fat and not is_busy and not has_come:
                is_fat = False
                self._relax()

    def close(self) -> None:
        """End what runs beside, and clear away what was written."""
        for one in tuple(self._tasks):
            one.end()
        child_task.reap(1.0 if self._tasks else 0.0)
        self._repositories.close()

    def _say(self, header: list[Any], body: bytes = b"") -> None:
        rest = memoryview(frame(header, body))
        while rest:
            rest = rest[os.write(1, rest) :]
        self._said = time.monotonic()

    def _relax(self) -> None:
        """Give back what only makes work faster."""
        self._repositories.rest()
        _give_back()

    # What comes in

    def _listen(self, seconds: float | None) -> bool:
        """Take what comes within so many seconds; answers whether anything did."""
        inputs: list[Any] = [0, *self._tasks]
        ready, _, _ = select.select(inputs, [], [], seconds)
        for one in ready:
            if isinstance(one, ChildTask):
                if one.hear():
                    _, use = self._tasks.pop(one)
                    child_task.reap()
                    use(one.answer)
                continue
            chunk = os.read(0, 1 << 16)
            self._is_fed = bool(chunk)
            for message, _ in self._frames.feed(chunk):
                self._obey(message)
        return bool(ready)

    def _obey(self, message: list[Any]) -> None:
        kind, number, *rest = message
        if kind == "open":
            self._open(number, *rest)
        elif kind == "poison":
            self._poison |= set(rest[0])
            self._jobs.poison |= self._poison
        elif kind == "text":
            self._jobs.text((number, *rest))
        elif kind == "close":
            self._close(number)
        elif number in self._comparisons:
            self._jobs.take(kind, self._comparisons[number], rest)

    def _close(self, number: int) -> None:
        self._comparisons.pop(number, None)
        self._uncounted.pop(number, None)
        self._jobs.forget(number)
        for one in [one for one, (owner, _) in self._tasks.items() if owner == number]:
            self._tasks.pop(one)
            one.end()
        self._repositories.forget(self._comparisons.values())
        self._say(["closed", number])

    # Opening

    def _open(self, number: int, ground: list[str], names: list[str | None], options: list[Any], *more: Any) -> None:
        base, pinned = more
        asked = Asked(ground, names, options, base)
        if names[1] is None and pinned is None:
            question = self._repositories.snapshot(*ground)
            self._run_beside(number, question, lambda told: self._compare(number, asked, [names[0], *told]))
        else:
            old, new = pinned or names
            self._compare(number, asked, [old, new, [], names[1] is None])

    def _run_beside(self, number: int, question: Callable[[], Any], use: Callable[[Any], None]) -> None:
        """Have something done beside the loop; its refusal is the review's."""

        def used(told: list[Any]) -> None:
            if told[0] == "refused":
                self._say(["refused", number, told[1:]])
            else:
                use(told[1])

        self._tasks[ChildTask(question)] = (number, used)

    def _compare(self, number: int, asked: Asked, told: list[Any]) -> None:
        old, new, left_out, _ = told
        refusal = attempt(lambda: self._compared(number, asked, (old, new)))
        if isinstance(refusal, list):
            self._comparisons.pop(number, None)
            self._say(["refused", number, refusal])
            return
        made, before = refusal, self._comparisons.get(asked.base)
        if before is not None and (before.old_tree, before.new_tree) == (made.old_tree, made.new_tree):
            self._say(["same", number])
            return
        if before is not None:
            made.inherit(before)
        self._comparisons[number] = made
        self._say_files("files", made, range(len(made.entries)))
        places = {"folder": self._repositories.folder, "objects": self._repositories.objects(asked.ground[0])}
        head = {"old": made.old_tree, "new": made.new_tree, "left_out": left_out, **places}
        self._say(["opened", number, head])
        self._uncounted[made.number] = asked
        question = self._repositories.moves(asked.ground[0], asked.ground[1], made)
        self._run_beside(made.number, question, lambda found: self._moved(made, found))

    def _compared(self, number: int, asked: Asked, names: tuple[str, str]) -> Comparison:
        source = self._repositories.source(*asked.ground)
        made = Comparison(number, source, source.tree(names[0]), source.tree(names[1]), *asked.options)
        made.fill()
        return made

    def _moved(self, made: Comparison, found: list[Any]) -> None:
        changed = made.settle(found)
        if changed:
            self._say_files("files", made, changed)
        self._finish(made)

    def _say_files(self, kind: str, made: Comparison, indices: Any) -> None:
        rows = [made.row(index) for index in indices]
        for first in range(0, len(rows), ENTRIES):
            self._say([kind, made.number, rows[first : first + ENTRIES]])

    # Work

    def _step(self) -> bool:
        """Do the next piece; answers whether there was one."""
        until = time.monotonic() + SLICE
        return (
            self._jobs.urgent()
            or self._patches(until, near=True)
            or self._jobs.work(until)
            or (self._patches(until, near=False))
        )

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
            self._say(["patches", made.number, rows], b"".join(bodies))
        self._finish(made)

    def _patch(self, made: Comparison, index: int) -> tuple[list[Any], bytes]:
        entry = made.entries[index]
        name = f"patch {entry.old_oid} {entry.new_oid}"
        is_risky = made.is_risky(index, RISKY)
        if is_risky:
            self._say(["doing", 0, name])
        try:
            return made.patch(index, is_poison=name in self._poison)
        finally:
            if is_risky:
                self._say(["doing", 0, ""])

    def _finish(self, made: Comparison) -> None:
        if not made.moves_are_here or made.pending or made.is_complete:
            return
        asked = self._uncounted.pop(made.number, None)
        if asked is not None:
            question = self._repositories.counts(asked.ground[0], asked.ground[1], made)
            self._run_beside(made.number, question, lambda counts: self._complete(made, counts))

    def _complete(self, made: Comparison, counts: dict[str, list[int] | None] | None) -> None:
        """All is out, and these are git's counts."""
        if counts is not None:
            rows = [counts.get(entry.path, (0, 0)) or (0, 0) for entry in made.entries]
            self._say(["counts", made.number, rows])
        made.is_complete = True
        self._say(["complete", made.number])
        self._relax()


def _give_back() -> None:
    """Give memory that the C library keeps after a rush of work back to the system, where it can."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # not glibc
        return
    trim(0)


def _late(_number: int, _frame: object) -> None:
    raise Late


def main() -> None:
    """Serve on standard input and output."""
    os.nice(5)
    gc.set_threshold(20_000, 50, 1_000)
    signal.signal(signal.SIGALRM, _late)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    server = Server(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is on its way out, and has to clear away
        server.close()
        os._exit(0)
