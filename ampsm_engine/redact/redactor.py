"""Puts markers where secrets stand: in a text, in bytes, in a file.

Knows no rule: it brings the scanner, the rules and the files together.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from ampsm_engine.redact import environment, private_key, shapes, stream
from ampsm_engine.redact.rule import Finder, Rule
from ampsm_engine.redact.scanner import Scanner
from ampsm_engine.redact.spans import SecretSpan, besides_markers, merged, replaced

SHORTEST = 8
"""Characters of a text that could hold a secret."""

ROUNDS = 4
"""How often a text is looked through again after something was found: secrets hide behind secrets."""


class Redactor:
    """Knows the secrets of one environment and the shapes of all others."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        texts = {form for value in environment.secrets(environ) for form in environment.forms(value)}
        self._scanner = Scanner((*_rules(), *environment.anchored(texts)))
        self._widest = max(private_key.LONGEST, shapes.WIDEST, *map(len, texts), 0)

    def text(self, text: str) -> str:
        """The text with a marker `[redacted:<rule>]` in place of each secret; markers stay as they are."""
        if len(text) < SHORTEST:
            return text
        for _ in range(ROUNDS):
            spans = self._spans(text)
            if not spans:
                break
            text = "".join(replaced(text, 0, len(text), spans))
        return text

    def bytes_(self, content: bytes) -> bytes:
        """The bytes with markers in place of secrets; what is not UTF-8 stays as it is."""
        text = content.decode("utf-8", "surrogateescape")
        cleaned = self.text(text)
        return content if cleaned is text else cleaned.encode("utf-8", "surrogateescape")

    def found(self, content: bytes) -> frozenset[str]:
        """The secrets that stand in a content, as they are written there; never to be shown."""
        text = content.decode("utf-8", "surrogateescape")
        return frozenset(text[span.start : span.end] for span in self._spans(text))

    def file(self, path: Path) -> int:
        """Redact a file in place, in one step, private to its owner; answers the number of secrets found.

        A file without any, or that is not there, is left alone. Memory does not grow with the file or its
        lines. Nobody may write to it meanwhile. Raises Failed when it cannot be read or replaced.
        """
        total = 0
        for _ in range(ROUNDS):
            count = stream.rewrite(path, self._scanner, self._widest)
            total += count
            if not count:
                break
        return total

    def _spans(self, text: str) -> list[SecretSpan]:
        found = list(self._scanner.spans(text))
        return list(merged(besides_markers(text, merged(found)))) if found else []


@cache
def _rules() -> tuple[tuple[str, Finder], ...]:
    """All rules that do not depend on the environment, by anchor."""
    return (*_maintained(), *shapes.anchored(), (private_key.ANCHOR, private_key.PrivateKey()))


def _maintained() -> Iterable[tuple[str, Finder]]:
    """The rules of the maintained set, as `scripts/update_redaction_rules.py` wrote them."""
    content = Path(__file__).with_name("rules.json").read_text(encoding="utf-8")
    for entry in json.loads(content)["rules"]:
        low, high = entry.get("back", (0, 0))
        rule = Rule(entry["name"], entry["pattern"], back=(low, high), near=entry.get("near", False))
        for anchor in entry["anchors"]:
            yield anchor, rule
