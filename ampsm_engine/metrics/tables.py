"""The rows of any table of the store, chosen by session, batch and time; every text redacted once more.

What is stored was redacted on its way in, by the rules of its time; rows that another program wrote never were.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ampsm_engine import redact
from ampsm_engine.metrics.summary import Selection
from ampsm_engine.store.table_rows import RowChoice
from ampsm_engine.timestamps import stamp

if TYPE_CHECKING:
    from ampsm_engine.store import Store

Record = dict[str, object]


def records(store: "Store", table: str, selection: Selection) -> Iterator[Record]:
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
