"""Hunks: told apart and known again; their text is git's own; keys follow the content and nothing else."""

import subprocess
from pathlib import Path

import hypothesis.strategies as st
import pygit2
import pytest
from hypothesis import given, settings

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Hunk, Side
from ampsm_engine.review.annotations import Marks
from tests import soak
from tests.conftest import examples

LINES = st.lists(
    st.sampled_from([b"a", b"b", b"", b"-- x", b"++ y", b"@@ -1 +1 @@", b"\\ z", b"\xff\r", b"  "]), max_size=25
)


def diff(folder: Path, old: bytes, new: bytes, context: int = 3) -> bytes:
    """git's patch between two contents, from its first hunk on."""
    for name, content in (("old", old), ("new", new)):
        (folder / name).write_bytes(content)
    command = ["git", "diff", "--no-index", "--text", f"-U{context}", "old", "new"]
    told = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    return told[told.find(b"\n@@ ") + 1 :] if b"\n@@ " in told else b""


@settings(max_examples=examples(60))
@given(old=LINES, new=LINES, ends=st.tuples(st.booleans(), st.booleans()))
def test_what_is_split_is_all_of_gits_patch(
    tmp_path: Path, old: list[bytes], new: list[bytes], ends: tuple[bool, bool]
) -> None:
    before, after = (b"\n".join(lines) + b"\n" * end for lines, end in zip((old, new), ends, strict=True))
    patch = diff(tmp_path, before, after)
    found = hunks.split(patch)
    assert len(hunks.keys(patch)) == len(found)
    forward, backward = before, after
    for hunk in reversed(found):
        forward, backward = _exchange(forward, hunk, Side.OLD), _exchange(backward, hunk, Side.NEW)
    assert (forward, backward) == (after, before)
    assert hunks.split(b"".join(hunks.text(hunk) for hunk in found)) == found


def _exchange(content: bytes, hunk: Hunk, side: Side) -> bytes:
    return hunks.put_in(content, hunk) if side is Side.OLD else hunks.taken_out(content, hunk)


@settings(max_examples=examples(40))
@given(old=LINES, new=LINES, data=st.data())
def test_chosen_lines_leave_the_side_that_they_are_for_as_it_is(
    tmp_path: Path, old: list[bytes], new: list[bytes], data: st.DataObject
) -> None:
    patch = diff(tmp_path, b"\n".join(old) + b"\n", b"\n".join(new) + b"\n")
    for hunk in hunks.split(patch):
        chosen = data.draw(st.sets(st.integers(0, len(hunk.lines) - 1)))
        for side in Side:
            part = hunks.select(hunk, chosen, side)
            assert part.image(side) == hunk.image(side)
            kept = sorted(line for line in part.lines if line[:1] != b" ")
            assert kept == sorted(hunk.lines[index] for index in chosen if hunk.lines[index][:1] != b" ")
            everything = hunks.select(hunk, range(len(hunk.lines)), side)
            assert everything == hunk


TEXT = [f"line {number}".encode() for number in range(60)]


def patch_of(folder: Path, *edits: tuple[int, bytes], top: int = 0) -> bytes:
    new = list(TEXT)
    for at, line in edits:
        new[at] = line
    return diff(folder, b"\n".join([b"new"] * top + TEXT) + b"\n", b"\n".join([b"new"] * top + new) + b"\n")


def test_a_key_is_of_the_lines_of_a_hunk_and_not_of_their_numbers(tmp_path: Path) -> None:
    first, second = hunks.keys(patch_of(tmp_path, (5, b"x"), (40, b"y")))
    assert first != second
    assert hunks.keys(patch_of(tmp_path, (5, b"x"), (40, b"y"), top=7)) == (first, second), "it moved down"
    assert hunks.keys(patch_of(tmp_path, (5, b"x"), (40, b"other")))[0] == first, "only the other one changed"
    assert hunks.keys(patch_of(tmp_path, (5, b"x"), (7, b"x")))[0] != first
    assert hunks.keys(b"") == ()


def marked(old: list[bytes], new: list[bytes]) -> dict[str, tuple[int, bytes]]:
    """The hunks of a patch by their keys: where each begins on the old side, and its text."""
    told = (
        pygit2.Patch.create_from(b"".join(old), b"".join(new)).data or b""
    )  # as the review has them: a git each takes too long
    patch = told[told.find(b"\n@@ ") + 1 :] if b"\n@@ " in told else b""
    found = hunks.split(patch)
    return {key: (one.old_start, b"".join(one.lines)) for key, one in zip(hunks.keys(patch), found, strict=True)}


def test_a_mark_never_moves_to_an_equal_hunk() -> None:
    block = [b"begin\n", b"same\n", b"a\n", b"b\n", b"c\n", b"d\n", b"e\n", b"f\n", b"g\n"]
    old = block * 3
    rewritten = [b"other\n" if line == b"same\n" else line for line in old]
    first, second, third = marked(old, rewritten)
    assert len({first, second, third}) == 3
    without_first = [*old[:9], *rewritten[9:]]
    assert not {first} & marked(old, without_first).keys()
    only_third = [*old[:18], *rewritten[18:]]
    assert not {first, second} & marked(old, only_third).keys()
    unlike_first = [*(b"else\n" if line == b"same\n" else line for line in old[:9]), *rewritten[9:]]
    assert not {first} & marked(old, unlike_first).keys()


LINES_OF_BLOCKS = [b"a", b"b", b"x"]
LINES_OF_EDITS = [b"a\n", b"x\n", b"y\n", b"+\n", None]
OLD_BLOCKS = st.lists(st.sampled_from(LINES_OF_BLOCKS), min_size=8, max_size=60)


def _rewritten(lines: list[bytes], edits: list[tuple[int, bytes | None]]) -> list[bytes]:
    new = [[line] for line in lines]
    for at, line in edits:
        new[at % len(lines)] = [] if line is None else [line, b"x\n"] if line == b"+\n" else [line]
    return [line for group in new for line in group]


def no_mark_moves(old: list[bytes], first: list[bytes], second: list[bytes], read: set[int]) -> None:
    """A hunk whose key was marked stands where a marked one stood, and says the same."""
    before, after = marked(old, first), marked(old, second)
    keys = {key for at, key in enumerate(before) if at in read}
    for key in keys & after.keys():
        assert after[key][1] == before[key][1]
        alike = [one for one in after.values() if one[1] == after[key][1]]
        assert len(alike) == 1 or after[key] == before[key]


EDIT = st.tuples(st.integers(0, 200), st.sampled_from(LINES_OF_EDITS))
REWRITES = {
    "old": OLD_BLOCKS.map(lambda lines: [line + b"\n" for line in lines]),
    "first": st.lists(EDIT, min_size=1, max_size=6),
    "second": st.lists(EDIT, max_size=6),
    "read": st.sets(st.integers(0, 5)),
}


@settings(max_examples=examples(150))
@given(**REWRITES)
def test_no_mark_covers_a_hunk_that_was_not_read(old, first, second, read) -> None:  # type: ignore[no-untyped-def]
    no_mark_moves(old, _rewritten(old, first), _rewritten(old, second), read)


@pytest.mark.soak
def test_no_mark_covers_a_hunk_that_was_not_read_in_the_long_run() -> None:
    """100,000 random rewrites by plain dice: hypothesis takes half a dozen times as long over each."""
    draw = soak.dice("marks", 0)

    def edits(least: int) -> list[tuple[int, bytes | None]]:
        return [(draw.randint(0, 200), draw.choice(LINES_OF_EDITS)) for _ in range(draw.randint(least, 6))]

    for _ in range(100_000):
        old = [draw.choice(LINES_OF_BLOCKS) + b"\n" for _ in range(draw.randint(8, 60))]
        read = {at for at in range(6) if draw.random() < 0.5}
        no_mark_moves(old, _rewritten(old, edits(1)), _rewritten(old, edits(0)), read)


def test_an_end_without_a_line_feed_is_a_change(tmp_path: Path) -> None:
    with_end, without = diff(tmp_path, b"a\n", b"b\n"), diff(tmp_path, b"a\n", b"b")
    assert hunks.keys(with_end) != hunks.keys(without)
    (hunk,) = hunks.split(without)
    assert hunk.lines == (b"-a\n", b"+b")
    assert hunks.text(hunk) == without.replace(b"@@ -1 +1 @@", b"@@ -1,1 +1,1 @@")


def test_the_key_of_a_file(tmp_path: Path) -> None:
    patch = patch_of(tmp_path, (5, b"x"))
    plain = hunks.file_key(patch, "100644", "100644", "aa", "bb")
    assert plain == hunks.file_key(patch_of(tmp_path, (5, b"x"), top=3), "100644", "100644", "cc", "dd")
    assert plain != hunks.file_key(patch, "100644", "100755", "aa", "bb")
    assert hunks.file_key(b"", "100644", "100644", "aa", "bb") != hunks.file_key(b"", "100644", "100644", "aa", "cc")


def test_a_hunk_is_found_where_it_moved_to_and_nowhere_by_guessing() -> None:
    hunk = Hunk(3, 3, (b" a\n", b"-b\n", b"+c\n", b" d\n"))
    assert hunks.put_in(b"1\n2\na\nb\nd\n", hunk) == b"1\n2\na\nc\nd\n"
    assert hunks.put_in(b"moved\n1\n2\na\nb\nd\n", hunk) == b"moved\n1\n2\na\nc\nd\n"
    twice = b"a\nb\nd\n"
    assert hunks.put_in(b"0\n0\n" + twice + twice, hunk) == b"0\n0\na\nc\nd\n" + twice, "as told, not the nearest"
    with pytest.raises(hunks.Misplaced, match="several"):
        hunks.put_in(twice + twice, hunk)
    with pytest.raises(hunks.Misplaced, match="any more"):
        hunks.taken_out(twice, hunk)
    with pytest.raises(hunks.Misplaced, match="context"):
        hunks.put_in(b"a\n", Hunk(1, 2, (b"+b\n",)))


def test_a_mark_belongs_to_the_content_wherever_its_file_went() -> None:
    marks = Marks(frozenset({("a.py", "k1"), ("gone.py", "k2")}), frozenset({"k2"}))
    assert marks.viewed("a.py", "k1")
    assert not marks.viewed("b.py", "k1"), "the same lines in another file were not looked at"
    assert marks.viewed("b.py", "k1", old_path="a.py")
    assert marks.viewed("new.py", "k2"), "its file is called otherwise now"
    assert not marks.viewed("a.py", "k3")
    after = marks.marked([("a.py", "k1"), ("new.py", "k2")], viewed=False)
    assert not after.viewed("a.py", "k1")
    assert not after.viewed("new.py", "k2")
    assert marks.marked([("c.py", "k9")], viewed=True).viewed("c.py", "k9")


@settings(max_examples=examples(30))
@given(old=LINES, new=LINES, ends=st.tuples(st.booleans(), st.booleans()), name=st.text('ab \t"\\é\n', min_size=1))
def test_hunks_make_a_patch_that_git_applies(
    tmp_path: Path, old: list[bytes], new: list[bytes], ends: tuple[bool, bool], name: str
) -> None:
    before, after = (b"\n".join(lines) + b"\n" * end for lines, end in zip((old, new), ends, strict=True))
    data = diff(tmp_path, before, after)
    assert hunks.is_whole(data)
    if not data:
        return
    told = data.removesuffix(b"\\ No newline at end of file\n")
    assert not hunks.is_whole(told[: told[:-1].rfind(b"\n") + 1])
    path = f"sub/{name}x"
    there = tmp_path / path
    there.parent.mkdir(exist_ok=True)
    there.write_bytes(before)
    patch = hunks.as_patch(data, path, old_mode=0o100644, new_mode=0o100644)
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=tmp_path, input=patch, check=True)
    assert there.read_bytes() == after
    there.unlink()
