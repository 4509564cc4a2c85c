"""What comparing two trees answers with, and the hunks of one file's patch: told apart, known again, put in, taken out.

Pure bytes in, bytes out. Lines end at a line feed and nowhere else; one without it is the last of its file.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from ampsm_engine.lean_dataclass import dataclass

SUBMODULE = 0o160000
"""The mode of a path that is a commit of another repository."""


class Side(StrEnum):
    """Which side of a diff a line is on."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Delta:
    """A path that differs between two trees. What is absent has mode 0 and an empty oid."""

    path: str
    old_mode: int
    new_mode: int
    old_oid: str
    new_oid: str
    old_path: str | None = None
    """Only for renamed and copied files."""


@dataclass(frozen=True, slots=True)
class Hunks:
    """The changed lines of one file, from the first `@@` on, as git prints them."""

    data: bytes
    additions: int
    deletions: int
    binary: bool
    old_size: int = -1
    """Bytes of the blob; -1 when it is absent or not known."""
    new_size: int = -1
    is_cut: bool = False
    """Whether long lines were cut: such data is for reading, not for applying."""
    encoding: str = ""
    """What the file is in, where the data is in UTF-8 and the file is not: for reading, not for applying."""


class TooLarge(Exception):
    """Comparing it would take more memory than there may be."""


class BlobGone(Exception):
    """A blob that the repository does not have: a partial clone, or something damaged. Carries the oid."""


LINE_LIMIT = 16_384
"""Bytes of a line that a patch holds; what is longer is cut there and ends with its CUT mark."""

CUT = b"\0cut:"
"""What ends a cut line: this, the line's length in bytes, a colon, and the first 16 digits of its SHA-1."""

_LONG = re.compile(rb"^[^\n]{%d}[^\n]+" % LINE_LIMIT, re.MULTILINE)


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a content with their line feeds; a carriage return alone ends none."""
    parts = content.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def cut(content: bytes | memoryview) -> bytes | None:
    """The content with its long lines cut and marked; None when none is long.

    A line keeps its identity: equal lines are cut to equal ones, others to others.
    """
    if len(content) <= LINE_LIMIT or _LONG.search(content) is None:
        return None
    import hashlib  # OpenSSL, and hardly a line is that long

    pieces, at = [], 0
    for found in _LONG.finditer(content):
        start, end = found.span()
        mark = f"{end - start}:{hashlib.sha1(content[start:end], usedforsecurity=False).hexdigest()[:16]}"
        pieces += [bytes(content[at : start + LINE_LIMIT]), CUT + mark.encode()]
        at = end
    return b"".join([*pieces, bytes(content[at:])])


FILE_KEY = "file:"
"""What the key of a whole file begins with."""

_HEADER = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$", re.MULTILINE)
# A changed line with what says that it has no line feed.
_CHANGED = re.compile(rb"^[+-].*\n?(?:^\\.*\n?)?", re.MULTILINE)
_UNENDED = b"\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Hunk:
    """A hunk. `lines` have their sign (blank, `+`, `-`) first and their line feed last, where the file has one."""

    old_start: int
    new_start: int
    lines: tuple[bytes, ...]

    def image(self, side: Side) -> tuple[bytes, ...]:
        """The lines of the hunk on one side, without their signs."""
        signs = b" -" if side is Side.OLD else b" +"
        return tuple(line[1:] for line in self.lines if line[0] in signs)

    def start(self, side: Side) -> int:
        """How many lines of that side come before it."""
        number = self.old_start if side is Side.OLD else self.new_start
        return number - 1 if self.image(side) else number


class Misplaced(ValueError):
    """The lines of a hunk are not in a content, or not in one place only."""


def keys(data: bytes) -> tuple[str, ...]:
    """The key of each hunk of a patch: a hash of its lines, those around it too, and of the function it stands in.

    Line numbers do not change a key, so that it survives what happens elsewhere in the file, and a rename. Where hunks
    are the same in all of that, a mark on one must never come to stand on another: their keys hold which of them it is
    and where on the old side all of them stand, and change with any of them.
    """
    headers = _headers(data)
    found = [_digest(data[header.start(5) : end].rstrip(b"\n")) for header, end in headers]
    equals: dict[str, list[int]] = {}
    for number, key in enumerate(found):
        equals.setdefault(key, []).append(number)
    for key, numbers in equals.items():
        if len(numbers) > 1:
            places = ",".join(headers[number][0][1].decode() for number in numbers)
            for which, number in enumerate(numbers):
                found[number] = _digest(f"{key} {which} {places}".encode())
    return tuple(found)


def staged_keys(data: bytes) -> tuple[str, ...]:
    """The key of each hunk by what it changes and where on the old side, for two patches that have that side in common.

    What is around a hunk may differ between the two, and so may the count of those that change the same.
    """
    found = []
    for header, end in _headers(data):
        first = int(header[1]) + _leading(data, header.end() + 1)
        found.append(f"{first}:{_digest(b''.join(_CHANGED.findall(data, header.end(), end)))}")
    return tuple(found)


def _headers(data: bytes) -> list[tuple[re.Match[bytes], int]]:
    """The headings of a patch, each with the end of its hunk."""
    headers = list(_HEADER.finditer(data))
    borders = itertools.pairwise([*(found.start() for found in headers), len(data)])
    return [(header, end) for header, (_, end) in zip(headers, borders, strict=True)]


def _leading(data: bytes, start: int) -> int:
    """How many lines of context a hunk begins with."""
    return next((count for count, line in enumerate(data[start:].split(b"\n", 4)) if line[:1] in b"+-"), 0)


def _digest(data: bytes) -> str:
    import hashlib  # OpenSSL: a diff without marks does not need it

    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def file_key(data: bytes, old_mode: str = "", new_mode: str = "", old_oid: str = "", new_oid: str = "") -> str:
    """The key of a whole file: of its hunks and of a change of mode; of its contents where there is no hunk."""
    parts = list(keys(data)) or [old_oid, new_oid]
    if old_mode != new_mode:
        parts += [old_mode, new_mode]
    return FILE_KEY + _digest("\n".join(parts).encode())


def split(data: bytes) -> tuple[Hunk, ...]:
    """The hunks of one file's patch; what is before the first one is left out."""
    return tuple(
        Hunk(int(header[1]), int(header[3]), tuple(_body(data[header.end() + 1 : end])))
        for header, end in _headers(data)
    )


def slices(data: bytes) -> tuple[bytes, ...]:
    """The bytes of each hunk of a patch, with its heading."""
    return tuple(data[header.start() : end] for header, end in _headers(data))


def _body(text: bytes) -> Iterable[bytes]:
    before = b""
    for line in lines_of(text):
        if line.startswith(b"\\"):
            before = before.removesuffix(b"\n")
            continue
        if before:
            yield before
        # Some programs cut the blank of an empty line of context.
        before = line if line[:1] in (b" ", b"+", b"-") else b" " + line
    if before:
        yield before


def text(hunk: Hunk) -> bytes:
    """The hunk as a patch writes it."""
    old, new = (len(hunk.image(side)) for side in (Side.OLD, Side.NEW))
    head = f"@@ -{hunk.old_start},{old} +{hunk.new_start},{new} @@\n".encode()
    return head + b"".join(line if line.endswith(b"\n") else line + b"\n" + _UNENDED for line in hunk.lines)


def select(hunk: Hunk, chosen: Collection[int], against: Side) -> Hunk:
    """The hunk with only these changes, by their index in `lines`; the others are as if they were not there.

    `against` is the side that the content is on which it is for: OLD to put the changes in (stage), NEW to take
    them out (reject, unstage). What is not chosen there becomes context, behind the chosen lines that replace it.
    """
    here, gone = (b"-", b"+") if against is Side.OLD else (b"+", b"-")
    kept: list[bytes] = []
    waiting: list[bytes] = []
    for index, line in enumerate(hunk.lines):
        sign = line[:1]
        if sign == here and index not in chosen:
            waiting.append(b" " + line[1:])
        elif sign != gone:
            kept += [*waiting, line]
            waiting.clear()
        elif index in chosen:
            kept.append(line)
    return Hunk(hunk.old_start, hunk.new_start, tuple(kept + waiting))


def is_whole(data: bytes) -> bool:
    """Whether hunks have all the lines that their headings count, and each line as it is: not cut to be read."""
    counts = [(int(found[2] or 1), int(found[4] or 1)) for found in _HEADER.finditer(data)]
    there = [(len(hunk.image(Side.OLD)), len(hunk.image(Side.NEW))) for hunk in split(data)]
    return CUT not in data and counts == there


def as_patch(data: bytes, path: str, *, old_mode: int, new_mode: int) -> bytes:
    """Hunks of one file as a patch of their own, for `git apply`; a mode of 0: that side does not exist."""
    a, b = (_named(f"{letter}/{path}") for letter in "ab")
    head = b"diff --git %s %s\n" % (a, b)
    if not old_mode:
        head, a = head + b"new file mode %06o\n" % new_mode, b"/dev/null"
    elif not new_mode:
        head, b = head + b"deleted file mode %06o\n" % old_mode, b"/dev/null"
    return b"%s--- %s\n+++ %s\n%s" % (head, *(name + b"\t" * (b" " in name) for name in (a, b)), data)


def _named(path: str) -> bytes:
    """A path as git writes it into a patch: in quotes where it has letters that would end it."""
    raw = path.encode("utf-8", "surrogateescape")
    if not any(byte < 0x20 or byte in b'"\\\x7f' for byte in raw):
        return raw
    return (
        b'"'
        + b"".join(b"\\%03o" % byte if byte < 0x20 or byte in b'"\\\x7f' else bytes((byte,)) for byte in raw)
        + b'"'
    )


def edited(hunk: Hunk, written: bytes) -> Hunk:
    """A hunk with the lines of an edited text; Misplaced when it is of other lines of the file.

    Headings and lines with `#` are left out. What the file has (blank and `-`) must be there, with either sign.
    """
    body = b"".join(line for line in lines_of(written) if line[:1] != b"#" and not _HEADER.match(line))
    made = Hunk(hunk.old_start, hunk.new_start, tuple(_body(body)))
    # An editor ends the last line of what it writes.
    mine, other = ([line.rstrip(b"\r\n") for line in one.image(Side.OLD)] for one in (hunk, made))
    if mine != other:
        raise Misplaced("It is not of the same lines of the file any more.")
    old = iter(hunk.image(Side.OLD))
    lines = tuple(line[:1] + next(old) if line[:1] in b" -" else line for line in made.lines)
    return Hunk(hunk.old_start, hunk.new_start, lines)


def is_change(hunk: Hunk) -> bool:
    """Whether a hunk has any line added or removed."""
    return any(line[:1] != b" " for line in hunk.lines)


def put_in(content: bytes, hunk: Hunk) -> bytes:
    """The content with a hunk applied; Misplaced when its old lines are not there, or in several other places."""
    return _exchanged(content, hunk, Side.OLD, Side.NEW)


def taken_out(content: bytes, hunk: Hunk) -> bytes:
    """The content with a hunk taken back; Misplaced when its new lines are not there, or in several other places."""
    return _exchanged(content, hunk, Side.NEW, Side.OLD)


def _exchanged(content: bytes, hunk: Hunk, before: Side, after: Side) -> bytes:
    lines, wanted = lines_of(content), hunk.image(before)
    at = place(lines, wanted, hunk.start(before))
    return joined([*lines[:at], *hunk.image(after), *lines[at + len(wanted) :]])


def joined(lines: Sequence[bytes]) -> bytes:
    """Lines as a content: one without its end that is not the last gets the end that the next one has."""
    if all(line.endswith(b"\n") for line in lines[:-1]):
        return b"".join(lines)
    pairs = itertools.zip_longest(lines, lines[1:])
    return b"".join(
        line if below is None or line.endswith(b"\n") else line + (b"\r\n" if below.endswith(b"\r\n") else b"\n")
        for line, below in pairs
    )


def place(lines: Sequence[bytes], wanted: Sequence[bytes], expected: int) -> int:
    """The index of the line at which wanted lines begin: where they are expected, else the one place where they are."""
    count = len(wanted)
    if not count:
        if lines and expected:
            raise Misplaced("Without a line of context nobody can tell where it belongs.")
        return 0
    if list(lines[expected : expected + count]) == list(wanted):
        return expected
    found = [
        at
        for at in range(len(lines) - count + 1)
        if lines[at] == wanted[0] and list(lines[at : at + count]) == list(wanted)
    ]
    if len(found) != 1:
        raise Misplaced("Its lines are there several times." if found else "Its lines are not there any more.")
    return found[0]
