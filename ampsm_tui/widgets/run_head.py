"""The head of a run of a batch: how it stands, how far it is, what is left by an honest estimate, what it took."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from ampsm_engine import labels, timestamps
from ampsm_engine.model import ITEMS_AT_WORK, Batch, BatchProgress, BatchState, ItemState
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.clean import cells, one_line
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.line_widgets import Piece, TextLine, pieces_width

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import RunView

ORDER = (
    *(ItemState.SUCCESS, ItemState.FAIL, ItemState.ERROR, ItemState.TIMEOUT, ItemState.CONFLICT),
    *(ItemState.STOPPED, ItemState.UNREACHABLE, ItemState.COLLECTING, ItemState.RUNNING, ItemState.PLACED),
    ItemState.QUEUED,
)
"""The states of items as they stand in a bar: what has ended first."""

LONGEST_BAR = 60
"""Cells of a bar at most."""


class RunText(TextLine):
    """A line about a run: pieces named by a state have its colour."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-name", "-quiet", "-chosen", *(f"-{word}" for word in SHOWN)}
    DEFAULT_CSS = """
    RunText {
        & > .-name { color: $foreground; text-style: bold; }
        & > .-quiet { color: $secondary; }
        & > .-chosen { color: $accent; }
    }
    """ + state_rules("RunText", SHOWN)


class RunHead(Vertical):
    """Name and state; the bar; counts with what it took. Four lines, the last only where it waits or says why."""

    DEFAULT_CSS = """
    RunHead { height: auto; padding: 0 1; background: $surface; }
    RunHead #why { display: none; &.-open { display: block; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[RunView, datetime, list[Piece]] | None = None

    def compose(self) -> ComposeResult:
        """The lines, filled once the run is known."""
        for name in ("title", "bar", "counts", "why"):
            line = RunText()
            line.id = name
            yield line

    def on_resize(self) -> None:
        """Say what there is room for now."""
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, view: "RunView", at: datetime, chosen: list[Piece]) -> None:
        """Say how a run stands at a moment; `chosen` is what its table was narrowed to."""
        self._shown = (view, at, chosen)
        width = self.size.width - 2
        batch, progress = view.batch, view.progress
        word = state_word(batch, at)
        title = [Piece(f"{SHOWN[word].glyph} {word}  ", word), Piece(one_line(batch.name, 200), "name")]
        is_at_work = batch.state in (BatchState.RUNNING, BatchState.STOPPING)
        is_limit = is_at_work and batch.concurrency < progress.total
        at_once = [Piece(f"  {batch.concurrency} at once", "quiet")] if is_limit else []
        self._line("title").set_pieces(title, chosen if chosen and chosen[0].text else at_once)
        self._line("bar").set_pieces(bar_line(batch, progress, at, width))
        self._line("counts").set_pieces(*counts_line(view, width))
        reason = why(batch, at)
        self._line("why").set_pieces(reason)
        self._line("why").set_class(bool(reason), "-open")

    def _line(self, name: str) -> RunText:
        return self.query_one(f"#{name}", RunText)


def state_word(batch: Batch, at: datetime) -> str:
    """The word of a run: `waiting` while it runs and starts nothing before a told time, else its state."""
    if batch.state is BatchState.RUNNING and batch.wait_until and timestamps.parse(batch.wait_until) > at:
        return "waiting"
    return batch.state.value


def why(batch: Batch, at: datetime) -> list[Piece]:
    """Why it waits, stops or was stopped, and until when; empty where there is nothing to say."""
    word = state_word(batch, at)
    reason = one_line(batch.wait_reason or "", 300)
    if word == "waiting" and batch.wait_until:
        until = timestamps.parse(batch.wait_until)
        left = labels.duration(round((until - at).total_seconds()) * 1000)
        text = f"starts nothing for {left}, until {until.astimezone():%H:%M}"
        return [Piece(f"{text}: {reason}" if reason else text, word)]
    if word == "stopping" and not reason:
        reason = "what is at work is ended" if batch.stop_requested == "force" else "what is at work comes to its end"
    return [Piece(reason, word)] if reason else []


def bar_line(batch: Batch, progress: BatchProgress, at: datetime, width: int) -> list[Piece]:
    """The bar with the share that has ended, and about how long the rest takes, where that can be told."""
    total = progress.total
    share = f"{progress.ended} of {total}"
    left = left_text(batch, progress, at)
    room = min(LONGEST_BAR, width - max(len(share), 10) - cells(left) - 4)
    if room < 8:
        if cells(share) + cells(left) + 2 > width:
            left = left.partition(" left")[0]
        room = min(LONGEST_BAR, width - len(share) - cells(left) - 4)
    bar = bar_pieces(progress, room) if room >= 8 and total else []
    gap = [Piece("  ")] if bar else []
    return [*bar, *gap, Piece(share, "name"), Piece(f"  {left}" if left else "", "quiet")]


def bar_pieces(progress: BatchProgress, room: int) -> list[Piece]:
    """A bar of so many cells, its parts in the colours of the states; a state that any item has is seen in it."""
    total = progress.total
    wanted = [(state, progress.counts.get(state, 0)) for state in ORDER if progress.counts.get(state, 0)]
    sizes = [max(1, count * room // total) for _, count in wanted]
    while sum(sizes) < room:  # to the one that was cut most
        at = max(range(len(wanted)), key=lambda at: wanted[at][1] * room / total - sizes[at])
        sizes[at] += 1
    while sum(sizes) > room and max(sizes) > 1:
        sizes[sizes.index(max(sizes))] -= 1
    signs = {ItemState.QUEUED: "╌"} | dict.fromkeys(ITEMS_AT_WORK, "─")
    return [Piece(signs.get(state, "━") * size, state.value) for (state, _), size in zip(wanted, sizes, strict=True)]


def left_text(batch: Batch, progress: BatchProgress, at: datetime) -> str:
    """About how long the rest takes; that it cannot be told yet; nothing once nothing is left or it has stopped."""
    if batch.state is not BatchState.RUNNING or progress.ended == progress.total:
        return ""
    if state_word(batch, at) == "waiting" and progress.seconds_left is None:
        return ""
    if progress.seconds_left is None:
        return "no estimate yet"
    return f"about {_roughly(progress.seconds_left)} left" if progress.seconds_left >= 60 else "under a minute left"


def _roughly(seconds: float) -> str:
    """A length of time without a precision that an estimate does not have."""
    if seconds < 5400:
        return f"{round(seconds / 60)}m"
    return f"{seconds / 3600:.1f}h"


def counts_pieces(counts: dict[ItemState, int], *, words: bool, gap: str = "  ", space: str = " ") -> list[Piece]:
    """How many items are in each state that any is in, with or without the word; `space` follows each glyph."""
    parts = []
    for state in ORDER:
        if counts.get(state):
            word = f" {state.value}" if words else ""
            parts.append(Piece(f"{SHOWN[state.value].glyph}{space}{counts[state]}{word}{gap}", state.value))
    return parts


def counts_line(view: "RunView", width: int) -> tuple[list[Piece], list[Piece]]:
    """The counts at the left, at the right tokens, cost and time; words give way first, then the cost."""
    progress = view.progress
    took = labels.duration(round(progress.seconds) * 1000)
    tokens = f"{labels.count(progress.tokens)} tokens" if progress.tokens else "no tokens yet"
    cost = cost_text(view)
    rights = (f"{tokens}  {cost}  {took}", f"{tokens}  {took}", tokens)
    for words, right in ((True, rights[0]), (False, rights[0]), (False, rights[1]), (False, rights[2])):
        left = counts_pieces(progress.counts, words=words)
        if pieces_width(left) + cells(right) < width:
            return left, [Piece(right, "quiet")]
    left = counts_pieces(progress.counts, words=False, gap=" ")
    return (left if pieces_width(left) <= width else counts_pieces(progress.counts, words=False, gap=" ", space="")), []


def cost_text(view: "RunView") -> str:
    """What it cost by amp's own figure, as far as that is known."""
    return f"cost {one_line(view.cost, 40)}" if view.cost else "cost unknown"


def summary(runs: int, at_work: int) -> str:
    """How many runs there are, and how many are at work."""
    return plural(runs, "run") + (f", {at_work} at work" if at_work else "")
