"""The line at the bottom: the keys that do something here and now, each whole or not at all; help always fits."""

from typing import ClassVar, Protocol, runtime_checkable

from textual.binding import Binding

from ampsm_tui.widgets.line_widgets import Piece, TextLine, pieces_width

_LAST = ("dialog.cancel", "help", "quit")
"""The ids of what stays when the room is little: the ways out."""

_COMMON = frozenset({"back", "table.filter"})
"""The ids of what many screens have alike: it goes behind what one of them is for."""


@runtime_checkable
class OffersKeys(Protocol):
    """A screen that knows which of its keys do something at this moment."""

    def offers(self, key_id: str) -> bool:
        """Whether the line of keys names a key of the screen."""


class KeyBar(TextLine):
    """The shown bindings of the screen, in their order."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-key", "-label"}
    DEFAULT_CSS = """
    KeyBar {
        background: $surface; padding: 0 1; dock: bottom;
        & > .-key { color: $accent; text-style: bold; }
        & > .-label { color: $foreground 65%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_due = False

    def on_mount(self) -> None:
        """Follow the screen's bindings."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._choose_soon())

    def on_resize(self) -> None:
        """Choose the keys that fit into the new width."""
        self._choose_soon()

    def _choose_soon(self) -> None:
        """Choose once for all that has been updated until then: a screen that opens updates its bindings six times."""
        if not self._is_due:
            self._is_due = self.call_later(self._choose)

    def _choose(self) -> None:
        self._is_due = False
        if not self.is_attached:
            return
        screen = self.screen
        shown: dict[str, Binding] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            is_shown = binding.description and active.enabled and (binding.show or binding.id in _LAST)
            if is_shown and (not isinstance(screen, OffersKeys) or screen.offers(binding.id or "")):
                shown.setdefault(binding.id or binding.action, binding)
        # Among boxes to write in there is no key for help: what stays is the way out.
        staying = _LAST if shown.keys() & set(_LAST) else ("back",)
        last = [shown.pop(name) for name in staying if name in shown]
        # What a box or a form is for goes before the keys of its text, which have the focus.
        ordered = sorted(shown.values(), key=lambda binding: (not binding.priority, binding.id in _COMMON))
        entries = [self._pieces(binding) for binding in (*ordered, *last)]
        room = self.size.width + 2
        tail = sum(pieces_width(pieces) for pieces in entries[len(entries) - len(last) :])
        kept: list[Piece] = []
        for at, pieces in enumerate(entries):
            is_last = at >= len(entries) - len(last)
            if pieces_width(pieces) <= room - (0 if is_last else tail):
                kept += pieces
                room -= pieces_width(pieces)
            if is_last:
                tail -= pieces_width(pieces)
        if kept:
            kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip())  # else what only follows it would cut it
        self.set_pieces(kept)

    def _pieces(self, binding: Binding) -> list[Piece]:
        key = self.app.get_key_display(binding)
        return [Piece(key, "key"), Piece(f" {binding.description.lower()}  ", "label")]
