"""Where commented lines went: against git's own diff, and against lines that cannot be mistaken for others."""

import subprocess
from itertools import pairwise, product
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from ampsm_engine.review import anchors
from ampsm_engine.review.annotations import Fate
from tests.conftest import examples


def edits(folder: Path, old: list[str], new: list[str]) -> tuple[anchors.Edit, ...]:
    for name, lines in (("old", old), ("new", new)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    command = ["git", "diff", "--no-index", "-U0", "old", "new"]
    return anchors.edits(subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout)


@settings(max_examples=examples(120))
@given(data=st.data())
def test_lines_that_stay_are_found_again(tmp_path: Path, data: st.DataObject) -> None:
    old = [f"line {number}" for number in range(data.draw(st.integers(1, 15)))]
    new: list[str] = []
    for line in old:
        new += [f"new {len(new)}"] * data.draw(st.sampled_from([0, 0, 0, 1, 2]))
        new += [line] if data.draw(st.integers(0, 3)) else []
    first = data.draw(st.integers(1, len(old)))
    last = data.draw(st.integers(first, len(old)))
    placed = anchors.place(edits(tmp_path, old, new), first, last)
    wanted = old[first - 1 : last]
    there = [line for line in wanted if line in new]
    assert 1 <= placed.line <= placed.line_end
    shown = new[placed.line - 1 : placed.line_end]
    assert set(there) <= set(shown), "no line that is left is outside of it"
    if placed.fate is Fate.UNTOUCHED:
        assert shown == wanted
    if len(there) < len(wanted) or (there and shown != wanted):
        assert placed.fate is not Fate.UNTOUCHED
    if placed.fate is Fate.GONE:
        assert not there


def test_what_became_of_lines(tmp_path: Path) -> None:
    old = ["a", "b", "c", "d", "e"]

    def fate(new: list[str], first: int, last: int) -> tuple[str, int, int]:
        placed = anchors.place(edits(tmp_path, old, new), first, last)
        return placed.fate.value, placed.line, placed.line_end

    assert fate(old, 2, 3) == ("untouched", 2, 3)
    assert fate(["0", *old], 2, 3) == ("untouched", 3, 4)
    assert fate(["a", "x", "c", "d", "e"], 2, 2) == ("touched", 2, 2)
    assert fate(["a", "x", "y", "z", "c", "d", "e"], 2, 2) == ("touched", 2, 4)
    assert fate(["a", "c", "d", "e"], 2, 2) == ("gone", 2, 2)
    assert fate(["a", "c", "d", "e"], 2, 3) == ("touched", 2, 2)
    assert fate(["a", "b", "x", "c", "d", "e"], 2, 2)[0] == "touched", "the answer may stand beside the line"
    assert fate(["a", "b", "c", "d", "x"], 2, 2) == ("untouched", 2, 2)
    assert fate([], 1, 5) == ("gone", 1, 1)


def test_the_image_of_lines_that_were_replaced(tmp_path: Path) -> None:
    changes = edits(tmp_path, ["a", "b", "c"], ["a", "x", "y", "c"])
    assert anchors.image(changes, 2, 2) == (1, 3)
    assert anchors.image(edits(tmp_path, ["a", "b", "c"], ["a", "c"]), 2, 2) == (1, 1)


def test_every_range_of_four_lines_is_where_its_lines_and_what_came_in_their_place_are() -> None:
    """Each way to delete some of four lines and to insert one between: what stands in place of deleted lines is theirs,
    what was inserted at the edge of lines that stay belongs to those it touches."""
    for kept, inserted in product(product((True, False), repeat=4), product((0, 1), repeat=5)):
        stays = [-1, *(at for at in range(4) if kept[at]), 4]
        runs, places = [], {-1: -1}
        for before, after in pairwise(stays):
            new = places[before] + 1
            count = sum(inserted[before + 1 : after + 1])
            runs.append(anchors.Edit(before + 1, after - before - 1, new, count))
            places[after] = new + count
        changes = [run for run in runs if run.old_count or run.new_count]
        for first in range(4):
            for last in range(first, 4):
                of_first = next(run for run in runs if run.old <= first <= run.old + run.old_count)
                of_last = next(run for run in runs[::-1] if run.old <= last + 1 <= run.old + run.old_count)
                after_deleted = kept[first] and first and not kept[first - 1]
                before_deleted = kept[last] and last < 3 and not kept[last + 1]
                begin = places[first] if after_deleted else of_first.new
                end = places[last] + 1 if before_deleted else of_last.new + of_last.new_count
                touching = [
                    run
                    for run in changes
                    if (run.old <= last and run.old + run.old_count > first)
                    or (not run.old_count and first <= run.old <= last + 1)
                ]
                is_gone = not any(kept[first : last + 1]) and not any(run.new_count for run in touching)
                fate = Fate.UNTOUCHED if not touching else Fate.GONE if is_gone else Fate.TOUCHED
                wanted = anchors.Placed(begin + 1, max(end, begin + 1), fate)
                assert anchors.place(changes, first + 1, last + 1) == wanted, (changes, first, last)
                assert anchors.image(changes, first + 1, last + 1) == (begin, max(begin, end)), (changes, first, last)
