"""What a person does with ampsm, through a real terminal and with real processes; nothing of it is faked but amp."""

import os
import signal

import pytest

from ampsm_engine.model import Outcome, State, Status
from tests.journeys.conftest import Open
from tests.waiting import until
from tests.worker.bench import Bench


def held(bench: Bench) -> None:
    """amp writes a file, stops in the middle of its work, and goes on when the flag `go` appears."""
    bench.scenario(
        {"say": "I am looking around."},
        {"create_file": "held.txt", "content": "held\n"},
        {"touch": str(bench.flag("here"))},
        {"wait_for": str(bench.flag("go"))},
        {"say": "It is done now."},
    )


def running(bench: Bench, name: str = "fix login") -> str:
    """A session whose amp holds in the middle of its work; its id."""
    held(bench)
    session = bench.new("Fix the login", name=name)
    until(bench.flag("here").exists, "amp at work")
    return session.id


def test_a_session_from_its_form_to_its_follow_up(bench: Bench, terminal: Open) -> None:
    held(bench)
    screen = terminal(size=(100, 30))
    screen.sees("a begins the first session", "The repository is").press("a")
    screen.sees("New session", "Prompt").type("Fix the login").press("ctrl+g")
    screen.sees("1 running", "Fix the login").press("enter")
    screen.sees("I am looking around.", "held.txt")
    bench.flag("go").touch()
    screen.sees("It is done now.", "○ idle")
    (session,) = bench.engine.store.sessions.all()
    first = bench.settled(session)
    assert (first.outcome, first.changed_files) == (Outcome.DONE, 1)
    screen.press("m").type("And now the logout").press("enter")
    screen.sees("And now the logout", "2 iterations")
    second = bench.settled(session)
    assert (second.number, second.outcome, second.prompt) == (2, Outcome.DONE, "And now the logout")
    screen.press("escape", "escape").sees("NAME").press("q")
    assert screen.ended() == 0


def test_what_is_typed_ahead_is_text_and_no_command(bench: Bench, terminal: Open) -> None:
    """Over a slow link keys arrive in bunches: d, x, e and u of a prompt must not trash, stop, edit and undo."""
    bench.scenario({"say": "Done with {prompt}."})
    screen = terminal(size=(100, 30))
    screen.sees("a begins the first session").type("aundo the redux\x07")
    screen.sees("undo the redux", "○ idle").type("\rmextend the dudex\r")
    screen.sees("Done with extend the dudex.", "○ idle")
    (session,) = bench.engine.store.sessions.all()
    assert [one.prompt for one in bench.engine.store.iterations.of(session.id)] == [
        "undo the redux",
        "extend the dudex",
    ]
    screen.type("\x1b").sees("m message").type("/dudex\r").sees("extend the dudex")
    assert bench.engine.store.sessions.all() == (bench.now(session),)


def test_whatever_ends_the_app_ends_nothing_else(bench: Bench, terminal: Open) -> None:
    session_id = running(bench)
    (before,) = bench.engine.store.iterations.of(session_id)
    amp = bench.amp(before)
    workers = {worker.pid for worker in bench.workers()}
    for death in ("q", "terminate", "hang_up", "kill"):
        screen = terminal()
        screen.sees("● 1 running", "fix login").press("enter").sees("I am looking around.")
        if death == "q":
            screen.press("escape").sees("NAME").press("q")
            assert screen.ended() == 0
        elif death == "terminate":
            os.kill(screen.pid, signal.SIGTERM)
            assert screen.ended() == 128 + signal.SIGTERM, screen.text
            assert b"\x1b[?1049l" in screen.bytes, "back from the alternate screen"
            assert b"\x1b[?25h" in screen.bytes, "the cursor is there again"
            assert screen.bytes.rindex(b"\x1b[?1000l") > screen.bytes.rindex(b"\x1b[?1000h"), "no mouse any more"
        else:
            getattr(screen, death)()
        os.kill(amp, 0)
        assert {worker.pid for worker in bench.workers()} == workers
        (after,) = bench.engine.store.iterations.of(session_id)
        assert (after.state, after.attempts, after.start_time) == (State.RUNNING, 1, before.start_time)
    again = terminal()
    again.sees("● 1 running", "fix login").press("enter").sees("I am looking around.")
    bench.flag("go").touch()
    again.sees("It is done now.", "○ idle")
    (end,) = bench.engine.store.iterations.of(session_id)
    assert (end.outcome, end.attempts, end.changed_files) == (Outcome.DONE, 1, 1)


def test_an_app_a_watch_and_a_command_agree_at_any_size_and_it_is_stopped(bench: Bench, terminal: Open) -> None:
    session_id = running(bench, "mend")
    screens = [terminal(size=(120, 40)), terminal("watch", size=(30, 24))]
    for screen in screens:
        screen.sees("mend")
    bench.engine.store.sessions.update(session_id, name="sew")
    for screen in screens:
        screen.sees("sew").until(
            lambda s=screen: not any("mend" in line[:60] for line in s.lines), "the old name to go"
        )
    for width, height in ((30, 24), (200, 50), (80, 10), (50, 20), (100, 30)):
        screens[0].resize(width, height).sees("sew")
        screens[0].until(lambda w=width: all(len(line) <= w for line in screens[0].lines), "lines that fit")
    screens[1].press("x", "d", "n", "q")
    assert screens[1].ended() == 0
    assert bench.engine.store.sessions.get(session_id).status is Status.RUNNING, "the side pane only watches"
    screens[0].press("x").sees("Stop").press("y")
    screens[0].sees_no_more("● running").sees("○ idle")
    (iteration,) = bench.engine.store.iterations.of(session_id)
    assert iteration.outcome is Outcome.STOPPED
    screens[0].press("q")
    assert screens[0].ended() == 0
    command = terminal("status")
    assert command.ended() == 0
    assert "   1 idle" in command.text


@pytest.mark.parametrize("mouse", ["true", "false"])
def test_the_mouse_is_the_terminals_where_the_settings_say_so(bench: Bench, terminal: Open, mouse: str) -> None:
    bench.configure(ui__mouse=mouse)
    screen = terminal(size=(80, 24)).sees("ampsm")
    assert (b"\x1b[?1000h" in screen.bytes) == (mouse == "true")
    screen.press("q")
    assert screen.ended() == 0
