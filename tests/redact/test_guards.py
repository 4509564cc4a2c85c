"""What the search for anchors asks for around each never keeps a rule from a secret that it would find."""

import random
import re
import string
from collections.abc import Iterator
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from ampsm_engine.redact import redactor
from ampsm_engine.redact.rule import Rule
from ampsm_engine.redact.scanner import _lowered

LETTERS = string.ascii_letters + string.digits + "_-+/=. "


class Writer:
    """Writes texts that a pattern matches, but for what it looks at aside."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def text(self, items: Any) -> str:
        return "".join(self.piece(str(kind), value) for kind, value in items)

    def piece(self, kind: str, value: Any) -> str:
        if kind == "LITERAL":
            return chr(value)
        if kind == "SUBPATTERN":
            return self.text(value[3])
        if kind == "BRANCH":
            return self.text(self.draw.choice(value[1]))
        if "REPEAT" in kind:
            low, high, inner = value
            count = self.draw.choice((low, min(low + 3, high), min(low + self.draw.randint(0, 30), high)))
            return "".join(self.text(inner) for _ in range(count))
        return self.draw.choice(self.letters(kind, value)) if kind in {"IN", "ANY", "NOT_LITERAL"} else ""

    def letters(self, kind: str, value: Any) -> str:
        if kind == "ANY":
            return LETTERS
        if kind == "NOT_LITERAL":
            return LETTERS.replace(chr(value), "")
        pattern = re.compile(
            f"[{'^' if str(value[0][0]) == 'NEGATE' else ''}{''.join(map(self.member, value))}]", re.ASCII
        )
        return "".join(letter for letter in map(chr, range(9, 127)) if pattern.match(letter)) or "x"

    def member(self, item: Any) -> str:
        kind, value = str(item[0]), item[1]
        if kind == "LITERAL":
            return re.escape(chr(value))
        if kind == "RANGE":
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        return {"CATEGORY_DIGIT": r"\d", "CATEGORY_WORD": r"\w", "CATEGORY_SPACE": r"\s"}.get(str(value), "")


def guarded() -> Iterator[Rule]:
    yield from (rule for rule in redactor._rules() if rule.then and isinstance(rule, Rule))


@pytest.mark.parametrize(("seed", "times"), [(0, 3), pytest.param(1, 60, marks=pytest.mark.soak)])
def test_a_guard_lets_each_match_of_its_rule_pass(seed: int, times: int) -> None:
    writer, tried, unwritten = Writer(seed), 0, set()
    for rule in guarded():
        tree = parser.parse(rule.pattern)
        written = 0
        for _ in range(times):
            body = writer.text(tree)
            if rule.behind:
                anchor = writer.draw.choice(tuple(rule.anchors))
                text = f" {rule._spelt(anchor) if rule._spelt else anchor}{body} "
            else:
                text = f" {body} "
            places = [
                (found.start(), found.end())
                for anchor in rule.anchors
                for found in re.finditer(re.escape(anchor), _lowered(text))
            ]
            for start, end in places:
                low, high = rule.back
                first = [end] if rule.behind else range(max(0, start - high), start - low + 1)
                if any(rule.matched(text, at) for at in first):
                    written += 1
                    assert re.compile(rule.then, re.ASCII).match(_lowered(text), end), (rule.name, text)
        tried += written
        if not written:
            unwritten.add(rule.name)
    assert tried > 200 * times
    assert len(unwritten) < 30, unwritten


def test_guards_are_for_the_search_alone() -> None:
    assert sum(bool(finder.then) for finder in redactor._rules()) > 200
