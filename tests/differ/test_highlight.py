"""The colours of whole blobs, and the table of languages."""

from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.differ import highlight
from ampsm_engine.differ.languages import _LANGUAGES, language
from ampsm_engine.differ.protocol import CLASSES, COLUMN_LIMIT, Colours
from tests.conftest import examples


def joined(content: bytes, name: str) -> Colours:
    offsets, spans = array("I", [0]), array("H")
    for part in highlight.coloured(content, name):
        if part is not None:
            assert part.first == len(offsets) - 1
            base = offsets[-1]
            offsets.extend(base + one for one in part.offsets[1:])
            spans.extend(part.spans)
    return Colours(offsets, spans, complete=True)


def read(content: bytes, name: str) -> list[list[tuple[str, str]]]:
    """The coloured pieces, line by line."""
    colours = joined(content, name)
    found = []
    for number, raw in enumerate(content.decode("utf-8", "surrogateescape").split("\n")):
        flat = colours.line(number)
        triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        found.append([(raw[start:end], CLASSES[kind]) for start, end, kind in triples])
    return found


def test_every_language_of_the_table_has_a_lexer() -> None:
    assert [name for name in _LANGUAGES if highlight._lexer(name) is None] == []


def test_languages_are_known_by_name() -> None:
    names = {
        "a/b.py": "python",
        "x.TSX": "tsx",
        "Dockerfile.dev": "docker",
        "src/Makefile": "make",
        "a.unknown": "",
        "LICENSE": "",
    }
    assert {path: language(path) for path in names} == names


def test_strings_and_comments_of_many_lines_keep_their_colour() -> None:
    lines = read(b'x = """one\ntwo "quoted\n\nthree"""\ny = 1\n', "python")
    assert lines[1:4] == [[('two "quoted', "string")], [], [('three"""', "string")]]
    assert ("1", "number") in lines[4]
    lines = read(b"int a; /* one\n int b;\n*/ int c;\n", "c")
    assert lines[1] == [(" int b;", "comment")]
    assert ("int", "type") in lines[2]


def test_a_script_is_known_by_its_first_line() -> None:
    assert ("if", "keyword") in read(b"#!/usr/bin/env bash\nif true; then :; fi\n", "")[1]
    assert read(b"just words\nif true\n", "") == [[], [], []]


def test_crlf_and_a_missing_newline_move_nothing() -> None:
    assert read(b"a = 1\r\nb = 2", "python") == [
        [("=", "operator"), ("1", "number")],
        [("=", "operator"), ("2", "number")],
    ]


def test_lines_are_counted_as_git_does() -> None:
    content = "a = 1\x0c\nb = '\u2028'\n\x0b\nc = 3\n".encode()
    assert joined(content, "python").lines == 4
    assert ("3", "number") in read(content, "python")[3]


def test_what_is_too_much_stays_plain() -> None:
    assert joined(b"x = 1\n" * 200_000, "python").lines == 0
    assert joined(b"x = '" + b"a" * 3_000 + b"'\n", "python").lines == 0
    wide = read(b"x = '" + b"a" * 1_000 + b"'\ny = 2\n", "python")
    assert sum(len(text) for text, _ in wide[0]) <= COLUMN_LIMIT
    assert ("2", "number") in wide[1]


def test_large_files_come_in_parts_that_fit() -> None:
    content = b"".join(b"def f%d(): return '''\n%d\n'''\n" % (n, n) for n in range(1_500))
    parts = [part for part in highlight.coloured(content, "python") if part is not None]
    assert len(parts) > 3
    assert parts[-1].is_last
    assert joined(content, "python").lines == 4_500
    assert read(content, "python")[4_498] == [("1499", "string")]


@settings(max_examples=examples(60))
@given(
    st.lists(
        st.sampled_from(["'''", '"', "/*", "*/", "#", "\n", "\r\n", "def f(", "1", " ", "é", "\t", "<a", "`", "日"]),
        max_size=40,
    ),
    st.sampled_from(["python", "c", "typescript", "markdown", "html", "bash", "rust", "json", "yaml"]),
)
def test_spans_are_inside_their_lines_and_in_order(pieces: list[str], name: str) -> None:
    content = "".join(pieces).encode()
    colours = joined(content, name)
    lines = content.decode().split("\n")
    assert colours.lines in (0, content.count(b"\n") + (not content.endswith(b"\n")))
    for number in range(colours.lines):
        flat, before = colours.line(number), 0
        for start, end, kind in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            assert before <= start < end <= len(lines[number])
            assert 0 < kind < len(CLASSES)
            before = end
