"""A diff as rows: every line of the patch has its row, its numbers are git's, and no change loses a line."""

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import LINE_LIMIT, cut
from ampsm_tui.widgets.diff import navigation, search
from ampsm_tui.widgets.diff.document import Document, File, changed_hunks, has_unseen, viewed_spans
from ampsm_tui.widgets.diff.layout import Anchor, Row, RowKind
from ampsm_tui.widgets.diff.patch import Body
from ampsm_tui.widgets.diff.search import SearchPattern
from tests.conftest import examples

LINE = st.text(st.sampled_from("ab+-@\\ é"), max_size=4)


def patch(folder: Path, old: str, new: str) -> bytes:
    """git's own patch of two contents, from its first `@@` on."""
    for name, text in (("old", old), ("new", new)):
        (folder / name).write_bytes(text.encode())
    command = ["git", "diff", "--no-index", "--no-color", "old", "new"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    at = done.find(b"\n@@ ")
    return done[at + 1 :] if at >= 0 else b""


def contents(draw: random.Random) -> tuple[str, str]:
    old = [draw.choice(("a", "b", "same", "é x", "+", "-", "@@", "\\ ")) for _ in range(draw.randint(0, 90))]
    new = [line for line in old if draw.random() > 0.08]
    for _ in range(draw.randint(0, 9)):
        new.insert(draw.randint(0, len(new)), draw.choice(("new", "+", "-x", "a")))
    return tuple("\n".join(lines) + draw.choice(("", "\n")) for lines in (old, new))  # type: ignore[return-value]


def told(body: Body) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
    """The numbered lines of both sides that a body tells of."""
    sides: tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]] = ([], [])
    for hunk in body.hunks:
        for row in hunk.shown:
            line = body.line(row)
            if line.kind in b" -":
                sides[0].append((line.old, line.text))
            if line.kind in b" +":
                sides[1].append((line.new, line.text))
    return sides


@given(st.integers(0, 1 << 30))
@settings(max_examples=examples(40), deadline=None)
def test_lines_have_the_numbers_and_words_that_the_files_have(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    old, new = contents(random.Random(seed))
    body = Body.whole(patch(tmp_path_factory.mktemp("p"), old, new))
    for lines, content in zip(told(body), (old, new), strict=True):
        known = content.encode().split(b"\n")
        assert all(known[number - 1] == text for number, text in lines)
    step = Body(body.data)
    while not step.read(7):
        pass
    assert (step.kinds, step.hunks) == (body.kinds, body.hunks)
    for row in range(len(body.kinds)):
        assert body.row_at(body.offset(row)) == row


@given(st.integers(0, 1 << 30))
@settings(max_examples=examples(40), deadline=None)
def test_every_line_has_a_row_whatever_is_done_to_it(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    draw = random.Random(seed)
    folder = tmp_path_factory.mktemp("p")
    document = Document([File(f"f{number}") for number in range(3)])
    bodies = [Body.whole(patch(folder, *contents(draw))) for _ in range(3)]
    for index in draw.sample(range(3), 3):
        document.put(index, bodies[index], ("a card",) * draw.randint(0, 1), has_tail=draw.random() < 0.5)
    for _ in range(12):
        index = draw.randrange(3)
        file, body = document.files[index], bodies[index]
        what = draw.randrange(6)
        if what == 0:
            document.split(is_split=not document.is_split)
        elif what == 1 and body.hunks:
            document.grow(index, draw.randrange(len(body.hunks)), above=draw.randint(0, 9), below=draw.randint(0, 9))
        elif what == 2 and body.hunks:
            document.close(index, draw.randrange(len(body.hunks)), closed=draw.random() < 0.5)
        elif what == 3:
            document.fold(index, folded=draw.random() < 0.3)
        elif what == 4:
            file.shape.notes = tuple(Anchor(draw.random() < 0.5, draw.randint(0, 60)) for _ in range(2))
            document.changed(index)
        else:
            document.view(index, frozenset(draw.sample(range(file.hunks), draw.randint(0, file.hunks))))
        check(document, bodies)


def check(document: Document, bodies: list[Body]) -> None:
    assert len(document) == sum(len(document.layout(index)) for index in range(3))
    rows = [document.row(at) for at in range(len(document))]
    assert [document.find(row) for row in rows] == list(range(len(rows)))
    for index, body in enumerate(bodies):
        shape = document.files[index].shape
        shown = {at for row in rows if row.file == index for at in lines_of(row) if at >= 0}
        wanted = {
            at
            for number, hunk in enumerate(body.hunks)
            for at in hunk.shown
            if body.kinds[at] != ord("\\") and number not in shape.closed and not shape.folded
        }
        assert shown == wanted
        if not shape.folded:
            assert [row.a for row in rows if row.file == index and row.kind is RowKind.NOTE] == sorted(
                (row.a for row in rows if row.file == index and row.kind is RowKind.NOTE), key=[
                    row.a for row in rows if row.file == index and row.kind is RowKind.NOTE].index)  # fmt: skip
            assert len({row.a for row in rows if row.file == index and row.kind is RowKind.NOTE}) == len(shape.notes)


def lines_of(row: Row) -> tuple[int, ...]:
    if row.kind is RowKind.LINE:
        return (row.a,)
    return (row.a, row.b) if row.kind is RowKind.PAIR else ()


@given(
    st.lists(LINE, max_size=30),
    st.lists(LINE, max_size=30),
    st.text(st.sampled_from("ab+-é.*[]\\sw^$A"), min_size=1, max_size=4),
)
@settings(max_examples=examples(60), deadline=None)
def test_a_search_counts_what_each_line_has(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], text: str
) -> None:
    body = Body.whole(patch(tmp_path_factory.mktemp("p"), "\n".join(old), "\n".join(new)))
    needle = SearchPattern(text)
    places = [
        (row, len(needle.spans(body.line(row).text)))
        for hunk in body.hunks
        for row in hunk.shown
        if body.kinds[row] != ord("\\")
    ]
    assert needle.count(body) == sum(count for _, count in places)
    with_any = [row for row, count in places if count]
    found, row = [], -1
    while (row := needle.next_row(body, row, 1)) is not None:  # type: ignore[assignment]
        found.append(row)
    assert found == with_any
    back, row = [], len(body.kinds)
    while (row := needle.next_row(body, row, -1)) is not None:  # type: ignore[assignment]
        back.append(row)
    assert back == with_any[::-1]


def test_one_goes_from_what_is_not_viewed_to_the_next() -> None:
    data = b"@@ -1 +1 @@\n-a\n+b\n@@ -9 +9 @@\n-c\n+d\n"
    document = Document([File("x"), File("y")])
    for index in range(2):
        document.put(index, Body.whole(data))
    document.view(0, frozenset({0}))
    first = navigation.next_unviewed(document, 0)
    assert first is not None
    assert document.row(first) == Row(RowKind.HUNK, 0, 1, 0)
    document.view(0, frozenset({0, 1}))
    document.view(1, frozenset({0, 1}))
    assert navigation.next_unviewed(document, 0) is None
    assert document.progress == (4, 4)


def test_a_file_of_200_000_lines_costs_no_object_a_line() -> None:
    body = Body.whole(b"@@ -0,0 +1,200000 @@\n" + b"".join(b"+line %d\n" % number for number in range(200_000)))
    document = Document([File("big")])
    document.put(0, body)
    document.fold(0, folded=False)
    assert len(document) == 200_002
    assert body.line(150_000).text == b"line 149999"
    assert body.line(150_000).new == 150_000


def test_a_cut_line_is_not_taken_for_one_that_hides_something() -> None:
    for letter in ("x", "é"):
        long = cut(letter.encode() * LINE_LIMIT * 2)
        assert long is not None
        assert not has_unseen(b"+" + long + b"\n")
        assert has_unseen(b"+" + long + b"\n+\x1b[31m\n")


def test_a_search_that_python_would_warn_of_is_a_search() -> None:
    needle = SearchPattern("[[a]")
    assert needle.count(Body.whole(b"@@ -0,0 +1,2 @@\n+x[y\n+a\n")) == 2


@given(st.data())
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hunk_stands_where_one_was_viewed_when_both_change_the_same_lines(
    tmp_path: Path, data: st.DataObject
) -> None:
    lines = [f"{number}\n" for number in range(60)]

    def edited(places: set[int], word: str) -> str:
        return "".join(f"{line.strip()} {word}\n" if at in places else line for at, line in enumerate(lines))

    places = data.draw(st.sets(st.integers(0, 59), min_size=1, max_size=6))
    again = data.draw(st.sets(st.sampled_from(sorted(places))))
    first = Body.whole(patch(tmp_path, "".join(lines), edited(places, "x")))
    mixed = [
        f"{line.strip()} {'y' if at in again else 'x'}\n" if at in places else line for at, line in enumerate(lines)
    ]
    second = Body.whole(patch(tmp_path, "".join(lines), "".join(mixed)))
    file = File("a", body=first, viewed=frozenset(range(len(first.hunks))))
    spans = viewed_spans([file], {})["a"]
    keys = set(hunks.keys(first.data))
    now = {at for at, key in enumerate(hunks.keys(second.data)) if key in keys}
    assert changed_hunks(second, now, spans) == set(range(len(second.hunks))) - now
    assert changed_hunks(second, range(len(second.hunks)), spans) == set()


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("(a|aa)*$", "a" * 40 + "b"),
        ("(x+x+)+y", "x" * 3000),
        ("(.*)(.*)(.*)(.*)(.*)[^x]", "x" * 20_000),
        ("(é|éé)*$", "é" * 40 + "b"),
    ],
)
def test_a_pattern_that_takes_too_long_is_given_up(pattern: str, line: str) -> None:
    body = Body.whole(f"@@ -0,0 +1,2 @@\n+{line}\n+{line}\n".encode())
    for seek in (SearchPattern.count, lambda needle, body: needle.next_row(body, -1, 1) or 0):
        needle = SearchPattern(pattern)
        assert seek(needle, body) == 0
        assert needle.is_given_up
        assert needle.spans(b"a b a") == []


def test_a_pattern_that_takes_a_moment_for_each_of_many_lines_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "IN_A_ROW", 0.05)
    body = Body.whole(("@@ -0,0 +1,400 @@\n" + f"+{'é' * 17}b\n" * 400).encode())
    needle = SearchPattern("(é|éé)*$")
    assert needle.count(body) == 0
    assert needle.is_given_up


def test_pasted_text_is_looked_for_as_it_is() -> None:
    line = "(a" * 600
    needle = SearchPattern(line)
    assert needle.count(Body.whole(f"@@ -0,0 +1,2 @@\n+{line}\n+a\n".encode())) == 1


def test_letters_are_found_in_the_encoding_that_lines_are_in() -> None:
    latin = Body.whole("@@ -1 +1,2 @@\n-café\n+thé\n+tea\n".encode("latin-1"), "windows-1252")
    assert [SearchPattern(text).count(latin) for text in ("é", "thé", "t")] == [2, 1, 2]
    assert SearchPattern("THÉ").next_row(latin, 0, 1) is None
    assert SearchPattern("thé").next_row(latin, 0, 1) == 2
    # The second byte of the first letter is that of an A.
    japanese = Body.whole("@@ -0,0 +1,2 @@\n+アイ\n+A\n".encode("cp932"), "cp932")
    assert [SearchPattern(text).count(japanese) for text in ("A", "アイ")] == [1, 1]
    assert SearchPattern("A").next_row(japanese, 0, 1) == 2
