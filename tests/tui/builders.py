"""Values for screens, in the words of a person: `a_board(a_session("fix login", RUNNING), ...)`."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ampsm_engine import timestamps
from ampsm_engine.git.entities import FileChange
from ampsm_engine.list_memory import ChangeCounts
from ampsm_engine.model import (
    Board,
    BoardRow,
    Fact,
    Iteration,
    Outcome,
    ScriptResult,
    Session,
    State,
    Status,
    Tally,
)

NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
"""The moment at which every test looks at its screen."""

IDLE, RUNNING, AWAITING, ERROR, DONE = Status.IDLE, Status.RUNNING, Status.AWAITING_INPUT, Status.ERROR, Status.DONE


def ago(**span: float) -> str:
    """A stamp that much before now."""
    return timestamps.stamp(NOW - timedelta(**span))


def an_iteration(session_id: str = "s1", number: int = 1, **fields: object) -> Iteration:
    """A settled iteration of three files, two minutes long, an hour ago."""
    made = Iteration(
        id=f"{session_id}-i{number}",
        session_id=session_id,
        number=number,
        prompt="Do it",
        state=State.SETTLED,
        queued_at=ago(hours=1),
        start_time=ago(hours=1),
        end_time=ago(minutes=58),
        commit_sha="c0ffee" * 6 + "1234",
        start_sha="beef" * 10,
        changed_files=3,
        outcome=Outcome.DONE,
        duration_ms=120_000,
        exit_code=0,
        attempts=1,
        tally=Tally(1200, 3400, 0, 18_000, turns=4, tools=9),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


_NUMBERS = itertools.count(1)


def a_session(
    name: str = "fix login",
    status: Status = IDLE,
    *,
    activity: str | None = None,
    queued: int = 0,
    iterations: int = 1,
    test: ScriptResult | None = None,
    id: str | None = None,  # noqa: A002 - the field's name
    **fields: object,
) -> BoardRow:
    """A session on the board with its current iteration."""
    session_id = id or f"s{next(_NUMBERS):09}"
    slug = "-".join(name.lower().split()[:4])[:30]
    session = Session(
        id=session_id,
        name=name,
        amp_prompt=f"{name}, please, and add a test for it.",
        repo_root="/home/ada/shop",
        base_branch="main",
        branch_name=f"amp/{slug}/20260914-100000",
        worktree_path=f"/home/ada/shop/.worktrees/{session_id}",
        status=status,
        created_at=ago(hours=2),
        base_commit="feed" * 10,
        script_command="make test",
        last_run=ago(hours=1),
    )
    session = replace(session, **fields)  # type: ignore[arg-type]
    current = an_iteration(session_id, max(iterations, 1), activity=activity, test_result=test) if iterations else None
    if current and status is RUNNING:
        current = replace(current, state=State.RUNNING, outcome=None, end_time=None, commit_sha=None, duration_ms=None)
    if current and status is ERROR:
        current = replace(current, outcome=Outcome.FAILED, failure="overloaded", error="amp's model is overloaded.")
    return BoardRow(session, iterations + queued, queued, current)


def a_fact(number: int, text: str, *, kind: str = "committed", row: BoardRow | None = None) -> Fact:
    """A fact, an hour ago."""
    return Fact(number, ago(hours=1), kind, row.session.id if row else None, None, text)


def a_board(*rows: BoardRow, facts: tuple[Fact, ...] = ()) -> Board:
    """A board of these rows, in their order."""
    return Board(rows, facts)


async def still(*boards: Board) -> AsyncIterator[Board]:
    """A feed that shows these boards, and then nothing happens."""
    for board in boards:
        yield board


def some_counts(additions: int = 120, deletions: int = 34, **more: object) -> ChangeCounts:
    """Three files, two commits ahead."""
    listed = (
        FileChange("app/login.py", None, "modified", additions - 20, deletions),
        FileChange("tests/test_login.py", None, "added", 20, 0),
        FileChange("static/logo.png", None, "modified", binary=True),
    )
    return replace(ChangeCounts(additions, deletions, 3, ahead=2, listed=listed), **more)  # type: ignore[arg-type]


def a_day() -> Board:
    """One session in each state, and some more, in two repositories."""
    shop = "/home/ada/shop"
    docs = "/home/ada/documentation"
    asks = a_session(
        "Move the billing job to the queue", AWAITING, id="asks", iterations=3, test=ScriptResult.FAIL, repo_root=shop
    )
    asks = replace(asks, current=replace(asks.current, test_exit_code=2))  # type: ignore[type-var]
    facts = (
        a_fact(1, "iteration 1 committed 3 files as c0ffeec", row=asks),
        a_fact(2, "the script failed with exit code 2", kind="tested", row=asks),
    )
    rows = (
        a_session("Fix the login redirect", RUNNING, id="works", activity="Edit app/login.py", iterations=2),
        a_session("Dark mode for the settings page", RUNNING, id="paints", activity="Running: npm test -- --watch=no"),
        asks,
        a_session("Upgrade to Python 3.13", ERROR, id="fails", repo_root=docs),
        a_session("Write the changelog", IDLE, id="waits", queued=1, repo_root=docs, last_run=ago(minutes=3)),
        a_session("Faster search in the archive", IDLE, id="rests", test=ScriptResult.PASS, iterations=4),
        a_session("Later: translate the mails", IDLE, id="later", iterations=0, last_run=None),
        a_session("Remove the old import", DONE, id="merged", repo_root=docs, last_run=ago(days=3)),
    )
    return a_board(*rows, facts=facts)


def a_days_counts() -> dict[str, ChangeCounts]:
    """The counts that belong to `a_day`."""
    return {
        "works": some_counts(48, 12, behind=1),
        "paints": some_counts(1204, 88, files=31),
        "asks": some_counts(),
        "fails": ChangeCounts(behind=14),
        "waits": some_counts(30, 0, ahead=1),
        "rests": some_counts(310, 295, files=9, earlier_tokens=1_240_000),
        "later": ChangeCounts(),
        "merged": ChangeCounts(),
    }
