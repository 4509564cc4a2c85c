"""Help and palette are made of the bindings: what can be done here, under the keys that do it now."""

import pytest
from textual.widgets import Input

from ampsm_engine import config
from ampsm_engine.config import Settings
from ampsm_engine.keymap import KEYS
from ampsm_tui.screens.palette import ScreenActions
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk
from tests.waiting import becomes

HOSTILE = "evil\x1b]0;owned\x07[bold]x[/bold]\u202e\x00"


async def test_help_lists_the_keys_of_the_screen_in_groups(desk: Desk, snapshot_svg: Camera) -> None:
    async with desk.open(a_board(a_session("fix login")), size=(100, 60)):
        await desk.press("question_mark")
        desk.sees("Session", "to the trash", "session.trash", "Everywhere", "What needs you stands at the top")
        desk.sees_not("…")
        await desk.press("escape")
        desk.sees_not("session.trash")
        await desk.press("question_mark")
        await snapshot_svg.tour(desk)


async def test_help_shows_a_remapped_key_and_it_works(desk: Desk) -> None:
    desk.answers["describe_loss"] = lambda *_: "It goes."
    settings = Settings({"keys.session.trash": "D"})
    async with desk.open(a_board(a_session("fix login")), size=(100, 60), settings=settings):
        await desk.press("question_mark")
        assert " D " in desk.line_with("session.trash")
        await desk.press("escape", "d")
        desk.asked_not("describe_loss")
        await desk.press("D")
        desk.asked("describe_loss")


async def test_who_only_watches_is_offered_nothing_that_changes(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login")), size=(100, 60), read_only=True):
        await desk.press("question_mark")
        desk.sees("copy id, branch, path, prompt or thread")
        desk.sees_not("session.trash", "session.retry", "session.new", "settings")


async def test_two_things_on_one_key_are_told_at_the_start(desk: Desk) -> None:
    async with desk.open(a_board(a_session("x")), settings=Settings({"keys.session.trash": "x"})):
        desk.sees("Keys clash", "session.stop")


async def test_the_palette_does_what_is_chosen_by_name(desk: Desk, snapshot_svg: Camera) -> None:
    async with desk.open(a_board(a_session("fix login", id="s000000001"))):
        await desk.press("colon")
        desk.sees("send a follow-up")
        desk.sees_not("Focus Next")
        assert isinstance(desk.app.focused, Input)
        assert not desk.app.focused.cursor_blink, "at rest nothing is written"
        await snapshot_svg.tour(desk)
        await desk.type("last prompt again")
        await becomes(lambda: "send a follow-up" not in desk.text, "the actions that have these words, alone")
        await desk.press("enter")
        desk.asked("last_prompt", "s000000001")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("merge", "session.merge"),
        ("squash", "session.merge"),
        ("quit", "quit"),
        ("exit", "quit"),
        ("delete", "session.trash"),
        ("remove", "session.trash"),
        ("session.stop", "session.stop"),
        ("diff", "session.review"),
        ("take back the merge", "session.undo"),
        ("undo merge", "session.undo"),
        ("archive", "session.about"),
        ("layout", "settings"),
    ],
)
async def test_the_palette_finds_by_name_id_other_name_and_sentence(desk: Desk, typed: str, first: str) -> None:
    async with desk.open(a_board(a_session("fix login", id="s000000001"))):
        hits = [hit async for hit in ScreenActions(desk.app.screen).search(typed)]
        best = max(hits, key=lambda hit: hit.score)
        assert best.help == KEYS[first].meaning


async def test_the_palette_finds_nothing_by_letters_that_are_strewn_over_a_sentence(desk: Desk) -> None:
    async with desk.open(a_board(a_session("fix login", id="s000000001"))):
        assert [hit async for hit in ScreenActions(desk.app.screen).search("frobnitz")] == []
        found = [hit.help async for hit in ScreenActions(desk.app.screen).search("archive")]
        assert KEYS["quit"].meaning not in found


async def test_a_layout_holds_in_lists_boxes_menus_and_help(desk: Desk) -> None:
    settings = Settings({"keys.layout": "emacs"})
    rows = (a_session("first", id="s000000001"), a_session("second", id="s000000002"))
    async with desk.open(a_board(*rows), size=(100, 70), settings=settings):
        await desk.press("question_mark")
        assert "^n j ↓" in desk.line_with("move.down")
        await desk.press("ctrl+n", "ctrl+g")
        desk.sees_not("move.down")
        await desk.press("ctrl+n", "m")
        await desk.type("Now the tests")
        desk.sees("enter send")
        await desk.press("ctrl+g")
        desk.asked_not("iterate")
        await desk.press("m", "ctrl+right_square_bracket")
        desk.asked("iterate", desk.engine, "s000000002", "Now the tests")
        await desk.press("E", "ctrl+n", "enter")
        desk.sees("Notes on second")
        await desk.press("ctrl+g", "A", "tab")
        desk.sees("^] start")


async def test_a_theme_chosen_in_the_palette_is_remembered(desk: Desk) -> None:
    desk.answers["store"] = config.store
    async with desk.open(a_board(a_session("fix login"))):
        await desk.press("colon")
        await desk.type("theme: nord")
        await becomes(lambda: "Theme: nord" in desk.text, "the theme among what can be done")
        await desk.press("enter")
        await becomes(lambda: desk.app.theme == "nord", "all in its colours")
        await desk.settle()
        desk.asked("store", desk.engine.config, "ui.theme", "nord")
        assert config.load(desk.engine.config).text("ui.theme") == "nord"
