"""No box closes with text in it without keeping it: by session and purpose, as it is typed, to be found there again."""

import ast
import asyncio
import shutil
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from ampsm_engine.engine.drafts import RepositoryOffer
from ampsm_engine.errors import Refused
from ampsm_engine.model import Board, State
from ampsm_engine.unsent_texts import UnsentText
from ampsm_tui.ask import UNFINISHED
from tests.tui import merges
from tests.tui.builders import RUNNING, a_board, a_session, an_iteration
from tests.tui.desk import Desk

KEEPERS = {
    "screens/text_dialogs.py": "the small boxes: kept",
    "screens/new_session.py": "the form: kept",
    "screens/merge/pane.py": "the message of a merge: kept",
    "screens/session/follow_up.py": "the next prompt: kept",
    "widgets/choice.py": "a field of the form, or a setting",
    "widgets/setting_row.py": "a setting: written when it is left",
    "screens/sessions.py": "a filter",
    "screens/table.py": "a filter",
    "screens/review/screen.py": "a search",
    "widgets/transcript/view.py": "a search",
}
"""Every file that makes something to type in, and what becomes of what is typed in it."""

TYPED_INTO = {"Input", "TextArea", "LineInput", "TextInput", "PromptBox", "FilterBox", "ReviewBox", "Choice"}


def test_everything_that_is_typed_into_is_known_here() -> None:
    room = Path(__file__).parents[2] / "ampsm_tui"
    found = {str(path.relative_to(room)) for path in room.rglob("*.py") if _makes_a_box(ast.parse(path.read_text()))}
    assert found == KEEPERS.keys()


def _makes_a_box(tree: ast.Module) -> bool:
    imports = [one for one in ast.walk(tree) if isinstance(one, ast.ImportFrom) and "widgets" in (one.module or "")]
    names = {alias.name for one in imports for alias in one.names} & TYPED_INTO
    calls = (one.func for one in ast.walk(tree) if isinstance(one, ast.Call))
    return any(isinstance(func, ast.Name) and func.id in names for func in calls)


def board() -> Board:
    return a_board(a_session("fix login", id="s000000001", notes="old"), a_session("other", id="s000000002"))


@pytest.mark.parametrize(
    ("keys", "purpose"), [("m", "message"), ("Eo", "notes"), ("En", "name")], ids=["message", "notes", "name"]
)
async def test_a_closed_box_has_its_text_again_and_no_other_session_has(desk: Desk, keys: str, purpose: str) -> None:
    place = UnsentText(desk.engine.home, "s000000001", purpose)
    async with desk.open(board()):
        await desk.press(*keys)
        before = written(desk)
        await desk.type("half a thought")
        kept = place.read()
        assert kept is not None
        assert kept.text == f"{before}half a thought", "with every key, not when the box is closed"
        await desk.press("escape")
        desk.sees("What you wrote is kept")
        await desk.press("j", *keys)
        assert "half a thought" not in written(desk)
        await desk.press("escape", "k", *keys)
        assert written(desk) == f"{before}half a thought"
        desk.sees("As you left it", "^r begins anew")
        await desk.press("ctrl+r")
        assert (written(desk), place.read()) == (before, None)
        await desk.type("x")
        await desk.press("ctrl+g")
        assert place.read() is None, "it was sent"


async def test_what_is_being_sent_is_sent_once_and_takes_no_key(desk: Desk) -> None:
    """A second Enter would begin it anew while the first is under way; a key for what comes next would leave a draft."""
    go = asyncio.Event()

    async def slow(*_: object) -> None:
        await go.wait()

    desk.answers["iterate"] = slow
    async with desk.open(board()):
        await desk.press("m")
        await desk.type("do it")
        await desk.pilot.press("enter", "enter", "v", "enter")
        await desk.rest()
        go.set()
        await desk.settle()
        assert [args[-1] for verb, args, _ in desk.verbs if verb == "iterate"] == ["do it"]
        assert UnsentText(desk.engine.home, "s000000001", "message").read() is None


async def test_a_box_closed_while_it_sends_has_sent(desk: Desk) -> None:
    """Cut off, it may have been sent all the same, and the text would stand there to be sent again."""
    go = asyncio.Event()
    sent: list[object] = []

    async def slow(*args: object) -> None:
        await go.wait()
        sent.append(args[-1])

    desk.answers["iterate"] = slow
    place = UnsentText(desk.engine.home, "s000000001", "message")
    async with desk.open(board()):
        await desk.press("m")
        await desk.type("do it")
        await desk.pilot.press("enter", "escape")
        await desk.rest()
        desk.sees_not("Message to", "is kept")
        assert place.read() is not None, "until it went well"
        go.set()
        await asyncio.gather(*UNFINISHED)
        assert (sent, place.read()) == (["do it"], None)


async def test_a_refused_message_can_be_written_on(desk: Desk) -> None:
    desk.answers["iterate"] = Refused("Not now.", "")
    async with desk.open(board()):
        await desk.press("m")
        await desk.type("do it")
        await desk.press("enter")
        desk.sees("Not now.")
        del desk.answers["iterate"]
        await desk.type(" then")
        await desk.press("enter")
        desk.asked("iterate", "do it then")


async def test_what_cannot_be_kept_is_asked_about(desk: Desk) -> None:
    async with desk.open(board()):
        desk.engine.home.unsent.write_text("a file where the folder should be")
        await desk.press("m", "h", "i")
        desk.sees("cannot be kept")
        await desk.press("escape")
        desk.sees("Throw away what you wrote?")
        await desk.press("n")
        assert written(desk) == "hi"
        await desk.press("escape", "y")
        desk.sees_not("Message to")


async def test_the_form_is_as_it_was_left(desk: Desk) -> None:
    shop = RepositoryOffer("/home/ada/shop", "main", ("main",), "make test", "")
    made = a_session("made", id="m000000001").session
    desk.answers |= {"repository_offer": lambda *_: shop, "check": lambda *_: (), "new": lambda *_, **__: (made, None)}
    async with desk.open(board()):
        await desk.press("a", "escape", "a")
        desk.sees_not("as you left it")
        await desk.type("fix it")
        await desk.press("tab")
        await desk.type("a name")
        await desk.press("escape")
        desk.sees("What you wrote is kept")
        await desk.press("A")
        desk.sees_not("fix it")
        await desk.press("escape", "a")
        desk.sees("New session, as you left it", "fix it", "a name", "/home/ada/shop", "make test")
        await desk.press("ctrl+r")
        desk.sees_not("fix it", "a name", "as you left it")
        await desk.type("another")
        await desk.press("ctrl+g")
        desk.asked("new", prompt="another")
        await desk.press("a")
        desk.sees_not("another", "as you left it")


@pytest.mark.parametrize("text", ["{", "[1]", '{"prompt": 7, "unknown": null}'])
async def test_a_form_that_cannot_be_read_ends_nothing(desk: Desk, text: str) -> None:
    UnsentText(desk.engine.home, "new", str(Path.cwd())).write(text)
    desk.answers |= {"repository_offer": lambda *_: RepositoryOffer("", "", (), "", ""), "check": lambda *_: ()}
    async with desk.open(board()):
        await desk.press("a")
        desk.sees("New session")


async def test_the_next_prompt_is_shared_by_list_and_session_and_survives_the_app(desk: Desk) -> None:
    async with desk.open(board()):
        await desk.press("m")
        await desk.type("from the list")
        await desk.press("escape", "enter", "m")
        await desk.type(" and on")
    async with desk.open(board()):
        await desk.press("enter", "m")
        desk.sees("from the list and on")
        await desk.press("enter")
        desk.asked("iterate", "from the list and on")
    async with desk.open(board()):
        await desk.press("enter")
        desk.sees_not("from the list")


async def test_a_prompt_taken_out_of_the_queue_comes_below_what_is_there_as_it_was_typed(desk: Desk) -> None:
    queued = an_iteration("s000000001", prompt="use [redacted]", state=State.QUEUED)
    desk.answers |= {"queued_prompt": lambda *_: "use my-secret", "timeline": lambda *_: None}
    row = a_session("fix login", id="s000000001", status=RUNNING, queued=1)
    async with desk.open(a_board(row)):
        await desk.press("enter", "m")
        await desk.type("draft")
        from ampsm_tui.widgets.prompt_box import QueuedPrompts

        desk.app.screen.query_one(QueuedPrompts).post_message(QueuedPrompts.Dropped(queued))
        await desk.settle()
        desk.sees("draft", "use my-secret")


async def test_the_message_of_a_merge_is_kept(desk: Desk) -> None:
    desk.answers |= {
        "open_merges": lambda *_: {},
        "preflight": lambda *_, **__: merges.a_preflight(),
        "plan": lambda _engine, _id, options: merges.a_plan(options),
    }
    for again in (False, True):
        async with desk.open(board()):
            await desk.press("M", "enter", "tab")
            if not again:
                await desk.type(" by hand")
            desk.sees("by handFix the login")


def written(desk: Desk) -> str:
    """What stands in the box."""
    screen = desk.app.screen
    areas = screen.query(TextArea)
    return areas.first().text if areas else screen.query_one(Input).value


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    from ampsm_tui.screens import new_session

    monkeypatch.setattr(new_session, "PAUSE", 0)


@pytest.fixture(autouse=True)
def nothing_kept(desk: Desk) -> None:
    shutil.rmtree(desk.engine.home.unsent, ignore_errors=True)
