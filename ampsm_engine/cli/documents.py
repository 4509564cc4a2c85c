"""Sessions, iterations, merges and facts as JSON: camelCase keys as in the store, a contract that scripts rely on.

Those of thousands of sessions are written by the store itself. What one command adds stands where it prints.
"""

import json
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ampsm_engine import session_problems
from ampsm_engine.cli.iteration_text import NONE, Notes, note_documents
from ampsm_engine.engine.bases import gone_bases
from ampsm_engine.lean_dataclass import fields
from ampsm_engine.model import (
    ITERATION_FIELDS,
    SESSION_FIELDS,
    TALLY_FIELDS,
    Fact,
    Iteration,
    Merge,
    Session,
    camel,
)

if TYPE_CHECKING:
    from ampsm_engine.store import Store
    from ampsm_engine.store.sessions import SessionFilter

Document = dict[str, object]


class _Shape:
    """The fields of a kind of value and their keys; read in one go, for `ls` reads thousands."""

    def __init__(self, *names: str) -> None:
        self._keys = tuple(map(camel, names))
        self._values = attrgetter(*names)

    def document(self, value: object) -> Document:
        return dict(zip(self._keys, self._values(value), strict=True))


_SESSION = _Shape(*SESSION_FIELDS)
_ITERATION = _Shape(*ITERATION_FIELDS)
_TALLY = _Shape(*TALLY_FIELDS)
_FACT = _Shape(*(field.name for field in fields(Fact)))


def iteration_document(iteration: Iteration, notes: Notes = NONE) -> Document:
    """An iteration with its tally beside its columns, and its notes; what is not known is null."""
    facts = notes.get(iteration.id, ())
    document = _ITERATION.document(iteration) | _TALLY.document(iteration.tally)
    document["notes"] = note_documents(iteration, facts) if facts else []
    return document


def session_document(
    session: Session, iterations: Sequence[Iteration], notes: Notes = NONE, conflicts: Collection[str] = ()
) -> Document:
    """A session with what is amiss with it, and its iterations, oldest first; `conflicts` are the sessions in one."""
    missing, is_gone = session_problems.missing(session), session.id in gone_bases((session,))
    amiss = _amiss_document(missing, session.id in conflicts, is_gone)
    listed = [iteration_document(each, notes) for each in iterations]
    return _SESSION.document(session) | amiss | {"iterations": listed}


def listed_sessions(store: "Store", wanted: "SessionFilter") -> str:
    """The sessions that a filter selects, with their iterations, as JSON text `"sessions":[...]`.

    The store writes it, for there may be thousands.
    """
    sessions, iterations = store.sessions.as_json(wanted)
    notes = store.facts.notes_of([session_id for session_id, _ in sessions])
    theirs: dict[str, list[str]] = {session_id: [] for session_id, _ in sessions}
    for session_id, iteration_id, text in iterations:
        noted = "[]"
        if facts := notes.get(iteration_id):
            noted = json.dumps(note_documents(store.iterations.get(iteration_id), facts))
        theirs[session_id].append(f'{text[:-1]},"notes":{noted}}}')
    amiss = _amiss(store, wanted)
    listed = (
        f'{text[:-1]},{amiss[session_id]},"iterations":[{",".join(theirs[session_id])}]}}'
        for session_id, text in sessions
        if session_id in amiss
    )
    return f'"sessions":[{",".join(listed)}]'


def _amiss(store: "Store", wanted: "SessionFilter") -> dict[str, str]:
    """The members `missing`, `conflict` and `baseGone` as JSON text without braces, by session id."""
    waiting = session_problems.sessions_in_conflict(store)
    places = store.sessions.places(wanted)
    gone = gone_bases(places)
    roots: dict[str, bool] = {}
    written: dict[tuple[str | None, bool, bool], str] = {}  # a handful of kinds among thousands
    found = {}
    for one in places:
        kind = (session_problems.missing(one, roots), one.id in waiting, one.id in gone)
        if kind not in written:
            written[kind] = json.dumps(_amiss_document(*kind))[1:-1]
        found[one.id] = written[kind]
    return found


def _amiss_document(missing: str | None, conflict: bool, base_gone: bool) -> Document:
    return {"missing": missing, "conflict": conflict, "baseGone": base_gone}


def fact_document(fact: Fact) -> Document:
    """An entry of a session's history as JSON."""
    return _FACT.document(fact)


def merge_document(merge: Merge) -> Document:
    """An entry of the journal as JSON, without its plan, which only ampsm reads."""
    members: Any = plain(merge)
    return {name: value for name, value in members.items() if name != "plan"}


def plain(value: object) -> object:
    """A frozen value of any room as JSON: fields in camelCase, enums as their words, bytes and paths as text."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {camel(name): plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, list | tuple | frozenset):
        return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {camel(name): plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, str | int | float) else str(value)
