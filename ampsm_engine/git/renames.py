"""Which files of two trees were renamed or copied: git's own answer, which may take its time on large diffs."""

from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program

LIMIT = 1_000
"""Files on each side of which git compares all with all; beyond it only equal contents count."""


class Move(NamedTuple):
    """One file that has the content of another."""

    is_copy: bool
    similarity: int
    """Percent."""
    old_path: str
    path: str
    old_mode: int
    old_oid: str


def moves(where: Path, old: str, new: str, variables: program.Variables | None = None) -> tuple[Move, ...]:
    """The renames and copies between two trees; none when git cannot tell. Filters and drivers do not run."""
    options = ("-r", "--raw", "-z", "-M", "-C", f"-l{LIMIT}", "--no-ext-diff", "--no-textconv", "--full-index")
    answer = program.read(where, "diff-tree", *options, old, new, "--", variables=variables)
    fields = iter(program.text(answer.output).split("\0") if answer.ok else ())
    found = []
    for field in fields:
        if not field.startswith(":"):
            continue
        old_mode, _, old_oid, _, letter = field[1:].split(" ")
        first = next(fields)
        if letter[0] in "RC":
            score = int(letter[1:])
            found.append(Move(letter[0] == "C", score, first, next(fields), int(old_mode, 8), old_oid))
    return tuple(found)
