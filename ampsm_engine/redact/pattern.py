"""Regular expressions that are compiled when they are first needed: most starts need none of them."""

import re
from functools import cache


@cache
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, compiled once; its classes mean ASCII, so that a token ends at any other letter."""
    return re.compile(pattern, flags | re.ASCII)
