"""JSON with comments and trailing commas, as amp's settings are written. Pure; knows no file and no key."""

import json
import re

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)


def parse(text: str) -> object:
    """The value that the text holds; ValueError, with the line of the fault, when it is no such text."""
    plain = _COMMA.sub(
        lambda found: _blank_unless_string(found[0]),
        _TOKEN.sub(lambda found: _blank_unless_string(found[0]), text.removeprefix("\ufeff")),
    )
    try:
        return json.loads(plain)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _blank_unless_string(token: str) -> str:
    # Line ends stay: faults are told by line.
    return token if token.startswith('"') else re.sub(r"[^\n]", " ", token)
