"""The form of a new session: what it offers, what it refuses at which field, what it makes."""

import asyncio
from pathlib import Path

import pytest
from rich.color import Color

from ampsm_engine.engine.drafts import RepositoryOffer, SessionDraft, Trouble, check
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Board
from ampsm_tui import ask
from ampsm_tui.screens import new_session
from ampsm_tui.screens.batch.screen import RunScreen
from ampsm_tui.screens.new_session import NewSessionScreen
from ampsm_tui.widgets.choice import Choice
from tests.tui.batches import a_run, a_view
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

SHOP = RepositoryOffer("/home/ada/shop", "main", ("main", "release/2.0", "origin/main"), "make test", "")
HOSTILE = "evil\x1b]0;owned\x07[bold]x[/bold]\u202e\x00"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_session, "PAUSE", 0)


@pytest.fixture
def form(desk: Desk) -> Desk:
    made = a_session("made", id="m000000001").session
    desk.answers |= {
        "repository_offer": lambda *_: SHOP,
        "check": lambda *_: (),
        "completions": lambda *_: (),
        "new": lambda *_, **__: (made, None),
    }
    return desk


DEFAULT = Color.default()
"""The terminal's own colour."""


def board() -> Board:
    return a_board(
        a_session(
            "fix login", id="s000000001", script_command="npm test", model_override="rush", base_branch="release/2.0"
        ),
        a_session("elsewhere", id="s000000002", repo_root="/home/ada/api"),
    )


async def test_the_form_offers_what_the_repository_has(form: Desk, snapshot_svg: Camera) -> None:
    async with form.open(board()):
        await form.press("a")
        form.sees(
            "New session", "/home/ada/shop", "main, checked out there", "make test", "made of the prompt", "Start"
        )
        await snapshot_svg.tour(form)


async def test_a_prompt_is_enough(form: Desk) -> None:
    async with form.open(board()):
        await form.press("a")
        await form.type("Fix the login. It fails")
        form.sees("Fix the login. It fails")
        await form.press("ctrl+g")
        form.asked(
            "new", prompt="Fix the login. It fails", name=None, base=None, script="make test", mode=None, run=False
        )
        form.asked("iterate", "m000000001", "Fix the login. It fails")
        form.sees_not("New session")


async def test_made_now_and_started_later(form: Desk) -> None:
    async with form.open(board()):
        await form.press("a", *["tab"] * 8, "enter")
        (draft,) = [args[1] for name, args, _ in form.verbs if name == "check"][-1:]
        assert not draft.run
        form.asked("new", prompt=None, run=False)
        form.asked_not("iterate")


async def test_trouble_stands_at_its_field_and_nothing_is_made(form: Desk, snapshot_svg: Camera) -> None:
    form.answers["check"] = lambda *_: (
        Trouble("base", "There is no branch 'mian' in /home/ada/shop.", "Did you mean main?"),
        Trouble("prompt", "The prompt is empty.", "Write what amp shall do."),
        Trouble("start", "The amp program was not found.", "npm install -g @ampcode/cli"),
    )
    async with form.open(board()):
        await form.press("a", "ctrl+g")
        form.sees("no branch 'mian'", "Did you mean main?", "The prompt is empty.", "npm install")
        form.asked_not("new")
        await snapshot_svg.tour(form)


async def test_a_field_nobody_was_in_yet_is_not_complained_about(form: Desk) -> None:
    form.answers["check"] = lambda *_: (Trouble("prompt", "The prompt is empty.", "Write."),)
    async with form.open(board()):
        await form.press("a", "tab", "x")
        form.asked("check")
        form.sees("The prompt is empty.")
        await form.press("escape", "a", "shift+tab", "x")
        form.sees_not("There is no")


async def test_a_refusal_of_the_making_keeps_what_was_typed(form: Desk) -> None:
    form.answers["new"] = Refused("The repository is locked.", "Try again")
    async with form.open(board()):
        await form.press("a", "h", "i", "ctrl+g")
        form.sees("The repository is locked.", "Try again", "hi")


async def test_new_from_this_one_has_its_settings(form: Desk) -> None:
    async with form.open(board()):
        await form.press("A")
        draft = form.app.screen.draft
        assert (draft.repo, draft.base, draft.script, draft.mode) == (
            "/home/ada/shop",
            "release/2.0",
            "npm test",
            "rush",
        )


async def test_several_modes_and_copies_begin_a_run_of_variants(form: Desk, snapshot_svg: Camera) -> None:
    form.answers |= {
        "begin_variants": lambda *_: a_run("Cache the search"),
        "run_view": lambda *_: a_view(a_run("Cache the search"), ()),
    }
    async with form.open(board()):
        await form.press("a")
        await form.type("Cache the search")
        await form.press("tab", "tab", "tab")
        await form.type("medium, high")
        await form.press("tab", "2")
        await snapshot_svg.tour(form)
        await form.press("ctrl+g")
        (draft,) = [args[1] for name, args, _ in form.verbs if name == "begin_variants"]
        assert (draft.modes, draft.copies, draft.variants) == (("medium", "high"), "2", 4)
        form.asked_not("new")
        assert isinstance(form.app.screen, RunScreen)
        await form.press("escape", "a")
        form.sees_not("medium, high")


async def test_a_refused_run_keeps_what_was_typed(form: Desk) -> None:
    form.answers["begin_variants"] = Refused("The amp program was not found.", "npm install -g @ampcode/cli")
    async with form.open(board()):
        await form.press("a", "h", "i", "tab", "tab", "tab", "tab", "3", "ctrl+g")
        form.sees("The amp program was not found.", "npm install", "hi")
        assert form.app.screen.draft.copies == "3"


@pytest.mark.parametrize(
    ("typed", "many"), [("", 1), (" 3 ", 3), ("100", 100), ("0", 0), ("-1", 0), ("x", 0), ("101", 0), ("²", 0)]
)
def test_copies_are_a_small_number_or_refused(typed: str, many: int) -> None:
    draft = SessionDraft("/home/ada/shop", mode="high,,high, low", copies=typed)
    if many:
        assert draft.variants == 2 * many
    else:
        with pytest.raises(Refused, match="no number of copies"):
            _ = draft.variants


async def test_recent_repositories_and_branches_are_chosen_from_a_list(form: Desk, snapshot_svg: Camera) -> None:
    async with form.open(board()):
        await form.press("a", "shift+tab", "down")
        form.sees("release/2.0", "origin/main")
        await snapshot_svg.tour(form)
        await form.press("down", "enter")
        assert form.app.screen.draft.base == "release/2.0"
        await form.press("shift+tab", "down", "enter")
        assert form.app.screen.draft.repo == "/home/ada/api"
        form.asked("repository_offer", "/home/ada/api")


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "ampsm-light"])
async def test_the_line_that_would_be_taken_stands_out_in_every_theme(form: Desk, theme: str) -> None:
    async with form.open(board()):
        form.app.theme = theme
        await form.press("a", "shift+tab", "down", "down")
        grounds = {
            segment.text.strip(): segment.style.bgcolor
            for strip in form.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.text.strip() in ("release/2.0", "origin/main")
        }
        assert grounds["release/2.0"] != grounds["origin/main"]


@pytest.mark.parametrize("size", [(30, 24), (50, 20), (80, 12)])
async def test_the_field_that_has_the_keys_stays_in_sight_in_a_smaller_window(
    form: Desk, size: tuple[int, int]
) -> None:
    async with form.open(board(), size=(120, 40)):
        await form.press("a", *["tab"] * 6)
        field = form.app.screen.focused
        assert field is not None
        await form.resize(*size)
        assert form.app.screen.find_widget(field).visible_region.height == 1


async def test_a_path_is_completed_while_it_is_typed(form: Desk) -> None:
    form.answers["completions"] = lambda typed: (f"{typed}i", f"{typed}ple")
    async with form.open(board()):
        await form.press("a", "shift+tab", "shift+tab")
        form.app.screen.query_one("#repo", Choice).value = ""
        await form.type("/srv/ap")
        form.asked("completions", "/srv/ap")
        await form.press("down", "down", "tab")
        assert form.app.screen.draft.repo == "/srv/apple"


async def test_a_script_that_was_typed_is_not_replaced(form: Desk) -> None:
    async with form.open(board()):
        await form.press("a", "tab", "tab", "x")
        form.answers["repository_offer"] = lambda *_: RepositoryOffer("/home/ada/api", "main", (), "make other", "")
        form.app.screen.query_one("#repo", Choice).value = "/home/ada/api"
        await form.settle()
        assert form.app.screen.draft.script == "make testx"


async def test_a_prompt_comes_from_a_file_and_a_bad_file_is_said(form: Desk) -> None:
    form.answers["prompt_in"] = NotFound("/x cannot be read.", "Name a text file.")
    async with form.open(board()):
        await form.press("a", "ctrl+o", "x", "enter")
        form.sees("/x cannot be read.")
        form.answers["prompt_in"] = lambda *_: "From a file\nsecond line"
        await form.press("enter")
        assert form.app.screen.draft.prompt == "From a file\nsecond line"


async def test_what_is_taken_back_while_it_is_made_leaves_nothing(form: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with form.open(board()):
        begun, go_on = asyncio.Event(), asyncio.Event()
        recorded = ask.call_side_process

        async def slow(question):
            if question.func.__name__ == "new":
                begun.set()
                await go_on.wait()
            return await recorded(question)

        monkeypatch.setattr(ask, "call_side_process", slow)
        await form.press("a", "h", "i")
        await form.pilot.press("ctrl+g")
        await begun.wait()
        await form.pilot.press("escape")
        await form.pilot.pause()
        form.sees("Taking it back.")
        go_on.set()
        await form.settle()
        form.asked("remove", "m000000001")
        form.asked("purge", "m000000001")
        form.asked_not("iterate")


async def test_hostile_text_is_inert(form: Desk) -> None:
    form.answers["repository_offer"] = lambda *_: RepositoryOffer(HOSTILE, HOSTILE, (HOSTILE,), HOSTILE, "")
    form.answers["check"] = lambda *_: (Trouble("base", HOSTILE, HOSTILE),)
    async with form.open(a_board(a_session(HOSTILE, repo_root=HOSTILE, script_command=HOSTILE))):
        await form.press("a", "shift+tab", "down", "x")
        assert not set(form.text) & set("\x1b\x07\x00\u202e")


@pytest.mark.usefixtures("beside")
async def test_with_the_real_engine_what_is_wrong_is_told_and_what_is_right_is_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from textual.widgets import TextArea

    from ampsm_tui.app import AmpsmApp
    from tests.tui.builders import still

    bench.scenario({"say": "Done."})
    monkeypatch.chdir(bench.repo)
    app = AmpsmApp(bench.engine, still(a_board()))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:

        async def settled() -> None:
            await pilot.pause()
            # Those of the form alone: what watches and foresees in the screens below never ends.
            if under_way := [one for one in app.workers if one.node is form]:  # of none it would wait for all
                await app.workers.wait_for_complete(under_way)
            await pilot.pause()

        form = NewSessionScreen()
        await app.push_screen(form)
        await settled()
        form.query_one("#base", Choice).value = "mian"
        await settled()
        assert "main" in str(form.query_one("#field-base .trouble").render())
        form.query_one("#base", Choice).value = "main"
        form.query_one("#prompt", TextArea).text = "Do it"
        await settled()
        await pilot.press("ctrl+g")
        await settled()
        (made,) = bench.engine.store.sessions.all()
        bench.sessions.append(made)
        assert made.amp_prompt == "Do it"
        bench.settled(made)
        assert check(bench.engine, SessionDraft(str(bench.repo), prompt="x")) == ()


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
async def test_the_cursor_of_a_box_of_one_line_is_seen_in_the_terminal_s_own_colours(form: Desk, theme: str) -> None:
    """What it inverts are the terminal's two colours: any other pair may be those that stand there already."""
    async with form.open(board()):
        form.app.theme = theme
        await form.press("/", "q")
        inverted = [
            segment.style
            for strip in form.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.reverse and segment.text == " "
        ]
        assert [(style.color, style.bgcolor) for style in inverted] == [(DEFAULT, DEFAULT)]
