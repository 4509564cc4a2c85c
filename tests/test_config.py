"""Settings are read, checked, explained and written without losing what the user wrote beside them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import config
from ampsm_engine.errors import NotFound, Unfit


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = config.load(tmp_path / "none.toml")
    assert settings.number("slots") == 4
    assert settings.text("amp.path") == ""
    assert settings.switch("commit.hooks")


def test_a_written_setting_is_read_back_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\nslots = 2 # few\n\n[amp]\nmode = 'low' # cheap\n")
    assert config.store(path, "slots", "3") == 3
    assert config.store(path, "stop.interrupt", "0.5") == 0.5
    text = path.read_text()
    assert "# mine" in text
    assert "# cheap" in text
    settings = config.load(path)
    assert (settings["slots"], settings["amp.mode"], settings["stop.interrupt"]) == (3, "low", 0.5)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "nan", "true", ""])
def test_slots_take_a_whole_number_of_at_least_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(Unfit, match="slots"):
        config.store(path, "slots", text)
    assert not path.exists()


def test_an_unknown_setting_names_the_likely_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        config.store(tmp_path / "c.toml", "slot", "2")
    assert "slots" in caught.value.hint


@pytest.mark.parametrize("content", [b"slots = [", b"\xff\xfe", b"slots = 2\nslots = 3\n"])
def test_a_broken_file_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    settings = config.load(path)
    (problem,) = settings.problems
    assert f"mv {path} {path}.broken" in problem.hint
    assert settings.number("slots") == 4
    with pytest.raises(Unfit):
        settings.needed("amp.path")
    with pytest.raises(Unfit):
        config.store(path, "slots", "2")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content", ["slots = 'four'\n", "slots = 0 # none\n", "slots = -1\n[stop]\ninterrupt = 3.0\n", "[slots]\nx = 1\n"]
)
def test_a_wrong_value_is_named_with_its_file_and_its_hint_mends_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    settings = config.load(path)
    assert str(path) in settings.problems[0].message
    assert settings["slots"] == 4
    config.store(path, "slots", "5")
    assert config.load(path)["slots"] == 5
    assert config.load(path).problems == ()


def test_one_setting_can_be_set_while_another_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("slots = 'four' # wrong\nstop = {interrupt = 3.0}\nnosuch = 1\n")
    config.store(path, "stop.terminate", "2")
    text = path.read_text()
    assert "slots = 'four' # wrong" in text
    assert 'terminate = "2s"' in text
    config.store(path, "slots", "3")
    assert "slots = 3 # wrong" in path.read_text()


def test_a_value_in_the_place_of_a_table_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("stop = 5\n")
    with pytest.raises(Unfit, match="stop is a value"):
        config.store(path, "stop.interrupt", "3")
    assert path.read_text() == "stop = 5\n"


def test_a_folder_in_the_place_of_the_file_is_unfit(tmp_path: Path) -> None:
    assert "cannot be read" in config.load(tmp_path).problems[0].message
    with pytest.raises(Unfit):
        config.store(tmp_path, "slots", "2")
    file = tmp_path / "f"
    file.write_text("")
    with pytest.raises(Unfit, match="cannot be written"):
        config.store(file / "config.toml", "slots", "2")


@given(st.sampled_from(sorted(config.SETTINGS)), st.text(max_size=20) | st.integers() | st.floats() | st.booleans())
def test_a_value_is_of_its_settings_type_or_refused(name: str, value: object) -> None:
    try:
        checked = config.checked(name, value)
    except Unfit:
        return
    setting = config.SETTINGS[name]
    if setting.is_duration:
        assert isinstance(checked, int | float)
        assert config.checked(name, setting.written(checked)) == checked
    else:
        assert type(checked) is type(setting.default)


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("2h", 7200, "2h"),
        ("90 s", 90, "1m 30s"),
        ("1h30m", 5400, "1h 30m"),
        ("1 hour and 30 minutes", 5400, "1h 30m"),
        ("1.5 h", 5400, "1h 30m"),
        ("900", 900, "15m"),
        ("0", 0, "0"),
        ("0.5", 0.5, "0.5s"),
    ],
)
def test_a_length_of_time_is_written_as_people_say_it(tmp_path: Path, text: str, value: float, written: str) -> None:
    path = tmp_path / "config.toml"
    assert config.store(path, "iteration.timeout", text) == value
    assert f'timeout = "{written}"' in path.read_text()
    assert config.load(path)["iteration.timeout"] == value
    path.write_text(f"[iteration]\ntimeout = {value}\n")  # as files before had it
    assert config.load(path)["iteration.timeout"] == value


@pytest.mark.parametrize("text", ["", "2x", "-1", "1m 1h", "1h1h", "1e9", "inf", "true", "9" * 40, "soon"])
def test_what_is_no_length_of_time_names_some(tmp_path: Path, text: str) -> None:
    with pytest.raises(Unfit, match="such as 90s, 10m or 1h 30m") as caught:
        config.store(tmp_path / "config.toml", "iteration.timeout", text)
    assert caught.value.hint == "ampsm config set iteration.timeout 2h"
    with pytest.raises(Unfit, match="at least 1s"):
        config.checked("silence.tell", "0")


def test_a_config_in_the_home_is_preferred(tmp_path: Path) -> None:
    environ = {"AMPSM_HOME": str(tmp_path / "h"), "XDG_CONFIG_HOME": str(tmp_path / "c")}
    assert config.config_path(environ) == tmp_path / "c" / "ampsm" / "config.toml"
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "config.toml").write_text("")
    assert config.config_path(environ) == tmp_path / "h" / "config.toml"


def test_a_setting_of_few_words_takes_no_other(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(Unfit, match="osc777") as caught:
        config.store(path, "notify.terminal", "loud")
    assert caught.value.hint == "ampsm config set notify.terminal auto"
    assert config.store(path, "notify.terminal", "bell") == "bell"
