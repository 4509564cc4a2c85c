"""Help for a screen: what it is for, and its keys as they are bound now, in groups. Built from the bindings alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Static

from ampsm_engine.keymap import KEYS
from ampsm_tui.clean import cells, one_line
from ampsm_tui.screens.dialog import Dialog

WITH_IDS = 72
"""Columns from which on the ids of the keys are shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that a key does."""

    group: str
    keys: tuple[str, ...]
    text: str
    id: str
    action: str
    node: DOMNode
    """Whose action it is."""


def lines(screen: Screen[Any]) -> tuple[Line, ...]:
    """What the keys do on a screen at this moment; several keys for one thing are one line."""
    found: dict[tuple[str, str], Line] = {}
    for one in screen.active_bindings.values():
        binding = one.binding
        text = _text(binding)
        if not one.enabled or not text or not binding.id:
            continue
        key = (str(id(one.node)), binding.action)
        shown = _shown(screen.app, binding)
        before = found.get(key)
        keys = (*before.keys, shown) if before else (shown,)
        found[key] = Line(_group(one.node, binding), keys, text, binding.id or "", binding.action, one.node)
    return tuple(found.values())


def _text(binding: Binding) -> str:
    known = KEYS.get(binding.id or "")
    return known.meaning if known else (binding.tooltip or binding.description).lower()


def _shown(app: App[Any], binding: Binding) -> str:
    return app.get_key_display(binding)


def _group(node: DOMNode, binding: Binding) -> str:
    if (binding.id or "").startswith("session."):
        return "Session"
    if isinstance(node, App):
        return "Everywhere"
    return "Here" if isinstance(node, Screen) or (binding.id and not binding.id.startswith("move")) else "Moving"


class HelpScreen(Dialog[None]):
    """What the screen below is for, and its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "cancel", "Close", id="help.close"),
        Binding("j,down", "scroll('down')", "Down", show=False),
        Binding("k,up", "scroll('up')", "Up", show=False),
        Binding("ctrl+d", "scroll('page_down')", show=False),
        Binding("ctrl+u", "scroll('page_up')", show=False),
        Binding("g", "scroll('home')", show=False),
        Binding("G", "scroll('end')", show=False),
    ]

    def __init__(self, about: Screen[Any]) -> None:
        super().__init__(f"Help: {getattr(about, 'TITLE', None) or 'keys'}")
        self._purpose: tuple[str, ...] = getattr(about, "PURPOSE", getattr(about, "HELP", None) or ())
        self._lines = lines(about)

    def compose_body(self) -> ComposeResult:
        """The purpose and the groups."""
        shown = tuple(map(_row, self._lines))
        with VerticalScroll(id="keys"):
            if self._purpose:
                yield Static(Content("\n".join(self._purpose)), id="purpose")
            for group in ("Here", "Session", "Moving", "Everywhere"):
                if held := [row for row, line in zip(shown, self._lines, strict=True) if line.group == group]:
                    yield Static(Content(group), classes="group")
                    yield Table(held, shown)
            yield Static(
                "Another key for something: its pale name goes into [keys] of the configuration.", classes="note"
            )

    def action_scroll(self, where: str) -> None:
        """Up and down, as everywhere."""
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)


class Row(NamedTuple):
    """A line as it is shown."""

    keys: str
    text: str
    id: str


def _row(line: Line) -> Row:
    return Row(" ".join(dict.fromkeys(line.keys)), one_line(line.text, 60), line.id)


class Table(Static):
    """Keys, what they do and, where there is room, their ids: in the columns of the whole help."""

    def __init__(self, held: Iterable[Row], among: Iterable[Row]) -> None:
        super().__init__(classes="table")
        self._held = tuple(held)
        self._among = tuple(among)
        self._with_ids = False

    def on_mount(self) -> None:
        """What fits."""
        self._fill()

    def on_resize(self) -> None:
        """What fits now."""
        if self._with_ids != (self.app.size.width >= WITH_IDS):
            self._fill()

    def _fill(self) -> None:
        self._with_ids = self.app.size.width >= WITH_IDS
        among = self._among if self._with_ids else self._held  # little room: each group has the columns that it needs
        room = max(cells(row.keys) for row in among)
        wide = max(cells(row.text) for row in among) + 2
        self.update(Content("\n").join(_told(row, room, wide if self._with_ids else 0) for row in self._held))


def _told(row: Row, room: int, wide: int) -> Content:
    told = (
        Content(" " * (room - cells(row.keys)))
        .append(Content(row.keys).stylize("bold $accent"))
        .append("  " + row.text)
    )
    return told.append(Content(" " * (wide - cells(row.text)) + row.id).stylize("$foreground-muted")) if wide else told
