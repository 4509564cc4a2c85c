"""The keys of JSON, in their order: scripts rely on each of them."""

from ampsm_engine.model import Status, Tally
from tests.cli.conftest import Ampsm, Shelf

SESSION = [
    *("id", "name", "ampPrompt", "repoRoot", "baseBranch", "branchName", "worktreePath", "status", "createdAt"),
    *("baseCommit", "scriptCommand", "modelOverride", "lastRun", "notes", "threadId", "trashedAt", "branchMadeBy"),
    *("outside", "origin", "historyFrom", "missing", "conflict", "baseGone", "iterations"),
]
ITERATION = [
    *("id", "sessionId", "number", "prompt", "state", "queuedAt", "startTime", "endTime", "commitSha", "startSha"),
    *("changedFiles", "testResult", "testExitCode", "outcome", "failure", "error", "hint", "threadId", "mode"),
    *("activity", "attempts", "offset", "stopRequestedAt", "durationMs", "exitCode"),
    *("linesAdded", "linesDeleted", "scriptMs"),
    *("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens", "turns", "tools", "refusals"),
    *("subagentTokens", "tokenUsage", "notes"),
]


def test_a_session_and_its_iterations(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session("fix login")
    shelf.iteration(session, tally=Tally(1000, 200, 30, 4), status=Status.IDLE)
    listed, shown = ampsm("ls", "--json").json, ampsm("show", session.id, "--json").json
    assert list(listed) == ["version", "sessions"]
    assert list(shown) == ["version", "session"]
    for found in (listed["sessions"][0], shown["session"]):
        assert list(found) == SESSION
        assert list(found["iterations"][0]) == ITERATION
    assert listed["sessions"] == [shown["session"]]


def test_the_counts(ampsm: Ampsm, shelf: Shelf) -> None:
    shelf.session("fix login")
    counts = ["running", "queued", "awaitingInput", "error", "idle", "done", "conflict", "missing"]
    assert list(ampsm("status", "--json").json) == ["version", *counts]


def test_an_entry_of_the_history(ampsm: Ampsm, shelf: Shelf) -> None:
    shelf.session("fix login")
    (found,) = ampsm("events", "--json").lines
    assert list(found) == ["number", "time", "kind", "sessionId", "iterationId", "text"]
