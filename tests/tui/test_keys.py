"""The list of keys that the configuration knows is the list of keys that the screens bind."""

import importlib
import pkgutil
from collections.abc import Iterator

from textual.binding import Binding
from textual.dom import DOMNode

import ampsm_tui
from ampsm_engine import keymap


def bound() -> Iterator[tuple[str, Binding]]:
    for module in pkgutil.walk_packages(ampsm_tui.__path__, "ampsm_tui."):
        for kind in vars(importlib.import_module(module.name)).values():
            if isinstance(kind, type) and issubclass(kind, DOMNode) and kind.__module__ == module.name:
                for binding in vars(kind).get("BINDINGS", ()):
                    if isinstance(binding, Binding) and binding.id:
                        yield kind.__name__, binding


def test_every_binding_with_an_id_can_be_given_another_key() -> None:
    missing = {binding.id: binding.key for _, binding in bound() if binding.id not in keymap.KEYS}
    assert missing == {}


def test_the_defaults_that_are_told_are_those_that_are_bound() -> None:
    found: dict[str, set[str]] = {}
    for _, binding in bound():
        assert binding.id
        found.setdefault(binding.id, set()).update(keymap.spelled(key) for key in binding.key.split(","))
    told = {key.id: set(key.keys.split(",")) for key in keymap.KEYS.values() if key.id in found}
    assert {name: keys for name, keys in told.items() if keys != found[name]} == {}


def test_nothing_is_told_that_is_not_bound() -> None:
    assert set(keymap.KEYS) - {binding.id for _, binding in bound()} == set()
