"""Jobs besides patches: texts at once, then colours and changed words of what is in view, piece by piece.

A job that is not wanted any more is dropped unfinished.
"""

import contextlib
import re
import signal
import time
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ampsm_engine.diff.hunks import BlobGone, cut
from ampsm_engine.differ.comparison import Comparison, limited
from ampsm_engine.differ.languages import language
from ampsm_engine.differ.protocol import Side

JOB_LIMIT = 5.0
"""Seconds of processor time that a job may take in all: others that keep the machine busy cost no file its colours."""

WORDS_LARGEST = 4 << 20
"""Bytes of a file beyond which changed words are not marked."""

TEXT_SIZE = 2 << 20
"""Bytes of text in one answer."""

_LINE = re.compile(rb"\n")

Send = Callable[..., None]
Question = tuple[int, int, int, Side, int, int]
"""Number of the question, review, file, side, first line, how many."""

Job = Generator[None, None, None]


class JobTimedOut(Exception):
    """A job took longer than JOB_LIMIT; raised by the alarm."""


class JobQueue:
    """Texts, colours and words that reviews have asked for, and the work that is under way for them."""

    def __init__(self, comparisons: dict[int, Comparison], send: Send) -> None:
        self._comparisons = comparisons
        self._send = send
        self._questions: deque[Question] = deque()
        self._jobs: dict[tuple[str, int, int, Side], Job] = {}
        self._spent: dict[tuple[str, int, int, Side], float] = {}
        self._last_text: tuple[str, bytes, array[int]] = ("", b"", array("Q"))
        self.poison: set[str] = set()

    def set_focus(self, kind: str, made: Comparison, rest: list[Any]) -> None:
        """Set which files are in view; jobs for others are dropped."""
        if kind == "focus":
            index, near, colours, words = rest
            made.focus(index, near)
            made.colours, made.words = [(one, side) for one, side in colours], list(words)
            wanted = set(self._wanted())
            for key in [key for key in self._jobs if key not in wanted]:
                self._end(key)

    def add_question(self, question: Question) -> None:
        """Queue a question for lines of a file."""
        self._questions.append(question)

    def forget(self, number: int) -> None:
        """Remove all jobs and questions of one review."""
        for key in [key for key in self._jobs if key[1] == number]:
            self._end(key)
        self._questions = deque(one for one in self._questions if one[1] != number)

    def answer_question(self) -> bool:
        """Answer one question for lines, if there is one."""
        if not self._questions:
            return False
        ask, number, index, side, first, count = self._questions.popleft()
        made = self._comparisons.get(number)
        lines, total = self._lines(made, index, side, first, count) if made is not None else ([], 0)
        self._send(["text", ask, first, total, [len(line) for line in lines]], b"".join(lines))
        return True

    def work(self, until: float) -> bool:
        """Work on the first job until `until`; False when there is none."""
        wanted = next(self._wanted(), None)
        if wanted is None:
            return False
        job = self._jobs.get(wanted)
        if job is None:
            job = self._jobs[wanted] = self._start(wanted)
        began = time.process_time()
        is_over = self._advance(wanted, job, until)
        spent = self._spent[wanted] = self._spent.get(wanted, 0.0) + time.process_time() - began
        if spent > JOB_LIMIT and not is_over:
            self._give_up(wanted)
        elif is_over:
            self._end(wanted)
        return True

    def _advance(self, wanted: tuple[str, int, int, Side], job: Job, until: float) -> bool:
        """Whether the job is over; one that is stuck is stopped by an alarm."""
        signal.setitimer(signal.ITIMER_PROF, JOB_LIMIT)
        try:
            for _ in job:
                if time.monotonic() > until:
                    return False
        except (JobTimedOut, RecursionError, BlobGone):
            self._give_up(wanted)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return True

    def _wanted(self) -> Iterator[tuple[str, int, int, Side]]:
        """What is in view, the latest review first; words before colours, for they take less."""
        for made in reversed(tuple(self._comparisons.values())):
            for index in made.words:
                yield "words", made.number, index, "new"
            for index, side in made.colours:
                yield "colours", made.number, index, side

    def _end(self, key: tuple[str, int, int, Side]) -> None:
        job = self._jobs.pop(key, None)
        if job is not None:
            with contextlib.suppress(JobTimedOut):
                job.close()
        self._spent.pop(key, None)
        kind, number, index, side = key
        made = self._comparisons.get(number)
        if made is not None and kind == "words":
            made.words = [one for one in made.words if one != index]
        elif made is not None:
            made.colours = [one for one in made.colours if one != (index, side)]

    def _give_up(self, key: tuple[str, int, int, Side]) -> None:
        """Send an empty answer, so that the client does not ask again."""
        kind, number, index, side = key
        entry = self._comparisons[number].entries[index]
        if kind == "words":
            self._send(["words", number, index])
        else:
            self._plain(entry.oid(side), language(entry.name(side)))
        self._end(key)

    def _plain(self, oid: str, name: str) -> None:
        self._send(["colours", 0, oid, name, 0, 0, True], array("I", [0]).tobytes())

    def _start(self, key: tuple[str, int, int, Side]) -> Job:
        kind, number, index, side = key
        made = self._comparisons[number]
        return self._words(made, index) if kind == "words" else self._colours(made, index, side)

    def _words(self, made: Comparison, index: int) -> Job:
        from ampsm_engine.git import diff_words

        found = array("I")
        entry = made.entries[index]
        is_poison = f"patch {entry.old_oid} {entry.new_oid}" in self.poison
        if entry.old_oid and entry.new_oid and not is_poison and made.size(index) <= WORDS_LARGEST:
            data, _ = limited(made.hunks(index).data)
            for marks in diff_words.marks(data):
                if marks is not None:
                    found.extend(marks)
                yield
        self._send(["words", made.number, index], found.tobytes())

    def _colours(self, made: Comparison, index: int, side: Side) -> Job:
        from ampsm_engine.differ import highlight  # not before the first patches are out

        entry = made.entries[index]
        oid, name = entry.oid(side), language(entry.name(side))
        if (
            not oid
            or entry.is_submodule
            or f"colours {oid}" in self.poison
            or made.source.size(oid) > highlight.LARGEST
        ):
            self._plain(oid, name)
            return
        for part in highlight.coloured(made.source.blob(oid), name):
            if part is not None:
                lines = len(part.offsets) - 1
                body = part.offsets.tobytes() + part.spans.tobytes()
                self._send(["colours", 0, oid, name, part.first, lines, part.is_last], body)
            yield

    def _lines(self, made: Comparison, index: int, side: Side, first: int, count: int) -> tuple[list[bytes], int]:
        """Lines of a blob and how many there are; the blob asked for last is kept."""
        entry = made.entries[index]
        oid = entry.oid(side)
        if not oid or entry.is_submodule:
            return [], 0
        if self._last_text[0] != oid:
            try:
                content = made.text(index, side)
            except BlobGone:
                return [], 0
            ends = array("Q", [found.end() for found in _LINE.finditer(content)])
            if content and not content.endswith(b"\n"):
                ends.append(len(content) + 1)
            self._last_text = (oid, content, ends)
        _, content, ends = self._last_text
        first = max(0, first)
        lines, size = [], 0
        for number in range(first, min(first + count, len(ends))):
            line = content[ends[number - 1] if number else 0 : ends[number] - 1]
            lines.append(cut(line) or line)
            size += len(lines[-1])
            if size > TEXT_SIZE:
                break
        return lines, len(ends)
