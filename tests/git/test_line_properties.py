"""Staging and rejecting single lines of random edits: git diff, git apply, git write-tree and git fsck are the oracle."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.git import hunk_changes
from ampsm_engine.git.entities import Worktree
from ampsm_engine.git.worktree_entries import scratch
from tests.conftest import examples
from tests.git import hunks_of
from tests.git.sandboxes import Sandbox


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A file before and after, of lines of which no two are the same: git's own answer is the only one then."""
    count = draw(st.integers(0, 25))
    lines = [f"line {number}" for number in range(count)]
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    made, number = list(lines), count
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made)))
        fresh = [f"new {number + more}" for more in range(draw(st.integers(0, 3)))]
        number += len(fresh)
        made = [*made[:at], *fresh, *made[at + draw(st.integers(0, 3)) :]]
    before, after = (ends.join(some).encode() + ends.encode() * bool(some) for some in (lines, made))
    return before, after


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Worktree]]:
    """One repository for all examples of a test: each begins with a commit of its own."""
    root = tmp_path_factory.mktemp("lines") / "project"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "-b", "main")
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("core.autocrlf", "false")):
        sandbox.git("config", name, value)
    sandbox.commit({"README.md": "# Project\n"})
    yield sandbox, sandbox.session()
    sandbox.check()


def _changes(patch: bytes) -> dict[int, bytes]:
    """The changed lines of a patch by their rows."""
    lines = patch[patch.find(b"@@ ") :].split(b"\n") if b"@@ " in patch else []
    return {row: line for row, line in enumerate(lines) if line[:1] in (b"+", b"-")}


def _told(sandbox: Sandbox, at: Path, *options: str) -> list[bytes]:
    """The changed lines as git tells them, in their order on either side."""
    told = sandbox.git("diff", "--minimal", "--no-renames", *options, "--", "file.txt", at=at).encode()
    return sorted(_changes(told + b"\n").values())


@settings(max_examples=examples(40))
@given(contents=edits(), data=st.data())
def test_exactly_the_chosen_lines_are_staged_and_unstaged(
    place: tuple[Sandbox, Worktree], contents: tuple[bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree = place
    at = worktree.path
    was, live = contents
    is_new = not was and data.draw(st.booleans(), "new file")
    (at / "file.txt").unlink(missing_ok=True)
    sandbox.commit({"other.txt": was} if is_new else {"file.txt": was, "other.txt": was}, at=at)
    sandbox.write({"file.txt": live, "other.txt": live}, at=at)
    if is_new:
        sandbox.git("add", "--intent-to-add", "file.txt", at=at)
    patch = hunks_of.patch(at, "HEAD", "file.txt")
    if is_new:
        sandbox.git("reset", "--quiet", "--", "file.txt", at=at)
    patch = patch[patch.find(b"@@ ") :] if b"@@ " in patch else b""
    changes = _changes(patch)
    if not changes:
        return
    empty = hunks_of.index_tree(sandbox, at)
    staged: set[int] = set()
    for _ in range(data.draw(st.integers(1, 4), "steps")):
        rows = data.draw(st.sets(st.sampled_from(sorted(changes)), min_size=1), "rows")
        is_put_in = data.draw(st.booleans(), "stage")
        with scratch(at) as here:
            hunk_changes.stage_lines(here, "file.txt", ChosenLines(patch, rows), is_put_in=is_put_in)
        staged = staged | rows if is_put_in else staged - rows
        assert _told(sandbox, at, "--cached") == sorted(changes[row].rstrip(b"\r") for row in staged) or _told(
            sandbox, at, "--cached"
        ) == sorted(changes[row] for row in staged)
        assert (at / "file.txt").read_bytes() == live
        if not is_new or staged:
            left = sorted(changes[row] for row in changes.keys() - staged)
            assert _told(sandbox, at) in (left, [line.rstrip(b"\r") for line in left])
    with scratch(at) as here:
        hunk_changes.stage_lines(here, "file.txt", ChosenLines(patch, changes), is_put_in=False)
    assert hunks_of.index_tree(sandbox, at) == empty
    with scratch(at) as here:
        hunk_changes.stage_lines(here, "file.txt", ChosenLines(patch, changes), is_put_in=True)
    assert not sandbox.git("diff", "--name-only", "--", "file.txt", at=at)


def test_of_equal_lines_those_are_staged_that_were_chosen(place: tuple[Sandbox, Worktree]) -> None:
    sandbox, worktree = place
    at = worktree.path
    sandbox.commit({"file.txt": "begin\n"}, at=at)
    sandbox.write({"file.txt": "begin\na\nx\nb\nx\n"}, at=at)
    patch = hunks_of.patch(at, "HEAD", "file.txt")
    patch = patch[patch.find(b"@@ ") :]
    for row, staged, missing in (
        (5, "begin\nx\n", ((2, 3),)),
        (4, "begin\nb\nx\n", ((2, 2),)),
        (2, "begin\na\nb\nx\n", ((3, 1),)),
    ):
        with scratch(at) as here:
            hunk_changes.stage_lines(here, "file.txt", ChosenLines(patch, {row}), is_put_in=True)
        assert sandbox.git("show", ":file.txt", at=at) == staged.strip()
        assert hunk_changes.staged(at).lines["file.txt"].missing == missing
    sandbox.git("reset", "--quiet", "--", "file.txt", at=at)
    sandbox.git("apply", "--cached", "-", at=at, feed=b"--- a/file.txt\n+++ b/file.txt\n@@ -1 +1,2 @@\n begin\n+b\n")
    assert hunk_changes.staged(at).lines["file.txt"].missing == ((2, 2), (5, 1)), "staged by others: as git compares"


@settings(max_examples=examples(40))
@given(contents=edits(), data=st.data())
def test_exactly_the_chosen_lines_are_rejected_and_come_back(
    place: tuple[Sandbox, Worktree], contents: tuple[bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree = place
    at = worktree.path
    was, live = contents
    is_committed = data.draw(st.booleans(), "committed")
    old = sandbox.commit({"file.txt": was, "other.txt": was}, at=at)
    sandbox.write({"file.txt": live, "other.txt": live}, at=at)
    patch = hunks_of.patch(at, old, "file.txt")
    patch = patch[patch.find(b"@@ ") :] if b"@@ " in patch else b""
    changes = _changes(patch)
    if not changes:
        return
    if is_committed:
        sandbox.commit({"file.txt": live, "other.txt": live}, at=at)
    else:
        rows = data.draw(st.sets(st.sampled_from(sorted(changes))), "staged")
        with scratch(at) as here:
            hunk_changes.stage_lines(here, "file.txt", ChosenLines(patch, rows), is_put_in=True)
    before = hunks_of.state(sandbox, at)
    staged = _told(sandbox, at, "--cached")
    rows = data.draw(st.sets(st.sampled_from(sorted(changes)), min_size=1), "rows")
    sha, kept = hunks_of.reject(worktree, "file.txt", ChosenLines(patch, rows), old)
    left = sorted(changes[row] for row in changes.keys() - rows)
    assert _told(sandbox, at, old) in (left, [line.rstrip(b"\r") for line in left])
    assert (at / "other.txt").read_bytes() == live
    assert bool(sha) == is_committed
    if is_committed:
        assert not sandbox.git("status", "--porcelain", "--", "file.txt", at=at)
    else:
        gone = {changes[row] for row in rows} | {changes[row].rstrip(b"\r") for row in rows}
        assert _told(sandbox, at, "--cached") == [line for line in staged if line not in gone]
    hunks_of.undo(worktree, kept)
    assert hunks_of.state(sandbox, at) == before
