"""The bindings of screens and widgets, made of the one table of keys: no screen names a key that may be changed."""

from functools import cache
from typing import Any

from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from ampsm_engine.keymap import KEYS
from ampsm_tui.app_context import app_of


def bind(
    key_id: str, action: str, label: str = "", *, priority: bool = False, key_display: str | None = None
) -> Binding:
    """A binding of the keys that `keymap.KEYS` has for an id; with a label it stands in the line of keys.

    `priority`: before the widget that has the focus. `key_display`: one name for several keys.
    """
    return Binding(KEYS[key_id].keys, action, label, key_display=key_display, priority=priority, id=key_id)


def is_allowed(node: DOMNode, key_id: str) -> bool:
    """Whether what a key stands for may be done: an app that only watches changes nothing."""
    return not (KEYS[key_id].changes and app_of(node).read_only)


def allow_action(node: DOMNode, action: str, parameters: tuple[object, ...]) -> bool:
    """Whether an action may be done: False for what changes something by a key of the node, in an app that watches.

    The `check_action` of each node that has such a key.
    """
    return not (app_of(node).read_only and (action, parameters) in _changing_actions(type(node)))


@cache
def _changing_actions(kind: type[DOMNode]) -> frozenset[tuple[str, tuple[object, ...]]]:
    """The actions of the keys of a class that change something, each with its parameters."""
    bindings = [one for base in kind.__mro__ for one in vars(base).get("BINDINGS", ()) if isinstance(one, Binding)]
    return frozenset(parse(one.action)[1:] for one in bindings if one.id and KEYS[one.id].changes)


def shown_key(screen: Screen[Any], key_id: str) -> str:
    """The name of the key that does something on a screen at this moment; empty when none does."""
    active = (one.binding for one in screen.active_bindings.values())
    return next((screen.app.get_key_display(binding) for binding in active if binding.id == key_id), "")
