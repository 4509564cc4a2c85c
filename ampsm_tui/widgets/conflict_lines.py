"""The lines of a conflict: the files, the hunks of one with both sides, what can be done about one. Pure."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine.diff.encodings import shown_name
from ampsm_tui.clean import cells, cut_start, fit, one_line, wrapped
from ampsm_tui.widgets.diff.lines import pieces, shown
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.text_view import PieceLine

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.outcomes import OpenFile, Stage
    from ampsm_engine.merging.open_conflict import SideWords

AROUND = 3
"""Lines of the file above and below a conflict."""

LONGEST_SIDE = 400
"""Lines of a side that are shown; the rest is counted."""

SUBMODULE = "160000"

_NAMES = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
"""Whole names of objects, as git says them."""

_RUNS = re.compile(rb"(?s)(.)\1*")


KeyNames = Callable[[str], str]
"""The name of the key that does a thing, by its id: as the user has bound it."""


class SideNames(NamedTuple):
    """The names of the two sides of a conflict."""

    ours: str
    """The base: what the work comes to."""
    theirs: str
    """What the session's work is called."""


class HunkLines(NamedTuple):
    """The lines of a file in conflict, and where each of its hunks is among them."""

    lines: tuple[PieceLine, ...]
    hunks: tuple[tuple[int, int], ...]


def files(
    paths: Sequence[str], held: Sequence["OpenFile"], here: str, width: int, *, marked: Sequence[str] = ()
) -> list[PieceLine]:
    """The files in their order, those in `held` and `marked` still open; `here` is the one that is looked at."""
    still_open = {file.path: file for file in held}
    lines: list[PieceLine] = []
    for path in paths:
        file, is_here = still_open.get(path), path == here
        mark = Piece("▌" if is_here else " ", "mark")
        shown = cut_start(one_line(path, 500), max(6, width - 3))
        glyph = Piece("≠ ", "warn") if file or path in marked else Piece("✓ ", "ok")
        lines.append((mark, glyph, Piece(shown, "here" if is_here else "text" if file else "quiet")))
        about = _about(file) if file else "markers left" if path in marked else "resolved"
        lines.append((mark, Piece(f"  {about}", "quiet")))
    return lines


def _about(file: "OpenFile") -> str:
    if file.rerere:
        return "resolved by your rerere"
    if file.markers and not file.hunks:
        return f"{file.kind}, markers left in line {', '.join(map(str, file.markers[:3]))}"
    return f"{file.kind}, {len(file.hunks)} open" if file.hunks else file.kind


def hunks(
    file: "OpenFile",
    around: Sequence[str],
    sides: SideNames,
    at: int,
    width: int,
    *,
    keys: KeyNames,
    words: Sequence[tuple["SideWords", "SideWords"]] = (),
    encoding: str = "",
) -> HunkLines:
    """One file in conflict; `around` are the lines of the file as it lies there, `at` the hunk that is looked at.

    `words`: of each hunk, the changed words of base and session, once they are known; `encoding`: what the file is in,
    where that is not UTF-8.
    """
    if not file.hunks:
        return HunkLines((), ())
    digits = max(3, len(str(len(around))))
    has_cr = sum(line.endswith("\r") for line in around) * 2 > len(around)
    lines: list[PieceLine] = []
    places: list[tuple[int, int]] = []
    for number, hunk in enumerate(file.hunks):
        first = hunk.line - 1
        last = min(max(first, hunk.end), len(around))
        start = len(lines)
        painter = _ConflictPainter(width, digits, keys, has_cr=has_cr, is_here=number == at)
        title = f"Conflict {number + 1} of {len(file.hunks)}, line {hunk.line}"
        title += f", {shown_name(encoding)}" if encoding else ""
        lines.append((painter.bar, Piece(title, "here" if number == at else "quiet")))
        ours, theirs = words[number] if number < len(words) else ((), ())
        above = max(0, first - AROUND)
        lines += painter.plain(around[above:first], above + 1)
        held = painter.side(hunk.ours, f"{keys('conflict.ours')}  {sides.ours} (base)", "ours", hunk.line + 1, ours)
        below = hunk.line + 2 + _count(hunk.ours)
        lines += held
        if hunk.base is not None:
            lines += painter.side(hunk.base, "   before both", "base", below, ())
            below += 1 + _count(hunk.base)
        lines += painter.side(
            hunk.theirs, f"{keys('conflict.theirs')}  {sides.theirs} (session)", "theirs", below, theirs
        )
        lines += painter.plain(around[last : last + AROUND], last + 1)
        places.append((start, len(lines) - 1))
        lines.append(())
    return HunkLines(tuple(lines), tuple(places))


def _split(text: str) -> list[str]:
    """Lines as git has them: a carriage return ends none."""
    return text.removesuffix("\n").split("\n") if text else []


def _count(text: str) -> int:
    return len(_split(text))


class _ConflictPainter:
    """Paints the lines of a conflict as a review does its own: numbers, backgrounds, changed words, what is unseen."""

    def __init__(self, width: int, digits: int, keys: KeyNames, *, has_cr: bool, is_here: bool) -> None:
        self._width = width
        self._digits = digits
        self._keys = keys
        self._has_cr = has_cr
        """The lines of the file end with CR as a rule: an end that is otherwise is marked."""
        self.bar = Piece("▌ " if is_here else "  ", "mark")

    def plain(self, lines: Sequence[str], first: int) -> list[PieceLine]:
        """Lines of the file that are in no conflict; the first of them has this number."""
        return [self._line(line, number, "quiet", "  ", ()) for number, line in enumerate(lines, first)]

    def side(self, text: str, title: str, style: str, first: int, words: "SideWords") -> list[PieceLine]:
        """A side with its title; `first` is the number of its first line in the file as it lies there."""
        held = _split(text)
        lines: list[PieceLine] = [(self.bar, Piece(fit(f"── {one_line(title, 200)} ", max(4, self._width - 3)), style))]
        for at, line in enumerate(held[:LONGEST_SIDE]):
            lines.append(self._line(line, first + at, f"{style}-line", "│ ", words[at] if at < len(words) else ()))
        left = len(held) - LONGEST_SIDE
        rest = (
            "(nothing: these lines are taken out)"
            if not held
            else f"… {left} lines more; {self._keys('conflict.edit')} shows all"
        )
        if not held or left > 0:
            lines.append((self.bar, Piece(" " * (self._digits + 1)), Piece("│ ", style), Piece(rest, "quiet")))
        return lines

    def _line(self, text: str, number: int, style: str, sign: str, words: Sequence[tuple[int, int]]) -> PieceLine:
        room = max(1, self._width - self._digits - 5)
        line = shown(text.encode("utf-8", "surrogateescape"))
        start, end, used = pieces(line, room)[0]
        flags = bytearray(end)
        for first, last in words:
            _lay(flags, line.place(first), line.place(last), 1)
        for first, last in line.unseen:
            _lay(flags, first, last, 2)
        bare = len(line.text.rstrip(" "))
        letters = line.text[:bare] + "·" * (len(line.text) - bare)
        _lay(flags, bare, len(letters), 2)
        named = (style, style.replace("-line", "-word"), "unseen")
        code = [
            Piece(letters[run.start() : run.end()], named[run.group()[0]]) for run in _RUNS.finditer(flags, start, end)
        ]
        has_cr = text.endswith("\r")
        if has_cr != self._has_cr and used < room and style != "quiet":
            code.append(Piece("␍" if has_cr else "␊", "unseen"))
            used += 1
        numbered = Piece(f"{number:>{self._digits}} ", "quiet")
        return (self.bar, numbered, Piece(sign, style.removesuffix("-line")), *code, Piece(" " * (room - used), style))


def _lay(flags: bytearray, start: int, end: int, flag: int) -> None:
    end = min(end, len(flags))
    flags[start:end] = bytes((flag,)) * max(0, end - start)


def choices(file: "OpenFile", sides: SideNames, width: int, keys: KeyNames) -> list[PieceLine]:
    """A file that is not resolved by its lines: what each side did, and what can be done about it."""
    lines: list[PieceLine] = [(Piece(one_line(file.path, 500), "title"),), ()]
    text = _NAMES.sub(lambda found: found.group()[:12], one_line(file.said, 600))
    lines += [*((Piece(line, "quiet"),) for line in wrapped(text, width, 4)), ()] if text else []
    lines += [*_side_line("before", "", _what(file.base), "base", width)]
    ours, theirs = keys("conflict.ours"), keys("conflict.theirs")
    lines += _side_line(f"{sides.ours} (base)", ours, _what(file.ours), "ours", width)
    lines += _side_line(f"{sides.theirs} (session)", theirs, _what(file.theirs), "theirs", width)
    lines.append(())
    for key, text in _keys(file, sides, keys):
        lines += _keyed(key, text, width)
    return lines


def _what(stage: "Stage | None") -> str:
    if stage is None:
        return "no such file"
    kinds = {SUBMODULE: "submodule at", "120000": "symbolic link", "100755": "executable file"}
    return f"{kinds.get(stage.mode, 'file')} {stage.object[:12]}"


def _side_line(name: str, key: str, text: str, style: str, width: int) -> list[PieceLine]:
    head = Piece(f"{key:2} {one_line(name, 200)}", style)
    room = min(44, max(20, width // 2))
    if room + cells(text) > width:
        return [(head,), (Piece("   "), Piece(text, "text"))]
    return [(head._replace(text=fit(head.text, room - 1)), Piece(" "), Piece(text, "text"))]


def takes_both(file: "OpenFile") -> bool:
    """Whether both sides of a file can be kept: one below the other, or the one that is there."""
    if (file.ours is None) != (file.theirs is None):
        return True
    return bool(file.hunks) or (file.ours is not None and file.kind not in ("binary", "submodule"))


def _keys(file: "OpenFile", sides: SideNames, keys: KeyNames) -> list[tuple[str, str]]:
    """Each key with what it would do here."""
    found = []
    both, as_is, edit = (keys(f"conflict.{name}") for name in ("both", "as-is", "edit"))
    ours, theirs = f"{one_line(sides.ours, 40)} (base)", f"{one_line(sides.theirs, 40)} (session)"
    for one, name, stage in (("ours", ours, file.ours), ("theirs", theirs, file.theirs)):
        found.append(
            (keys(f"conflict.{one}"), f"take {name}: " + ("the file is deleted" if stage is None else _taken(stage)))
        )
    if takes_both(file):
        is_one = (file.ours is None) != (file.theirs is None)
        text = "keep the file that is there" if is_one else "both, where git can lay them one after the other"
        found.append((both, text))
    found.append((as_is, "as it lies in the worktree now" + (": your rerere has resolved it" if file.rerere else "")))
    found.append((edit, f"edit it, or put another file there, then {as_is}"))
    return found


def _taken(stage: "Stage") -> str:
    if stage.mode == SUBMODULE:
        return f"the submodule points to {stage.object[:12]}"
    return "its content and its mode"


def _keyed(key: str, text: str, width: int) -> list[PieceLine]:
    gutter = max(3, cells(key)) + 1
    held = wrapped(text, max(10, width - gutter), 4)
    head: list[PieceLine] = [(Piece(fit(key, gutter), "key"), Piece(held[0]))]
    return head + [(Piece(" " * gutter), Piece(line)) for line in held[1:]]


def resolved(
    path: str, left: int, width: int, keys: KeyNames, *, is_edited: bool = False, is_marked: bool = False
) -> list[PieceLine]:
    """A file that is resolved, or all of them; `is_edited`: it was changed after that, `is_marked`: it has markers."""
    lines: list[PieceLine] = []
    as_is = keys("conflict.as-is")
    if path:
        state = (Piece("≠ ", "warn"), Piece("added with conflict markers in it"))
        lines = [(Piece(one_line(path, 500), "title"),), ()]
        lines += [state if is_marked else (Piece("✓ ", "ok"), Piece("resolved")), ()]
        if is_marked:
            lines += _keyed(as_is, f"says that they are meant; {keys('conflict.edit')} takes them out", width)
        elif is_edited:
            text = "It was changed after that, which would not be merged."
            lines += [(Piece(line, "warn"),) for line in wrapped(text, width, 4)]
            lines += _keyed(as_is, "takes it as it lies there now", width)
        lines += _keyed(keys("conflict.undo"), "takes that back: the file is in conflict again", width)
    if not left:
        lines += [(), (Piece("✓ ", "ok"), Piece("Nothing is open any more.", "title"))]
        go_on = keys("conflict.continue")
        lines += [(), *_keyed(go_on, "continue: what is resolved is committed, and the work goes on", width)]
    return lines
