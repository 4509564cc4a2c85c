"""What amp says that a thread cost: its own figure, or nothing. It is never computed from tokens or prices.

`amp threads usage` answers text for people: a line `Cost: $0.32`, with more around it in some versions. It may also say
that nothing is known, and what a subscription pays is in no figure.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from ampsm_engine.amp import command, process
from ampsm_engine.amp.transcript import without_escapes

PATIENCE = 20.0
"""Seconds that amp has to answer."""

_MOST = 10**9
"""Dollars beyond which a figure is no cost of a thread."""

_AMOUNT = re.compile(r"\$\s?(\d[\d,]{0,15}(?:\.\d{1,8})?)(?![\d.,]*\d)")
_COST_LINE = re.compile(r"^[\s*_#>-]*Cost\b[\s*_]*:", re.IGNORECASE | re.MULTILINE)


def cost_of_thread(amp: Path, thread_id: str, environ: Mapping[str, str]) -> int | None:
    """What a thread cost since it began, in millionths of a dollar; None where amp does not say. Failed for no id."""
    argv = command.usage(amp, thread_id)
    code, output = process.answer(argv, command.environment(environ), limit=PATIENCE)
    return parse(output.decode("utf-8", "replace")) if code == 0 else None


def parse(text: str) -> int | None:
    """The amount in amp's answer in millionths of a dollar: that of the line `Cost:`, else the first one."""
    plain = without_escapes(text)
    named = _COST_LINE.search(plain)
    line = plain[named.end() :].partition("\n")[0] if named else plain
    found = _AMOUNT.search(line)
    if found is None:
        return None
    amount = Decimal(found[1].replace(",", ""))
    return int((amount * 1_000_000).to_integral_value()) if amount <= _MOST else None
