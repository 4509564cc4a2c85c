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
        real.sees("How much at once", "4 iterations may run at once", "as ampsm comes: 4")
        path_hidden(real)
        await snapshot_svg.tour(real)
        shown = {row.setting.name for row in real.app.screen.query(SettingRow)}
        assert shown == set(config.SETTINGS)


async def test_what_is_refused_is_told_in_place_and_not_written(real: Desk, snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session())):
        await real.press("comma", "backspace", "x", "enter")
        real.sees("The setting slots takes a whole number from 1 to 256, not 'x'.", "as ampsm comes: 4")
        real.sees_not("(settings)")
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


async def to(desk: Desk, name: str) -> SettingRow:
    """The row of a setting, under the cursor."""
    row = next(row for row in desk.app.screen.query(SettingRow) if row.setting.name == name)
    row.children[2].focus()
    await desk.settle()
    return row


async def test_a_length_of_time_is_typed_and_shown_as_people_say_it(real: Desk) -> None:
    async with real.open(a_board(a_session()), size=(120, 60)):
        await real.press("comma")
        await to(real, "iteration.timeout")
        assert " 2h " in real.line_with("iteration.timeout")
        assert "at most for one iteration; 0: no limit" in real.line_with("iteration.timeout")
        await real.press("ctrl+u")
        await real.type("90 min")
        await real.press("enter")
        assert " 1h 30m " in real.line_with("iteration.timeout")
        assert config.load(real.engine.config)["iteration.timeout"] == 5400
        await real.press("ctrl+u")
        await real.type("soon")
        await real.press("enter")
        real.sees("such as 90s, 10m or 1h 30m, at most 30d")


async def test_a_choice_is_one_of_its_words_and_never_another(real: Desk, snapshot_svg: Camera) -> None:
    async with real.open(a_board(a_session()), size=(120, 40)):
        await real.press("comma")
        row = await to(real, "notify.terminal")
        await real.press("right")
        assert (row.value, config.load(real.engine.config)["notify.terminal"]) == ("osc9", "osc9")
        await real.press("enter", "down", "down")
        path_hidden(real)
        await snapshot_svg.tour(real)
        await real.press("escape")
        assert row.value == "osc9"
        await real.press("enter", "up", "enter")
        assert (row.value, config.load(real.engine.config)["notify.terminal"]) == ("auto", "auto")


async def test_a_theme_is_seen_before_it_is_chosen_and_only_then_kept(real: Desk) -> None:
    async with real.open(a_board(a_session()), size=(120, 40)):
        await real.press("comma")
        await to(real, "ui.theme")
        await real.press("enter", "down")
        assert real.app.theme == "ampsm-light"
        await real.press("escape")
        assert real.app.theme == "ampsm"
        await real.press("enter", "down", "down", "q")
        assert real.app.theme == "ampsm"
        assert not real.engine.config.exists()
        await real.press("comma")
        await to(real, "ui.theme")
        await real.press("enter", "down", "enter", "escape")
        assert real.app.theme == config.load(real.engine.config)["ui.theme"] == "ampsm-light"


async def test_a_letter_never_leads_from_a_switch_into_a_box_where_it_is_text(real: Desk) -> None:
    async with real.open(a_board(a_session()), settings=config.load(real.engine.config)):
        await real.press("comma", "tab", "tab", "tab")
        assert "○ off" in real.line_with("amp.allow-all")
        await real.press("k", "k", "j", "j", "j", "j", "escape")
        assert not real.engine.config.exists(), "nothing was typed anywhere"


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


async def test_a_key_does_not_come_back_where_another_one_has_it(real: Desk) -> None:
    real.engine.config.write_text('[keys]\n"session.retry" = "Q"\n"session.stop" = "r"\n')
    written = real.engine.config.read_text()
    async with real.open(a_board(a_session()), size=(120, 40), settings=config.load(real.engine.config)):
        listed = await keys(real)
        listed.highlighted = listed.get_option_index("session.retry")
        await real.press("ctrl+r")
        real.sees("r means session.stop and session.retry")
        assert real.engine.config.read_text() == written


async def test_a_layout_is_refused_where_a_key_of_ones_own_has_one_of_its_keys(real: Desk) -> None:
    real.engine.config.write_text('[keys]\n"review.zen" = "less_than_sign"\n')
    async with real.open(a_board(a_session()), size=(120, 40), settings=config.load(real.engine.config)):
        await real.press("comma")
        await to(real, "keys.layout")
        await real.press("right")
        real.sees("less_than_sign means review.hunk-before and review.zen")
        assert config.load(real.engine.config).text("keys.layout") == "vim"
