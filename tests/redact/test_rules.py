"""The maintained rules, as they are shipped, keep what the redactor counts on."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import ampsm_engine.redact
from ampsm_engine.redact import own_rules, redactor, window
from ampsm_engine.redact.rule import Rule

FOLDER = Path(ampsm_engine.redact.__file__).parent
SHIPPED = json.loads((FOLDER / "rules.json").read_text(encoding="utf-8"))
RULES = SHIPPED["rules"]


def every_rule() -> list[tuple[str, Rule]]:
    return [(anchor, rule) for rule in redactor._rules() if isinstance(rule, Rule) for anchor in rule.anchors]


def test_the_source_is_named_and_its_notices_are_there() -> None:
    assert re.search(r"kingfisher-secret-scanner \d+\.\d+\.\d+", SHIPPED["source"])
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    for words in ("MongoDB", "Betterleaks", "Zachary Rice", "Apache License, Version 2.0", "MIT License", "Google LLC"):
        assert words in notice


def test_the_docstring_counts_right() -> None:
    assert f"the {len(RULES)} kinds" in (ampsm_engine.redact.__doc__ or "")


def test_a_rule_is_bounded_and_its_name_fits_a_marker() -> None:
    for anchor, rule in every_rule():
        width = parser.parse(rule.pattern).getwidth()[1]
        assert width <= own_rules.WIDEST, rule.name
        assert rule.back[1] <= window.BEFORE, rule.name
        assert re.fullmatch(r"[a-z0-9-]{1,64}", rule.name)
        assert anchor == anchor.lower()
        re.compile(rule.pattern, re.ASCII)


def may_match(items: Any, letter: int) -> bool:
    """Whether a pattern could take this letter in."""
    for kind, value in items:
        name = str(kind)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            found = may_match(value[2], letter)
        elif name == "SUBPATTERN":
            found = may_match(value[3], letter)
        elif name == "BRANCH":
            found = any(may_match(branch, letter) for branch in value[1])
        elif name == "IN":
            listed = [one for one in value if str(one[0]) != "NEGATE"]
            found = may_match(listed, letter) is (len(listed) == len(value))
        else:
            found = (
                name == "ANY"
                or (name == "LITERAL" and value == letter)
                or (name == "NOT_LITERAL" and value != letter)
                or (name == "RANGE" and value[0] <= letter <= value[1])
            )
        if found:
            return True
    return False


def secrets(items: Any) -> Iterator[Any]:
    """The groups of a pattern, at any depth."""
    for kind, value in items:
        if str(kind) == "SUBPATTERN":
            if value[0]:
                yield value[3]
            yield from secrets(value[3])
        elif str(kind) == "BRANCH":
            for branch in value[1]:
                yield from secrets(branch)
        elif "REPEAT" in str(kind):
            yield from secrets(value[2])


def test_no_secret_takes_a_quote_or_half_an_escape_with_it() -> None:
    for rule in RULES:
        tree = parser.parse(rule["pattern"])
        for secret in list(secrets(tree)) or [tree]:
            assert not may_match(secret, ord('"')), rule["name"]
            assert not may_match(secret, ord("\\")), rule["name"]


def looks_around(items: Any) -> Iterator[str]:
    """What a pattern has that depends on more than the letters from its place on, by its name."""
    for kind, value in items:
        name = str(kind)
        if name == "AT":
            yield from [] if str(value) == "AT_END_STRING" else [str(value)]
        elif name in {"ASSERT", "ASSERT_NOT"}:
            yield from ["lookbehind"] if value[0] < 0 else looks_around(value[1])
        elif name == "SUBPATTERN":
            yield from looks_around(value[3])
        elif name == "BRANCH":
            yield from (name for branch in value[1] for name in looks_around(branch))
        elif "REPEAT" in name:
            yield from looks_around(value[2])


def test_what_is_read_backwards_depends_on_nothing_behind_its_place() -> None:
    for _, rule in every_rule():
        assert not list(looks_around(parser.parse(rule._backwards))), rule.name


RUN = st.text(alphabet="ab1=", max_size=9) | st.sampled_from(["a" * 503, "a" * 511, "a" * 512, "a" * 513, r"\u00"])
ESCAPED = st.sampled_from(["\\\\", "\\/", "\\n", "\\u0041", "\\", '"', "'", "`", " ", "\n"])


@given(st.lists(RUN | ESCAPED, max_size=8).map("".join))
def test_a_value_is_the_same_read_as_a_run_and_letter_by_letter(text: str) -> None:
    letters = r"""((?:[^\s"'`\\]|\\\\|\\/|\\u[0-9a-fA-F]{4}){8,512})"""
    one, other = (re.compile(pattern, re.ASCII).match(text) for pattern in (own_rules._VALUE, letters))
    assert (one and one.regs) == (other and other.regs)


def test_nothing_is_loaded_before_it_is_needed() -> None:
    program = "import sys; from ampsm_engine import redact; print([m for m in sys.modules if m.startswith('ampsm_engine.redact.')])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
