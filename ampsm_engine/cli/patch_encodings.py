"""A patch whose files are in other encodings than UTF-8, as text: each as its attributes say, else as is likely.

As the app reads them, so that both show the same; for a reader, and not for `git apply`.
"""

import re
from pathlib import Path

from ampsm_engine.diff.encodings import of_lines
from ampsm_engine.git import attributes

_FILES = re.compile(r"(?m)^(?=diff --git )")
_NAME = re.compile(r"(?m)^(?:\+\+\+ b|--- a)/([^\t\n]+)")


class PatchEncodings:
    """Reads the pieces of one patch, the last of which may be only the beginning of a file's patch."""

    def __init__(self, worktree: Path | None) -> None:
        self._worktree = worktree
        self._encoding = ""
        """What the file is in whose patch the last piece ended with."""

    def read(self, text: str) -> str:
        """A piece of the patch, decoded as UTF-8 with surrogates for other bytes, as it is meant to be read."""
        return "".join(map(self._read_file, _FILES.split(text)))

    def _read_file(self, text: str) -> str:
        if text.startswith("diff --git "):
            self._encoding = ""
        raw = text.encode("utf-8", "surrogateescape")
        at = raw.find(b"\n@@ ") + 1
        self._encoding = self._encoding or of_lines(raw[at:], self._attribute_encoding(text[: text.find("\n@@ ")]))
        if not self._encoding:
            return text
        return text[: text.find("\n@@ ") + 1] + raw[at:].decode(self._encoding, "surrogateescape")

    def _attribute_encoding(self, head: str) -> str:
        names = _NAME.findall(head)
        return attributes.named_encoding(self._worktree, names[-1]) if names and self._worktree else ""
