"""A second count of amp's streams, by SQLite's JSON functions alone: no line of it is shared with the product's."""

import sqlite3
from collections.abc import Iterable
from typing import Any

USAGE = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")

_ASSISTANT = "FROM lines WHERE line ->> '$.type' = 'assistant'"
_CALLS = """
CREATE TEMP VIEW calls AS SELECT stream, b.value ->> '$.id' AS id, b.value ->> '$.name' AS name
  FROM lines, json_each(line, '$.message.content') b
 WHERE line ->> '$.type' = 'assistant' AND b.value ->> '$.type' = 'tool_use'
"""
_RESULTS = """
CREATE TEMP VIEW results AS SELECT stream, b.value ->> '$.tool_use_id' AS id,
       b.value ->> '$.is_error' IS 1
       OR b.value ->> '$.content' GLOB 'Tool rejected by plugin:*'
       OR b.value ->> '$.content' GLOB 'Rejected by user permissions rule*'
       OR b.value ->> '$.content' GLOB 'Plugin error:*'
       OR CASE WHEN json_valid(b.value ->> '$.content')
               THEN coalesce(json_extract(b.value ->> '$.content', '$.exitCode'), 0) ELSE 0 END <> 0 AS failed
  FROM lines, json_each(line, '$.message.content') b
 WHERE line ->> '$.type' = 'user' AND b.value ->> '$.type' = 'tool_result'
"""
_TOOLS = """
SELECT name, count(*), coalesce(sum(failed), 0), sum(failed IS NULL)
  FROM calls LEFT JOIN results USING (stream, id) GROUP BY name
"""


class IndependentCount:
    """What whole streams add up to."""

    def __init__(self, streams: Iterable[bytes]) -> None:
        self._db = sqlite3.connect(":memory:")
        self._db.execute("CREATE TABLE lines (stream INTEGER, line TEXT)")
        for number, stream in enumerate(streams):
            lines = [{"stream": number, "line": line.decode("utf-8", "replace")} for line in stream.split(b"\n")]
            self._db.executemany(
                "INSERT INTO lines SELECT :stream, :line WHERE json_valid(:line) AND json_type(:line) = 'object'",
                lines,
            )
        self._db.execute(_CALLS)
        self._db.execute(_RESULTS)

    def tokens(self, *, subagents_only: bool = False) -> list[int | None]:
        """Input, output, cache write and cache read; None where no line says."""
        sums = ", ".join(f"sum(line ->> '$.message.usage.{name}')" for name in USAGE)
        where = " AND line ->> '$.parent_tool_use_id' IS NOT NULL" if subagents_only else ""
        return list(self._db.execute(f"SELECT {sums} {_ASSISTANT}{where}").fetchone())

    def turns(self) -> int:
        return int(self._db.execute(f"SELECT count(*) {_ASSISTANT}").fetchone()[0])

    def tools(self) -> dict[str, tuple[Any, ...]]:
        """By name: calls, errors, and those without a result."""
        return {name: tuple(counts) for name, *counts in self._db.execute(_TOOLS)}
