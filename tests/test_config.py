"""Settings are read, checked, explained and written without losing what the user wrote beside them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import config
from ampsm_engine.errors import AmpsmError, NotFound, Unfit


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


@pytest.mark.parametrize("content", [b"slots = [", b"\xff\xfe", b"slots = 'four'\n", b"[slots]\nx = 1\n"])
def test_a_broken_file_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(AmpsmError):
        config.load(path)
    with pytest.raises(AmpsmError):
        config.store(path, "slots", "2")
    assert path.read_bytes() == content


@given(st.sampled_from(sorted(config.SETTINGS)), st.text(max_size=20) | st.integers() | st.floats() | st.booleans())
def test_a_value_is_of_its_settings_type_or_refused(name: str, value: object) -> None:
    try:
        checked = config.checked(name, value)
    except Unfit:
        return
    assert type(checked) is type(config.SETTINGS[name].default) or isinstance(checked, int)


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
