"""Help for a screen: what it is for, and its keys as they are bound now, in groups. Built from the bindings alone."""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from ampsm_engine.keymap import EVERYWHERE, KEYS, Key
from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, one_line, wrapped
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.dialog import Dialog

GAP = 2
"""Cells between two columns."""

LEAST, WIDEST = 10, 60
"""Cells at least, and at most, for a line of what a key does; a longer sentence is wrapped."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What a key or several keys do on a screen, in a line of the help."""

    group: str
    keys: tuple[str, ...]
    text: str
    id: str
    action: str
    node: DOMNode
    """Whose action it is."""


def key_entries(screen: Screen[Any]) -> tuple[KeyEntry, ...]:
    """What the keys of the table do on a screen at this moment; several keys for one thing are one entry."""
    found: dict[tuple[str, str], KeyEntry] = {}
    for node, binding, enabled, _ in screen.active_bindings.values():
        known = KEYS.get(binding.id or "")
        if not enabled or known is None:
            continue
        at = (str(id(node)), binding.action)
        before = found[at].keys if at in found else ()
        keys = (*before, screen.app.get_key_display(binding))
        found[at] = KeyEntry(_group(node, known), keys, known.meaning, known.id, binding.action, node)
    return tuple(found.values())


def _group(node: DOMNode, key: Key) -> str:
    if key.id.startswith("session."):
        return "Session"
    if isinstance(node, App) or EVERYWHERE in key.screens:
        return "Everywhere"
    return "Moving" if key.id.startswith("move") and not isinstance(node, Screen) else "Here"


class HelpScreen(Dialog[None]):
    """What the screen below is for, and its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("help.close", "cancel", "Close"),
        bind("move.down", "scroll('down')"),
        bind("move.up", "scroll('up')"),
        bind("move.page-down", "scroll('page_down')"),
        bind("move.page-up", "scroll('page_up')"),
        bind("move.first", "scroll('home')"),
        bind("move.last", "scroll('end')"),
    ]

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__(f"Help: {getattr(about, 'TITLE', None) or 'keys'}")
        self._purpose = tuple(with_keys(about, line) for line in getattr(about, "PURPOSE", ()))
        self._entries = key_entries(about)

    def compose_body(self) -> ComposeResult:
        """The purpose and the groups."""
        shown = tuple(map(_row, self._entries))
        with VerticalScroll(id="keys"):
            if self._purpose:
                yield Static(Content("\n".join(self._purpose)), id="purpose")
            for group in ("Here", "Session", "Moving", "Everywhere"):
                if held := [row for row, entry in zip(shown, self._entries, strict=True) if entry.group == group]:
                    yield Static(Content(group), classes="group")
                    yield KeyTable(held, shown)
            if any(entry.id == "settings" for entry in self._entries):
                yield Static("Another key for any of these: at the end of the settings.", classes="note")

    def action_scroll(self, where: str) -> None:
        """Scroll the list of keys; `where` is a direction or an end."""
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)


class HelpRow(NamedTuple):
    """A line of the help as it is shown."""

    keys: str
    text: str
    id: str


def _row(entry: KeyEntry) -> HelpRow:
    return HelpRow(" ".join(dict.fromkeys(entry.keys)), one_line(entry.text), entry.id)


class KeyTable(Static):
    """Keys, what they do and, where there is room, their ids: in the columns of the whole help."""

    def __init__(self, held: Iterable[HelpRow], among: Iterable[HelpRow]) -> None:
        super().__init__(classes="table")
        self._held = tuple(held)
        self._among = tuple(among)
        self._shown = (0, 0, 0)

    def on_mount(self) -> None:
        """Fill the page with as much as fits."""
        self._fill()

    def on_resize(self) -> None:
        """Fill the page with what fits into the new size."""
        self._fill()

    def _fill(self) -> None:
        # Where there is little room each group has the columns that it needs; where there is none it has no ids.
        room, wide, ids = _columns(self._among)
        if room + wide + ids > self.size.width:
            room, wide, ids = _columns(self._held)
        if room + wide + ids > self.size.width:
            wide = 0
        if (room, wide, self.size.width) != self._shown:
            self._shown = room, wide, self.size.width
            self.update(Content("\n").join(_content(row, *self._shown) for row in self._held))


def _columns(rows: tuple[HelpRow, ...]) -> tuple[int, int, int]:
    """The cells that keys, texts and ids take, with the gaps behind them."""
    keys, texts = (max(cells(row[at]) for row in rows) for at in (0, 1))
    return keys + GAP, min(texts, WIDEST) + GAP, max(len(row.id) for row in rows)


def _content(row: HelpRow, room: int, wide: int, width: int) -> Content:
    keys = Content(" " * (room - GAP - cells(row.keys))).append(Content(row.keys).stylize("bold $accent"))
    room_of_text = wide - GAP if wide else max(LEAST, width - room) if width else WIDEST
    first, *others = wrapped(row.text, room_of_text)
    line = keys.append(" " * GAP + first)
    if wide:
        line = line.append(Content(" " * (wide - cells(first)) + row.id).stylize("$foreground-muted"))
    return line.append("".join(f"\n{' ' * room}{other}" for other in others))
