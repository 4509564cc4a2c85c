"""What a line of work has beyond another, told in this process, is what git lists; where it is no line, git is asked."""

import pytest
from hypothesis import given, settings

from ampsm_engine.git.integrate import commit_range, object_store
from ampsm_engine.git.integrate.object_store import ObjectStore, RangeCommit
from tests.conftest import examples
from tests.git.integrate import histories
from tests.git.integrate.benches import Bench
from tests.git.integrate.histories import Builder, Steps


@given(todo=histories.steps)
@settings(max_examples=examples(25))
def test_a_line_is_what_git_lists(bench: Bench, todo: Steps) -> None:
    tips = Builder(bench.root).build(todo)
    for one, other in (tips, tips[::-1]):
        objects = ObjectStore(bench.root)
        listed = bench.git("rev-list", "--topo-order", "--reverse", "--parents", f"^{one}", other).splitlines()
        bases = tuple(bench.git("merge-base", "--all", one, other).split())
        found = objects.line(one, other)
        if all(len(line.split()) == 2 for line in listed):
            assert found is not None
            assert found.base == bases[0]
            assert [commit.sha for commit in found.commits] == [line.split()[0] for line in listed]
        else:
            assert found is None
        assert objects.bases(one, other) == bases
        told = [
            RangeCommit(commit.sha, commit.ours, commit.parents)
            for commit in commit_range.plan_commits(bench.root, one, other)
        ]
        assert list(object_store.range_commits(objects, one, other)) == told


MESSAGES = {
    "amp: plain": True,
    "\n \t\namp: after empty lines": True,
    "  amp: moved in": False,
    "Amp: another word": False,
    "Fix\n\nAmpsm-Session: 1\n": True,
    "Fix\n\namp-thread-id: 1\n": True,
    "Fix\n\nBody about an Ampsm-Session: and what it is\n\nThe end.\n": False,
    "Fix what Ampsm-Session: says": False,
    "Über\n": False,
    "": False,
}


def test_whose_a_commit_is_is_told_as_git_tells_it(bench: Bench) -> None:
    base = tip = bench.sha("HEAD")
    tree = bench.tree_of(base)
    for message in MESSAGES:
        tip = bench.git("commit-tree", "-p", tip, "-m", message, tree) if message else _silent(bench, tip, tree)
        alone = object_store.range_commits(ObjectStore(bench.root), bench.sha(f"{tip}^"), tip)
        told = [
            RangeCommit(commit.sha, commit.ours, commit.parents)
            for commit in commit_range.plan_commits(bench.root, f"{tip}^", tip)
        ]
        assert list(alone) == told, message
    assert [one.ours for one in object_store.range_commits(ObjectStore(bench.root), base, tip)] == list(
        MESSAGES.values()
    )


def _silent(bench: Bench, parent: str, tree: str) -> str:
    return bench.git("commit-tree", "-p", parent, "-F", "/dev/null", tree)


def test_what_was_just_made_is_part_of_the_line(bench: Bench) -> None:
    objects = ObjectStore(bench.root)
    base = bench.sha("HEAD")
    raw = b"tree %s\nparent %s\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nMade\n"
    made = objects.database.write("commit", raw % (bench.tree_of(base).encode(), base.encode()))
    found = objects.line(base, made)
    assert found is not None
    assert (found.base, [commit.sha for commit in found.commits]) == (base, [made])
    objects.database.flush()
    assert bench.git("merge-base", base, made) == base


def test_a_shallow_clone_is_gits_to_tell(bench: Bench) -> None:
    assert ObjectStore(bench.root).line(bench.sha("HEAD"), bench.sha("HEAD")) is not None
    (bench.root / ".git/shallow").write_text("")
    assert ObjectStore(bench.root).line(bench.sha("HEAD"), bench.sha("HEAD")) is None


def test_a_long_line_is_gits_to_tell(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_LONG", 2)
    base = tip = bench.sha("HEAD")
    for _ in range(3):
        tip = bench.git("commit-tree", "-p", tip, "-m", "More", bench.tree_of(base))
    assert ObjectStore(bench.root).line(base, tip) is None
    assert len(object_store.range_commits(ObjectStore(bench.root), base, tip)) == 3
