"""The colours of a patch, line by line: what is content is told by counting, not by how it looks."""

import re
from collections.abc import Iterator

from ampsm_engine.cli.output import Styled

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_STYLES = {"+": "green", "-": "red"}


def patch(text: str) -> Iterator[Styled]:
    """The lines of a patch with their styles."""
    old = new = 0
    for line in text.removesuffix("\n").split("\n") if text else ():
        if old > 0 or new > 0:
            old -= line[:1] != "+"
            new -= line[:1] != "-"
            if line[:1] == "\\":  # says that the line before has no end: it is no line itself
                old, new = old + 1, new + 1
            yield Styled(line, _STYLES.get(line[:1], ""))
        elif header := _HUNK.match(line):
            old, new = (1 if count is None else int(count) for count in header.groups())
            yield Styled(line, "cyan")
        else:
            yield Styled(line, "" if line[:1] == "\\" else "bold")
