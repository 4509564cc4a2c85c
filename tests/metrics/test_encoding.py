"""What leaves the store is inert: no formula, no NaN, no control character, and the same rows again."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.metrics.export import csv_lines, document, json_text, ndjson

HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "  =1", "\t=1", "\N{FULLWIDTH EQUALS SIGN}1", "|x", "%0A"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_spreadsheet_takes_no_text_for_a_formula(text: str) -> None:
    _, cell = "".join(csv_lines(["text"], [{"text": text}])).split("\r\n", 1)
    (row,) = csv.reader(io.StringIO(cell))
    assert row == ["'" + text]


def test_numbers_stay_numbers_and_unknown_is_empty() -> None:
    rows = [{"a": -5, "b": None, "c": True, "d": math.nan, "e": -0.5}]
    assert "".join(csv_lines("abcde", rows)) == "a,b,c,d,e\r\n-5,,true,,-0.5\r\n"
    assert json_text(rows) == '[{"a":-5,"b":null,"c":true,"d":null,"e":-0.5}]'


cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None)))


@given(st.lists(st.fixed_dictionaries({"a": cells, "b": cells}), max_size=4))
def test_whatever_is_in_the_rows(rows: list[dict[str, object]]) -> None:
    table = "".join(csv_lines(["a", "b"], rows))
    table.encode()
    assert not any(letter in table for letter in "\x00\x1b\x9b\u202e\u2028")
    read = list(csv.reader(io.StringIO(table, newline="")))
    assert len(read) == len(rows) + 1
    for line in ("".join(document({"table": "x"}, "rows", rows)), *ndjson({"table": "x"}, rows)):
        assert line.isascii()
        assert json.loads(line, parse_constant=pytest.fail)["version"] == 1
    for given_row, line in zip(rows, ndjson({}, rows), strict=True):
        kept = {
            key: value
            for key, value in given_row.items()
            if not (isinstance(value, float) and not math.isfinite(value))
        }
        assert {key: value for key, value in json.loads(line).items() if key in kept} == kept
