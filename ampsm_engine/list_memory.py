"""What the list shows of a session's changes, and what it has at once at its next start: those, and the marks.

Private files. What cannot be read is nothing: the counts are made anew, and marks can be set again.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ampsm_engine.git.entities import FileChange
from ampsm_engine.home import Home, read_json_object, write_json_object
from ampsm_engine.lean_dataclass import asdict, dataclass, replace

_COUNTS, _CONFLICTS, _MARKS = "list-counts.json", "list-conflicts.json", "list-marks.json"

Conflicts = dict[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""The conflicts of a session by its id: with which other session (empty: the base), and in which files."""


KEPT = 12
"""Changed files of a session that the next start knows, at most."""


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """How far a session has come from its base, uncommitted work included."""

    additions: int = 0
    deletions: int = 0
    files: int = 0
    ahead: int = 0
    behind: int = 0
    uncommitted: int = 0
    """Paths that no commit holds."""
    listed: tuple[FileChange, ...] = ()
    """The first of the files."""
    earlier_tokens: int | None = None
    """Tokens of all iterations but the one that the board shows; None when amp told of none."""
    trouble: str | None = None
    """Why there are no counts."""
    missing: str = ""
    """What of the session is gone, in words; empty when all is at its place."""


def counts(home: Home) -> dict[str, ChangeCounts]:
    """The counts that were kept last, by session id."""
    found = {}
    for name, fields in read_json_object(home.cache / _COUNTS).items():
        with suppress(TypeError, AttributeError, KeyError):  # another version wrote it
            listed = tuple(FileChange(**one) for one in fields.pop("listed"))
            found[name] = ChangeCounts(**fields, listed=listed)
    return found


def keep_counts(home: Home, newer: Mapping[str, ChangeCounts], present: Iterable[str]) -> None:
    """Keep counts beside those of the other sessions that are still there; nothing happens where that does not work."""
    there, before = set(present), read_json_object(home.cache / _COUNTS)
    merged = {name: fields for name, fields in before.items() if name in there}
    merged |= {
        name: json.loads(json.dumps(asdict(replace(one, listed=one.listed[:KEPT])))) for name, one in newer.items()
    }
    if merged != before:
        _write(home.cache / _COUNTS, merged)


def conflicts(home: Home) -> Conflicts:
    """The conflicts that were foreseen when the list was last seen."""
    found: Conflicts = {}
    for name, fields in read_json_object(home.cache / _CONFLICTS).items():
        with suppress(TypeError, ValueError):  # another version wrote it
            found[name] = tuple((str(other), tuple(map(str, paths))) for other, paths in fields)
    return found


def keep_conflicts(home: Home, foreseen: Conflicts) -> None:
    """Keep the conflicts that are foreseen; nothing happens where that does not work."""
    _write(home.cache / _CONFLICTS, {name: fields for name, fields in foreseen.items() if fields})


def marks(home: Home) -> frozenset[str]:
    """The ids of the sessions that were marked in the list when it was last seen."""
    found = read_json_object(home.cache / _MARKS).get("marked")
    return frozenset(map(str, found)) if isinstance(found, list) else frozenset()


def keep_marks(home: Home, marked: Iterable[str]) -> None:
    """Keep which sessions are marked; nothing happens where that does not work."""
    _write(home.cache / _MARKS, {"marked": sorted(marked)})


def _write(path: Path, content: Mapping[str, object]) -> None:
    with suppress(OSError):
        write_json_object(path, content)
