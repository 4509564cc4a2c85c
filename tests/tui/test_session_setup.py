"""Trust and setup on the screens: the question in the form, the choice on a session."""

import pytest

from ampsm_engine.engine.drafts import RepositoryOffer
from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_tui.screens import new_session
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk

NOTES = ("Its setup waits for your trust: npm ci", "What is uncommitted in your checkout stays there alone: a.py.")
SHOP = RepositoryOffer("/home/ada/shop", "main", ("main",), "make test", "", (), NOTES)
ASKED = UntrustedCommand(
    "It is not trusted yet.", "ampsm trust", "/home/ada/shop", "npm ci\nmake", ".ampsm.toml, line 1"
)


@pytest.fixture
def form(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(new_session, "PAUSE", 0)
    trusted: list[str] = []
    made = a_session("made", id="m000000001").session

    def new(*_: object, with_setup: bool, **__: object) -> object:
        if with_setup and not trusted:
            raise ASKED
        return made, None

    desk.answers |= {
        "repository_offer": lambda *_: SHOP,
        "check": lambda *_: (),
        "completions": lambda *_: (),
        "new": new,
        "trust": lambda _engine, _root, command: trusted.append(command),
    }
    return desk


async def test_the_form_shows_the_command_and_goes_on_after_a_yes(form: Desk, snapshot_svg: Camera) -> None:
    async with form.open(a_board()):
        await form.press("a")
        form.sees("Its setup waits for your trust: npm ci", "stays there alone: a.py")
        await form.type("Fix it")
        await form.press("ctrl+g")
        form.sees("Trust this command?", "npm ci", "make", "runs with your rights")
        await snapshot_svg.tour(form)
        await form.press("y")
        form.asked("trust", "/home/ada/shop", "npm ci\nmake")
        form.asked("iterate", "m000000001", "Fix it")


@pytest.mark.parametrize("size", [(30, 20), (80, 24)])
async def test_a_command_that_has_no_room_is_read_to_its_end_before_a_yes_counts(
    form: Desk, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = "\n".join(f"echo step {number}" for number in range(1, 20)) + "\ntouch /tmp/the-end"
    monkeypatch.setattr(ASKED, "args", ("", "", "/home/ada/shop", command, f"{'deep/' * 500}.ampsm.toml, line 1"))
    async with form.open(a_board(), size=size):
        await form.press("a")
        await form.type("Fix it")
        await form.press("ctrl+g")
        form.sees("Trust this command?", "Trust it  y", "Begin without it  n")
        form.sees_not("the-end")
        await form.press("y")
        form.asked_not("trust")
        for _ in command.splitlines():
            await form.press("down")
        form.sees("the-end", "runs with your", "Begin without it  n")
        form.sees_not("step 1 ")
        form.asked_not("trust")
        for _ in command.splitlines():
            await form.press("pagedown")
        await form.press("y")
        form.asked("trust", "/home/ada/shop", command)


async def test_no_goes_on_without_it_and_esc_leaves_the_form_as_it_is(form: Desk) -> None:
    async with form.open(a_board()):
        await form.press("a")
        await form.type("Fix it")
        await form.press("ctrl+g", "escape")
        form.sees("Fix it", "Confirm its setup command")
        form.asked_not("iterate")
        await form.press("ctrl+g", "enter")
        form.asked("new", with_setup=False)
        form.asked("iterate", "m000000001", "Fix it")
        form.asked_not("trust")


async def test_a_session_is_set_up_again_or_goes_on_without(desk: Desk) -> None:
    desk.answers |= {
        "command_of": lambda *_: "npm ci",
        "start": lambda *_: "i1",
        "read_output": lambda *_: ScriptOutput("added 12 packages\n", 18, running=False, exit_code=0, seconds=3.0),
        "skip": lambda *_: None,
        "last_prompt": lambda *_: "Fix it",
    }
    async with desk.open(a_board(a_session("fix login", id="s1"))):
        await desk.press("U")
        desk.sees("Setup of fix login", "run it", "go on without")
        await desk.press("s")
        desk.sees("added 12 packages", "✓ passed after 3.0s")
        await desk.press("escape", "U", "w")
        desk.asked("skip", "s1")
        desk.sees("Send the last prompt of fix login again?", "Fix it")
