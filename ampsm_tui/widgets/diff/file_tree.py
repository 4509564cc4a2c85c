"""The files of a review as a tree that folds: status, counts, what is viewed, comments. Drawn by line.

The files stand in the order of the diff. A folder that holds nothing but one other stands in one line with it.
"""

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import allow_action, bind
from ampsm_tui.clean import cells, cut_start, fit, one_line
from ampsm_tui.widgets.diff.document import Document, File
from ampsm_tui.widgets.line_widgets import LineWidget, wheel_lines

DEEPEST = 12
"""Levels that are indented; what is deeper stands at the last of them."""


class FileLine(NamedTuple):
    """A file, or a folder (`file` -1) with all that is in it."""

    file: int
    text: str
    depth: int = 0
    folder: str = ""
    """The path of the folder; of a file, of the one that it stands in, both empty at the root."""
    inside: tuple[int, ...] = ()
    """The files of a folder, those of its folders too."""

    @property
    def is_folder(self) -> bool:
        """Whether the line is a folder's."""
        return self.file < 0


class _Range(NamedTuple):
    start: int
    end: int
    part: int
    """Which part of the paths is next."""
    depth: int
    folder: str


def file_lines(files: Sequence[File], folded: Collection[str] = (), *, is_flat: bool = False) -> list[FileLine]:
    """The shown files below their folders; of a folded folder its own line alone. Flat: whole paths, no folders."""
    shown = [(index, file.path.split("/")) for index, file in enumerate(files) if not file.is_hidden]
    if is_flat:
        return [FileLine(index, "/".join(parts)) for index, parts in shown]
    return list(_nested(shown, folded))


def _nested(shown: Sequence[tuple[int, list[str]]], folded: Collection[str]) -> Iterator[FileLine]:
    # No recursion: a repository may be as deep as a path is long.
    waiting = [_Range(0, len(shown), 0, 0, "")]
    while waiting:
        start, end, part, depth, folder = waiting.pop()
        while start < end:
            index, parts = shown[start]
            if len(parts) == part + 1:
                yield FileLine(index, parts[-1], min(depth, DEEPEST), folder)
                start += 1
                continue
            stop = start + 1
            while stop < end and _is_below(shown[stop][1], parts, part):
                stop += 1
            below = part + 1
            while all(_is_below(other, parts, below) for _, other in shown[start:stop]):
                below += 1
            path = "/".join(parts[:below])
            inside = tuple(at for at, _ in shown[start:stop])
            yield FileLine(-1, "/".join(parts[part:below]), min(depth, DEEPEST), path, inside)
            waiting.append(_Range(stop, end, part, depth, folder))
            if path not in folded:
                waiting.append(_Range(start, stop, below, depth + 1, path))
            break


def _is_below(parts: list[str], others: list[str], part: int) -> bool:
    """Whether a path goes on with the same folder as another one."""
    return len(parts) > part + 1 and len(others) > part + 1 and parts[part] == others[part]


def folders(files: Sequence[File]) -> frozenset[str]:
    """The paths of all folders that have a line while none is folded."""
    return frozenset(line.folder for line in file_lines(files) if line.is_folder)


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


def closeness(typed: str, path: str) -> int:
    """How well a path answers what was typed to name it, in any case; 0: not at all.

    Best is a name that begins with it, then one that has it, then a path that has it, then its letters in order.
    """
    typed, path = typed.casefold().replace(" ", ""), path.casefold()
    name = path.rpartition("/")[2]
    if not typed:
        return 1
    if name == typed or name.partition(".")[0] == typed:
        return 6
    if name.startswith(typed):
        return 5
    if typed in name:
        return 4
    if typed in path:
        return 3
    return 2 if _in_order(typed, name) else 1 if _in_order(typed, path) else 0


def _in_order(letters: str, text: str) -> bool:
    at = -1
    return all((at := text.find(letter, at + 1)) >= 0 for letter in letters)


STYLES = ("plain", "here", "cursor", "folder", "name", "quiet", "plus", "minus", "viewed", "note")

INDENT = "  "


class FileTree(LineWidget, can_focus=True):
    """The files below their folders; the one that is read is marked.

    With the keys in here the lines are gone through: a file is read at once, a folder is folded or opened.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"-{name}" for name in STYLES),
        *(f"-status-{letter}" for letter in "AMDRCT"),
    }
    DEFAULT_CSS = """
    FileTree {
        width: 34; height: 1fr; background: $surface;
        & > .-here { background: $raised; }
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
        bind("files.close", "close"),
        bind("files.fold", "fold"),
        bind("files.fold-all", "fold_all"),
        bind("files.mark", "mark", "Viewed"),
    ]

    check_action = allow_action

    @dataclass
    class Chosen(Message):
        """This file is to be read; `to_stay`: the keys stay in the list."""

        file: int
        to_stay: bool

    @dataclass
    class Marked(Message):
        """These files are viewed, or not any more."""

        files: tuple[int, ...]

    def __init__(self) -> None:
        super().__init__()
        self.is_flat = False
        """Whole paths, for an order in which folders do not stand together."""
        self._document = Document(())
        self._lines: list[FileLine] = []
        self._places: dict[int, int] = {}
        """The line of each shown file; of one in a folded folder, that folder's."""
        self._shown = 0
        self._folded: set[str] = set()
        self._top = 0
        self._here = -1
        """The file that is read."""
        self._at = 0
        """The line that the keys are on; that of the file that is read, unless they went to a folder."""
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._repainted: dict[int, object] = {}
        """What each line showed at its last repaint: to be painted is not yet to be on the screen."""

    def take(self, document: Document) -> None:
        """Show the files of a document."""
        self._document = document
        self.relist()

    def relist(self) -> None:
        """List the files again: others are shown."""
        before = self._lines[self._at] if self._at < len(self._lines) else None
        self._lines = file_lines(self._document.files, self._folded, is_flat=self.is_flat)
        self._places.clear()
        for at, line in enumerate(self._lines):
            # A folder that is open is followed by its files, whose lines take the place of its own.
            self._places |= dict.fromkeys(line.inside if line.is_folder else (line.file,), at)
        self._shown = len(self._places)
        self._at = self._place_of(before)
        self._keep_in_sight()
        self._repaint()

    def _place_of(self, before: FileLine | None) -> int:
        """Where a line of another listing is now: a folder that one is on keeps the keys."""
        if before is not None and before.is_folder:
            for at, line in enumerate(self._lines):
                if line.is_folder and line.folder == before.folder:
                    return at
        return self._places.get(self._here, 0)

    def _repaint(self) -> None:
        self._repainted.clear()
        self.refresh()

    def counted(self) -> None:
        """Counts may be others: repaint the lines whose text has changed."""
        if sum(not file.is_hidden for file in self._document.files) != self._shown:
            self.relist()
            return
        for y in range(min(self.size.height, len(self._lines) - self._top)):
            at = self._top + y
            now = self._line_content(self._lines[at])
            if self._repainted.get(at) != now:
                self._repainted[at] = now
                self.refresh_line(y)

    def _line_content(self, line: FileLine) -> tuple[object, ...]:
        """The values in a line that may change while a diff arrives."""
        if line.is_folder:
            return (line.folder in self._folded, *self._folder_badges(line))
        file = self._document.files[line.file]
        return (file.status, *_badges(file))

    def _folder_badges(self, line: FileLine) -> tuple[tuple[str, str], ...]:
        if line.folder not in self._folded:
            return ()
        return _sums([self._document.files[index] for index in line.inside])

    def follow(self, file: int) -> None:
        """Put the cursor on the file that is read now."""
        if file != self._here:
            self._here = file
            self._go(self._places.get(file, self._at))

    def _go(self, at: int) -> None:
        """Move the cursor of the tree to a line."""
        before, self._at = self._at, at
        top = self._top
        self._keep_in_sight()
        if top != self._top:
            self._repaint()
        else:
            self.refresh_line(before - self._top)
            self.refresh_line(at - self._top)

    def _keep_in_sight(self) -> None:
        room, at = self.size.height, self._at
        if room and at < len(self._lines):
            first = at - 1 if at and self._lines[at - 1].is_folder else at
            if first < self._top:
                self._top = first
            elif at >= self._top + room:
                self._top = at - room // 2
        self._top = max(0, min(self._top, len(self._lines) - room))

    def on_resize(self) -> None:
        """Keep the line with the keys in sight, and paint the lines in the new width."""
        self._keep_in_sight()
        self._repaint()

    def on_focus(self) -> None:
        """Mark the file as the one that the keys move."""
        self.refresh_line(self._at - self._top)

    def on_blur(self) -> None:
        """Mark the file as the one that is read."""
        self.refresh_line(self._at - self._top)

    def forget(self) -> None:
        """Paint all lines again: the theme has changed."""
        self._strips.clear()

    def paint(self, y: int) -> Strip:
        """Paint the line of a folder or a file."""
        at, width = self._top + y, self.size.width
        if at >= len(self._lines):
            key: tuple[object, ...] = (width,)
            line, background = None, ""
        else:
            line, background = self._lines[at], self._line_background(at)
            key = (width, line.file, line.folder, line.text, line.depth, background, self._line_content(line))
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > 400:
                self._strips.clear()
            strip = self._strips[key] = self._made(line, background, width)
        return strip

    def _line_background(self, at: int) -> str:
        if at != self._at:
            return ""
        return "-cursor" if self.has_focus else "-here"

    def _made(self, line: FileLine | None, background: str, width: int) -> Strip:
        style = self.blended.style
        if line is None:
            return self.strip([Segment(" " * width, style())], width)
        mark = Segment("▌" if background else " ", style(background, "-note"))
        indent = INDENT * line.depth
        if line.is_folder:
            badges = self._folder_badges(line)
            room = width - 2 - sum(cells(text) for text, _ in badges)
            text = f"{indent}{'▸' if line.folder in self._folded else '▾'} "
            name = cut_start(f"{one_line(line.text, 1000)}/", max(1, room - len(text)))
            segments = [mark, Segment(fit(text + name, max(1, room)), style(background, "-folder"))]
        else:
            file = self._document.files[line.file]
            badges = _badges(file)
            room = width - 4 - sum(cells(text) for text, _ in badges) - len(indent)
            name = cut_start(one_line(line.text, 1000), max(1, room)) if self.is_flat else one_line(line.text, 300)
            segments = [
                mark,
                Segment(indent, style(background)),
                Segment(f"{file.status} ", style(background, f"-status-{file.status}")),
                Segment(fit(name, max(1, room)), style(background, "-quiet" if file.is_viewed else "-name")),
            ]
        segments += [Segment(text, style(background, name)) for text, name in badges]
        return self.strip([*segments, Segment(" ", style(background))], width)

    # Moving.

    @property
    def _line(self) -> FileLine | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def action_step(self, by: int) -> None:
        """Move to another line; if it is a file, that is read."""
        if self._lines:
            at = min(max(self._at + by, 0), len(self._lines) - 1)
            self._go(at)
            if not self._lines[at].is_folder:
                self.post_message(self.Chosen(self._lines[at].file, to_stay=True))

    def action_choose(self) -> None:
        """Go to the file in the diff, and let that have the keys; fold or open a folder."""
        line = self._line
        if line is not None and line.is_folder:
            self.action_fold()
        elif line is not None:
            self.post_message(self.Chosen(line.file, to_stay=False))

    def action_fold(self) -> None:
        """Fold or open the folder, or the one that the file is in."""
        line = self._line
        if line is None or not line.folder:
            return
        if line.folder in self._folded:
            self._folded.discard(line.folder)
        else:
            self._folded.add(line.folder)
            self._at = next(at for at, one in enumerate(self._lines) if one.is_folder and one.folder == line.folder)
        self.relist()

    def action_close(self) -> None:
        """Fold the folder; from a file or a folded folder, to the folder that it is in."""
        line = self._line
        if line is None:
            return
        if line.is_folder and line.folder not in self._folded:
            self.action_fold()
            return
        above = (at for at in range(self._at - 1, -1, -1) if self._lines[at].is_folder)
        self._go(next((at for at in above if self._lines[at].depth < line.depth), self._at))

    def action_fold_all(self) -> None:
        """Fold all folders, or open them again."""
        every = folders(self._document.files)
        self._folded = set() if self._folded >= every else set(every)
        self._at = len(self._lines)  # on no line: the file that is read has the keys again
        self.relist()

    def action_mark(self) -> None:
        """The file is viewed, or not; of a folder all files are."""
        line = self._line
        if line is not None:
            self.post_message(self.Marked(line.inside if line.is_folder else (line.file,)))

    def on_click(self, event: events.Click) -> None:
        """Go to the file that is clicked; fold or open the folder."""
        at = self._top + event.y
        if at >= len(self._lines):
            return
        self._go(at)
        if self._lines[at].is_folder:
            self.action_fold()
        else:
            self.post_message(self.Chosen(self._lines[at].file, to_stay=True))

    @on(events.MouseScrollDown)
    @on(events.MouseScrollUp)
    def _scroll_by_wheel(self, event: events.MouseScrollDown | events.MouseScrollUp) -> None:
        by = wheel_lines(event, 3)
        self._top = max(0, min(self._top + by, len(self._lines) - self.size.height))
        self._repaint()


def _badges(file: File) -> tuple[tuple[str, str], ...]:
    """What is shown behind the name of a file: texts and their styles."""
    badges: list[tuple[str, str]] = []
    if file.has_unseen:
        badges.append((" ⚠", "-note"))
    if file.shape.notes:
        badges.append((f" ◆{len(file.shape.notes)}", "-note"))
    if file.staged or file.partly_staged:
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


def _sums(files: list[File]) -> tuple[tuple[str, str], ...]:
    """What is shown behind the name of a folded folder, for all files in it."""
    viewed = sum(file.is_viewed for file in files)
    count = f" {viewed}/{len(files)}" if viewed else f" {len(files)}"
    notes = sum(len(file.shape.notes) for file in files)
    badges = [(f" ◆{notes}", "-note")] if notes else []
    if any(file.has_unseen for file in files):
        badges.append((" ⚠", "-note"))
    if any(file.staged or file.partly_staged for file in files):
        badges.append((" ●" if all(file.is_staged for file in files) else " ◐", "-viewed"))
    if viewed == len(files):
        return (*badges, (f" {len(files)} ✓", "-viewed"))
    badges.append((count, "-quiet"))
    for sign, style in (("+", "-plus"), ("-", "-minus")):
        if lines := sum(file.additions if sign == "+" else file.deletions for file in files):
            badges.append((f" {sign}{lines}", style))
    return tuple(badges)
