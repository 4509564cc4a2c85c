"""Keys are chosen by id: what is no key, no id, or taken already is said before a screen opens."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine import config, key_layouts, keymap
from ampsm_engine.errors import AmpsmError, Unfit


def test_a_chosen_key_is_read_from_either_way_of_writing_the_table(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for content in ('[keys]\n"session.new" = "a, ?"\n', '[keys.session]\nnew = "a,question_mark"\n'):
        path.write_text(content)
        assert config.load(path).keys == {"session.new": "a,question_mark"}


def test_a_key_is_written_like_any_setting_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[keys]\n\n[ui]\ntheme = 'nord' # cold\n")
    assert config.store(path, "keys.session.trash", "D") == "D"
    assert "# mine" in path.read_text()
    assert "# cold" in path.read_text()
    assert config.load(path).text("keys.session.trash") == "D"


def test_a_key_written_in_one_way_is_changed_in_that_way(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[keys]\n"session.trash" = "D"\n')
    config.store(path, "keys.session.trash", "X")
    assert config.load(path).keys == {"session.trash": "X"}
    assert "D" not in path.read_text()


def test_an_unknown_id_names_the_likely_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[keys]\n"session.trsh" = "D"\n')
    (problem,) = config.load(path).problems
    assert "keys.session.trash" in problem.hint


@pytest.mark.parametrize("text", ["", "n,", "two words", "ctrl+", "ctrl+c", "ctrl+z", "\x1b", "n n"])
def test_what_is_no_key_or_may_not_be_taken_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="keys"):
        keymap.checked("session.new", text)


@given(st.text(max_size=8))
def test_any_text_is_keys_or_refused(text: str) -> None:
    try:
        chosen = keymap.checked("session.new", text)
    except AmpsmError:
        return
    assert keymap.checked("session.new", chosen) == chosen


def test_two_things_on_one_key_of_one_screen_clash() -> None:
    (clash,) = keymap.clashes({"session.trash": "x"})
    assert clash.key == "x"
    assert clash.ids == ("session.stop", "session.trash")
    assert "session.stop and session.trash" in str(clash)
    assert keymap.clashes({"session.trash": "x", "session.stop": "d"}) == ()


def test_the_defaults_do_not_clash() -> None:
    every = {key.id: key.keys for key in keymap.KEYS.values()}
    assert keymap.clashes(every) == ()
    for key in keymap.KEYS.values():
        assert keymap.checked(key.id, key.keys) == key.keys


@pytest.mark.parametrize("layout", key_layouts.LAYOUTS)
def test_a_key_means_one_thing_on_all_screens(layout: str) -> None:
    """Boxes are apart: a question has yes and no of its own, and what is typed in the others is text."""
    on_screens = [key for key in keymap.KEYS.values() if not set(key.screens) <= keymap.BOXES]
    meanings: dict[str, set[str]] = {}
    for gesture in {gesture for key in on_screens for gesture in key.gestures}:
        for one in key_layouts.LAYOUTS[layout].get(gesture, gesture.keys).split(","):
            meanings.setdefault(one, set()).add(gesture.words)
    assert {key: words for key, words in meanings.items() if len(words) > 1} == {}


@pytest.mark.parametrize("layout", key_layouts.LAYOUTS)
def test_a_layout_is_one_setting_and_a_key_of_ones_own_goes_before_it(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "config.toml"
    assert config.store(path, "keys.layout", layout) == layout
    config.store(path, "keys.session.trash", "Q")
    assert config.load(path).keys == {**key_layouts.in_layout(layout), "session.trash": "Q"}
    assert config.load(path).problems == ()
    for key_id, keys in key_layouts.in_layout(layout).items():
        assert keymap.checked(key_id, keys) == keys
    assert (
        keymap.clashes({key.id: key_layouts.in_layout(layout).get(key.id, key.keys) for key in keymap.KEYS.values()})
        == ()
    )


def test_the_screens_have_the_layouts_of_the_setting() -> None:
    assert config.SETTINGS["keys.layout"].choices == tuple(key_layouts.LAYOUTS)


def test_the_key_by_which_emacs_calls_a_thing_off_does_nothing_else_in_its_layout() -> None:
    moved = key_layouts.in_layout("emacs")
    on_it = {key.id for key in keymap.KEYS.values() if "ctrl+g" in moved.get(key.id, key.keys).split(",")}
    assert on_it == {key.id for key in keymap.KEYS.values() if keymap.BACK in key.gestures}
