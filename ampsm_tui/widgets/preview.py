"""The preview beside the list: the session under the cursor with prompt, last words, files and history."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from ampsm_engine import labels
from ampsm_engine.model import Board, BoardRow, Fact
from ampsm_engine.state_styles import STATES
from ampsm_tui.clean import cells, cut, cut_start, fit, many_lines, one_line, wrapped
from ampsm_tui.hints import in_app, key_name
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets import session_columns
from ampsm_tui.widgets.forecast import Forecasts, forecast_lines
from ampsm_tui.widgets.line_widgets import BlendedStyles, DraggedText, LineDrag, Piece, pieces_width
from ampsm_tui.widgets.session_columns import Subject

if TYPE_CHECKING:
    from ampsm_engine.list_memory import ChangeCounts

Painted = tuple[Piece, ...]

TWO_COLUMNS = 76
"""Cells from which on a preview that is low has two columns."""

GAP = 3
"""Cells between the two columns."""

_STYLES = ("title", "label", "quiet", "text", "added", "deleted", *STATES)


class Preview(DraggedText, Widget):
    """The session under the cursor: prompt, last words, figures, files, forecast and history."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"-{word}" for word in _STYLES}
    DEFAULT_CSS = """
    Preview {
        height: 1fr; background: $background; border-left: solid $border; padding: 0 1;
        & > .-title { color: $foreground; text-style: bold; }
        & > .-label { color: $foreground 45%; }
        & > .-text { color: $foreground 85%; }
        & > .-quiet { color: $state-idle; }
        & > .-added { color: $state-done; }
        & > .-deleted { color: $state-error; }
    }
    """ + state_rules("Preview")

    board: var[Board | None] = var(None, init=False)
    counts: var[Mapping[str, "ChangeCounts"]] = var(dict, init=False)
    forecasts: var[Forecasts] = var(dict, init=False)
    session_id: var[str | None] = var(None, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._blended = BlendedStyles(self)
        self._lines: list[Painted] = []
        self.drag = LineDrag(self, self._line, lambda: 0, lambda _lines: None)

    def watch_board(self) -> None:
        """Show the session as the new board has it."""
        self.refresh_changed()

    def watch_counts(self) -> None:
        """Show the new counts of changed lines."""
        self.refresh_changed()

    def watch_forecasts(self) -> None:
        """Show the new conflict forecast of the session."""
        self.refresh_changed()

    def watch_session_id(self) -> None:
        """Show the preview of another session."""
        self.refresh_changed()

    def on_resize(self) -> None:
        """Wrap the text anew for the new width."""
        self.refresh_changed()

    def refresh_changed(self) -> None:
        """Lay the lines out, and repaint those that differ."""
        if not self.display or not self.size.width:
            return
        rows = self.board.rows if self.board else ()
        row = next((row for row in rows if row.session.id == self.session_id), None)
        new = self._lay_out(row)[: self.size.height] if row else []
        old, self._lines = self._lines, new
        for y in range(max(len(old), len(new))):
            if old[y : y + 1] != new[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def notify_style_update(self) -> None:
        """Paint the preview again: the colours have changed."""
        super().notify_style_update()
        self._blended.forget()

    def render_line(self, y: int) -> Strip:
        """One line of the preview as cells, cut at the right edge."""
        return self.drag.marked(self._line(y), y)

    def _line(self, y: int) -> Strip:
        return self._blended.strip(self._lines[y] if y < len(self._lines) else (), self.size.width)

    def _lay_out(self, row: BoardRow) -> list[Painted]:
        width, height = self.size
        wide = width >= TWO_COLUMNS and height < width // 3
        width = (width - GAP) // 2 if wide else width
        clock = getattr(self.app, "clock", None)
        subject = Subject(row, self.counts.get(row.session.id), clock() if clock else datetime.now(UTC))
        facts = [fact for fact in (self.board.facts if self.board else ()) if fact.session_id == row.session.id]
        lines = [*_head(subject, width), *_numbers(subject, width)]
        files = _section("files", _files(subject, width, max(4, height // 3)))
        sections = [
            _section("outside its worktree", _outside(row, width)),
            _section("prompt", _wrapped(many_lines(_prompt(row), 4000), width, max(3, height // 4))),
            _section(*_last_words(row, in_app(self, _hint(row)), width, max(3, height // 5))),
            _section("conflicts", self._conflicts(row, width)),
            [] if wide else files,
            _section("history", _facts(facts, subject.at, width)),
        ]
        told = [line for section in sections for line in section]
        return _side_by_side([*lines, *files], told[1:], width) if wide else [*lines, *told]

    def _conflicts(self, row: BoardRow, width: int) -> list[Painted]:
        found = self.forecasts.get(row.session.id)
        names = {one.session.id: one.session.name for one in (self.board.rows if self.board else ())}
        if not found:
            return []
        return forecast_lines(found, row.session.base_branch, names, width, key_name(self, "session.merge"))


def _side_by_side(left: list[Painted], right: list[Painted], width: int) -> list[Painted]:
    """Two columns of lines, the left one `width` cells wide."""
    rows = []
    for at in range(max(len(left), len(right))):
        pieces = left[at] if at < len(left) else ()
        gap = Piece(" " * max(0, width - pieces_width(pieces) + GAP))
        rows.append((*pieces, gap, *right[at]) if at < len(right) else pieces)
    return rows


def _head(subject: Subject, width: int) -> list[Painted]:
    session = subject.row.session
    word = labels.state_word(subject.row)
    name = _wrapped(one_line(session.name, 200), width, 2, "title")
    where = f"{labels.repository_name(session)} · from {session.base_branch}"
    return [
        *name,
        (
            Piece(f"{STATES[word].glyph} {word}", word),
            Piece(f"  {session_columns.age(session.last_run or session.created_at, subject.at)}", "quiet"),
        ),
        (Piece(one_line(where, 200), "quiet"),),
    ]


def _numbers(subject: Subject, width: int) -> list[Painted]:
    """Pairs of a label and a column's value, in as many lines as they need."""
    current = subject.row.current
    pairs: list[tuple[str, tuple[Piece, ...]]] = [
        ("iterations", session_columns.ITERATIONS.value(subject)),
        ("changes", session_columns.LINES.value(subject)),
        ("base", session_columns.AHEAD.value(subject)),
        ("tests", session_columns.TESTS.value(subject)),
        ("tokens", session_columns.TOKENS.value(subject)),
        (
            "mode",
            (Piece(one_line((current.mode if current else None) or subject.row.session.model_override or "·", 30)),),
        ),
    ]
    half = max(18, width // 2)
    lines: list[Painted] = [()]
    for left, right in zip(pairs[::2], pairs[1::2], strict=True):
        lines.append((*_pair(*left, 11, half), *_pair(*right, 8, width - half)))
    return lines


def _pair(label: str, value: tuple[Piece, ...], indent: int, room: int) -> tuple[Piece, ...]:
    taken = indent + pieces_width(value)
    return (Piece(fit(label, indent), "label"), *value, Piece(" " * max(0, room - taken)))


def _outside(row: BoardRow, width: int) -> list[Painted]:
    """Lines about what changed outside of the worktree while amp ran."""
    outside = row.session.outside
    return _wrapped(one_line(outside, 400), width, 3, "awaiting-input") if outside else []


def _prompt(row: BoardRow) -> str:
    return (row.current.prompt if row.current else "") or row.session.amp_prompt


def _hint(row: BoardRow) -> str:
    return (row.current.hint if row.current else "") or ""


def _last_words(row: BoardRow, hint: str, width: int, most: int) -> tuple[str, list[Painted]]:
    current = row.current
    if current is not None and current.error:
        text = many_lines(f"{current.error}\n{hint}".strip(), 2000)
        return "error", _wrapped(text, width, most, "error")
    if current is not None and current.activity:
        path = f"{row.session.worktree_path}/"
        return "last words", _wrapped(many_lines(current.activity.replace(path, ""), 2000), width, most)
    return "now", _wrapped(one_line(labels.activity(row), 300), width, most)


def _files(subject: Subject, width: int, most: int) -> list[Painted]:
    counts = subject.counts
    if counts is None:
        return []
    if counts.trouble:
        return _wrapped(one_line(counts.trouble, 300), width, 3, "quiet")
    lines: list[Painted] = []
    shown = counts.listed[: most - 1] if counts.files > most else counts.listed[:most]
    for file in shown:
        added, deleted = f"+{labels.count(file.additions or 0)}", f"-{labels.count(file.deletions or 0)}"
        numbers = "binary" if file.binary else f"{added} {deleted}"
        path = cut_start(one_line(file.path, 400), width - len(numbers) - 1)
        gap = Piece(" " * (width - cells(path) - len(numbers)))
        change = (
            (Piece("binary", "quiet"),) if file.binary else (Piece(added, "added"), Piece(f" {deleted}", "deleted"))
        )
        lines.append((Piece(path, "text"), gap, *change))
    if counts.files > len(shown):
        lines.append((Piece(f"and {counts.files - len(shown)} more", "quiet"),))
    return lines


def _facts(facts: Sequence[Fact], at: datetime, width: int) -> list[Painted]:
    return [
        (
            Piece(f"{session_columns.age(fact.time, at):>4} ", "quiet"),
            Piece(cut(one_line(labels.history_text(fact), 300), width - 5), "text"),
        )
        for fact in reversed(facts[-8:])
    ]


def _section(title: str, lines: list[Painted]) -> list[Painted]:
    return [(), (Piece(title, "label"),), *lines] if lines else []


def _wrapped(text: str, width: int, most: int, style: str = "text") -> list[Painted]:
    """The clean text in lines of words, at most so many, the last with an ellipsis when there is more."""
    lines = [line for line in wrapped(text, width, most) if line.strip()]
    if len(lines) > most:
        lines[most - 1 :] = [
            cut(f"{lines[most - 1]} …", width)
            if cells(lines[most - 1]) < width - 1
            else cut(lines[most - 1] + "…", width)
        ]
    return [(Piece(line, style),) for line in lines]
