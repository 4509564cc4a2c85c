"""Every key that can be changed does something, and every binding with an id can be given another key."""

import importlib
import pkgutil

from textual.binding import Binding
from textual.dom import DOMNode

import ampsm_tui
from ampsm_engine import keymap


def bound() -> set[str]:
    found = set()
    for module in pkgutil.walk_packages(ampsm_tui.__path__, "ampsm_tui."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, DOMNode) and kind.__module__ == module.name:
                bindings = (one for one in vars(kind).get("BINDINGS", ()) if isinstance(one, Binding))
                found |= {binding.id for binding in bindings if binding.id}
    return found


def test_the_keys_of_the_table_are_those_that_can_be_changed() -> None:
    assert bound() == set(keymap.KEYS)
