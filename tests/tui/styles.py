"""Styles found once a process: most of the work of a test of screens was to parse and to find the same ones again."""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pytest
from textual.css.model import RuleSet
from textual.css.styles import RulesMap
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

_parse_rules = Stylesheet._parse_rules
_apply = Stylesheet.apply
_style_parts = Stylesheet._process_component_classes


def find_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what Textual finds of styles for as long as this process runs."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)
    monkeypatch.setattr(Stylesheet, "apply", _apply_once)
    monkeypatch.setattr(Stylesheet, "_process_component_classes", _style_parts_once)


_PARSED: dict[object, list[RuleSet]] = {}


def _parse_once(sheet: Stylesheet, css: str, *arguments: Any, **more: Any) -> list[RuleSet]:
    """The rules of a style sheet; none of them is ever given up, so its id stays its own."""
    key = (css, arguments, *sorted(more.items()), *sheet._variables.items())
    if key not in _PARSED:
        _PARSED[key] = _parse_rules(sheet, css, *arguments, **more)
    return _PARSED[key]


class _Asked(NamedTuple):
    """What the rules for a node ask about."""

    number: int
    """Another for other rules."""
    app: tuple[str, ...]
    """Pseudo-classes that are the same for a whole app."""
    each: tuple[str, ...]
    """Those of the node and of each that it stands in."""


class _Found(NamedTuple):
    """The styles of a node, and what Textual notes of it on the way to them."""

    rules: RulesMap
    has_hover: bool
    has_focus_within: bool


_OF_THE_APP = frozenset({"dark", "light", "inline", "ansi", "nocolor"})

_sheets: "WeakKeyDictionary[Stylesheet, tuple[list[RuleSet], int]]" = WeakKeyDictionary()
_sheet_numbers: dict[tuple[int, ...], int] = {}
_asked: dict[object, _Asked] = {}
_rule_numbers: dict[tuple[int, ...], int] = {}
_nodes: dict[object, int] = {}
_found: dict[tuple[object, ...], _Found] = {}


def _apply_once(sheet: Stylesheet, node: DOMNode, *, animate: bool = False, cache: Any = None) -> None:
    """The styles of a node, found anew only where something that its rules ask about is new to this process."""
    asked = _what_is_asked(sheet, node)
    path = node.css_path_nodes
    key = (asked.number, _states(path[0], asked.app), *(_number_of(one, asked.each) for one in path))
    found = _found.get(key)
    if found is None:
        kept: dict[tuple[Any, ...], RulesMap] = {}
        _apply(sheet, node, animate=animate, cache=kept)
        for rules in kept.values():  # none where they depend on the order of the nodes, or there are none
            _found[key] = _Found(rules, node._has_hover_style, node._has_focus_within)
        return
    node._has_hover_style, node._has_focus_within = found.has_hover, found.has_focus_within
    node._has_order_style = node._has_odd_or_even = False
    if node.styles.base._rules == found.rules and not (animate and node.app.animator._animations):
        node.notify_style_update()
    else:
        sheet.replace_rules(node, found.rules, animate=animate)
    sheet._process_component_classes(node)


def _what_is_asked(sheet: Stylesheet, node: DOMNode) -> _Asked:
    number = _number_of_sheet(sheet)
    key = (number, node.__class__, node._id, frozenset(node._classes))
    if key not in _asked:
        by_name = sheet.rules_map
        limit = {id(rule) for name in by_name.keys() & node._selector_names for rule in by_name[name]}
        rules = [rule for rule in sheet.rules if id(rule) in limit]
        names = {name for rule in rules for name in rule.pseudo_classes}
        which = _rule_numbers.setdefault(tuple(map(id, rules)), len(_rule_numbers))
        _asked[key] = _Asked(which, tuple(sorted(names & _OF_THE_APP)), tuple(sorted(names - _OF_THE_APP)))
    return _asked[key]


def _number_of_sheet(sheet: Stylesheet) -> int:
    rules = sheet.rules
    known = _sheets.get(sheet)
    if known is None or known[0] is not rules:
        number = _sheet_numbers.setdefault(tuple(map(id, rules)), len(_sheet_numbers))
        known = _sheets[sheet] = rules, number
    return known[1]


def _number_of(node: DOMNode, names: tuple[str, ...]) -> int:
    """The number of what a selector may ask about a node."""
    about = (node.__class__, node._id, frozenset(node._classes), names, _states(node, names))
    return _nodes.setdefault(about, len(_nodes))


def _states(node: DOMNode, names: tuple[str, ...]) -> tuple[bool, ...]:
    checks = node._PSEUDO_CLASSES
    return tuple([name in checks and checks[name](node) for name in names])


_styled: "WeakKeyDictionary[DOMNode, tuple[list[RuleSet], object]]" = WeakKeyDictionary()


def _style_parts_once(sheet: Stylesheet, node: DOMNode) -> None:
    """The styles of a widget's parts, found again only where what the rules ask about has changed."""
    if not node._get_component_classes():
        return
    asked = [(one._id, one.classes, one._pseudo_classes_cache_key) for one in node.css_path_nodes]
    if node._component_styles and (known := _styled.get(node)) and known[0] is sheet.rules and known[1] == asked:
        return
    _style_parts(sheet, node)
    _styled[node] = sheet.rules, asked
