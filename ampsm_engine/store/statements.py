"""Rows written in plain SQL: those of sessions, merges and facts, which commands write that wait for nothing else.

peewee, which words all other writing (`tables`), takes 36 ms to load, a third of what such a command takes to start.
Which texts are stored as they are is said here for both; all others are redacted on their way in.
"""

# ruff: noqa: S608 - names are those of tables and fields; values are bound

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from ampsm_engine.model import camel

Statement = tuple[str, tuple[object, ...]]

PLAIN = {
    "sessions": "id repo_root base_branch branch_name worktree_path created_at base_commit model_override last_run"
    " thread_id trashed_at branch_made_by origin history_from archived_at host folder",
    "iterations": "id session_id queued_at start_time end_time commit_sha start_sha failure thread_id mode"
    " stop_requested_at",
    "toolCalls": "iteration_id tool_id started_at",
    "facts": "time kind session_id iteration_id",
    "merges": "id session_id kind step target base_before base_after branch_before branch_after plan started_at"
    " ended_at",
    "batchRuns": "id created_at ended_at wait_until stop_requested",
    "batchItems": "id batch_id repo mode step session_id next_at started_at ended_at variant_of host lost_at",
    "batchTries": "item_id started_at iteration_id ended_at outcome",
    "placements": "item_id host boot placed_at ended_at outcome tip",
    "costQueries": "thread_id asked_at iteration_id",
    "viewedHunks": "session_id key viewed_at",
    "lookedTrees": "session_id tree looked_at",
    "reviewComments": "id session_id blob other_blob created_at updated_at iteration_id now_blob answered_at",
    "rejections": "id session_id tree created_at commit_sha undone_at iteration_id key hunk old_end new_end seen",
    "reviewRounds": "session_id iteration_id sent_at",
    "pullRequests": "session_id url base_branch head_sha base_sha start_sha tool host project remote",
}
"""The columns, by table, whose texts must come back as they went in: ids, paths, branches, commits, states, times."""

PATHS = frozenset({"path", "old_path", "now_path"})
"""The columns, of any table, that hold a path inside a repository: `rows.file_name` reads them."""

_PLAIN = {table: frozenset(names.split()) for table, names in PLAIN.items()}


def clean(value: object) -> str:
    """Text that UTF-8 can hold: an unpaired surrogate becomes a question mark, NUL and all else stay."""
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def redacted(value: object) -> str:
    """A value as text that UTF-8 can hold, without secrets."""
    from ampsm_engine import redact  # only who writes pays for its rules

    return clean(redact.text(clean(value)))


def array(words: "tuple[object, ...]") -> str:
    """Texts as a JSON array, each without secrets."""
    import json

    return json.dumps([redacted(word) for word in words], ensure_ascii=False) if words else "[]"


def insert(table: str, values: Mapping[str, object]) -> Statement:
    """A new row, by the names of its fields."""
    names = ", ".join(f'"{camel(name)}"' for name in values)
    marks = ", ".join("?" * len(values))
    return f'INSERT INTO "{table}" ({names}) VALUES ({marks})', _stored(table, values)


def update(table: str, row_id: str, values: Mapping[str, object]) -> Statement:
    """Change values of the row with an id."""
    changed = ", ".join(f'"{camel(name)}" = ?' for name in values)
    return f'UPDATE "{table}" SET {changed} WHERE id = ?', (*_stored(table, values), row_id)


def put(table: str, names: Sequence[str], key: Sequence[str], known: Sequence[str]) -> str:
    """A statement for many rows, given values by `stored`: new ones, or other values for those that have their key.

    `known` are fields that keep what is there where the new value is None.
    """
    columns, keys = [f'"{camel(name)}"' for name in names], ", ".join(f'"{camel(name)}"' for name in key)
    kept = {f'"{camel(name)}"' for name in known}
    changed = ", ".join(
        f"{column} = COALESCE(excluded.{column}, {column})" if column in kept else f"{column} = excluded.{column}"
        for name, column in zip(names, columns, strict=True)
        if name not in key
    )
    return (
        f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})'
        f" ON CONFLICT ({keys}) DO UPDATE SET {changed}"
    )


def stored(table: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[tuple[object, ...]]:
    """The values of rows as they are stored, in the order of the names."""
    plain = [name in _PLAIN[table] for name in names]
    for row in rows:
        yield tuple([_value(value, plain=is_plain) for value, is_plain in zip(row, plain, strict=True)])


def _stored(table: str, values: Mapping[str, object]) -> tuple[object, ...]:
    return next(stored(table, tuple(values), [tuple(values.values())]))


def _value(value: object, *, plain: bool) -> object:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return array(value)
    return clean(value) if plain or isinstance(value, StrEnum) else redacted(value)
