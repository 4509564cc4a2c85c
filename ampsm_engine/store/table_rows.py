"""The rows of any table, for taking them out of the store: chosen by session, batch, repository and time."""

# ruff: noqa: S608 - names are those of the tables, quoted; values are bound

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ampsm_engine.errors import NotFound
from ampsm_engine.model import camel
from ampsm_engine.store import rows
from ampsm_engine.store.connection import StorePart
from ampsm_engine.store.lazy_tables import tables
from ampsm_engine.store.statements import PATHS

_PART = 500
"""Rows that are read at a time."""


class RowChoice(NamedTuple):
    """Which rows of a table; None: all. Times are timestamps, `until` is the first that does not count."""

    sessions: Sequence[str] | None = None
    batch: str | None = None
    repo: str | None = None
    since: str | None = None
    until: str | None = None


ALL_ROWS = RowChoice()


class _TableFilter(NamedTuple):
    """How a table's rows, `t`, are told by session and by time: SQL over its columns, NULL where a row has neither."""

    session: str
    moment: str


_ITERATIONS_OF = '(SELECT i."{0}" FROM iterations i WHERE i.id = t."iterationId")'
_BEGAN = 'coalesce(nullif("startTime", \'\'), "queuedAt")'

_FILTERS: Mapping[str, _TableFilter] = {
    "sessions": _TableFilter("t.id", 't."createdAt"'),
    "iterations": _TableFilter('t."sessionId"', _BEGAN),
    "toolCalls": _TableFilter(
        _ITERATIONS_OF.format("sessionId"), f'(SELECT {_BEGAN} FROM iterations i WHERE i.id = t."iterationId")'
    ),
    "facts": _TableFilter('t."sessionId"', "t.time"),
    "merges": _TableFilter('t."sessionId"', 't."startedAt"'),
    "viewedHunks": _TableFilter('t."sessionId"', 't."viewedAt"'),
    "lookedTrees": _TableFilter('t."sessionId"', 't."lookedAt"'),
    "reviewComments": _TableFilter('t."sessionId"', 't."createdAt"'),
    "rejections": _TableFilter('t."sessionId"', 't."createdAt"'),
    "reviewRounds": _TableFilter('t."sessionId"', 't."sentAt"'),
    "pullRequests": _TableFilter('t."sessionId"', '(SELECT s."createdAt" FROM sessions s WHERE s.id = t."sessionId")'),
    "batchRuns": _TableFilter("NULL", 't."createdAt"'),
    "batchItems": _TableFilter('t."sessionId"', 't."startedAt"'),
    "batchTries": _TableFilter('(SELECT n."sessionId" FROM "batchItems" n WHERE n.id = t."itemId")', 't."startedAt"'),
    "costQueries": _TableFilter(_ITERATIONS_OF.format("sessionId"), 't."askedAt"'),
}
"""Every table that can be taken out."""

NAMES = tuple(_FILTERS)

_OF_BATCH = {
    "batchRuns": "t.id = ?",
    "batchItems": 't."batchId" = ?',
    "batchTries": 't."itemId" IN (SELECT n.id FROM "batchItems" n WHERE n."batchId" = ?)',
}
_SESSION_OF_BATCH = '{} IN (SELECT s.id FROM sessions s JOIN "batchItems" n ON n.id = s.origin WHERE n."batchId" = ?)'
_RUN_OF_SESSIONS = (
    't.id IN (SELECT n."batchId" FROM "batchItems" n WHERE n."sessionId" IN (SELECT value FROM json_each(?)))'
)


class TableRows(StorePart):
    """Reads tables as they are stored."""

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table in their order, those of another program aside; NotFound."""
        if table not in _FILTERS:
            raise NotFound(f"There is no table {table!r}; there are {', '.join(NAMES)}.", "ampsm export iterations")
        (model,) = (one for one in tables.TABLES if one._meta.table_name == table)  # noqa: SLF001 - peewee documents it
        ours = {field.column_name for field in model._meta.sorted_fields}  # noqa: SLF001
        return tuple(row[1] for row in self._db.select(f'PRAGMA table_info("{table}")') if row[1] in ours)

    def read(self, table: str, wanted: RowChoice = ALL_ROWS) -> Iterator[dict[str, object]]:
        """The rows of a table in the order of their coming, by column.

        It reads a part at a time: what is written meanwhile may be in it. NotFound for a table that there is not.
        """
        names = self.columns(table)
        conditions, values = _conditions(table, wanted)
        listed = ", ".join(f't."{name}"' for name in names)
        # `viewedHunks` has no row numbers; there are few of them.
        numbered = table != "viewedHunks"
        order, key = ("t.rowid", "t.rowid") if numbered else ('t."viewedAt"', "0")
        where = " AND ".join([*conditions, f"{key} > ?" if numbered else "? = 0"])
        sql = f'SELECT {key}, {listed} FROM "{table}" t WHERE {where} ORDER BY {order}'
        last = 0
        while True:
            found = self._db.select(sql + (f" LIMIT {_PART}" if numbered else ""), (*values, last))
            for _, *row in found:
                yield {name: _value(name, value) for name, value in zip(names, row, strict=True)}
            if not numbered or len(found) < _PART:
                return
            last = found[-1][0]


def _conditions(table: str, wanted: RowChoice) -> tuple[list[str], list[object]]:
    how = _FILTERS[table]
    conditions: list[str] = []
    values: list[object] = []
    if wanted.sessions is not None:
        conditions.append(
            _RUN_OF_SESSIONS if table == "batchRuns" else f"{how.session} IN (SELECT value FROM json_each(?))"
        )
        values.append(json.dumps(list(wanted.sessions)))
    if wanted.batch is not None:
        conditions.append(_OF_BATCH.get(table) or _SESSION_OF_BATCH.format(how.session))
        values.append(wanted.batch)
    if wanted.repo is not None and table != "batchRuns":
        conditions.append(f'{how.session} IN (SELECT s.id FROM sessions s WHERE s."repoRoot" = ?)')
        values.append(wanted.repo)
    for moment, sign in ((wanted.since, ">="), (wanted.until, "<")):
        if moment is not None:
            conditions.append(f"{how.moment} {sign} ?")
            values.append(moment)
    return conditions, values


_PATHS = frozenset(map(camel, PATHS))


def _value(name: str, value: object) -> object:
    """A stored value as people know it: paths decoded, truth as truth."""
    if name in _PATHS and isinstance(value, str):
        return rows.file_name(value)
    return bool(value) if name == "success" and value is not None else value
