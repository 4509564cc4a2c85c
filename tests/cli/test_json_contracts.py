"""The keys of JSON, in their order: scripts rely on each of them."""

import pytest

from ampsm_engine.model import Status, Tally
from tests.cli.conftest import Ampsm, Shelf

SESSION = [
    *("id", "name", "ampPrompt", "repoRoot", "baseBranch", "branchName", "worktreePath", "status", "createdAt"),
    *("baseCommit", "scriptCommand", "modelOverride", "lastRun", "notes", "threadId", "trashedAt", "branchMadeBy"),
    *("outside", "origin", "historyFrom", "tags", "archivedAt", "host", "folder", "landed"),
    *("missing", "conflict", "baseGone", "iterations"),
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
    assert list(shown) == ["version", "session", "readiness"]
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
    assert list(found) == ["version", "number", "time", "kind", "sessionId", "iterationId", "text"]


def test_every_line_of_a_follower_has_the_version(ampsm: Ampsm, shelf: Shelf) -> None:
    session = shelf.session("fix login")
    shelf.iteration(session, stream=b'{"type":"system","subtype":"init"}\n')
    lines = ampsm("log", session.id, "--follow", "--json").lines
    assert lines
    assert [line.get("version") for line in lines] == [1] * len(lines)
    assert lines[-1]["type"] == "settled"


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("show", "nosuch", "--json"), 3, "notFound"),
        (("ls", "--json", "--nonsense"), 2, "usage"),
        (("new", "--json"), 2, "usage"),
        (("nonsense", "--json"), 2, "usage"),
        (("iterate", "fix", "", "--json"), 2, "usage"),
        (("merge", "fix", "--continue", "--json"), 4, "refused"),
        (("diff", "fix", "--json", "--from", "nosuch", "--to", "HEAD"), None, None),
    ],
)
def test_an_error_is_a_document_too(
    ampsm: Ampsm, shelf: Shelf, arguments: tuple[str, ...], code: int | None, kind: str | None
) -> None:
    shelf.session("fix login")
    ran = ampsm(*arguments)
    assert ran.code == (code or ran.code) != 0
    error = ran.json["error"]
    assert list(ran.json) == ["version", "error"]
    assert list(error) == ["kind", "message", "hint"]
    assert error["kind"] == (kind or error["kind"])
    assert error["message"] in ran.err


def test_an_error_without_json_leaves_standard_output_alone(ampsm: Ampsm, shelf: Shelf) -> None:
    shelf.session("fix login")
    ampsm("show", "nosuch", "--json")
    assert ampsm("show", "nosuch").out == ""
    assert ampsm("new", "--repo", "/nowhere", "--", "--json").out == ""
