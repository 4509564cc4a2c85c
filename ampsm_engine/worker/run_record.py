"""What a run directory says of its iteration and session: the rows of the store, as far as they were known then.

Written when an iteration is queued and when it is settled. The store is the truth; this is what a lost one is rebuilt
from. It holds no secret, for the rows hold none.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ampsm_engine.errors import AmpsmError
from ampsm_engine.home import Home, RunDirectory, write_private
from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session, State, Status, Tally


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The rows, and the database that they were of."""

    database: str
    session: Session
    iteration: Iteration


def write(home: Home, session: Session, iteration: Iteration) -> None:
    """Write the record of a run; where that cannot be, the run is none the worse for it."""
    record = RunRecord(str(home.database), session, iteration)
    with contextlib.suppress(OSError, AmpsmError):
        content = json.dumps(asdict(record), indent=1)
        write_private(home.run(iteration.id).record, content.encode("utf-8", "replace"), lasting=False)


def read(run: RunDirectory) -> RunRecord | None:
    """The record of a run; None when there is none that can be read."""
    try:
        found = json.loads(run.record.read_text(encoding="utf-8"))
        iteration = _known(Iteration, found["iteration"])
        iteration["state"] = State(iteration["state"])
        iteration["outcome"] = Outcome(iteration["outcome"]) if iteration.get("outcome") else None
        iteration["test_result"] = ScriptResult(iteration["test_result"]) if iteration.get("test_result") else None
        iteration["tally"] = Tally(**_known(Tally, iteration["tally"]))
        session = _known(Session, found["session"])
        session["status"] = Status(session["status"])
        return RunRecord(str(found["database"]), Session(**session), Iteration(**iteration))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the fields that this version knows."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in values.items() if name in names}
