"""Lines of code to segments, decoded, cut or wrapped; and what is said of a file beside its lines, as renames. Pure.

Nothing of a file reaches a screen but through `shown`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style

from ampsm_engine.diff.encodings import shown_name
from ampsm_engine.diff.hunks import LINE_LIMIT
from ampsm_engine.differ.protocol import FileEntry, FilePatch
from ampsm_tui.clean import cells

_FOLDED = {
    "generated": "generated: a program wrote this",
    "lock": "a lock file: its program writes it",
    "attributes": "the repository's attributes say that its changes are not to be shown (-diff)",
    "minified": "minified: lines for machines",
    "large": "a large change",
}

_TYPES = {0o100644: "file", 0o100755: "executable file", 0o120000: "symbolic link", 0o160000: "submodule"}


def cards(entry: FileEntry, patch: FilePatch) -> tuple[str, ...]:
    """The facts about a file beside its lines, such as a rename: a sentence each, shown below its head."""
    return (*_named(entry, patch), *_kind(entry, patch), *_content(patch))


def _named(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    if entry.kind in ("renamed", "copied"):
        rest = " (not shown)" if entry.kind == "copied" else ""
        same = f", {entry.similarity} % the same{rest}" if 0 < entry.similarity < 100 else ""
        yield f"{entry.kind} from {entry.old_path}{same if patch.data else ', content unchanged'}"


def _kind(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    if entry.kind == "typechange":
        yield f"was a {_type(entry.old_mode)}, is now a {_type(entry.new_mode)}"
        return
    if entry.mode_changed:
        yield f"mode {entry.old_mode:06o} → {entry.new_mode:06o}{_meaning(entry.old_mode, entry.new_mode)}"
    elif entry.kind in ("added", "deleted"):
        yield from _whole(entry, patch)
    if entry.is_symlink:
        yield "a symbolic link; its text is where it leads"
    if entry.is_submodule:
        yield "a submodule; its text is the commit it stands on"


def _content(patch: FilePatch) -> Iterator[str]:
    if patch.lfs_old >= 0 or patch.lfs_new >= 0:
        yield f"kept by Git LFS: {_sizes(patch.lfs_old, patch.lfs_new)}; the lines below are its pointer"
    if patch.binary:
        yield f"binary, {_sizes(patch.old_size, patch.new_size)}"
    yield from (f"  {one}" for one in patch.commits)
    if patch.is_converted:
        yield f"in {shown_name(patch.encoding)}, which git compares as binary: {_sizes(patch.old_size, patch.new_size)}"
    if patch.fold:
        yield _FOLDED.get(patch.fold, patch.fold)
    if patch.cut:
        yield f"lines of more than {size(LINE_LIMIT)} are cut: what changed in them may be further on"
    if patch.note:
        yield patch.note
    if patch.rest:
        yield f"only its beginning is shown: {patch.rest:,} more lines"


def _whole(entry: FileEntry, patch: FilePatch) -> Iterator[str]:
    mode = entry.new_mode or entry.old_mode
    special = "" if mode in (0o100644, 0o120000, 0o160000) else f" {_type(mode)}"
    if not patch.data and not patch.binary:
        yield f"{'new' if entry.kind == 'added' else 'deleted'}, an empty{special or ' file'}"
    elif special:
        yield f"{'new' if entry.kind == 'added' else 'deleted'},{special}"


def _type(mode: int) -> str:
    return _TYPES.get(mode, f"file of mode {mode:06o}")


def _meaning(old: int, new: int) -> str:
    if new & 0o111 and not old & 0o111:
        return ", now executable"
    return ", no longer executable" if old & 0o111 and not new & 0o111 else ""


def _sizes(old: int, new: int) -> str:
    if old < 0 or new < 0:
        return size(max(old, new))
    return f"{size(old)} → {size(new)}"


def size(count: float) -> str:
    """A number of bytes for people, such as 2.1 KB."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("KB", "MB", "GB"):
        count /= 1000
        if count < 1000 or unit == "GB":
            break
    return f"{count:.1f} {unit}"


LONGEST = 4_096
"""Bytes of a line that are shown; minified files have lines of megabytes."""

_BAD = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e01ef\ud800-\udfff\U0001f1e6-\U0001f1ff"
    "\U0001f3fb-\U0001f3ff]"
    r"|(?:[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]){3,}"
)
_EMOJI = re.compile("[#*0-9©®\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
_HARMLESS = frozenset("\t\ufe0e\ufe0f\u200d") | {chr(code) for code in (*range(0x1F3FB, 0x1F400),)}


class Shown(NamedTuple):
    """A line as it is shown. `unseen`: ranges of the text that stand for invisible characters."""

    text: str
    width: int
    unseen: tuple[tuple[int, int], ...] = ()
    raw: tuple[int, ...] = ()
    """Places of the decoded line behind which the shown one has shifted,"""
    moved: tuple[int, ...] = ()
    """and the places of the text that they went to."""

    def place(self, letter: int) -> int:
        """Where a letter of the decoded line stands in the text."""
        if not self.raw:
            return min(letter, len(self.text))
        at = bisect_right(self.raw, letter) - 1
        if at < 0:
            return letter
        return min(self.moved[at] + letter - self.raw[at], len(self.text))


def shown(raw: bytes, tab: int = 4, *, length: int = 0, encoding: str = "") -> Shown:
    """A line as it is shown, without its end; a CR before the end counts as a part of it.

    `length`: its true one, where what is given was cut already. What is not in `encoding` (UTF-8) is escaped.
    """
    if raw[-1:] == b"\r":
        raw = raw[:-1]
    cut = len(raw) > LONGEST or length > len(raw) + 1
    text = raw[:LONGEST].decode(encoding or "utf-8", "surrogateescape")
    if not (text.isascii() and text.isprintable()) and (not text.isprintable() or _BAD.search(text)):
        line = _visible(text, tab)
    else:
        line = Shown(text, cells(text))
    if not cut:
        return line
    more = f"… {size(max(length, len(raw)))} in this line"
    return line._replace(
        text=line.text + more,
        width=line.width + cells(more),
        unseen=(*line.unseen, (len(line.text), len(line.text) + len(more))),
    )


def _visible(text: str, tab: int) -> Shown:
    parts: list[str] = []
    unseen: list[tuple[int, int]] = []
    raw: list[int] = []
    moved: list[int] = []
    at = length = column = 0
    for found in _BAD.finditer(text):
        between = text[at : found.start()]
        column += cells(between)
        letter = found.group()
        before = text[found.start() - 1 : found.start()]
        if letter == "\t":
            picture = " " * (tab - column % tab)
        elif letter in _HARMLESS and before and (_EMOJI.match(before) or before in _HARMLESS):
            picture = ""  # a variant, a tint, a joint of a picture: one cell or two, who knows
        else:
            picture = _picture(letter)
            unseen.append((length + len(between), length + len(between) + len(picture)))
        column += cells(picture)
        parts += (between, picture)
        length += len(between) + len(picture)
        at = found.end()
        raw.append(at)
        moved.append(length)
    rest = text[at:]
    whole = "".join((*parts, rest))
    return Shown(whole, column + cells(rest), tuple(unseen), tuple(raw), tuple(moved))


def _picture(letter: str) -> str:
    code = ord(letter[0])
    if len(letter) > 1:
        return letter[:2]
    if 0x1F1E6 <= code <= 0x1F1FF:
        return chr(code - 0x1F1E6 + ord("A"))
    if code > 0x9F and not 0xDC80 <= code <= 0xDCFF:
        return f"⟨U+{code:04X}⟩"
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"\\x{code & 0xFF:02x}"


WORD, MATCH, UNSEEN = 32, 64, 128
HERE = MATCH | UNSEEN
"""What lies over the colour of a letter, which is the rest of the number."""

NUMBER, SIGN, MARK = 29, 30, 31
"""Numbers of letters that no class has: line numbers, the sign, the mark of the cursor."""

_RUNS = re.compile(rb"(?s)(.)\1*")
_OVER = {flag: bytes(code | flag for code in range(256)) for flag in (WORD, MATCH, UNSEEN, HERE)}

MOST_LINES = 50
"""Lines on the screen that one long line may take."""

StyleOf = Callable[[int, int], Style]
"""The style of a letter, from the number of its background (see `LineBackground`) and its own number."""


class LineBackground(NamedTuple):
    """What a line is drawn on: 0 same, 1 added, 2 removed, 3 nothing, 4 and 5 added and removed by a move.

    The state: 0 plain, 1 cursor, 2 selected.
    """

    kind: int
    state: int = 0

    @property
    def number(self) -> int:
        """Kind and state as one number, from 0 to 17."""
        return self.kind * 3 + self.state


class CodeLine(NamedTuple):
    """A line of code with all that decides how it is drawn."""

    number: str
    """The columns of line numbers, in their width."""
    sign: str
    shown: Shown
    letters: bytes
    """A number a letter: its colour, and what lies over it."""
    background: LineBackground
    tail: str = ""
    """A mark behind the end: no newline, another line ending."""


def letters(
    shown: Shown,
    spans: Sequence[int],
    words: Iterable[tuple[int, int]] = (),
    matches: Iterable[tuple[int, int, bool]] = (),
) -> bytes:
    """The numbers of a line's letters: spans as start, end, class; words and matches in letters of the raw line."""
    made = bytearray(len(shown.text))
    place = shown.place
    is_same = not shown.raw
    size = len(made)
    for at in range(0, len(spans), 3):
        start, end = spans[at], spans[at + 1]
        if not is_same:
            start, end = place(start), place(end)
        if start >= size:
            break
        made[start:end] = bytes((spans[at + 2],)) * (min(end, size) - start)
    for start, end in words:
        _lay(made, place(start), place(end), WORD)
    for start, end, is_here in matches:
        _lay(made, place(start), place(end), HERE if is_here else MATCH)
    for start, end in shown.unseen:
        _lay(made, start, end, UNSEEN)
    return bytes(made)


def _lay(made: bytearray, start: int, end: int, flag: int) -> None:
    made[start:end] = made[start:end].translate(_OVER[flag])


def pieces(shown: Shown, room: int, *, left: int = 0, wrap: bool = False) -> list[tuple[int, int, int]]:
    """The parts of a line that are seen, as start, end, cells: one from `left` on, or as many as it wraps to."""
    text = shown.text
    if not left and shown.width <= room:
        return [(0, len(text), shown.width)]
    if wrap:
        return list(_wrapped(shown, max(1, room)))
    if shown.width == len(text):
        return [(min(left, len(text)), min(len(text), left + room), max(0, min(room, len(text) - left)))]
    start = _fitting(text, 0, left)[0]
    end, width = _fitting(text, start, room)
    return [(start, end, width)]


def _wrapped(shown: Shown, room: int) -> Iterator[tuple[int, int, int]]:
    text, at = shown.text, 0
    for _ in range(MOST_LINES):
        if shown.width == len(text):
            end = min(len(text), at + room)
            width = end - at
        else:
            end, width = _fitting(text, at, room)
            end = max(end, min(at + 1, len(text)))
        yield at, end, width
        at = end
        if at >= len(text):
            return


def _fitting(text: str, start: int, room: int) -> tuple[int, int]:
    """The end of the letters from `start` that fit into so many cells, and the cells that they take."""
    used = 0
    for at in range(start, len(text)):
        wide = get_character_cell_size(text[at])
        if used + wide > room:
            return at, used
        used += wide
    return len(text), used


def drawn(
    side: CodeLine, width: int, style_of: StyleOf, *, left: int = 0, wrap: bool = False, mark: str = " "
) -> list[list[Segment]]:
    """The lines on the screen that a line takes, each exactly `width` cells."""
    background = side.background.number
    gutter = len(mark) + len(side.number) + len(side.sign)
    room = max(1, width - gutter)
    found: list[list[Segment]] = []
    text, codes = side.shown.text, side.letters
    parts = pieces(side.shown, room, left=left, wrap=wrap)
    for at, (start, full, width_of_part) in enumerate(parts):
        end, taken = full, width_of_part
        if at:
            line = [Segment(" " * gutter, style_of(background, NUMBER))]
        else:
            line = [
                Segment(mark, style_of(background, MARK)),
                Segment(side.number, style_of(background, NUMBER)),
                Segment(side.sign, style_of(background, SIGN)),
            ]
        is_cut = not wrap and end < len(text)
        if is_cut and taken >= room:
            end, taken = _shorter(text, start, end, taken)
        for run in _RUNS.finditer(codes, start, end):
            first, last = run.span()
            line.append(Segment(text[first:last], style_of(background, codes[first])))
        rest = room - taken
        if is_cut and rest:
            line.append(Segment(" " * (rest - 1) + "›", style_of(background, NUMBER)))  # noqa: RUF001 - more to the right
            rest = 0
        elif side.tail and at == len(parts) - 1 and rest >= len(side.tail):
            line.append(Segment(side.tail, style_of(background, NUMBER)))
            rest -= len(side.tail)
        if rest:
            line.append(Segment(" " * rest, style_of(background, 0)))
        found.append(line)
    return found


def _shorter(text: str, start: int, end: int, taken: int) -> tuple[int, int]:
    """Where a line ends that is a letter shorter, to have room for the mark of a cut."""
    if end > start:
        end -= 1
        taken -= get_character_cell_size(text[end])
    return end, taken
