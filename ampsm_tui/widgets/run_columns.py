"""The columns of the tables of runs, of a run's items, and of variants: what each shows and sorts by. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ampsm_engine import labels, timestamps
from ampsm_engine.model import BatchItem, BoardRow, ItemState, ScriptResult
from ampsm_tui.clean import cut_start, one_line
from ampsm_tui.widgets import run_head
from ampsm_tui.widgets.line_widgets import Piece
from ampsm_tui.widgets.record_table import RecordColumn, RecordKind, Shown, cell, state_column
from ampsm_tui.widgets.session_columns import age

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import ItemLine, RunLine, SharedFile, Variant, VariantComparison

Rows = Callable[[str | None], BoardRow | None]
"""The board's row of a session by its id."""

UNKNOWN = Piece("-", "quiet")

_ORDER = {state.value: at for at, state in enumerate(run_head.ORDER)}


def _line(text: str | None) -> str | None:
    return one_line(text, 40) if text else None


def _count(number: Callable[[Any], int | None], read: Callable[[int], str] = labels.count) -> Shown:
    """What a column of numbers shows, which some records do not have."""

    def text(one: Any) -> str | None:
        found = number(one)
        return None if found is None else read(found)

    return cell(text, lacking="-")


_NAME = cell(lambda one: one_line(one.item.name, 200), "name")
_MODE = cell(lambda one: _line(one.item.mode), lacking="·")


def runs_kind(empty: str) -> "RecordKind[RunLine]":
    """The table of all runs."""
    columns = (
        state_column(11, 4, lambda one, at: run_head.state_word(one.batch, at), lambda one: one.batch.state.value),
        RecordColumn("NAME", 15, 60, 0, cell(lambda one: one_line(one.batch.name, 200), "name"),
                     order=lambda one: one.batch.name.casefold(), comfort=24),
        RecordColumn("DONE", 7, 9, 1, cell(lambda one: f"{one.progress.ended}/{one.progress.total}"), right=True,
                     order=lambda one: one.progress.ended / max(1, one.progress.total)),
        RecordColumn("ITEMS", 14, 44, 2, _run_counts),
        RecordColumn("TOKENS", 6, 6, 5, _count(lambda one: one.progress.tokens or None), right=True,
                     order=lambda one: one.progress.tokens),
        RecordColumn("TIME", 7, 7, 3, cell(lambda one: labels.duration(round(one.progress.seconds) * 1000)),
                     right=True, order=lambda one: one.progress.seconds),
        RecordColumn("AGE", 4, 4, 6, lambda one, at: (Piece(age(one.batch.created_at, at), "quiet"),), right=True,
                     order=lambda one: one.batch.created_at),
    )  # fmt: skip
    return RecordKind(
        lambda one: one.batch.id,
        lambda one: f"{one.batch.name} {one.batch.id}",
        lambda one: one.batch.state.value,
        columns,
        empty,
    )


def _run_counts(one: "RunLine", _at: datetime) -> tuple[Piece, ...]:
    return tuple(run_head.counts_pieces(one.progress.counts, words=False, gap=" "))


def items_kind(row: Rows, left_out: frozenset[str] = frozenset()) -> "RecordKind[ItemLine]":
    """The table of the items of a run; `row` gives what the board says of an item's session.

    `left_out`: titles of columns that would say the same, or nothing, of each item.
    """
    state = 10 if "HOST" in left_out else 13  # unreachable is a word of hosts
    columns = (
        state_column(state, 4, lambda one, _: one.item.state.value, lambda one: _ORDER[one.item.state]),
        RecordColumn("#", 3, 4, 8, cell(lambda one: str(one.item.number), "quiet"), right=True),
        RecordColumn("NAME", 14, 40, 0, _NAME, order=lambda one: one.item.name.casefold(), comfort=18),
        RecordColumn("REPOSITORY", 10, 24, 6, cell(lambda one: one_line(repository(one.item), 100), "quiet"),
                     order=lambda one: repository(one.item)),
        RecordColumn("MODE", 6, 6, 7, _MODE, order=lambda one: one.item.mode),
        RecordColumn("HOST", 6, 24, 5, cell(lambda one: _line(one.item.host), lacking="·"),
                     order=lambda one: one.item.host),
        RecordColumn("DOING", 14, 60, 3, lambda one, at: (_doing(one.item, row(one.item.session_id), at),)),
        RecordColumn("TRIES", 5, 5, 9, cell(lambda one: str(one.item.tries)), True, lambda one: one.item.tries),
        RecordColumn("TOKENS", 6, 6, 2, _count(lambda one: one.tokens), right=True, order=lambda one: one.tokens),
        RecordColumn("TIME", 7, 7, 1, _item_time, right=True, order=_item_seconds),
    )  # fmt: skip
    kept = tuple(column for column in columns if column.title not in left_out)
    return RecordKind(lambda one: one.item.id, _item_text, lambda one: one.item.state.value, kept, "It has no items")


def dull_columns(lines: "Sequence[ItemLine]") -> frozenset[str]:
    """The titles of the columns in which all these items look alike: one repository, no mode, no second try."""
    items = [line.item for line in lines]
    dull = {
        "REPOSITORY": len({item.repo for item in items}) < 2,
        "MODE": len({item.mode for item in items}) < 2,
        "HOST": not any(item.host for item in items),
        "TRIES": all(item.tries < 2 for item in items),
    }
    return frozenset(title for title, is_dull in dull.items() if is_dull)


def _item_text(one: "ItemLine") -> str:
    item = one.item
    where = f"{item.repo} {item.host or ''}"
    return f"{item.name} {where} {item.mode or ''} {item.state} {item.step} {item.reason or ''} {item.prompt}"


def repository(item: BatchItem) -> str:
    """The last part of the path of an item's repository."""
    return item.repo.rstrip("/").rpartition("/")[2] or item.repo


def hosts(one: "ItemLine") -> str:
    """The host that has an item or brought it to its end, and those that did so too late; empty where it ran here."""
    said = [f"{'' if not one.item.state.is_final else 'ran '}on {one_line(one.item.host, 40)}"] if one.item.host else []
    said += [f"also ran on {one_line(host, 40)}, too late" for host in one.late]
    return "; ".join(said)


def doing(item: BatchItem, row: BoardRow | None, at: datetime) -> str:
    """What an item does at this moment, what it waits for, or why it ended so; empty where nothing is to be said."""
    reason = one_line(item.reason or "", 300)
    if item.state.is_final:
        return reason
    if item.next_at and (wait := (timestamps.parse(item.next_at) - at).total_seconds()) > 0:
        again = f"again in {labels.duration(round(wait) * 1000)}"
        return f"{again}: {reason}" if reason else again
    if item.state is ItemState.QUEUED:
        return reason
    is_here = item.host is None and item.step != "merge"  # what is known here of one on a host is older
    said = one_line(labels.activity(row), 300) if row is not None and is_here else ""
    return ": ".join(filter(None, (one_line(item.step, 40), said or reason)))


def _doing(item: BatchItem, row: BoardRow | None, at: datetime) -> Piece:
    text = doing(item, row, at)
    if text.startswith("again in"):
        return Piece(text, "waiting")
    if item.state in (ItemState.QUEUED, ItemState.PLACED, ItemState.SUCCESS, ItemState.STOPPED):
        return Piece(text, "quiet")
    return Piece(text, "" if item.state in (ItemState.RUNNING, ItemState.COLLECTING) else item.state.value)


def _item_seconds(one: "ItemLine") -> float | None:
    if not one.item.started_at or not one.item.ended_at:
        return None
    return (timestamps.parse(one.item.ended_at) - timestamps.parse(one.item.started_at)).total_seconds()


def _item_time(one: "ItemLine", at: datetime) -> tuple[Piece, ...]:
    """How long an item has taken, from its beginning to its end, or until now while it runs."""
    if not one.item.started_at or (one.item.ended_at is None and not one.item.state.is_at_work):
        return (UNKNOWN,)
    end = timestamps.parse(one.item.ended_at) if one.item.ended_at else at
    seconds = max(0.0, (end - timestamps.parse(one.item.started_at)).total_seconds())
    return (Piece(labels.duration(round(seconds) * 1000), "" if one.item.ended_at else "quiet"),)


def variants_kind(comparison: "Callable[[], VariantComparison | None]") -> "RecordKind[Variant]":
    """The table of the variants of one prompt, of the comparison that is shown."""

    def shared(one: "Variant", _at: datetime) -> tuple[Piece, ...]:
        if (found := comparison()) is None or not one.files:
            return (Piece("·", "quiet"),)
        return (Piece(f"{found.shared(one)} of {len(one.files)}"),)

    def shared_count(one: "Variant") -> int | None:
        found = comparison()
        return found.shared(one) if found is not None and one.files else None

    columns = (
        RecordColumn("", 2, 2, 0, cell(lambda one: one.letter, "name")),
        state_column(10, 6, lambda one, _: one.item.state.value, lambda one: _ORDER[one.item.state]),
        RecordColumn("MODE", 6, 12, 3, _MODE, order=lambda one: one.item.mode or ""),
        RecordColumn("NAME", 10, 40, 9, _NAME),
        RecordColumn("+/-", 12, 12, 0, _variant_lines, right=True,
                     order=lambda one: None if one.trouble else one.additions + one.deletions),
        RecordColumn("FILES", 5, 5, 4, cell(lambda one: str(len(one.files)) if one.files else None, lacking="·"),
                     right=True, order=lambda one: len(one.files) or None),
        RecordColumn("SHARED", 8, 8, 5, shared, right=True, order=shared_count),
        RecordColumn("TESTS", 6, 6, 1, _variant_tests,
                     order=lambda one: None if one.test is None else int(one.test is not ScriptResult.PASS)),
        RecordColumn("TOKENS", 6, 6, 2, _count(lambda one: one.tokens), right=True, order=lambda one: one.tokens),
        RecordColumn("ITER", 4, 4, 8, cell(lambda one: str(one.iterations)), True, lambda one: one.iterations),
        RecordColumn("TIME", 7, 7, 7, _count(lambda one: one.milliseconds, labels.duration), right=True,
                     order=lambda one: one.milliseconds),
    )  # fmt: skip
    return RecordKind(
        lambda one: one.item.id, _variant_text, lambda one: one.item.state.value, columns, "There are no variants"
    )


def _variant_text(one: "Variant") -> str:
    return f"{one.letter} {one.item.name} {one.item.mode or ''} {one.item.state} {' '.join(sorted(one.paths))}"


def _variant_lines(one: "Variant", _at: datetime) -> tuple[Piece, ...]:
    if one.trouble:
        return (Piece(one_line(one.trouble, 40), "quiet"),)
    if not one.files:
        return (Piece("no change", "quiet"),)
    return (Piece(f"+{labels.count(one.additions)}", "added"), Piece(f" -{labels.count(one.deletions)}", "deleted"))


def _variant_tests(one: "Variant", _at: datetime) -> tuple[Piece, ...]:
    if one.test is None:
        return (Piece("·", "quiet"),)
    return (Piece("✓ pass", "success") if one.test is ScriptResult.PASS else Piece("✗ fail", "error"),)


def files_kind(variants: "Sequence[Variant]") -> "RecordKind[SharedFile]":
    """The table of the files that any variant changed, with a column for what each did to it."""
    letters = [variant.letter for variant in variants]

    def holders(one: "SharedFile", _at: datetime) -> tuple[Piece, ...]:
        return tuple(
            Piece(f"{letter} " if letter in one.lines else "· ", "name" if letter in one.lines else "quiet")
            for letter in letters
        )

    def lines_of(letter: str) -> Callable[["SharedFile", datetime], tuple[Piece, ...]]:
        return lambda one, _: _file_lines(one.lines.get(letter))

    width = max(2, sum(len(letter) + 1 for letter in letters))
    columns = (
        RecordColumn("FILE", 12, 70, 0, lambda one, _: (Piece(cut_start(one_line(one.path), 70)),), order=_file_path),
        RecordColumn("IN", width, width, 0, holders, order=lambda one: -len(one.lines)),
        *(
            RecordColumn(letter, 10, 10, 1 + at, lines_of(letter), right=True, order=_file_size(letter))
            for at, letter in enumerate(letters)
        ),
    )
    return RecordKind(_file_path, _file_path, lambda _: "", columns, "None of them changed a file")


def _file_path(one: "SharedFile") -> str:
    return one.path


def _file_size(letter: str) -> "Callable[[SharedFile], int | None]":
    def size(one: "SharedFile") -> int | None:
        lines = one.lines.get(letter)
        return None if lines is None else -sum(lines)

    return size


def _file_lines(lines: tuple[int, int] | None) -> tuple[Piece, ...]:
    if lines is None:
        return (Piece("·", "quiet"),)
    if lines == (0, 0):
        return (Piece("binary", "quiet"),)
    return (Piece(f"+{labels.count(lines[0])}", "added"), Piece(f" -{labels.count(lines[1])}", "deleted"))
