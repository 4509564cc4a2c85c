"""Removing rows together with what refers to them, in whatever tables the database has.

The predecessor's tables refer to sessions too, with what was said in them: purged is purged there as well.
"""

# ruff: noqa: S608 - names are quoted, values are bound

from collections.abc import Iterator
from typing import NamedTuple

import peewee

from ampsm_engine.store.connection import raw


class _Reference(NamedTuple):
    """One column that refers to a table."""

    table: str
    column: str
    target: str
    is_optional: bool


def remove(
    database: peewee.Database, table: str, where: str, values: tuple[object, ...], above: tuple[str, ...] = ()
) -> None:
    """Delete the rows of a condition; first what refers to them, or the reference alone where it may be NULL."""
    for other in _references(database, table):
        if other.table in above:
            continue
        referring = f"{_quoted(other.column)} IN (SELECT {_quoted(other.target)} FROM {_quoted(table)} WHERE {where})"
        if other.is_optional:
            empty = f"UPDATE {_quoted(other.table)} SET {_quoted(other.column)} = NULL WHERE {referring}"
            raw(database).execute(empty, values)
        else:
            remove(database, other.table, referring, values, (*above, table))
    raw(database).execute(f"DELETE FROM {_quoted(table)} WHERE {where}", values)


def _references(database: peewee.Database, table: str) -> Iterator[_Reference]:
    connection = raw(database)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = connection.execute(f"PRAGMA table_info({_quoted(name)})").fetchall()
        needed = {column[1] for column in columns if column[3] or column[5]}
        for row in connection.execute(f"PRAGMA foreign_key_list({_quoted(name)})").fetchall():
            _, _, referred, column, target, *_ = row
            if referred.lower() == table.lower():
                yield _Reference(name, column, target or "id", column not in needed)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
