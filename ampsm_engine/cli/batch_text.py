"""Runs of batches as text, as JSON, and as a progress bar."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import durations, labels, redact, timestamps
from ampsm_engine.cli import diagnostics, output
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.tables import TableColumn, table
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import Batch, BatchItem, BatchProgress, BatchState, BatchTry, ItemState, Placement, camel
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import SHOWN

if TYPE_CHECKING:
    from ampsm_engine.batch.runs import BatchStatus
    from ampsm_engine.batch.values import Plan, PlannedItem
    from ampsm_engine.context import Engine

BAR = 20
"""Cells of the progress bar."""


def batch_document(engine: "Engine", batch: Batch) -> dict[str, object]:
    """A run as JSON, with its progress."""
    import json

    document: dict[str, object] = {camel(name): getattr(batch, name) for name in batch.__dataclass_fields__}
    document["plan"] = json.loads(batch.plan)
    return document | {"progress": progress_document(engine.store.batches.progress(batch.id))}


def progress_document(progress: BatchProgress) -> dict[str, object]:
    """The progress of a run as JSON."""
    return {
        "items": {state.value: count for state, count in progress.counts.items()},
        "total": progress.total,
        "ended": progress.ended,
        "tokens": progress.tokens,
        "seconds": round(progress.seconds, 1),
        "secondsLeft": None if progress.seconds_left is None else round(progress.seconds_left, 1),
    }


def item_document(
    item: BatchItem, tries: Sequence[BatchTry] | None = None, placements: Sequence[Placement] = ()
) -> dict[str, object]:
    """An item as JSON, with its tries where they are given, and with the hosts that it was on."""
    import json

    document: dict[str, object] = {camel(name): getattr(item, name) for name in item.__dataclass_fields__}
    # `tries` is how many there are; a program that wants them finds each in `tried`.
    document["spec"] = json.loads(item.spec)
    if tries is not None:
        names = [name for name in BatchTry.__dataclass_fields__ if name != "item_id"]
        document["tried"] = [{camel(name): getattr(one, name) for name in names} for one in tries]
        names = [name for name in Placement.__dataclass_fields__ if name != "item_id"]
        document["placements"] = [{camel(name): getattr(one, name) for name in names} for one in placements]
    return document


def counts_text(progress: BatchProgress) -> str:
    """The counts that are not nought, as `✓ 10 success  ⊘ 2 fail`."""
    return "  ".join(f"{SHOWN[state].glyph} {count} {state}" for state, count in progress.counts.items() if count)


def left_text(progress: BatchProgress) -> str:
    """The estimate in words; empty where there is none."""
    if progress.seconds_left is None:
        return ""
    return f"about {labels.duration(max(round(progress.seconds_left), 1) * 1000)} left"


def wait_text(batch: Batch) -> str:
    """Until when a run waits, by this machine's clock; empty when it does not."""
    if not batch.wait_until:
        return ""
    until, now = timestamps.parse(batch.wait_until).astimezone(), datetime.now(UTC).astimezone()
    return f"waits until {until:%H:%M:%S}" if until.date() == now.date() else f"waits until {until:%Y-%m-%d %H:%M}"


def bar(progress: BatchProgress, cells: int = BAR) -> str:
    """A bar of so many cells, filled by the share of items that have ended."""
    done = progress.ended * cells // max(progress.total, 1)
    return "━" * done + "─" * (cells - done)


def _cells() -> int:
    """The cells of a bar on this terminal."""
    return BAR if shutil.get_terminal_size().columns >= 60 else 8


def print_plan(plan: "Plan") -> None:
    """Write the items of a plan as a table."""

    def options(planned: "PlannedItem") -> str:
        spec = planned.spec
        words = [f"script: {spec.script_command}"] if spec.script_command else []
        words += [plural(len(spec.follow_up_prompts), "follow-up")] if spec.follow_up_prompts else []
        words += [f"up to {plural(spec.most_fixes, 'mend')}"] if spec.most_fixes else []
        words += ["merge on pass"] if spec.merge_on_pass else []
        words += [f"{durations.written(spec.timeout_sec)} at most"] if spec.timeout_sec else []
        return ", ".join(words)

    numbered = list(enumerate(plan.items, start=1))
    columns: list[TableColumn[tuple[int, PlannedItem]]] = [
        TableColumn("#", lambda each: str(each[0]), right=True),
        TableColumn("repo", lambda each: each[1].spec.repo, drop_order=2, least=12, most=60),
        TableColumn("item", lambda each: redact.text(each[1].spec.name), least=16, most=80),
        TableColumn("mode", lambda each: each[1].spec.model or "", drop_order=3),
        TableColumn("base", lambda each: each[1].spec.base_branch or "", drop_order=4),
        TableColumn("does", lambda each: options(each[1]), drop_order=5, least=10, most=100),
    ]
    table(columns, numbered)


def print_batches(found: Sequence[tuple[Batch, BatchProgress]]) -> None:
    """Write runs as a table."""
    columns: list[TableColumn[tuple[Batch, BatchProgress]]] = [
        TableColumn("run", lambda each: each[0].id),
        TableColumn("name", lambda each: each[0].name, least=12, most=60),
        TableColumn("state", lambda each: "waiting" if each[0].wait_until else each[0].state.value),
        TableColumn("done", lambda each: f"{each[1].ended}/{each[1].total}", right=True),
        TableColumn("passed", lambda each: str(each[1].counts[ItemState.SUCCESS]), drop_order=1, right=True),
        TableColumn("tokens", lambda each: labels.count(each[1].tokens), drop_order=2, right=True),
        TableColumn("took", lambda each: labels.duration(int(each[1].seconds * 1000)), drop_order=3, right=True),
        TableColumn("started", lambda each: each[0].created_at[:16].replace("T", " "), drop_order=4),
    ]
    table(columns, found)


def print_status(status: "BatchStatus") -> None:
    """Write one run with its items."""
    batch, progress = status.batch, status.progress
    output.line(Styled(one_line(batch.name), "bold"), f"  {batch.id}")
    output.fields(
        (
            ("state", batch.state.value),
            ("waits", wait_text(batch).removeprefix("waits ")),
            ("because", one_line(batch.wait_reason or "")),
            (
                "progress",
                f"{bar(progress, _cells())} {progress.ended} of {progress.total}  {left_text(progress)}".rstrip(),
            ),
            ("items", counts_text(progress)),
            ("tokens", labels.count(progress.tokens)),
            ("took", labels.duration(int(progress.seconds * 1000))),
        )
    )
    columns: list[TableColumn[BatchItem]] = [
        TableColumn("item", lambda item: item.id),  # what `retry` is given
        TableColumn("state", lambda item: Styled(f"{SHOWN[item.state].glyph} {item.state}", SHOWN[item.state].ansi)),
        TableColumn("name", lambda item: item.name, least=8, most=60),
        TableColumn("repo", lambda item: Path(item.repo).name, drop_order=3, most=30),
        TableColumn("mode", lambda item: item.mode or "", drop_order=4),
        TableColumn("step", lambda item: item.step if not item.state.is_final else "", drop_order=2),
        TableColumn("host", lambda item: item.host or "", drop_order=3, most=30),
        TableColumn("session", lambda item: item.session_id or "", drop_order=5),
        TableColumn("why", lambda item: item.reason or "", drop_order=1, least=12, most=120),
    ]
    if all(item.state.is_final for item in status.items):
        columns = [column for column in columns if column.title != "step"]
    if not any(item.host for item in status.items):
        columns = [column for column in columns if column.title != "host"]
    table(columns, status.items)
    _print_reasons(item for item in status.items if item.state.is_final)
    for item_id, placements in status.placements.items():
        for one in placements:
            if one.outcome == "late":
                kept = f", kept as {one.tip[:12]} (git log {one.tip[:12]})" if one.tip else ""
                output.line(Styled(f"{item_id} also ran on {one_line(one.host)}, too late{kept}", "dim"))


def _print_reasons(items: Iterable[BatchItem]) -> None:
    """Write why items did not pass, in full: a column of a table is cut, and there may be a command to type in it."""
    for item in items:
        if item.state is not ItemState.SUCCESS:
            look = SHOWN[item.state]
            output.line(Styled(f"{look.glyph} {item.state} ", look.ansi), f"{item.id}  {one_line(item.name)}")
            if item.reason:
                output.line(Styled(f"    {one_line(item.reason)}", "dim"))


@dataclass
class Follower:
    """Shows a run as it goes on: a bar on a terminal, else a line of JSON for each change."""

    engine: "Engine"
    as_json: bool
    _line: diagnostics.ProgressLine = field(default_factory=diagnostics.ProgressLine)
    _seen: dict[str, BatchItem] = field(default_factory=dict)
    _batch: Batch | None = None

    def show(self, status: "BatchStatus") -> None:
        """Show what has changed since the last call: a bar, or events as JSON."""
        if not self.as_json:
            self._show_bar(status)
            return
        if self._batch != status.batch:
            self._batch = status.batch
            self._record_batch(status)
        for item in status.items:
            if self._seen.get(item.id) != item:
                self._seen[item.id] = item
                output.record({"version": output.VERSION, "item": item_document(item)})

    def _record_batch(self, status: "BatchStatus") -> None:
        document = batch_document(self.engine, status.batch)
        output.record({"version": output.VERSION, "batch": document})

    def _show_bar(self, status: "BatchStatus") -> None:
        progress = status.progress
        words = [f"{progress.ended}/{progress.total}", wait_text(status.batch) or left_text(progress)]
        words += [counts_text(progress), f"{labels.count(progress.tokens)} tokens"]
        self._line.show(f"{bar(progress, _cells())} {'  '.join(word for word in words if word)}")

    def end(self) -> None:
        """Erase the bar, so that the cursor is on an empty line."""
        self._line.end()

    def print_end(self, status: "BatchStatus") -> None:
        """Write how the run ended, as text or JSON."""
        if self.as_json:
            self._record_batch(status)
            return
        progress, batch = status.progress, status.batch
        took = labels.duration(int(progress.seconds * 1000))
        word = "has ended" if batch.state is BatchState.ENDED else "was stopped"
        reason = f" {one_line(batch.wait_reason)}" if batch.wait_reason else ""
        output.line(f"{one_line(batch.name)} {word} after {took}: {counts_text(progress)}.{reason}")
        _print_reasons(status.items)
        if progress.counts[ItemState.SUCCESS] < progress.total:
            from ampsm_engine.batch.runs import TAKEN_UP

            for_all = f"ampsm batch resume {batch.id}, or for one: " if any(map(progress.counts.get, TAKEN_UP)) else ""
            diagnostics.hint(f"{for_all}ampsm batch retry ITEM")
