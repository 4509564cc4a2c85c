"""Regular expressions that are compiled when they are first needed: most starts need none of them."""

import re
from functools import cache


@cache
def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, compiled once; its classes mean ASCII, so that a token ends at any other letter."""
    return re.compile(pattern, flags | re.ASCII)


BOUNDARY = (
    r"(?:(?<!\w)|(?<=\\[abefnrtv0])|(?<=\\u[0-9a-fA-F]{4})|(?<=\\x[0-9a-fA-F]{2})|(?<=\\0[0-7]{2})|(?<=%[0-9a-fA-F]{2})"
    r"|(?<=[\d;\[]m)|(?<=\[[HJK])|(?<=\[[0-3][JK]))"  # nosec: a pattern
)
"""Not inside a word; an escaped line's end, a percent escape and a terminal's colour or erasing are no words."""

QUOTE = r"""\\{0,15}["'`]"""
"""A quotation mark, through up to four layers of JSON."""

CONTINUED = r"\\\r?\n|\\{3}n|\\{6}n|\\{12}n"
"""A shell's line that goes on in the next, as it is and through up to three layers of JSON."""

BLANK = rf"(?:[ \t]|\\{{1,8}}t|{CONTINUED})"
"""What stands between the words of a command."""

SPACE = r"(?:\s|\\{1,8}[tnr])"
"""A blank or a line's end, escaped or not."""

BEGINNING = r"(?:^|[\r\n\"'`]|\\{1,8}[nrt]|[\d;\[]m)"
"""What stands before a line's first character, or a text's within quotation marks."""
