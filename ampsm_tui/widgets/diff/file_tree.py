"""The files of a review, a line each below their folders: status, counts, what is viewed, comments. Drawn by line."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, cut, fit, one_line
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.line_widgets import LineWidget

STYLES = ("plain", "here", "cursor", "folder", "name", "quiet", "plus", "minus", "viewed", "note")


INDENT = "  "


class FileLine(NamedTuple):
    """A folder (`file` -1) or a file."""

    file: int
    text: str
    indent: str = ""


def lines(files: Sequence[File]) -> list[FileLine]:
    """Every shown file in the order of the diff, indented below its folder; those of the root stand at the edge."""
    listed: list[FileLine] = []
    last = ""
    for index, file in enumerate(files):
        if file.is_hidden:
            continue
        folder, _, name = file.path.rpartition("/")
        if folder and folder != last:
            listed.append(FileLine(-1, f"{folder}/"))
        last = folder
        listed.append(FileLine(index, name, INDENT if folder else ""))
    return listed


def wanted(file: File, filter_text: str) -> bool:
    """Whether a filter leaves a file: words of its path, globs, `unviewed`, `viewed`, `commented`; all must hold."""
    return all(_holds(file, word) for word in filter_text.split())


def _holds(file: File, word: str) -> bool:
    if word == "unviewed":
        return not file.is_viewed
    if word == "viewed":
        return file.is_viewed
    if word == "commented":
        return bool(file.shape.notes)
    path, word = file.path.lower(), word.lower()
    if word.startswith("!") and len(word) > 1:
        return not _matches(path, word[1:])
    return _matches(path, word)


def _matches(path: str, word: str) -> bool:
    if any(letter in word for letter in "*?["):
        return fnmatchcase(path, word) or fnmatchcase(path, f"*/{word}")
    return word in path


class FileTree(LineWidget, can_focus=True):
    """The files; the one that is read is marked, and with the keys in here the next one is read by j and k."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"-{name}" for name in STYLES),
        *(f"-status-{letter}" for letter in "AMDRCT"),
    }
    DEFAULT_CSS = """
    FileTree {
        width: 34; height: 1fr; background: $surface;
        & > .-here { background: $panel; }
        & > .-cursor { background: $primary 30%; }
        & > .-folder { color: $foreground 50%; }
        & > .-name { color: $foreground; }
        & > .-quiet { color: $foreground 50%; }
        & > .-plus { color: $success; }
        & > .-minus { color: $error; }
        & > .-viewed { color: $success; }
        & > .-note { color: $accent; }
        & > .-status-A { color: $success; }
        & > .-status-D { color: $error; }
        & > .-status-M, & > .-status-T { color: $warning; }
        & > .-status-R, & > .-status-C { color: $primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("move.down", "step(1)"),
        bind("move.up", "step(-1)"),
        bind("move.first", "step(-1000000)"),
        bind("move.last", "step(1000000)"),
        bind("files.page-down", "step(12)"),
        bind("files.page-up", "step(-12)"),
        bind("files.open", "choose", "Read", key_display="enter"),
        bind("files.mark", "mark", "Viewed"),
    ]

    @dataclass
    class Chosen(Message):
        """This file is to be read; `to_stay`: the keys stay in the list."""

        file: int
        to_stay: bool

    @dataclass
    class Marked(Message):
        """This file is viewed, or not any more."""

        file: int

    def __init__(self) -> None:
        super().__init__()
        self._document = Document(())
        self._lines: list[FileLine] = []
        self._places: dict[int, int] = {}
        self._top = 0
        self._here = -1
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._repainted: dict[int, object] = {}
        """The badges of each file at its last repaint: to be painted is not yet to be on the screen."""

    def take(self, document: Document) -> None:
        """Show the files of a document."""
        self._document = document
        self.relist()

    def relist(self) -> None:
        """List the files again: others are shown."""
        self._lines = lines(self._document.files)
        self._places = {line.file: at for at, line in enumerate(self._lines) if line.file >= 0}
        self._keep_in_sight()
        self._repaint()

    def _repaint(self) -> None:
        self._repainted.clear()
        self.refresh()

    def counted(self) -> None:
        """Counts may be others: repaint the lines whose text has changed."""
        if sum(not file.is_hidden for file in self._document.files) != len(self._places):
            self.relist()
            return
        for y in range(min(self.size.height, len(self._lines) - self._top)):
            line = self._lines[self._top + y]
            if line.file < 0:
                continue
            now = (self._document.files[line.file].status, _badges(self._document.files[line.file]))
            if self._repainted.get(line.file) != now:
                self._repainted[line.file] = now
                self.refresh_line(y)

    def follow(self, file: int) -> None:
        """This file is read now."""
        if file != self._here:
            before, self._here = self._here, file
            top = self._top
            self._keep_in_sight()
            if top != self._top:
                self._repaint()
            else:
                self._refresh_of(before)
                self._refresh_of(file)

    def _refresh_of(self, file: int) -> None:
        if (at := self._places.get(file)) is not None:
            self.refresh_line(at - self._top)

    def _keep_in_sight(self) -> None:
        room = self.size.height
        at = self._places.get(self._here)
        if at is not None and room:
            first = at - 1 if at and self._lines[at - 1].file < 0 else at
            if first < self._top:
                self._top = first
            elif at >= self._top + room:
                self._top = at - room // 2
        self._top = max(0, min(self._top, len(self._lines) - room))

    def on_resize(self) -> None:
        """Keep the file that is read in sight, and paint the lines in the new width."""
        self._keep_in_sight()
        self._repaint()

    def on_focus(self) -> None:
        """Mark the file as the one that the keys move."""
        self._refresh_of(self._here)

    def on_blur(self) -> None:
        """Mark the file as the one that is read."""
        self._refresh_of(self._here)

    def forget(self) -> None:
        """Paint all lines again: the theme has changed."""
        self._strips.clear()

    def paint(self, y: int) -> Strip:
        """A folder or a file."""
        at, width = self._top + y, self.size.width
        if at >= len(self._lines):
            key: tuple[object, ...] = (width,)
            line = None
        else:
            line = self._lines[at]
            look = self._look(line)
            file = self._document.files[line.file] if line.file >= 0 else None
            key = (width, line, look, file.status, _badges(file)) if file else (width, line)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > 400:
                self._strips.clear()
            strip = self._strips[key] = self._made(line, width)
        return strip

    def _look(self, line: FileLine) -> str:
        if line.file < 0 or line.file != self._here:
            return ""
        return "-cursor" if self.has_focus else "-here"

    def _made(self, line: FileLine | None, width: int) -> Strip:
        style = self.blended.style
        if line is None:
            return self.strip([Segment(" " * width, style())], width)
        if line.file < 0:
            return self.strip([Segment(_folder(line.text, width), style("-folder"))], width)
        file, look = self._document.files[line.file], self._look(line)
        badges = _badges(file)
        taken = sum(cells(text) for text, _ in badges)
        name = fit(line.indent + one_line(line.text, 300), max(1, width - 4 - taken))
        mark = "▌" if look else " "
        segments = [
            Segment(mark, style(look, "-note")),
            Segment(f"{file.status} ", style(look, f"-status-{file.status}")),
            Segment(name, style(look, "-quiet" if file.is_viewed else "-name")),
            *(Segment(text, style(look, name)) for text, name in badges),
            Segment(" ", style(look)),
        ]
        return self.strip(segments, width)

    # Moving.

    def action_step(self, by: int) -> None:
        """The next file is read."""
        order = [line.file for line in self._lines if line.file >= 0]
        if order:
            at = order.index(self._here) if self._here in self._places else 0
            self.post_message(self.Chosen(order[min(max(at + by, 0), len(order) - 1)], to_stay=True))

    def action_choose(self) -> None:
        """Go to the file in the diff, and let that have the keys."""
        if self._here >= 0:
            self.post_message(self.Chosen(self._here, to_stay=False))

    def action_mark(self) -> None:
        """The file is viewed, or not."""
        if self._here >= 0:
            self.post_message(self.Marked(self._here))

    def on_click(self, event: events.Click) -> None:
        """Go to the file that is clicked."""
        at = self._top + event.y
        if at < len(self._lines) and self._lines[at].file >= 0:
            self.post_message(self.Chosen(self._lines[at].file, to_stay=True))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up by the wheel."""
        event.stop().prevent_default()
        self._scroll(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down by the wheel."""
        event.stop().prevent_default()
        self._scroll(3)

    def _scroll(self, by: int) -> None:
        self._top = max(0, min(self._top + by, len(self._lines) - self.size.height))
        self._repaint()


def _badges(file: File) -> tuple[tuple[str, str], ...]:
    """What is shown behind the name of a file: texts and their styles."""
    badges: list[tuple[str, str]] = []
    if file.has_unseen:
        badges.append((" ⚠", "-note"))
    if file.shape.notes:
        badges.append((f" ◆{len(file.shape.notes)}", "-note"))
    if file.staged:
        badges.append((" ●" if file.is_staged else " ◐", "-viewed"))
    if file.is_viewed:
        badges.append((" ✓", "-viewed"))
    else:
        if file.additions:
            badges.append((f" +{file.additions}", "-plus"))
        if file.deletions:
            badges.append((f" -{file.deletions}", "-minus"))
        if file.viewed:
            badges.append((f" ✓{len(file.viewed)}/{file.hunks}", "-viewed"))
    return tuple(badges)


def _folder(text: str, width: int) -> str:
    """A folder with its end, which tells more than its beginning."""
    shown = one_line(text, 1000)
    room = width - 2
    if cells(shown) > room:
        while cells(shown) > room - 1:
            shown = shown[1:]
        shown = f"…{shown}"
    return fit(f" {cut(shown, room)}", width)
