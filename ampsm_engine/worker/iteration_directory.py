"""What stays of an iteration on disk: a record of it and its session, and files that hold no secret any more.

The record is the rows of the store, as far as they were known when the iteration was queued or settled. The store is
the truth; the record is what a lost one is rebuilt from. It holds no secret, for the rows hold none.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ampsm_engine import redact
from ampsm_engine.errors import AmpsmError
from ampsm_engine.home import Home, IterationDirectory, write_private
from ampsm_engine.lean_dataclass import asdict, dataclass, field, fields
from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session, State, Status, Tally

STDERR_KEPT = 1 << 16
"""Bytes of amp's standard error that are kept, of its end."""

_UNNEEDED = ("amp.log", "settings.json", "again.txt", "told.txt", "before.json")
_LOCKS = ("lease", "script.lease")


@dataclass(frozen=True, slots=True)
class IterationRecord:
    """The rows, and the database that they were of."""

    database: str
    session: Session
    iteration: Iteration


def write_record(home: Home, session: Session, iteration: Iteration) -> None:
    """Write the record of a run; where that cannot be, the run is none the worse for it."""
    record = IterationRecord(str(home.database), session, iteration)
    with contextlib.suppress(OSError, AmpsmError):
        content = json.dumps(asdict(record), indent=1)
        write_private(home.iteration(iteration.id).record, content.encode("utf-8", "replace"), lasting=False)


def read_record(run: IterationDirectory) -> IterationRecord | None:
    """The record of a run; None when there is none that can be read."""
    try:
        found = json.loads(run.record.read_text(encoding="utf-8"))
        iteration = _iteration(found["iteration"])
        session = _known(Session, found["session"])
        session["status"] = Status(session["status"])
        return IterationRecord(str(found["database"]), Session(**session), iteration)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def iteration_of(values: Mapping[str, Any]) -> Iteration | None:
    """The iteration of values by its fields, as JSON has them; None when they make none."""
    try:
        return _iteration(values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _iteration(values: Mapping[str, Any]) -> Iteration:
    found = _known(Iteration, values)
    found["state"] = State(found["state"])
    found["outcome"] = Outcome(found["outcome"]) if found.get("outcome") else None
    found["test_result"] = ScriptResult(found["test_result"]) if found.get("test_result") else None
    found["tally"] = Tally(**_known(Tally, found["tally"]))
    return Iteration(**found)


@dataclass(frozen=True, slots=True)
class IterationLimits:
    """Limits of an iteration that take the place of the settings, in any worker."""

    settings: Mapping[str, float] = field(default_factory=dict)
    """The values of settings, by name."""
    script: bool = True
    """Whether the session's script judges it."""


def write_limits(run: IterationDirectory, limits: IterationLimits) -> None:
    """Write the limits of an iteration, before it is queued."""
    write_private(run.limits, json.dumps(asdict(limits)).encode(), lasting=False)


def read_limits(run: IterationDirectory) -> IterationLimits:
    """The limits of an iteration; where none can be read, the settings alone hold."""
    try:
        return IterationLimits(**_known(IterationLimits, json.loads(run.limits.read_bytes())))
    except (OSError, ValueError, TypeError, AttributeError):
        return IterationLimits()


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that this version knows."""
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


def clean(run: IterationDirectory) -> None:
    """Delete files that are of no more use, and redact all others. OSError when a file cannot be changed."""
    if not run.path.is_dir():
        return
    for path in sorted(run.path.iterdir()):
        # A name with a dot before it is a file of ours that was being written when its process was killed.
        if path.name in _UNNEEDED or path.name.startswith(".") or path.is_symlink() or not path.is_file():
            _delete(path)
        elif path.name not in _LOCKS:
            redact.file(path)
    # Redacted before anything is cut: half a secret would not be known any more.
    if run.stderr.exists() and run.stderr.stat().st_size > STDERR_KEPT:
        with run.stderr.open("rb+") as file:
            file.seek(-STDERR_KEPT, os.SEEK_END)
            tail = file.read()
            file.seek(0)
            file.write(tail)
            file.truncate()


def _delete(path: Path) -> None:
    """Delete a file, or a folder that an agent made there."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            _delete(inner)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
