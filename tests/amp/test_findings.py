"""What amp's reviewer printed, in any of the forms it may have, becomes findings with places; nothing else does."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ampsm_engine.amp.findings import MOST, ReviewFinding, parse
from tests.conftest import examples

TEXT = """\
## Review

I looked at 3 files.

1. **src/app.py:12-14**: The lock is never let go.
   Use a context manager.

2. [login.py](file:///home/ada/shop/src/log%20in.py#L3-L4) Compares with `==`

- `src/b.py:7` — unused import

All in all good; see https://example.org:8080/x and the time 12:30.
"""


def test_text_with_places() -> None:
    assert parse("\x1b[1m" + TEXT) == (
        ReviewFinding("src/app.py", 12, 14, "The lock is never let go.\n   Use a context manager."),
        ReviewFinding("/home/ada/shop/src/log in.py", 3, 4, "Compares with `==`"),
        ReviewFinding(
            "src/b.py", 7, 7, "unused import\n\nAll in all good; see https://example.org:8080/x and the time 12:30."
        ),
    )


@pytest.mark.parametrize(
    "document",
    [
        {"comments": [{"filename": "a.py", "startLine": 2, "endLine": 3, "title": "Bad", "body": "Very"}]},
        [{"path": "a.py", "line": 2, "end_line": 3, "severity": "Bad", "message": "Very"}],
        {"files": [{"path": "", "filePath": "a.py", "lineStart": 2, "lineEnd": 3, "text": "Bad", "why": "Very"}]},
        {"path": "a.py", "line": True, "line_start": 2, "line_end": 3, "description": "Bad", "fix": "Very"},
        {"path": "a.py", "line": 2, "endLine": 3, "comment": " Bad ", "body": " ", "suggestion": "Very"},
    ],
)
def test_json_of_findings(document: object) -> None:
    found = (ReviewFinding("a.py", 2, 3, "Bad\nVery"),)
    assert parse(json.dumps(document)) == found
    assert parse(f"warning: something\n{json.dumps(document)}\n{json.dumps(document)}\n") == found


@pytest.mark.parametrize(("line", "known"), [(1, 1), (0, 0), (-3, 0), (10**8, 0), ("7", 0), (None, 0)])
def test_a_line_that_is_none_is_not_taken(line: object, known: int) -> None:
    (found,) = parse(json.dumps({"path": "a.py", "line": line, "text": "Bad"}))
    assert (found.line, found.line_end) == (known, known)


def test_text_as_linters_write_it() -> None:
    assert parse("a.py:3:7: E501 too long\nREADME:12: no place\n12:30 nor this\nb/c:4: odd") == (
        ReviewFinding("a.py", 3, 3, "E501 too long\nREADME:12: no place\n12:30 nor this"),
        ReviewFinding("b/c", 4, 4, "odd"),
    )
    assert parse("a.py:3:\nb/c:4: odd") == (ReviewFinding("b/c", 4, 4, "odd"),), "a place of which nothing is said"


def test_the_stream_of_a_review() -> None:
    lines = [{"type": "system", "subtype": "init"}, {"type": "result", "is_error": False, "result": TEXT}]
    assert parse("\n".join(map(json.dumps, lines))) == parse(TEXT)


@settings(max_examples=examples(60))
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.sampled_from(["path", "line", "text", "comments", "x"]), x), max_leaves=20).map(json.dumps))  # fmt: skip
def test_nothing_brings_it_down(output: str) -> None:
    found = parse(output)
    assert len(found) <= MOST
    assert all(one.path and one.text and one.line_end >= one.line >= 0 for one in found)


def test_a_long_output_without_findings_is_looked_through_once() -> None:
    lines = ["-" * 1_000_000, "a+b/" * 250_000, "[" * 1_000_000]
    assert parse("\n".join(lines)) == ()
    assert parse(json.dumps([[]] * 200_000)) == ()
