"""OSC 7501 in a real terminal: one that answers holds what the sessions do, also around tmux; another one gets nothing."""

import base64
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine.model import Session
from tests.journeys.conftest import AMPSM, Open
from tests.journeys.terminal import Terminal
from tests.waiting import until
from tests.worker.bench import Bench

QUESTION = b"\x1b]7501;?\x1b\\"
ANSWER = {QUESTION: QUESTION.decode()}
SECRET = "sk-ant-api03-" + "a1B2" * 24


def held(written: bytes) -> dict[str, dict[str, str]]:
    """The records that a terminal holds after these bytes, by their ids."""
    records: dict[str, dict[str, str]] = {}
    for body in re.findall(rb"\x1b\]7501;([^\x1b\x07]*)\x1b\\", written):
        fields = dict(pair.split("=", 1) for pair in body.decode("ascii").split(":") if "=" in pair)
        name, state = fields.pop("id", ""), fields.get("state")
        if state == "clear":
            records = {one: record for one, record in records.items() if name and one != name}
        elif state:
            texts = {
                key: base64.b64decode(fields[key], validate=True).decode() for key in ("title", "msg") if key in fields
            }
            records[name] = fields | texts
    return records


def at_work(bench: Bench) -> Session:
    """A session with a secret in its name, at which amp works until the flag `go`."""
    bench.scenario({"touch": str(bench.flag("here"))}, {"wait_for": str(bench.flag("go"))}, {"say": "done"})
    session = bench.new("Do it", name=f"log in with {SECRET}")
    until(bench.flag("here").exists, "amp at work")
    return session


def test_a_terminal_that_answers_holds_the_sessions_for_as_long_as_it_shows_them(bench: Bench) -> None:
    shell = ["bash", "--norc", "-im"]
    screen = Terminal(shell, size=(80, 24), cwd=bench.repo, environ={"PS1": "shell> "}, answers=ANSWER)
    try:
        session = at_work(bench)
        screen.sees("shell>").type(f"{AMPSM}\r").sees("log in with")
        screen.until(lambda: len(held(screen.bytes)) == 2, "both records")
        root, child = held(screen.bytes)[""], held(screen.bytes)[session.id]
        assert (root["state"], root["app"], root["msg"]) == ("working", "ampsm", "1 session: 1 working")
        assert (child["state"], child["app"]) == ("working", "ampsm")
        assert child["title"].startswith("log in with [redacted")
        screen.press("ctrl+z").sees("Stopped")
        assert held(screen.bytes) == {}, "nobody would bring them up to date"
        screen.type("clear; fg\r").sees("log in with")
        screen.until(lambda: held(screen.bytes) == {"": root, session.id: child}, "both records again")
        bench.flag("go").touch()
        screen.until(lambda: held(screen.bytes)[session.id]["state"] == "idle", "the end of the work")
        assert held(screen.bytes)[""]["state"] == "idle"
        screen.press("q").sees("shell>")
        assert held(screen.bytes) == {}
        assert SECRET.encode() not in screen.bytes
        assert base64.b64encode(SECRET.encode())[:40] not in screen.bytes
    finally:
        screen.close()


def test_a_terminal_that_does_not_answer_is_asked_once_and_gets_nothing(bench: Bench, terminal: Open) -> None:
    bench.new(None, name="fix login")
    screen = terminal(size=(80, 24)).sees("fix login", "NAME").press("q")
    assert screen.ended() == 0
    assert screen.bytes.count(b"7501") == screen.bytes.count(QUESTION) == 1


@pytest.fixture(params=["on", "off"])
def passes_on(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def around_tmux(bench: Bench, tmp_path: Path, passes_on: str) -> Iterator[Terminal]:
    """A terminal that answers, in it tmux, and in that the app."""
    program = shutil.which("tmux")
    if program is None:
        pytest.skip("there is no tmux on this machine")
    config = tmp_path / "tmux.conf"
    config.write_text(f"set -g allow-passthrough {passes_on}\n")
    command = [program, "-u", "-S", str(tmp_path / "tmux"), "-f", str(config), "new-session", str(AMPSM)]
    screen = Terminal(command, size=(80, 24), cwd=bench.repo, answers=ANSWER)
    yield screen
    screen.close()


def test_through_tmux_it_gets_them_where_tmux_passes_them_on(
    bench: Bench, around_tmux: Terminal, passes_on: str
) -> None:
    session = at_work(bench)
    around_tmux.sees("log in with", "NAME")
    if passes_on == "on":
        around_tmux.until(lambda: set(held(around_tmux.bytes)) == {"", session.id}, "both records")
    bench.flag("go").touch()
    around_tmux.sees("idle").press("q")
    assert around_tmux.ended() == 0
    assert held(around_tmux.bytes) == {}
    assert (b"7501" in around_tmux.bytes) == (passes_on == "on")
