"""Foreign text inside Markdown: shown exactly, and never taken for Markdown or HTML."""

import re

from ampsm_engine import redact
from ampsm_engine.plain_text import visible

_TICKS = re.compile("`+")


def one_line(text: str) -> str:
    """Foreign text on one line: without secrets, every unseen character visible."""
    return visible(" ".join(redact.text(_encodable(text)).split()))


def code(text: str, *, limit: int = 200) -> str:
    """Foreign text as code within a line or a cell of a table."""
    shown = one_line(text)
    shown = (shown if len(shown) <= limit else shown[: limit - 1] + "…").replace("|", "\\|")
    if not shown:
        return ""
    ticks = "`" * (_longest(shown) + 1)
    pad = " " * (shown.startswith("`") or shown.endswith("`"))
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fenced(text: str, language: str = "text") -> str:
    """Foreign text as a block of code, with its lines; without secrets."""
    shown = visible(redact.text(_encodable(text)).replace("\r\n", "\n"), "\n\t").rstrip("\n")
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def _longest(text: str) -> int:
    return max((len(found) for found in _TICKS.findall(text)), default=0)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
