"""Which words changed in a patch."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.git import diff_words
from tests.conftest import examples


def marked(patch: bytes) -> list[tuple[int, str]]:
    rows = patch.split(b"\n")
    found = []
    for marks in diff_words.marks(patch):
        flat = list(marks or [])
        for row, start, end in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            found.append((row, rows[row][1:].decode("utf-8", "surrogateescape")[start:end]))
    return found


def test_the_words_that_changed_are_marked() -> None:
    patch = b"@@ -1,3 +1,3 @@\n def f():\n-    return foo(bar, 1) or None\n+    return foo(baz, 1) or None\n end\n"
    assert marked(patch) == [(2, "bar"), (3, "baz")]


def test_a_word_that_moved_to_another_line_of_the_block_is_not_new() -> None:
    patch = b"@@ -1,2 +1,3 @@\n-call(alpha, beta)\n-x\n+call(\n+    alpha, beta)\n+y\n"
    assert "alpha" not in {text for _, text in marked(patch)}


def test_lines_that_were_rewritten_have_no_marks_and_one_sided_blocks_neither() -> None:
    assert marked(b"@@ -1 +1 @@\n-alpha beta\n+gamma delta\n") == []
    assert marked(b"@@ -1 +1,2 @@\n a\n+b\n@@ -9 +9 @@\n-c\n d\n") == []


def test_a_missing_newline_is_no_line() -> None:
    patch = b"@@ -1 +1 @@\n-one two three\n\\ No newline at end of file\n+one 2 three\n\\ No newline at end of file\n"
    assert marked(patch) == [(1, "two"), (3, "2")]


def test_bytes_that_are_no_text_and_wide_characters_count_as_characters() -> None:
    patch = "@@ -1 +1 @@\n-日本 a b c d e f\n+日本 x b c d e f\n".encode() + b"-\xff a b c d\n+\xff x b c d\n"
    assert marked(patch) == [(1, "a"), (2, "x"), (3, "a"), (4, "x")]


def test_a_block_with_too_many_words_has_none() -> None:
    patch = b"@@ -1 +1 @@\n-" + b"a " * 4000 + b"\n+" + b"a " * 4000 + b"b\n"
    assert marked(patch) == []


@settings(max_examples=examples(60))
@given(st.lists(st.tuples(st.sampled_from("-+ "), st.text("ab \t\x01\0é", max_size=8)), max_size=12))
def test_ranges_are_inside_their_rows_and_in_order(lines: list[tuple[str, str]]) -> None:
    patch = b"@@ -1 +1 @@\n" + "".join(f"{sign}{text}\n" for sign, text in lines).encode()
    rows = patch.split(b"\n")
    before = (-1, 0)
    for marks in diff_words.marks(patch):
        flat = list(marks or [])
        for row, start, end in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            assert rows[row][:1] in (b"-", b"+")
            assert (row, start) >= before
            assert 0 <= start < end <= len(rows[row][1:].decode())
            before = (row, end)
