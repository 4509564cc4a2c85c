"""Whatever a session, a repository or amp holds: what gets out is inert."""

import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.cli import output, tables
from ampsm_engine.cli.output import clean, encoded, one_line

HOSTILE = "\x1b]0;title\x07 \x1b[2J \x9b31m \x00 \u202egnp.exe \u2066 \r \x7f \u200b \U000e0041 \ud800"


def is_inert(text: str, allowed: str = "") -> bool:
    """No control character, no half character, nothing that changes the reading order."""
    return not any(
        letter not in allowed
        and (unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(letter) in BIDI)
        for letter in text
    )


BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters()))
def test_cleaned_text_is_inert_and_encodable(text: str) -> None:
    assert is_inert(clean(text))
    assert is_inert(clean(text, lines=True), "\n\t")
    clean(text).encode()
    assert clean(clean(text)) == clean(text)
    assert "\n" not in one_line(text)


def test_what_is_hidden_becomes_visible() -> None:
    assert clean("a\x1b[31mb\x7f\x9b\u202e\n") == "a␛[31mb␡<U+009B><U+202E>␊"
    assert clean("a\nb\tc\r", lines=True) == "a\nb\tc␍"


@pytest.mark.parametrize("text", ["naïve 日本語", "👩‍👩‍👧", "नमस्ते", "plain", "می‌خواهم"])
def test_ordinary_text_of_every_script_stays(text: str) -> None:
    assert clean(text) == text


@given(st.recursive(st.text(st.characters()) | st.none() | st.integers(), st.lists, max_leaves=5))
def test_json_is_printable_ascii_and_says_the_same(value: object) -> None:
    text = encoded(value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value


def test_a_hostile_line_is_inert(capsys: pytest.CaptureFixture[str]) -> None:
    output.line(output.Styled(HOSTILE, "red"), HOSTILE)
    output.fields([("name", HOSTILE)])
    tables.table((tables.TableColumn("A", str), tables.TableColumn(HOSTILE, output.Styled)), [HOSTILE])
    assert is_inert(capsys.readouterr().out, "\n")


columns = st.lists(
    st.builds(tables.TableColumn, st.just("T"), st.just(str), st.integers(0, 5), st.none() | st.integers(1, 12)),
    min_size=1,
    max_size=8,
)


@given(columns, st.data(), st.integers(8, 200))
def test_a_table_fits_its_terminal(wanted: list[tables.TableColumn[str]], data: st.DataObject, room: int) -> None:
    natural = [data.draw(st.integers(1, 60)) for _ in wanted]
    kept = tables.fit(wanted, natural, room)
    if room >= tables.GAP * (len(kept) - 1) + len(kept):
        assert sum(kept.values()) + tables.GAP * (len(kept) - 1) <= room
    assert all(index in kept for index, column in enumerate(wanted) if not column.drop_order)
    assert all(cells <= natural[index] for index, cells in kept.items())


def test_columns_go_before_text_is_cut() -> None:
    wanted = [
        tables.TableColumn("NAME", str, least=4),
        tables.TableColumn("AGE", str, drop_order=1),
        tables.TableColumn("TOKENS", str, drop_order=2),
    ]
    assert list(tables.fit(wanted, [10, 3, 6], 30)) == [0, 1, 2]
    assert tables.fit(wanted, [10, 3, 6], 15) == {0: 10, 1: 3}
    assert tables.fit(wanted, [10, 3, 6], 4) == {0: 4}


@given(st.text(), st.integers(1, 40))
def test_cut_text_fits(text: str, cells: int) -> None:
    assert tables.width(tables.cut(text, cells)) <= max(cells, 1)


def test_wide_letters_count_twice() -> None:
    assert tables.width("日本") == 4
    assert tables.width("é") == tables.width("e\u0301") == 1
    assert tables.cut("日本語", 4) == "日…"


@pytest.mark.parametrize(
    ("environ", "piped", "shown"),
    [
        ({}, False, True),
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_follows_the_variables_of_the_field(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, piped: bool, shown: bool
) -> None:
    for name, value in ({"TERM": "xterm"} | environ).items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: not piped)
    assert output.takes_colour(stream) is shown
