"""Settings as people write them: comments and commas at the end, and strings that look like either."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampsm_engine.amp.command import parse_jsonc


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('\ufeff{"a": 1, // one\n "b": [1, 2, /* two */ ], }', {"a": 1, "b": [1, 2]}),
        (
            '{"url": "https://x/*no*/", "quote": "a\\"// b", "c": ",}"}',
            {"url": "https://x/*no*/", "quote": 'a"// b', "c": ",}"},
        ),
        ('/* a\n * b */{"a": 1,\n// last, }\n}', {"a": 1}),
        ("{}//", {}),
    ],
)
def test_comments_and_trailing_commas_are_read_over(text, value):
    assert parse_jsonc(text) == value


@pytest.mark.parametrize("text", ["", "{", '{"a": 1 /* open', '{"a": "open', "{'a': 1}", "[" * 100_000, '"\\', "{}}"])
def test_what_is_broken_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_jsonc(text)


def test_the_line_of_a_fault_is_that_of_the_file():
    with pytest.raises(ValueError, match="line 4"):
        parse_jsonc('{\n/* a\n b */ "a": 1,\n oops }')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='"\\/*,}] \nab'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='"\\/*,}]a'), inner),
)


@given(JSON, st.integers(0, 3))
def test_plain_json_means_the_same(value, indent):
    assert parse_jsonc(json.dumps(value, indent=indent, ensure_ascii=False)) == value


@given(st.text(alphabet='{}[]",:/*\\ \n1a'))
def test_any_text_is_a_value_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        parse_jsonc(text)
