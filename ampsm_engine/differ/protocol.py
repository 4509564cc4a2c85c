"""The protocol of the diff process: its frames, and the values that a reader of diffs gets.

A frame is two lengths, a JSON header and raw bytes: cheap to take apart, and nothing that is read is ever executed.
Paths are text as Python names files; code is bytes as git has it. Neither is fit for a terminal before it is cleaned.
"""

import json
import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from ampsm_engine.diff.hunks import CUT as CUT  # noqa: PLC0414 - part of what crosses
from ampsm_engine.diff.hunks import LINE_LIMIT as LINE_LIMIT  # noqa: PLC0414
from ampsm_engine.diff.hunks import SUBMODULE
from ampsm_engine.lean_dataclass import dataclass

Kind = Literal["added", "deleted", "modified", "typechange", "renamed", "copied"]
Side = Literal["old", "new"]

SYMLINK = 0o120000

COLUMN_LIMIT = 400
"""Characters of a line that are coloured."""

CLASSES = (
    *("", "keyword", "type", "function", "class", "string", "escape", "number", "comment", "docstring"),
    *("operator", "punctuation", "variable", "builtin", "constant", "decorator", "tag", "attribute", "heading"),
    *("emphasis", "strong", "link", "inserted", "deleted", "error", "regex", "preprocessor", "label", "namespace"),
)
"""What a coloured span is, by its number; 0 is never sent."""

_LENGTHS = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What to compare: two revisions or trees by any name git knows; None as the new one is the live worktree."""

    worktree: str
    repo_root: str
    old: str
    """Empty for nothing at all: everything is added."""
    new: str | None
    ignore_whitespace: bool = False
    context: int = 3
    order: str = "path"
    """Of the files: `path`, `tests-last`, or `size` (the largest change first)."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a review. What is absent has mode 0 and an empty oid."""

    index: int
    path: str
    old_path: str | None
    """Only for renamed and copied ones."""
    kind: Kind
    old_mode: int
    new_mode: int
    old_oid: str
    new_oid: str
    fold: str = ""
    """Why it starts folded, by its name alone: `generated`, `lock`."""
    similarity: int = 0
    merged_into: int = -1
    """The file that this deleted one was renamed to; it is not to be shown any more."""

    @property
    def is_symlink(self) -> bool:
        """Whether either side is a symbolic link."""
        return SYMLINK in (self.old_mode, self.new_mode)

    @property
    def is_submodule(self) -> bool:
        """Whether either side is the commit of a submodule."""
        return SUBMODULE in (self.old_mode, self.new_mode)

    @property
    def mode_changed(self) -> bool:
        """Whether both sides are there with different modes."""
        return bool(self.old_mode and self.new_mode and self.old_mode != self.new_mode)

    def oid(self, side: Side) -> str:
        """The blob of one side; empty when it is absent."""
        return self.old_oid if side == "old" else self.new_oid

    def name(self, side: Side) -> str:
        """The path of the file on one side."""
        return self.old_path or self.path if side == "old" else self.path


@dataclass(frozen=True, slots=True)
class FilePatch:
    """The changes of one file."""

    data: bytes
    """The patch from its first `@@` on; empty when no line changed, and for binary files."""
    additions: int
    deletions: int
    binary: bool
    old_size: int
    """Bytes of the whole blob; -1 when it is absent or not known."""
    new_size: int
    fold: str = ""
    """Why it starts folded: that of its entry, else by .gitattributes `generated` or `attributes` (-diff), else by its
    content `generated`, `minified`, `large`.
    """
    note: str = ""
    """Why there is no patch although something changed; a sentence for the reader."""
    lfs_old: int = -1
    """Bytes of the file that an LFS pointer stands for; -1 when the side is no pointer."""
    lfs_new: int = -1
    cut: bool = False
    """Whether lines were cut (see CUT): such data is for reading, not for applying."""
    rest: int = 0
    """Rows at the end that were left out of the data, which is too large; the counts are of all."""
    encoding: str = ""
    """What the lines are in, where it is not UTF-8."""
    commits: Sequence[str] = ()
    """Of a submodule: what leads from its old commit to its new one, a line each, the newest first."""
    is_converted: bool = False
    """Whether the data is in UTF-8 although the file is not: such data is for reading, not for applying."""

    @property
    def line_encoding(self) -> str:
        """What the lines of the data are in, where it is not UTF-8."""
        return "" if self.is_converted else self.encoding

    @property
    def hidden(self) -> bool:
        """Whether the file starts folded."""
        return bool(self.fold)


@dataclass(frozen=True, slots=True)
class Colours:
    """The coloured spans of a whole blob, line by line, in characters of the raw line (UTF-8 with surrogateescape)."""

    offsets: "array[int]"
    """One per line and one more: where a line's spans begin, counted in spans."""
    spans: "array[int]"
    """Start, end, class; start, end, class; ..."""
    complete: bool
    """Whether all lines are in it, or more will come."""

    @property
    def lines(self) -> int:
        """The lines that are coloured so far."""
        return len(self.offsets) - 1

    def line(self, number: int) -> "array[int]":
        """The spans of a line, counted from 0; empty beyond the end."""
        if not 0 <= number < len(self.offsets) - 1:
            return _NOTHING
        return self.spans[3 * self.offsets[number] : 3 * self.offsets[number + 1]]


@dataclass(frozen=True, slots=True)
class ChangedWords:
    """The changed words of one file's patch: row of the data (from 0), start, end, in characters after the sign."""

    marks: "array[int]"
    """Row, start, end; row, start, end; ... in order."""

    def rows(self) -> dict[int, list[tuple[int, int]]]:
        """The changed ranges of each row, as start and end."""
        found: dict[int, list[tuple[int, int]]] = {}
        rest = iter(self.marks)
        for row, start, end in zip(rest, rest, rest, strict=True):
            found.setdefault(row, []).append((start, end))
        return found


@dataclass(frozen=True, slots=True)
class TextLines:
    """Lines of one side of a file, without their line feeds; long ones are cut as in a patch."""

    first: int
    lines: tuple[bytes, ...]
    total: int
    """Lines of the whole file."""


_NOTHING: "array[int]" = array("H")


def frame(header: list[Any] | dict[str, Any], body: bytes = b"") -> bytes:
    """A message as bytes for the pipe."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(head), len(body)) + head + body


class Frames:
    """Splits a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[Any, bytes]]:
        """The messages that are complete with this chunk."""
        self._buffer += chunk
        at, size = 0, len(self._buffer)
        try:
            while size - at >= _LENGTHS.size:
                head, body = _LENGTHS.unpack_from(self._buffer, at)
                middle = at + _LENGTHS.size + head
                if middle + body > size:
                    break
                header = json.loads(self._buffer[at + _LENGTHS.size : middle])
                with memoryview(self._buffer) as view:
                    content = bytes(view[middle : middle + body])
                at = middle + body
                yield header, content
        finally:
            del self._buffer[:at]
