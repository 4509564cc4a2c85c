"""Over random histories: the same trees as git's own rebase and merge, or the same conflicts; fsck is clean."""

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from ampsm_engine.git.integrate import commit_range, rewrite
from ampsm_engine.git.integrate.outcomes import ConflictFile, Merged, RewriteConflict, Rewritten
from tests.conftest import examples
from tests.git.integrate import histories
from tests.git.integrate.benches import Bench, Oracle
from tests.git.integrate.histories import Builder, Steps

EXAMPLES = int(os.environ.get("INTEGRATE_EXAMPLES", "25"))

Came = str | dict[str, list[str]]


@pytest.fixture
def place(bench: Bench) -> Iterator[tuple[Builder, Oracle, Bench]]:
    bench.git("config", "rebase.stat", "false")
    with Oracle(bench) as oracle:
        yield Builder(bench.root), oracle, bench
    bench.check()


def named(path: str) -> str:
    """git adds a side's name to a file that cannot stay at its place: HEAD, a branch, a commit."""
    return re.sub("~.*", "~", path)


def plain(came: Came) -> Came:
    return came if isinstance(came, str) else {named(path): sides for path, sides in came.items()}


def stages(files: tuple[ConflictFile, ...]) -> dict[str, list[str]]:
    found = {}
    for file in files:
        sides = enumerate((file.base, file.ours, file.theirs), 1)
        found[named(file.path)] = [f"{side.mode} {side.object} {number}" for number, side in sides if side]
    return found


def came(bench: Bench, answer: Rewritten | Merged | RewriteConflict) -> Came:
    if isinstance(answer, RewriteConflict):
        return stages(answer.files)
    return bench.tree_of(answer.commit if isinstance(answer, Merged) else answer.tip)


@given(todo=histories.steps)
@settings(max_examples=examples(EXAMPLES))
def test_the_same_as_git_itself(place: tuple[Builder, Oracle, Bench], todo: Steps) -> None:
    builder, oracle, bench = place
    base, tip = builder.build(todo)
    merged = rewrite.merge(bench.root, base, tip, ff=False, message="m")
    assert came(bench, merged) == plain(oracle.merge(base, tip))
    assert stages(rewrite.forecast(bench.root, base, tip).conflicts) == (
        stages(merged.files) if isinstance(merged, RewriteConflict) else {}
    )
    assert came(bench, rewrite.rebase(bench.root, tip, base)) == plain(oracle.rebase(tip, base))


@given(todo=histories.steps)
@settings(max_examples=examples(EXAMPLES))
def test_squashes_keep_the_branch_and_take_nothing_back(place: tuple[Builder, Oracle, Bench], todo: Steps) -> None:
    builder, oracle, bench = place
    base, tip = builder.build(todo)
    start = bench.git("merge-base", base, tip)
    for manual in ("include", "keep", "apart"):
        made = rewrite.squash(bench.root, tip, base, "Squashed", manual=manual)
        if isinstance(made, RewriteConflict):
            assert manual != "include"
            assert made.kind == "reorder"
            continue
        assert bench.tree_of(made.tip) == bench.tree_of(tip)
        assert bench.git("merge-base", base, made.tip) == start
        if manual != "include":
            continue
        assert len(made.commits) <= 1
        answer = rewrite.rebase(bench.root, made.tip, base)
        assert came(bench, answer) == plain(oracle.rebase(made.tip, base))
        again = rewrite.rebase(bench.root, made.tip, base, reapply=True)
        if isinstance(again, Rewritten):
            last = rewrite.merge(bench.root, base, again.tip, ff=True, message="m")
            assert isinstance(last, Merged)
            assert last.how == "fast-forward" or not again.commits
            # A squash put on the base is what merging the branch itself would have come to.
            assert bench.tree_of(last.commit) == oracle.merge(base, tip)


def test_the_histories_hold_what_they_should(place: tuple[Builder, Oracle, Bench]) -> None:
    builder, _, bench = place
    todo: Steps = [
        ("amp", [("line", "a", 1, "x")]),
        ("base", [("move folder", "d", 0, "n")]),
        ("merge", []),
        ("hand", [("add", "k", 1, "")]),
        ("pick", []),
    ]
    base, tip = builder.build(todo)
    plan = commit_range.plan_commits(bench.root, base, tip)
    assert [(commit.subject, commit.ours, commit.merge) for commit in plan] == [
        ("amp: step 0", True, False),
        ("Merge 2", False, True),
        ("Step 3", False, False),
    ]
