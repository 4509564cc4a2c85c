"""Runs of batches, their items, and variants of a prompt, in the words of a person."""

import json
from collections import Counter
from dataclasses import replace

from ampsm_engine.batch.overview import ItemLine, RunLine, RunView, Variant, VariantComparison
from ampsm_engine.git.entities import FileChange
from ampsm_engine.model import (
    Batch,
    BatchItem,
    BatchProgress,
    BatchState,
    BoardRow,
    ItemState,
    ScriptResult,
)
from tests.tui.builders import RUNNING, a_session, ago

QUEUED, SUCCESS, FAIL = ItemState.QUEUED, ItemState.SUCCESS, ItemState.FAIL
AT_WORK = ItemState.RUNNING


def a_run(name: str = "nightly upgrade", **fields: object) -> Batch:
    made = Batch(
        id="b000000001",
        name=name,
        state=BatchState.RUNNING,
        plan=json.dumps({"concurrency": 4}),
        created_at=ago(minutes=42),
        concurrency=4,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def an_item(number: int, name: str, state: ItemState = QUEUED, **fields: object) -> BatchItem:
    made = BatchItem(
        id=f"b000000001-{number}",
        batch_id="b000000001",
        number=number,
        name=name,
        repo="/home/ada/shop",
        prompt=f"{name}, please",
        spec="{}",
        state=state,
    )
    if state is not QUEUED:
        made = replace(made, session_id=f"s{number:09}", tries=1, started_at=ago(minutes=30 - number))
    if state.is_final:
        made = replace(made, ended_at=ago(minutes=20 - number))
    return replace(made, **fields)  # type: ignore[arg-type]


def all_states() -> tuple[BatchItem, ...]:
    """An item in each state, and some more, in two repositories."""
    docs = "/home/ada/documentation"
    return (
        an_item(1, "Upgrade the login", SUCCESS, reason="merged into main"),
        an_item(2, "Upgrade the archive", SUCCESS, mode="high"),
        an_item(3, "Upgrade the mails", FAIL, reason="the script failed (2) after 4 iterations", tries=4),
        an_item(4, "Upgrade the search", ItemState.TIMEOUT, reason="amp was ended after 20m 00s"),
        an_item(5, "Upgrade the billing job", ItemState.ERROR, reason="amp's model is overloaded.", tries=3),
        an_item(6, "Upgrade the settings", ItemState.CONFLICT, reason="conflicts with main in app/settings.py"),
        an_item(7, "Upgrade the docs", ItemState.STOPPED, repo=docs),
        an_item(8, "Upgrade the import", AT_WORK, step="prompt", repo=docs),
        an_item(
            9, "Upgrade the export", AT_WORK, step="prompt", next_at=ago(minutes=-2), reason="overloaded", repo=docs
        ),
        an_item(10, "Upgrade the changelog", QUEUED, repo=docs),
    )


def on_hosts() -> tuple[ItemLine, ...]:
    """The items of a run on hosts: on their way there, at work, out of reach, on their way back, and one run twice."""
    placed, away, back = ItemState.PLACED, ItemState.UNREACHABLE, ItemState.COLLECTING
    items = (
        an_item(1, "Upgrade the login", SUCCESS, host="build-server-1.example"),
        an_item(2, "Upgrade the archive", back, step="prompt", host="web1"),
        an_item(3, "Upgrade the mails", away, step="follow-up 1", host="web2", reason="web2 does not answer."),
        an_item(4, "Upgrade the search", AT_WORK, step="prompt", host="web3"),
        an_item(5, "Upgrade the billing job", placed, step="prompt", host="web3"),
        an_item(6, "Upgrade the settings"),
    )
    late = ("web2",)
    return tuple(ItemLine(item, None, item.tries, late if item.number == 1 else ()) for item in items)


def progress_of(items: tuple[BatchItem, ...], **fields: object) -> BatchProgress:
    counted = Counter(item.state for item in items)
    counts = {state: counted[state] for state in ItemState}
    return replace(BatchProgress(counts, 1_240_000, 2520.0, 1130.0), **fields)  # type: ignore[arg-type]


def a_view(batch: Batch, items: tuple[BatchItem, ...], *, cost: str = "", **progress: object) -> RunView:
    lines = tuple(
        ItemLine(item, 31_000 * item.number if item.state is not QUEUED else None, item.tries) for item in items
    )
    return RunView(batch, progress_of(items, **progress), lines, cost)


def some_runs() -> tuple[RunLine, ...]:
    items = all_states()
    waits = a_run(
        "rewrite the docs", id="b000000002", wait_until=ago(minutes=-25), wait_reason="amp's rate limit is reached"
    )
    done = a_run("three ways to cache", id="b000000003", state=BatchState.ENDED, created_at=ago(days=2))
    stopped = a_run("old dependencies", id="b000000004", state=BatchState.STOPPED, created_at=ago(days=9))
    return (
        RunLine(a_run(), progress_of(items)),
        RunLine(waits, progress_of(items[7:], seconds=4000.0)),
        RunLine(done, progress_of(items[:2], seconds=812.0)),
        RunLine(stopped, progress_of(items[:7], tokens=0, seconds=95.0)),
    )


def sessions_of(items: tuple[BatchItem, ...]) -> tuple[BoardRow, ...]:
    """The board's rows of the items that have begun."""
    return tuple(
        a_session(item.name, RUNNING, id=item.session_id, activity=f"Edit app/part_{item.number}.py")
        if item.state is AT_WORK
        else a_session(item.name, id=item.session_id)
        for item in items
        if item.session_id
    )


def a_file(path: str, additions: int = 10, deletions: int = 2) -> FileChange:
    return FileChange(path, None, "modified", additions, deletions)


def three_variants(**states: ItemState) -> VariantComparison:
    """Three answers to one prompt: A and B meet in two files, C has one of its own."""
    prompt = "Cache the answers of the search, and add a test for it."
    files = {
        "A": (a_file("app/search.py", 40, 12), a_file("app/cache.py", 88, 0), a_file("tests/test_search.py", 30, 1)),
        "B": (a_file("app/search.py", 12, 3), a_file("app/cache.py", 31, 0), FileChange("logo.png", None, "added", binary=True)),
        "C": (a_file("app/search.py", 9, 1),),
    }  # fmt: skip
    tests = {"A": ScriptResult.PASS, "B": ScriptResult.PASS, "C": ScriptResult.FAIL}
    variants = []
    for number, (letter, mode) in enumerate(zip("ABC", ("medium", "high", "high"), strict=True), 1):
        state = states.get(letter, FAIL if letter == "C" else SUCCESS)
        item = an_item(number, f"Cache the search {letter}", state, mode=mode, prompt=prompt, variant_of="b000000001-1")
        session = a_session(item.name, id=item.session_id).session if item.session_id else None
        variants.append(
            Variant(
                item, letter, session, "" if session else "not begun", files[letter] if session else (),
                tokens=21_000 * number, iterations=number, milliseconds=95_000 * number, test=tests[letter],
            )
        )  # fmt: skip
    batch = a_run("three ways to cache", state=BatchState.ENDED)
    return VariantComparison(batch, prompt, tuple(variants))
