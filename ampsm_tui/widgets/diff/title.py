"""The line at the top of a review, whose changes and how far one is, and the line for a search or a filter."""

from typing import ClassVar

from textual import events
from textual.message import Message

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.clean import cells, cut, one_line
from ampsm_tui.widgets.inputs import PassingLine
from ampsm_tui.widgets.line_widgets import Piece, TextLine, pieces_width


@dataclass(frozen=True, slots=True)
class ReviewStatus:
    """What the head of a review shows."""

    name: str = ""
    range: str = ""
    files: int = 0
    additions: int = 0
    deletions: int = 0
    viewed: int = 0
    hunks: int = 0
    is_complete: bool = False
    comments: int = 0
    """Comments that are not sent."""
    search: str = ""
    manner: str = ""
    """What is switched on: wrap, whitespace ignored."""
    filter: str = ""
    """The filter that leaves files out, as it was typed; empty without one."""
    news: str = ""


READABLE = 10
"""Cells of a name below which it says nothing."""

LEAST_FILTER = cells("  only unviewed")
"""Cells that the filter of the files is given, however little room there is."""

BAR = 10
"""Cells of the bar that shows how much is viewed."""


class ReviewHead(TextLine):
    """Name and range at the left, progress at the right: that stays however little room there is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(
            "-name",
            "-range",
            "-quiet",
            "-plus",
            "-minus",
            "-progress",
            "-done",
            "-comments",
            "-search",
            "-filter",
            "-news",
        ),
    }
    DEFAULT_CSS = """
    ReviewHead {
        background: $surface; padding: 0 1;
        & > .-name { color: $foreground; text-style: bold; }
        & > .-range { color: $primary; }
        & > .-quiet { color: $foreground 60%; }
        & > .-plus { color: $success; }
        & > .-minus { color: $error; }
        & > .-progress { color: $foreground; text-style: bold; }
        & > .-done { color: $success; text-style: bold; }
        & > .-comments { color: $accent; text-style: bold; }
        & > .-search { color: $accent; }
        & > .-filter { color: $accent; }
        & > .-news { color: $warning; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._standing = ReviewStatus()

    def show(self, standing: ReviewStatus) -> None:
        """Show the status of the review."""
        self._standing = standing
        self._show_words()

    def on_resize(self) -> None:
        """Show the status in the new width."""
        self._show_words()

    def _show_words(self) -> None:
        now, width = self._standing, self.size.width
        right = _right(now, words=True, has_bar=True)
        if pieces_width(right) + pieces_width(_left(now)) > width - 2:
            right = _right(now, words=True)
        if (
            pieces_width(right) > width - 16
            or pieces_width(right) + pieces_width(_left(now)[: 4 if now.filter else 3]) > width - 2
        ):
            right = _right(now, words=False)
        reserved = min(LEAST_FILTER, cells(_filter(now)))
        if pieces_width(right) > width - 10 - reserved:
            right = right[-1:]
        room = width - pieces_width(right) - 2
        left: list[Piece] = []
        for piece in _left(now):
            free = max(0, room - pieces_width(left) - (reserved if piece.style == "range" else 0))
            if cells(piece.text) <= free:
                left.append(piece)
                continue
            if piece.style == "range":
                left.append(Piece(cut(piece.text, free), piece.style))
                continue
            if piece.style == "filter" or (piece.style == "name" and free >= READABLE):
                left.append(Piece(cut(piece.text, free), piece.style))
            elif piece.style == "minus":
                left.pop()  # one of two counts would be misread
            break
        self.set_pieces(left, right)


def _left(now: ReviewStatus) -> list[Piece]:
    files = f"  {now.files:,} file{'s' * (now.files != 1)}"
    return [
        Piece(one_line(now.range, 80), "range"),
        *([Piece(_filter(now), "filter")] if now.filter else []),
        Piece(f"  {now.manner}" if now.manner else "", "search"),
        Piece("  " + one_line(now.name, 80), "name"),
        Piece(files, "quiet"),
        Piece(f"  +{now.additions:,}", "plus"),
        Piece(f" -{now.deletions:,}", "minus"),
    ]


def _filter(now: ReviewStatus) -> str:
    return f"  only {one_line(now.filter, 60)}" if now.filter else ""


def _right(now: ReviewStatus, *, words: bool, has_bar: bool = False) -> list[Piece]:
    pieces = []
    if now.news:
        pieces.append(Piece(f"{one_line(now.news, 60)}  ", "news"))
    if now.search:
        pieces.append(Piece(f"{one_line(now.search, 60)}  ", "search"))
    if now.comments:
        word = f" comment{'s' * (now.comments != 1)} to send" if words else ""
        pieces.append(Piece(f"◆ {now.comments}{word}  ", "comments"))
    more = "" if now.is_complete else "+"
    if words:
        progress = f"{now.viewed:,} of {now.hunks:,}{more} hunk{'s' * (now.hunks != 1)} viewed"
    else:
        progress = f"{now.viewed}/{now.hunks}{more}"
    if now.is_complete and now.viewed >= now.hunks:
        return [*pieces, Piece(f"✓ {progress}", "done")]
    if has_bar:
        full = min(BAR - 1, -(-now.viewed * BAR // max(1, now.hunks)))  # never full before all is viewed, and never
        pieces += [Piece("━" * full, "done"), Piece("─" * (BAR - full) + " ", "quiet")]  # empty once something is
    return [*pieces, Piece(progress, "progress")]


_HINTS = {"/": "search: a regular expression", "&": "files: part of a path, *.py, !tests, unviewed, commented"}


class ReviewBox(PassingLine):
    """A line to type a search or a filter in, shown only while it is used."""

    @dataclass
    class Typed(Message):
        """Posted with the text at each letter; `what` is `/` or `&`."""

        what: str
        text: str

    @dataclass
    class Done(Message):
        """The line was closed; `is_kept` tells whether its text stays."""

        what: str
        is_kept: bool

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=True)
        self._what = "/"
        self._reported = ""

    def open(self, what: str, text: str) -> None:
        """Open the line with the text that was typed last."""
        self._what, self._reported = what, text
        self.placeholder = _HINTS[what]
        with self.prevent(PassingLine.Changed):
            self.value = text
        self.show()

    def on_input_changed(self, event: PassingLine.Changed) -> None:
        """Report the text at each letter."""
        event.stop()
        self._report()

    def _report(self) -> None:
        if self.value != self._reported:
            self._reported = self.value
            self.post_message(self.Typed(self._what, self.value))

    async def action_submit(self) -> None:
        """Close the line and keep its text."""
        self._close(is_kept=bool(self.value))

    def action_leave(self) -> None:
        """Close the line and drop its text."""
        self._close(is_kept=False)

    def _close(self, *, is_kept: bool) -> None:
        # The last letter may not be reported yet: before the end of the typing, or not at all where it is dropped.
        if is_kept:
            self._report()
        self._reported = self.value
        self.remove_class("-open")
        self.post_message(self.Done(self._what, is_kept))

    def on_blur(self, _event: events.Blur) -> None:
        """Close the line when it loses the keys."""
        self.remove_class("-open")
