"""What can be done with the selected sessions: what is asked, what is said before and after, what is refused."""

import asyncio
import base64
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.app import App

from ampsm_engine.engine.merged_elsewhere import MergedSession, MergedWork
from ampsm_engine.engine.session_trash import Removed
from ampsm_engine.errors import Refused
from ampsm_engine.model import Board
from ampsm_tui import terminal
from ampsm_tui.driver.terminal_driver import KeyQueue
from ampsm_tui.screens.sessions import SessionsScreen
from tests.tui.builders import RUNNING, a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk

HOSTILE = "evil\x1b]0;owned\x07\x1b[2J[bold]x[/bold]\u202eabc\x00 \x9b31m"


def one(name: str = "fix login", **more: object) -> Board:
    return a_board(a_session(name, id="s000000001", **more))


async def test_a_message_is_written_and_sent_to_the_session(desk: Desk) -> None:
    async with desk.open(one()):
        await desk.press("m")
        desk.sees("Message to fix login", "amp starts at once", "send")
        await desk.type("add a test")
        await desk.press("ctrl+j", "x", "enter")
        desk.asked("iterate", desk.engine, "s000000001", "add a test\nx")
        desk.sees_not("Message to")


async def test_a_refused_message_stays_in_its_box(desk: Desk) -> None:
    desk.answers["iterate"] = Refused("The session is in the trash.", "ampsm trash restore s1")
    async with desk.open(one()):
        await desk.press("m", "h", "i", "ctrl+g")
        desk.sees("The session is in the trash.", "u (undo)", "hi")
        await desk.press("escape")
        desk.sees_not("Message to")


async def test_an_empty_message_is_not_sent(desk: Desk) -> None:
    async with desk.open(one()):
        await desk.press("m", "space", "ctrl+g")
        desk.sees("nothing to send")
        desk.asked_not("iterate")


async def test_stopping_says_what_happens_and_asks_first(desk: Desk, snapshot_svg: Camera) -> None:
    async with desk.open(one(status=RUNNING, queued=2)):
        await desk.press("x")
        desk.sees("Stop fix login?", "what it changed is committed", "2 queued")
        await snapshot_svg.tour(desk)
        await desk.press("n")
        desk.asked_not("stop")
        await desk.press("x", "y")
        desk.asked("stop", "s000000001")


async def test_what_does_not_end_when_it_is_stopped_is_ended_by_force_and_named(desk: Desk) -> None:
    board = one(status=RUNNING)
    working = board.rows[0].current
    assert working is not None
    desk.answers |= {"stop": lambda *_: (working,), "stop_limit": lambda *_: 0.0}
    desk.answers["end_by_force"] = lambda *_: (replace(working, activity="committing"),)
    async with desk.open(board):
        await desk.press("x", "y")
        desk.asked("end_by_force", desk.engine, [working])
        desk.sees("has not ended: committing", "x (stop)")


async def test_stopping_what_does_not_run_says_so(desk: Desk) -> None:
    async with desk.open(one()):
        await desk.press("x")
        desk.sees("Nothing is running or queued in fix login")
        desk.asked_not("stop")


async def test_the_trash_says_what_goes_and_can_be_undone(desk: Desk) -> None:
    desk.answers["describe_loss"] = lambda *_: "fix login goes to the trash with 2 commits that main does not have."
    desk.answers["restore_last"] = lambda *_: one().rows[0].session
    async with desk.open(one()):
        await desk.press("d")
        desk.sees("fix login goes to the trash with 2 commits")
        await desk.press("enter")
        desk.asked("remove", "s000000001")
        desk.sees("u brings it back")
        await desk.press("u")
        desk.asked("restore_last")
        desk.sees("fix login is back")


async def test_what_is_merged_goes_to_the_trash_after_one_question(desk: Desk) -> None:
    desk.answers["find_merged"] = lambda *_: MergedWork((), ())
    desk.answers["describe_loss"] = lambda *_: "fix login goes to the trash; nothing is lost."
    async with desk.open(one(landed="merged upstream: origin/main has its changes"), size=(120, 24)):
        desk.sees("merged upstream: origin/main")
        await desk.press("t")
        desk.sees("No session has all its work in its base")
        desk.answers["find_merged"] = lambda *_: MergedWork(
            (MergedSession("s000000001", "fix login", "it is there"),), ()
        )
        await desk.press("t")
        desk.sees("All work is merged", "nothing is lost")
        await desk.press("y")
        desk.asked("remove_merged", "s000000001")


async def test_a_key_that_is_typed_before_its_question_is_there_answers_that_question(desk: Desk) -> None:
    told = asyncio.Event()

    async def told_late(*_: object) -> str:
        await told.wait()
        return "It goes."

    desk.answers["describe_loss"] = told_late
    async with desk.open(one()):
        queue = KeyQueue(desk.app)
        for key in ("d", "y"):
            queue.put(events.Key(key, key))
        async with asyncio.timeout(30):
            while "describe_loss" not in [name for name, _, _ in desk.verbs]:
                await desk.pilot.pause()
        await desk.pilot.pause()
        desk.sees_not("Copy")
        told.set()
        assert queue._serving is not None
        await queue._serving
        await desk.settle()
        desk.asked("remove", "s000000001")


async def test_a_thread_that_amp_does_not_archive_is_told(desk: Desk) -> None:
    session = one().rows[0].session
    gone = Removed(session, 0, 0, 0, not_archived="The thread T-1 is not archived: amp refused it.")
    desk.answers |= {"describe_loss": lambda *_: "It goes.", "remove": lambda *_: gone}
    async with desk.open(one()):
        await desk.press("d", "y")
        desk.sees("The thread T-1 is not archived")


async def test_a_refusal_of_the_trash_reaches_the_screen_with_its_hint(desk: Desk) -> None:
    desk.answers["describe_loss"] = lambda *_: "It goes."
    desk.answers["remove"] = Refused("1 iteration of fix login still runs.", "ampsm stop s000000001")
    async with desk.open(one()):
        await desk.press("d", "y")
        desk.sees("1 iteration of fix login still runs.", "x (stop)")
        desk.sees_not("In the trash")


async def test_renaming_keeps_a_refused_name_in_the_box(desk: Desk) -> None:
    async with desk.open(one()):
        await desk.press("E", "n", "2", "enter")
        desk.asked("edit", "s000000001", name="fix login2")
        desk.answers["edit"] = Refused("A session's name needs at least one visible character.")
        await desk.press("E", "n", "enter")
        desk.sees("needs at least one visible")


async def test_script_and_mode_are_changed_where_the_session_is(desk: Desk) -> None:
    async with desk.open(one(script_command="make test")):
        await desk.press("E", "s")
        desk.sees("Script of fix login", "make test")
        await desk.press("s", "enter")
        desk.asked("edit", "s000000001", script="make tests")
        await desk.press("E", "m")
        await desk.type("high")
        await desk.press("enter")
        desk.asked("edit", "s000000001", mode="high")


async def test_notes_have_many_lines(desk: Desk) -> None:
    async with desk.open(one(notes="first")):
        await desk.press("E", "o", "ctrl+j", "b", "ctrl+g")
        desk.asked("edit", "s000000001", notes="first\nb")


async def test_the_last_prompt_is_shown_before_it_is_sent_again(desk: Desk) -> None:
    desk.answers["last_prompt"] = lambda *_: "Do it"
    async with desk.open(one()):
        await desk.press("r")
        desk.sees("Send the last prompt of fix login again?", "Do it")
        desk.asked_not("iterate")
        await desk.press("escape")
        desk.asked_not("iterate")
        await desk.press("r", "exclamation_mark", "ctrl+g")
        desk.asked("iterate", "s000000001", "Do it!")
        desk.sees("Sent again: fix login")


async def test_what_does_not_fit_into_a_clipboard_is_refused_with_the_way_that_works(desk: Desk) -> None:
    async with desk.open(one()):
        fits = "é" * (terminal.LONGEST // 2)
        terminal.copy_to_clipboard(desk.app, fits, {}, "")
        assert desk.app.clipboard == fits
        for text in (f"{fits}é", "a latin-1 \udce9"):
            with pytest.raises(Refused, match=r"no UTF-8|Nothing was copied") as caught:
                terminal.copy_to_clipboard(desk.app, text, {}, "ampsm diff s1 --exact > change.patch")
            assert "change.patch" in caught.value.hint
            assert desk.app.clipboard == fits, "nothing was copied"


async def test_a_copied_prompt_says_that_its_secrets_are_left_out(desk: Desk) -> None:
    async with desk.open(one(amp_prompt="use [redacted:github-token]")):
        await desk.press("y", "t")
        desk.sees("without its secrets")


async def test_copying_offers_five_things(desk: Desk, snapshot_svg: Camera) -> None:
    async with desk.open(one()):
        await desk.press("y")
        desk.sees("id", "branch", "path", "prompt", "s000000001")
        await snapshot_svg.tour(desk)
        await desk.press("b")
        assert desk.app.clipboard == one().rows[0].session.branch_name
        await desk.press("y", "j", "j", "enter")
        assert desk.app.clipboard == one().rows[0].session.worktree_path


@pytest.mark.parametrize("thread", [None, "T-018f0000-0000-0000-0000-000000000000"])
async def test_a_thread_is_copied_as_its_address(desk: Desk, thread: str | None) -> None:
    async with desk.open(one(thread_id=thread)):
        desk.app.copy_to_clipboard("before")
        await desk.press("y", "u")
        if thread is None:
            desk.sees("There is no thread to copy yet")
        assert desk.app.clipboard == (f"https://ampcode.com/threads/{thread}" if thread else "before")


def test_a_multiplexer_hands_the_clipboard_on() -> None:
    assert terminal.clipboard_sequence("x", {}) == ""
    assert terminal.clipboard_sequence("x", {"TMUX": "/tmp/tmux"}) == "\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\"
    assert terminal.clipboard_sequence("x", {"STY": "1.pts"}) == "\x1bP\x1b]52;c;eA==\x07\x1b\\"


def test_screen_gets_a_long_text_in_pieces_that_it_does_not_drop() -> None:
    text = "a long prompt, \u00e9\u4e16 " * 200
    told = terminal.clipboard_sequence(text, {"STY": "1.pts"})
    pieces = told.removeprefix("\x1bP").removesuffix("\x1b\\").split("\x1b\\\x1bP")
    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 240
    whole = "".join(pieces)
    assert base64.b64decode(whole.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode() == text


async def test_the_editor_gets_the_worktree(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[tuple[list[str], Path]] = []

    def run(command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[bytes]:
        ran.append((command, cwd))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(App, "suspend", lambda _: __import__("contextlib").nullcontext())
    monkeypatch.setenv("SHELL", "/bin/zsh -l")
    async with desk.open(one(worktree_path=str(tmp_path))):
        await desk.press("e")
        desk.sees("$VISUAL and $EDITOR are not set", "export EDITOR=vim")
        monkeypatch.setenv("EDITOR", "vim -c 'set nu'")
        await desk.press("e", "exclamation_mark")
        assert ran == [(["vim", "-c", "set nu", "."], tmp_path), (["/bin/zsh", "-l"], tmp_path)]


async def test_a_worktree_that_is_gone_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "vim")
    async with desk.open(one(worktree_path="/no/such/place")):
        await desk.press("e")
        desk.sees("The worktree is gone", "in the list H")


async def test_who_only_watches_changes_nothing(desk: Desk) -> None:
    async with desk.open(one(status=RUNNING), read_only=True):
        for key in ("m", "x", "d", "u", "r", "R", "T", "s", "e", "exclamation_mark", "n", "N"):
            await desk.press(key)
        assert [name for name, _, _ in desk.verbs if name not in {"measured_changes", "folders"}] == []
        assert isinstance(desk.app.screen, SessionsScreen)


@pytest.mark.parametrize("key", ["m", "d", "E", "y", "S"])
async def test_hostile_names_are_inert_in_every_box(desk: Desk, key: str) -> None:
    desk.answers["describe_loss"] = lambda *_: f"{HOSTILE} goes to the trash."
    desk.answers["start"] = Refused(f"{HOSTILE} has no script.", HOSTILE)
    async with desk.open(one(HOSTILE, notes=HOSTILE, script_command=HOSTILE)):
        await desk.press(key)
        assert not isinstance(desk.app.screen, SessionsScreen)
        shown = desk.text
        assert not set(shown) & set("\x1b\x07\x00\x9b\u202e")
        assert "[bold]" in shown
