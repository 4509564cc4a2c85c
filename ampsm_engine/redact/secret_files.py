"""The secrets of files that stand in checkouts or were copied into worktrees: which files, and the values in them.

`.worktreeinclude` brings a `.env` to where amp can print it, and a prompt may hold a value of one that stays where it
is. Only paths are kept, in a private folder of the home; the values are read when something is redacted.
"""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ampsm_engine.home import PRIVATE_FOLDER, home, write_private
from ampsm_engine.redact import environment
from ampsm_engine.redact.redactor import Redactor, regular_file

LOOK_EVERY = 1.0
"""Seconds between two looks at whether one of the files has changed, in a process that redacts for long."""

READ = 1 << 20
"""Bytes of a file that are looked at."""

Seen = dict[Path, tuple[int, int, int]]
"""The inode, the size and the time of the last change of each file that is there, by its path."""


class CurrentRedactor:
    """The redactor of this process, made anew when other files were noted, or one of them has changed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._folder = home(environ).secret_files
        self._looked_at = time.monotonic()
        self._seen = self._look()
        self._redactor: Redactor | None = None

    def redactor(self) -> Redactor:
        """The redactor that knows the secrets of now, or of a moment ago."""
        if time.monotonic() - self._looked_at > LOOK_EVERY:
            self.refresh()
        if self._redactor is None:
            self._redactor = self._made()
        return self._redactor

    def refresh(self) -> None:
        """Look whether the files have changed."""
        self._looked_at, seen = time.monotonic(), self._look()
        if seen != self._seen:
            self._seen = seen
            self._redactor = None

    def remember(self, owner: str, paths: Iterable[Path]) -> None:
        """Keep secret, from now on and in every process, what these files hold, in place of what was noted before."""
        content = json.dumps([str(path) for path in paths]).encode()
        file = self._folder / owner
        if content != (file.read_bytes() if file.is_file() else b"[]"):
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            write_private(file, content)
        self.refresh()

    def _made(self) -> Redactor:
        texts = (_read(path) for path in self._seen)
        return Redactor(self._environ, {value for text in texts for value in environment.secrets_of_lines(text)})

    def _look(self) -> Seen:
        seen: Seen = {}
        for path in self._noted():
            with contextlib.suppress(OSError, ValueError):
                found = path.lstat()
                seen[path] = found.st_ino, found.st_size, found.st_mtime_ns
        return seen

    def _noted(self) -> Iterator[Path]:
        lists: list[Path] = []
        with contextlib.suppress(OSError):
            lists = sorted(self._folder.iterdir())
        for one in lists:
            with contextlib.suppress(OSError, ValueError):
                yield from map(Path, json.loads(one.read_bytes()))


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        file = regular_file(path)
        if file is not None:
            with file:
                return file.read(READ).decode("utf-8", "replace")
    return ""
