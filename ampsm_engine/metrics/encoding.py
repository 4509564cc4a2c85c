"""Rows as JSON, NDJSON and CSV.

What comes out is inert: ASCII JSON without NaN, CSV without formulas or control characters.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping

from ampsm_engine.plain_text import visible

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
    """One JSON document with its rows under a key, in pieces: a row is never held longer than it takes to write."""
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
