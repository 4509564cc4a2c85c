"""The objects of a repository, read through one git program that stays: for who has not loaded libgit2, or may not.

It starts with the first question and ends with its asker, dead or alive: its standard input is closed then. What git
does to a history (replaced commits) and however objects are named (SHA-256) comes right by itself.
"""

import contextlib
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ampsm_engine.errors import Failed
from ampsm_engine.git import program

if TYPE_CHECKING:
    import subprocess

_AT_ONCE = 500
"""Questions that are asked before the answers are read: fewer bytes than a pipe holds."""


class ObjectReader:
    """The objects of the repository at a path, for one thread at a time."""

    def __init__(self, where: Path, variables: program.Variables | None = None) -> None:
        self._where = where
        self._variables = variables
        self._talk: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., ObjectReader] | None = None
        self.name_length = 0
        """Digits of an object's name; 0 while nothing was read."""

    def read(self, name: str, kind: str = "") -> bytes | None:
        """An object's content; None where it is not to be had, or another kind than a wanted one, as `blob`."""
        return next(self._asked("contents", [name], kind))

    def read_all(self, names: Sequence[str], kind: str = "") -> dict[str, bytes]:
        """The content of each of these objects that is there, and of the kind if one is wanted."""
        found = zip(names, self._asked("contents", names, kind), strict=True)
        return {name: content for name, content in found if content is not None}

    def sizes(self, names: Iterable[str]) -> dict[str, int]:
        """The size in bytes of each of these objects that exists; Failed where git does not answer."""
        names = list(names)
        found = zip(names, self._asked("info", names), strict=True)
        return {name: int(told.split()[2]) for name, told in found if told is not None}

    def objects(self, revisions: Sequence[str]) -> list[str | None]:
        """The object that each of several revisions names at this moment, or None; Failed where git does not tell."""
        return [None if told is None else told.split()[0].decode() for told in self._asked("info", revisions)]

    def close(self) -> None:
        """End the git program; the next question starts another one."""
        if self._end is not None:
            self._end()
        self._talk = self._end = None

    def _asked(self, command: str, names: Sequence[str], kind: str = "") -> Iterator[bytes | None]:
        """What git answers to a command for each name: the content, or what it is; None for what is not there.

        One that died is asked anew: what was not read may still be there.
        """
        for at in range(0, len(names), _AT_ONCE):
            some = names[at : at + _AT_ONCE]
            try:
                answers = self._exchanged(command, some, kind) or self._exchanged(command, some, kind)
            except BaseException:  # interrupted: what comes next would be the answer to this
                self.close()
                raise
            if not answers and command == "info":
                message = f"git ended before it had told of the objects in {self._where}."
                raise Failed(message, f"git -C {self._where} fsck")
            # Why a content cannot be read is reported by the other ways of asking git.
            yield from answers or [None] * len(some)

    def _exchanged(self, command: str, names: Sequence[str], kind: str) -> list[bytes | None]:
        """What git answers to a command for each name; an empty list where git ended before it had answered all."""
        try:
            given, taken = self._started()
            asked = (b"%s %s\n" % (command.encode(), name.encode("utf-8", "surrogateescape")) for name in names)
            given.write(b"".join(asked) + b"flush\n")
            given.flush()
            return [self._answer(taken, kind.encode(), whole=command == "contents") for _ in names]
        except (EOFError, OSError):
            self.close()
            return []

    def _answer(self, taken: IO[bytes], kind: bytes, *, whole: bool) -> bytes | None:
        told = taken.readline()
        head = told.split()
        if not told.endswith(b"\n"):
            raise EOFError
        if len(head) != 3 or not head[2].isdigit():  # "NAME missing", or ambiguous
            return None
        self.name_length = len(head[0])
        if not whole:
            return told
        content = taken.read(int(head[2]) + 1)
        if len(content) != int(head[2]) + 1:
            raise EOFError
        return content[:-1] if kind in (b"", head[1]) else None

    def _started(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._talk is None:
            self._talk = program.converse(
                self._where, "cat-file", "--batch-command", "--buffer", variables=self._variables
            )
            self._end = weakref.finalize(self, _ended, self._talk)
        given, taken = self._talk.stdin, self._talk.stdout
        if given is None or taken is None:  # pragma: no cover - it was started with both
            raise EOFError
        return given, taken


def _ended(talk: "subprocess.Popen[bytes]") -> None:
    """End it: it has nothing to lose, and need not see that its input is closed, which a forked child may hold open."""
    for end in (talk.stdin, talk.stdout):
        with contextlib.suppress(OSError):  # what waits to be written to one that died
            if end is not None:
                end.close()
    talk.kill()
    talk.wait()
