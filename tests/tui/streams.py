"""Streams for transcripts: lines as amp writes them, put where a session's screen looks for them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ampsm_engine.engine.history import Commit, History, Maker
from ampsm_engine.model import BoardRow, Fact, Iteration
from tests.tui.builders import ago
from tests.tui.desk import Desk

RECORDED = Path(__file__).parent.parent / "amp" / "streams"
SESSION = "s000000001"


def said(text: str) -> dict[str, Any]:
    """One answer of the model."""
    return {"type": "assistant", "message": {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}}


def thought(text: str) -> dict[str, Any]:
    return {"type": "assistant", "message": {"content": [{"type": "thinking", "thinking": text}]}}


def called(key: str, name: str, **arguments: object) -> dict[str, Any]:
    return {
        "type": "assistant",
        "message": {"content": [{"type": "tool_use", "id": key, "name": name, "input": arguments}]},
    }


def answered(key: str, content: object, *, is_error: bool = False) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content)
    block = {"type": "tool_result", "tool_use_id": key, "content": text, "is_error": is_error}
    return {"type": "user", "message": {"content": [block]}}


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def put(desk: Desk, iteration: Iteration, content: bytes) -> Path:
    """The stream of an iteration holds this."""
    path = desk.engine.home.iteration(iteration.id).stream
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def grow(path: Path, *events: dict[str, Any]) -> None:
    """amp says more."""
    with path.open("ab") as file:
        file.write(lines(*events))


def a_history(row: BoardRow, *more: Iteration) -> History:
    """Two iterations, commits by everybody, a test and a file that was left out."""
    iterations = (*more, row.current) if row.current else more
    first = iterations[0].id if iterations else ""
    commits = (
        Commit("ef" * 20, "Try flexbox", "amp", ago(minutes=30), Maker.AMP),
        Commit("cd" * 20, "Fix a typo", "Ada", ago(minutes=40), Maker.HAND),
        Commit("ab" * 20, "amp: make the login form fit", "Ada", ago(minutes=57), Maker.AMPSM, first),
    )
    facts = (
        Fact(1, ago(hours=2), "created", row.session.id, None, "session created"),
        Fact(2, ago(minutes=56), "tested", row.session.id, first, "the script passed"),
        Fact(3, ago(minutes=20), "left-out", row.session.id, first, ".env: a secrets file"),
    )
    return History(row.session, tuple(sorted(iterations, key=lambda one: one.number)), commits, facts)


async def wait(desk: Desk, fact: Callable[[], object]) -> None:
    """Until something is true; a file is read by a thread."""
    for _ in range(600):
        await desk.settle()
        if fact():
            await desk.settle()  # it may have come after all was settled
            return
        await desk.pilot.pause(0.02)
    raise AssertionError(f"It never came:\n{desk.text}")


EVERY_KIND = lines(
    thought("The form is too wide.\nIt needs a breakpoint."),
    said(
        "I will look at the form first.\n\n1. read **login.css**\n2. change it\n\n```css\n.form { width: 100%; }\n```"
    ),
    called("1", "shell_command", command="rg -n width src/login.css"),
    answered("1", {"output": "12: width: 640px;\n", "exitCode": 0}),
    called("2", "edit_file", path=f"/home/ada/shop/.worktrees/{SESSION}/src/login.css", old_str="a", new_str="b"),
    answered(
        "2",
        {
            "diff": "```diff\n--- a\n+++ b\n@@ -12,2 +12,3 @@\n .form {\n-  width: 640px;\n+  width: 100%;\n+  max-width: 640px;\n }\n```"
        },
    ),
    called("3", "shell_command", command="make test"),
    answered("3", {"output": "1 failed, 41 passed\n", "exitCode": 2}),
    called("4", "shell_command", command="git push --force"),
    answered("4", "Rejected by user permissions rule 3"),
    called("5", "Task", description="Find the failing test", prompt="Look"),
    {**said("It is the snapshot of the form."), "parent_tool_use_id": "5"},
    answered("5", "tests/login.test.js"),
    {"type": "result", "is_error": True, "error": "The model is overloaded.", "duration_ms": 900},
    {"type": "ampsm", "subtype": "attempt", "number": 2},
    said("The test is right now. ## Done"),
    {"type": "result", "subtype": "success", "is_error": False, "duration_ms": 61_000, "result": "Done"},
)
