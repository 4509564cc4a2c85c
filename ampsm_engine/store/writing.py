"""What every write shares: facts, changes of a row, and the question whether a state may follow.

Whoever calls these is inside one `_writing()` transaction already.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import peewee

from ampsm_engine import lifecycle, wording
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Iteration, State, Tally, ToolCall
from ampsm_engine.store.reading import Reading
from ampsm_engine.store.tables import FactRow, IterationRow, SessionRow, ToolCallRow, changes

TALLY_COLUMNS = frozenset(field.name for field in fields(Tally))
SESSION_FIXED = frozenset({"id", "created_at"})
ITERATION_FIXED = frozenset({"id", "session_id", "number", "state", "offset", "token_usage"}) | TALLY_COLUMNS


_BATCH = 100
"""Tool calls a statement: the oldest SQLite takes 999 values in one."""


class Writing(Reading):
    """The steps that writes are made of."""

    def _note(
        self,
        database: peewee.Database,
        kind: str,
        text: str,
        *,
        session_id: str | None = None,
        iteration_id: str | None = None,
    ) -> None:
        values = {"kind": kind, "text": text, "session_id": session_id, "iteration_id": iteration_id}
        FactRow.insert(time=wording.now(), **values).execute(database)

    def _note_on(self, database: peewee.Database, iteration: Iteration, kind: str, text: str) -> None:
        self._note(database, kind, text, session_id=iteration.session_id, iteration_id=iteration.id)

    def _change_session(self, database: peewee.Database, session_id: str, **columns: object) -> None:
        changed = changes(SessionRow, columns, fixed=SESSION_FIXED)
        if not changed:
            self.session(session_id)
        elif not SessionRow.update(changed).where(SessionRow.id == session_id).execute(database):
            raise NotFound(f"There is no session {session_id}.", "ampsm ls")

    def _change(self, database: peewee.Database, iteration_id: str, **columns: object) -> None:
        """Change columns of an iteration, its state and its tally too; NotFound."""
        changed = changes(IterationRow, columns, fixed=frozenset({"id", "session_id", "number"}))
        if not changed:
            self.iteration(iteration_id)
        elif not IterationRow.update(changed).where(IterationRow.id == iteration_id).execute(database):
            raise NotFound(f"There is no iteration {iteration_id}.", "ampsm ls")

    def _move(self, database: peewee.Database, iteration_id: str, after: State, **columns: object) -> Iteration:
        """Bring an iteration into another state and answer what it was; Refused when that may not follow."""
        before = self.iteration(iteration_id)
        if not lifecycle.may_follow(before.state, after):
            raise Refused(
                f"Iteration {before.number} of session {before.session_id} is {before.state},"
                f" and cannot become {after} from there.",
                f"ampsm show {before.session_id}",
            )
        self._change(database, iteration_id, state=after, **columns)
        return before


def tally_columns(tally: Tally) -> dict[str, Any]:
    """A tally as columns, the sum among them."""
    return {name: getattr(tally, name) for name in TALLY_COLUMNS} | {"token_usage": tally.token_usage}


def keep_tool_calls(database: peewee.Database, tool_calls: Sequence[ToolCall]) -> None:
    """Write tool calls, each with the id of its iteration; those that are there are replaced."""
    key = (ToolCallRow.iteration_id, ToolCallRow.sequence)
    rest = (ToolCallRow.tool_id, ToolCallRow.name, ToolCallRow.arguments, ToolCallRow.success, ToolCallRow.summary)
    rows = [asdict(call) for call in tool_calls]
    for start in range(0, len(rows), _BATCH):
        insert = ToolCallRow.insert_many(rows[start : start + _BATCH])
        insert.on_conflict(conflict_target=key, preserve=rest).execute(database)
