"""The timeline of a session: iterations, commits, tests, notes and the rest of its history, newest first.

Entries are told apart by their key, never by place.
"""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ampsm_engine import labels, timestamps
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Fact, Iteration, Outcome, SetupState, State
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, cut, fit, one_line
from ampsm_tui.theme import legible_on
from ampsm_tui.widgets.line_widgets import DraggedText, LineDrag

if TYPE_CHECKING:
    from ampsm_engine.engine.history import Commit, History


class EntryKind(StrEnum):
    """The kinds of entries that a timeline has."""

    ITERATION = "iteration"
    COMMIT = "commit"
    TEST = "test"
    SETUP = "setup"
    NOTES = "notes"
    FACT = "fact"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry. `subject` is the id of what it opens."""

    key: str
    kind: EntryKind
    glyph: str
    style: str
    title: str
    detail: str
    time: str
    subject: str = ""
    number: int = 0
    """The later of two at one moment has the higher one."""
    is_current: bool = False
    """Whether the transcript of the entry is the one that is shown."""


_ENDINGS = {Outcome.DONE: "done", Outcome.FAILED: "error", Outcome.CRASHED: "error", Outcome.STOPPED: "stopped"}
_OF_ITERATIONS = frozenset({"queued", "started", "finished", "failed", "stopped", "crashed", "committed", "dropped"})
_SHOWN_ELSEWHERE = _OF_ITERATIONS | {"thread", "note", "tested"}
_MAKERS = {"ampsm": "", "amp": "by amp", "hand": "by hand", "review": "in review"}


def timeline_entries(history: "History", live: Iteration | None = None, shown: str = "") -> tuple[TimelineEntry, ...]:
    """All entries, newest first; `live` is newer than its like in the history, `shown` the iteration on the screen."""
    iterations = {one.id: one for one in history.iterations}
    if live is not None:
        iterations[live.id] = live
    found = [replace(_iteration_entry(one), is_current=one.id == shown) for one in iterations.values()]
    found += map(_commit_entry, history.commits)
    found += [one for fact in history.facts for one in _fact_entries(fact)]
    found.sort(key=_rank, reverse=True)
    notes = history.session.notes
    if notes and notes.strip():
        pinned = TimelineEntry(
            "notes", EntryKind.NOTES, "✎", "note", one_line(notes, 300), "", history.session.created_at, notes
        )
        found.insert(0, pinned)
    return tuple(found)


_HEIGHTS = (*(EntryKind.SETUP, EntryKind.FACT, EntryKind.ITERATION), EntryKind.COMMIT, EntryKind.TEST, EntryKind.NOTES)


def _rank(entry: TimelineEntry) -> tuple[bool, datetime, int, int]:
    """What waits is the newest, its commit stands above an iteration, its test above the commit."""
    height = _HEIGHTS.index(entry.kind)
    return entry.style == "queued", timestamps.parse(entry.time), height, entry.number


def _iteration_entry(iteration: Iteration) -> TimelineEntry:
    """An iteration: what was asked, and how it goes or went."""
    word = iteration_word(iteration)
    return TimelineEntry(
        key=f"iteration {iteration.id}",
        kind=EntryKind.ITERATION,
        glyph=SHOWN[word].glyph,
        style=word,
        title=f"{iteration.number}  {one_line(iteration.prompt, 300)}",
        detail=_detail(iteration),
        time=iteration.start_time or iteration.queued_at,
        subject=iteration.id,
        number=iteration.number,
    )


def iteration_word(iteration: Iteration) -> str:
    """The word of an iteration's state, whose look `state_styles.SHOWN` has."""
    if iteration.state is State.SETTLED:
        return _ENDINGS[iteration.outcome or Outcome.CRASHED]
    return "queued" if iteration.state is State.QUEUED else "running"


def _detail(iteration: Iteration) -> str:
    if iteration.state is State.QUEUED:
        return "queued"
    if iteration.state is State.SETTLING:
        return "committing and testing"
    if iteration.state is State.RUNNING:
        return one_line(iteration.activity or "amp is starting", 300)
    word = iteration.outcome.value if iteration.outcome else "crashed"
    took = "" if iteration.duration_ms is None else f" {labels.duration(iteration.duration_ms)}"
    parts = [word + took, plural(iteration.changed_files, "file")]
    if iteration.tally.token_usage is not None:
        parts.append(f"{labels.count(iteration.tally.token_usage)} tokens")
    return ", ".join(parts)


def _commit_entry(commit: "Commit") -> TimelineEntry:
    """A commit, and who made it."""
    by_hand = commit.by.value == "hand"
    detail = " ".join(part for part in (commit.sha[:8], _MAKERS[commit.by.value]) if part)
    return TimelineEntry(
        key=f"commit {commit.sha}",
        kind=EntryKind.COMMIT,
        glyph="+",
        style="hand" if by_hand else "commit",
        title=one_line(commit.subject, 300),
        detail=f"{detail} ({one_line(commit.author, 60)})" if by_hand and commit.author else detail,
        time=commit.time,
        subject=commit.sha,
    )


_RUNS = {"tested": EntryKind.TEST, SetupState.PASSED: EntryKind.SETUP, SetupState.FAILED: EntryKind.SETUP}
"""Kinds of facts about a command that ran: its output is what they open."""


def _fact_entries(fact: Fact) -> Iterator[TimelineEntry]:
    if fact.kind in _RUNS:
        passed = "passed" in fact.text
        yield TimelineEntry(
            key=f"fact {fact.number}",
            kind=_RUNS[fact.kind],
            glyph="✓" if passed else "✗",
            style="done" if passed else "error",
            title=one_line(fact.text, 300),
            detail="",
            time=fact.time,
            subject=fact.iteration_id or fact.session_id or "",
            number=fact.number,
        )
    elif fact.kind not in _SHOWN_ELSEWHERE:
        title = one_line(labels.history_text(fact), 1_000)
        glyph = labels.OUTSIDE_MARK if fact.kind == "outside" else "·"
        yield TimelineEntry(f"fact {fact.number}", EntryKind.FACT, glyph, "fact", title, "", fact.time, fact.text)


def _height(entry: TimelineEntry) -> int:
    return 2 if entry.kind in (EntryKind.ITERATION, EntryKind.COMMIT) else 1


STYLES = ("queued", "running", "stopped", "error", "done", "commit", "hand", "note", "fact", "title", "quiet", "cursor")


class Timeline(DraggedText, ScrollView, can_focus=True):
    """Entries with a cursor; Enter opens."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in STYLES}
    DEFAULT_CSS = """
    Timeline {
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .timeline--queued { color: $state-queued; }
        & > .timeline--running { color: $state-running; text-style: bold; }
        & > .timeline--stopped { color: $state-stopped; }
        & > .timeline--error { color: $state-error; }
        & > .timeline--done { color: $state-done; }
        & > .timeline--commit { color: $primary; }
        & > .timeline--hand { color: $accent; }
        & > .timeline--note { color: $accent; }
        & > .timeline--fact { color: $secondary; }
        & > .timeline--title { color: $foreground; }
        & > .timeline--quiet { color: $secondary; }
        & > .timeline--cursor { background: $panel; }
        &:focus > .timeline--cursor { background: $primary 25%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "step(1)"),
        bind("move.up", "step(-1)"),
        bind("move.page-down", "step(8)"),
        bind("move.page-up", "step(-8)"),
        bind("move.first", "step(-100000)"),
        bind("move.last", "step(100000)"),
        bind("session.open", "open", "Open"),
    ]

    @dataclass
    class Opened(Message):
        """Posted when an entry was opened, by Enter or by mouse."""

        entry: TimelineEntry

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[TimelineEntry, ...] = ()
        """What is shown, newest first."""
        self._lines: list[tuple[int, int]] = []
        self._cursor = ""
        self._at: datetime | None = None
        self.drag = LineDrag(self, self._line, lambda: self.scroll_offset.y, self._scroll_by)

    @property
    def entry(self) -> TimelineEntry | None:
        """The entry under the cursor."""
        return self.entries[self._index()] if self.entries else None

    def show(self, entries: tuple[TimelineEntry, ...], at: datetime) -> None:
        """Show these entries as they look at a moment; the cursor stays on its entry."""
        if entries == self.entries and at == self._at:
            return
        index = self._index()
        self.entries, self._at = entries, at
        self._lines = [(place, line) for place, entry in enumerate(entries) for line in range(_height(entry))]
        if entries and not any(entry.key == self._cursor for entry in entries):
            self._cursor = entries[min(index, len(entries) - 1)].key
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        line = y + self.scroll_offset.y
        return self.drag.marked(self._line(line), line)

    def _scroll_by(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, immediate=True)

    def _line(self, line: int) -> Strip:
        width = self.scrollable_content_region.width
        if line >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        place, inner = self._lines[line]
        entry = self.entries[place]
        strip = self._first(entry, width) if inner == 0 else self._second(entry, width)
        strip = strip.apply_style(self.rich_style)
        if entry.key == self._cursor:
            strip = on_ground(strip, self.get_component_rich_style("timeline--cursor"))
        return strip

    def _first(self, entry: TimelineEntry, width: int) -> Strip:
        age = labels.age(entry.time, self._at) if self._at and entry.style != "queued" else ""
        age = "now" if age.endswith("s") else age
        own_line = _height(entry) == 2
        room = max(4, width - 4 - (len(age) + 1 if age else 0))
        title = entry.title if own_line or not entry.detail else f"{entry.title} {entry.detail}"
        shown = cut(title, room)
        style = self._style("title") if entry.kind is not EntryKind.FACT else self._style("quiet")
        if entry.is_current:
            style += Style(bold=True)
        is_here = self.has_focus and entry.key == self._cursor
        # Not all terminals show the background of the cursor.
        mark = "▌" if is_here else "▸" if entry.is_current else " "
        return Strip(
            [
                Segment(mark, self._style("running")),
                Segment(f"{entry.glyph} ", self._style(entry.style)),
                Segment(shown, style),
                Segment(" " * max(1, width - 3 - cells(shown) - len(age) - 1)),
                Segment(f"{age} ", self._style("quiet")),
            ]
        ).adjust_cell_length(width)

    def _second(self, entry: TimelineEntry, width: int) -> Strip:
        return Strip([Segment("   "), Segment(fit(entry.detail, max(1, width - 3)), self._style("quiet"))])

    def _style(self, name: str) -> Style:
        whole = self.get_component_rich_style(f"timeline--{name}")
        return Style(color=whole.color, bold=whole.bold)

    def _index(self) -> int:
        for index, entry in enumerate(self.entries):
            if entry.key == self._cursor:
                return index
        return 0

    def action_step(self, by: int) -> None:
        """Move the cursor by so many entries."""
        if not self.entries:
            return
        before = self._index()
        after = min(max(before + by, 0), len(self.entries) - 1)
        self._cursor = self.entries[after].key
        for index in {before, after}:
            self.refresh_lines(self._top(index), _height(self.entries[index]))
        top, height = self._top(after), _height(self.entries[after])
        if top < self.scroll_offset.y:
            self.scroll_to(y=top, animate=False)
        elif top + height > self.scroll_offset.y + self.size.height:
            self.scroll_to(y=top + height - self.size.height, animate=False)

    def _top(self, index: int) -> int:
        return sum(_height(entry) for entry in self.entries[:index])

    def action_open(self) -> None:
        """Open the entry under the cursor."""
        if self.entries:
            self.post_message(self.Opened(self.entries[self._index()]))

    def on_click(self, event: events.Click) -> None:
        """Open the entry that was clicked."""
        line = event.y + self.scroll_offset.y
        if line < len(self._lines) and not self.drag.was_dragged:
            self.action_step(self._lines[line][0] - self._index())
            self.action_open()

    def on_resize(self) -> None:
        """Let what scrolls be as wide as the widget is now."""
        self.virtual_size = Size(self.size.width, len(self._lines))


def on_ground(strip: Strip, style: Style) -> Strip:
    """The line on the background of a style, in foregrounds that can be read on it."""
    background, below = Style(bgcolor=style.bgcolor), Style(color=style.color)
    styled = [(text, below + (own or Style.null()) + background) for text, own, _ in strip]
    return Strip([Segment(text, legible_on(own, style.bgcolor)) for text, own in styled], strip.cell_length)
