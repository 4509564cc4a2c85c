"""status and events; doctor, repair and config: how things stand."""

import json
import stat
from pathlib import Path

import pytest

from ampsm_engine.cli.iterations import wait_for
from ampsm_engine.model import Outcome, State, Status
from tests.cli.conftest import Ampsm, Shelf, program


@pytest.fixture
def some(shelf: Shelf) -> Shelf:
    shelf.session("idle")
    failed = shelf.session("failed")
    shelf.iteration(failed, outcome=Outcome.FAILED, status=Status.ERROR, error="no credit")
    running = shelf.session("running")
    shelf.iteration(running, State.RUNNING)
    shelf.iteration(running, State.QUEUED)
    return shelf


def test_status(ampsm: Ampsm, some: Shelf) -> None:
    counts = {"running": 1, "queued": 0, "awaitingInput": 0, "error": 1, "idle": 1, "done": 0}
    counts |= {"conflict": 0, "missing": 0}
    assert ampsm("status", "--json").json == {"version": 1, **counts}
    assert ampsm("status", "--tmux").out == "●1 ✗1\n"
    assert ampsm("status").out.splitlines()[0] == "●    1 running"


def test_at_rest_the_status_bar_is_empty(ampsm: Ampsm, shelf: Shelf) -> None:
    shelf.session()
    assert ampsm("status", "--tmux").out == "\n"


def test_events(ampsm: Ampsm, some: Shelf) -> None:
    facts = ampsm("events", "--json").lines
    assert [fact["kind"] for fact in facts] == [
        *("created", "created", "queued", "started", "failed"),
        *("created", "queued", "started", "queued"),
    ]
    assert set(facts[0]) == {"version", "number", "time", "kind", "sessionId", "iterationId", "text"}
    numbers = [fact["number"] for fact in facts]
    assert numbers == sorted(numbers)
    rest = ampsm("events", "--json", "--after", str(numbers[1])).lines
    assert [fact["number"] for fact in rest] == numbers[2:]
    only = ampsm("events", "--json", "--session", "failed").lines
    assert {fact["sessionId"] for fact in only} == {some.made[1].id}
    assert "failed" in ampsm("events").out
    for kind in ("left-out", "rubbish", "stray", "reject-refused"):
        some.engine.store.facts.add(kind, "a.env", session_id=some.made[0].id)
    told = ampsm("events", "--after", str(numbers[-1])).out
    assert all(words in told for words in ("not committed", "unusual file", "left running", "not rejected")), told
    assert not any(kind in told for kind in ("left-out", "rubbish", "stray")), told


def test_a_follower_sees_what_happens(some: Shelf) -> None:
    process = program("events", "--follow", "--json", "--after", "0")
    assert process.stdout
    known = len(some.engine.store.facts.read())
    for _ in range(known):
        assert json.loads(process.stdout.readline())
    some.engine.store.facts.add("tested", "by hand", session_id=some.made[0].id)
    assert json.loads(process.stdout.readline())["text"] == "by hand"
    process.terminate()
    assert process.wait() == 143


def test_a_follower_outlives_a_store_that_does_not_answer_for_a_while(some: Shelf, tmp_path: Path) -> None:
    database, away = some.engine.home.database, tmp_path / "away"
    process = program("events", "--follow", "--json", "--after", "0")
    assert process.stdout
    assert process.stderr
    for _ in some.engine.store.facts.read():
        assert json.loads(process.stdout.readline())
    database.rename(away)
    said = process.stderr.readline().decode()
    assert str(database) in said
    assert "may be old" in said
    away.rename(database)
    some.engine.store.facts.add("tested", "by hand", session_id=some.made[0].id)
    assert json.loads(process.stdout.readline())["text"] == "by hand"
    process.terminate()
    assert process.wait() == 143


def test_config(ampsm: Ampsm, hermetic: Path) -> None:
    path = Path(ampsm("config", "path").out.strip())
    assert ampsm("config", "path", "--json").json == {"version": 1, "path": str(path), "exists": False}
    assert ampsm("config", "get", "slots").out == "4\n"
    ran = ampsm("config", "set", "slots", "2")
    assert (ran.code, ran.out) == (0, "slots = 2\n")
    assert ampsm("config", "get", "slots", "--json").json["settings"] == {"slots": 2}
    assert "slots = 2  (changed)" in ampsm("config", "get").out
    assert ampsm("config", "set", "notify.desktop", "off").out == "notify.desktop = false\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (hermetic / "ampsm").exists(), "settings need no store"


def test_waiting_for_one_iteration_ends_with_it(some: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    session = some.session("busy")
    first = some.iteration(session, outcome=Outcome.STOPPED)
    some.iteration(session, State.QUEUED)
    assert wait_for(some.engine, (session.id,), iteration_id=first.id) == 1
    assert "busy: iteration 1 stopped" in capsys.readouterr().err
