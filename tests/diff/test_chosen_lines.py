"""Some lines of a patch, put in and taken out one after the other; git writes the patch."""

import subprocess
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ampsm_engine.diff.chosen_lines import Beside, ChosenLines
from tests.conftest import examples


@st.composite
def contents(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A file before and after; lines may be equal, and the last one may have no end."""
    lines = st.sampled_from([*"abc", "", "}", *(f"line {number}" for number in range(20))])
    before = draw(st.lists(lines, max_size=20))
    after = list(before)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(after)))
        after[at : at + draw(st.integers(0, 3))] = draw(st.lists(lines, max_size=3))
    made = ["\n".join(some) + "\n" * (draw(st.integers(0, 3)) > 0) for some in (before, after)]
    return made[0].encode() if before else b"", made[1].encode() if after else b""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sides")


def patch_of(folder: Path, old: bytes, new: bytes) -> bytes:
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    done = subprocess.run(
        ["git", "diff", "--no-index", "--text", "old", "new"], cwd=folder, capture_output=True, check=False
    )
    return done.stdout[done.stdout.find(b"\n@@ ") + 1 :]


def content(found: Beside | None) -> bytes:
    assert found is not None
    return found.content


@settings(max_examples=examples(80))
@given(sides=contents(), data=st.data())
def test_lines_go_in_and_come_out_beside_others(folder: Path, sides: tuple[bytes, bytes], data: st.DataObject) -> None:
    old, new = sides
    patch = patch_of(folder, old, new)
    rows = [row for row, line in enumerate(patch.split(b"\n")) if line[:1] in (b"+", b"-")]
    if not rows:
        return
    whole = ChosenLines(patch, rows)
    assert whole.put_in(old) == new
    assert whole.taken_out(new) == old
    index, made = old, frozenset[int]()
    for _ in range(data.draw(st.integers(0, 3), "steps")):
        lines = ChosenLines(patch, data.draw(st.sets(st.sampled_from(rows), min_size=1), "rows"))
        is_put_in = data.draw(st.booleans(), "put in")
        assert lines.beside(old, index, is_put_in=is_put_in), "what came of the diff's own lines is known again"
        found = lines.beside(old, index, is_put_in=is_put_in, known=made)
        made = made | lines.rows if is_put_in else made - lines.rows
        assert found == (ChosenLines(patch, made).put_in(old), made), "those that were chosen, and none that are equal"
        assert whole.rows_of(*whole.lines_of_rows(made)) == made
        index = found.content
    assert content(whole.beside(old, index, is_put_in=True)) == new
    assert content(whole.beside(old, index, is_put_in=False)) == old
    some = ChosenLines(patch, data.draw(st.sets(st.sampled_from(rows), min_size=1), "some"))
    rest = ChosenLines(patch, set(rows) - some.rows)
    assert not rest.rows or some.taken_out(new) == rest.put_in(old), "rejecting some is staging the others"
    assert some.put_in(old) == content(some.beside(old, old, is_put_in=True))


def test_other_lines_are_no_part_of_the_diff() -> None:
    patch = b"@@ -1,2 +1,2 @@\n-one\n+1\n two\n"
    lines = ChosenLines(patch, {1, 2})
    assert lines.beside(b"one\ntwo\n", b"uno\ntwo\n", is_put_in=True) is None
    assert lines.beside(b"eins\ntwo\n", b"one\ntwo\n", is_put_in=True) is None
    alone = ChosenLines(patch, {2}).beside(b"one\ntwo\n", b"one\ntwo\n", is_put_in=True)
    assert content(alone) == b"one\n1\ntwo\n"


def test_a_last_line_that_only_gets_an_end_is_one_change() -> None:
    patch = b"@@ -1 +1,2 @@\n-last\n\\ No newline at end of file\n+last\n+more\n"
    assert ChosenLines(patch, {1}).rows == {1, 3}
    assert ChosenLines(patch, {4}).put_in(b"last") == b"last\nmore\n"
