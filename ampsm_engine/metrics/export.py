"""The rows of any table of the store, and rows as JSON, NDJSON and CSV.

What comes out is inert: ASCII JSON without NaN, CSV without formulas or control characters. Every text of a table is
redacted once more: what is stored was redacted by the rules of its time, and rows of another program never were.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ampsm_engine import redact
from ampsm_engine.metrics.summary import Selection
from ampsm_engine.plain_text import visible
from ampsm_engine.store.table_rows import RowChoice
from ampsm_engine.timestamps import stamp

if TYPE_CHECKING:
    from ampsm_engine.store import Store

VERSION = 1
"""The version of every document; it grows when a key changes its meaning or goes."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", *(chr(ord(sign) + 0xFEE0) for sign in "=+-@"))
"""How a cell begins that a spreadsheet may take for a formula or an order; full-width signs, too."""

Record = Mapping[str, object]


def json_text(content: object) -> str:
    """A value as one line of JSON in ASCII alone; numbers that JSON does not know are null."""
    text = json.dumps(_finite(content), ensure_ascii=True, separators=(",", ":"), allow_nan=False, default=str)
    return text.replace("\x7f", "\\u007f")


def document(head: Record, key: str, rows: Iterable[Record]) -> Iterator[str]:
    """A JSON document with its rows under a key, in pieces: a row is never held longer than it takes to write."""
    yield json_text({"version": VERSION, **head})[:-1] + f',"{key}":['
    for number, row in enumerate(rows):
        yield ("," if number else "") + "\n" + json_text(row)
    yield "]}\n"


def ndjson(head: Record, rows: Iterable[Record]) -> Iterator[str]:
    """One JSON object a line, each with the version and the head."""
    for row in rows:
        yield json_text({"version": VERSION, **head, **row}) + "\n"


def csv_lines(names: Iterable[str], rows: Iterable[Record]) -> Iterator[str]:
    """CSV (RFC 4180) with a head; unknown is empty, truth is `true` or `false`."""
    columns = list(names)
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(map(_cell, columns))
    yield line.getvalue()
    for row in rows:
        line.seek(0)
        line.truncate()
        writer.writerow(_cell(row.get(name)) for name in columns)
        yield line.getvalue()


def _cell(value: object) -> str:
    """A value as a cell. Text that a spreadsheet would calculate gets an apostrophe before it."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = visible(value if isinstance(value, str) else json_text(value), "\n\t")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value


def records(store: "Store", table: str, selection: Selection) -> Iterator[dict[str, object]]:
    """The rows of a table, oldest first, each by its columns; NotFound for a table that there is not."""
    wanted = RowChoice(
        sessions=None if selection.sessions is None else sorted(selection.sessions),
        batch=selection.batch,
        repo=selection.repo,
        since=stamp(selection.since) if selection.since else None,
        until=stamp(selection.until) if selection.until else None,
    )
    for record in store.table_rows.read(table, wanted):
        yield {name: _redacted(value) if isinstance(value, str) else value for name, value in record.items()}


def _redacted(text: str) -> str:
    return redact.text(text.encode("utf-8", "replace").decode())
