"""The bindings of screens and widgets, made of the one table of keys: no screen names a key that may be changed."""

from typing import Any

from textual.binding import Binding
from textual.screen import Screen

from ampsm_engine.keymap import KEYS


def bind(
    key_id: str, action: str, label: str = "", *, priority: bool = False, key_display: str | None = None
) -> Binding:
    """A binding of the keys that `keymap.KEYS` has for an id; with a label it stands in the line of keys.

    `priority`: before the widget that has the focus. `key_display`: one name for several keys.
    """
    return Binding(KEYS[key_id].keys, action, label, key_display=key_display, priority=priority, id=key_id)


def shown_key(screen: Screen[Any], key_id: str) -> str:
    """The name of the key that does something on a screen at this moment; empty when none does."""
    active = (one.binding for one in screen.active_bindings.values())
    return next((screen.app.get_key_display(binding) for binding in active if binding.id == key_id), "")
