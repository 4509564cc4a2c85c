"""Settings are changed where they stand, refused where they are wrong, and written without losing a comment."""

import pytest
from textual.widgets import OptionList

from ampsm_engine import config, keymap
from ampsm_tui.widgets.setting_row import SettingRow
from tests.tui.builders import a_board, a_session
from tests.tui.conftest import Camera
from tests.tui.desk import Desk


@pytest.fixture
def real(desk: Desk) -> Desk:
    desk.answers["store"] = config.store
    return desk


def path_hidden(desk: Desk) -> None:
    """The picture must not hold the folder of this test."""
    from textual.widgets import Static

    desk.app.screen.query_one("#path", Static).update("/home/ada/.config/ampsm/config.toml")


async def test_all_settings_are_there_with_what_they_mean(real: Desk, snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session())):
        await real.press("comma")
        real.sees("How much at once", "slots", "how many iterations may run at once", "as ampsm comes: 4")
        path_hidden(real)
        await snapshot_svg.tour(real)
        shown = {row.setting.name for row in real.app.screen.query(SettingRow)}
        assert shown == set(config.SETTINGS)


async def test_what_is_refused_is_told_in_place_and_not_written(real: Desk, snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session())):
        await real.press("comma", "backspace", "x", "enter")
        real.sees("The setting slots takes a whole number of at least 1, not 'x'.")
        path_hidden(real)
        await snapshot_svg.tour(real)
        assert not real.engine.config.exists()
        await real.resize(80, 24)
        real.engine.config.write_text("slots = [")
        await real.press("backspace", "8", "enter")
        real.sees("not valid TOML")
        assert real.engine.config.read_text() == "slots = ["


async def test_a_value_is_written_on_enter_and_on_leaving_and_comments_stay(real: Desk) -> None:
    real.engine.config.write_text("# mine\nslots = 4 # few\n")
    async with real.open(a_board(a_session()), size=(80, 60), settings=config.load(real.engine.config)):
        await real.press("comma", "backspace", "8", "enter")
        assert config.load(real.engine.config)["slots"] == 8
        assert "# mine" in real.engine.config.read_text()
        assert real.app.settings["slots"] == 8
        await real.press("tab", "tab", "tab", "space")
        assert config.load(real.engine.config).switch("amp.allow-all")
        assert "● on" in real.line_with("amp.allow-all")
        await real.press("shift+tab", "shift+tab", "shift+tab", "backspace", "2", "escape")
        assert config.load(real.engine.config)["slots"] == 2


async def keys(desk: Desk) -> OptionList:
    """The list of the keys, by the way that leads there."""
    await desk.press("comma", "shift+tab")
    desk.sees("every key of every screen")
    await desk.press("enter")
    return desk.app.screen.query_one(OptionList)


async def test_all_keys_are_listed_with_what_they_do(real: Desk, snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session())):
        listed = await keys(real)
        assert {option.id for option in listed.options} - {None} == set(keymap.KEYS)
        real.sees("help for this screen", "enter change")
        await snapshot_svg.tour(real)
        await real.press("j", "j", "enter")
        await snapshot_svg.tour(real, "another")


async def test_a_key_is_remapped_at_once(real: Desk) -> None:
    async with real.open(a_board(a_session("fix login", id="s000000001"))):
        listed = await keys(real)
        listed.highlighted = listed.get_option_index("session.retry")
        await real.press("enter", "backspace", "Q", "enter")
        assert config.load(real.engine.config).keys == {"session.retry": "Q"}
        assert "•" in real.line_with("run the last prompt again")
        await real.press("escape", "escape", "Q")
        real.asked("last_prompt", "s000000001")
        await real.press("escape")
        listed = await keys(real)
        listed.highlighted = listed.get_option_index("session.retry")
        await real.press("ctrl+r")
        assert "•" not in real.line_with("run the last prompt again")


async def test_a_key_that_cannot_be_and_a_clash_are_refused(real: Desk) -> None:
    async with real.open(a_board(a_session("fix login", id="s000000001"))):
        listed = await keys(real)
        listed.highlighted = listed.get_option_index("session.retry")
        await real.press("enter", "backspace")
        await real.type("no key")
        await real.press("enter")
        real.sees("takes keys such as n")
        await real.press("ctrl+u", "x", "enter")
        real.sees("x means session.stop and session.retry")
        assert not real.engine.config.exists()
