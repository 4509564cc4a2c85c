"""Rejecting and staging hunks of random edits: git apply, git diff, git write-tree and git fsck are the oracle."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ampsm_engine.errors import Refused
from ampsm_engine.git.entities import Worktree
from tests.conftest import examples
from tests.git import hunks_of
from tests.git.sandboxes import Sandbox

LINES = st.sampled_from(["a", "b", "c", "", "\tx", "same", "same", "--- a", "+++ b", "@@ -1 +1 @@", "é", "end "])


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """What a file was, what amp committed, and what the user has in the worktree."""
    lines = draw(st.lists(LINES, min_size=1, max_size=30))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    made = []
    for _ in range(3):
        last = ends if draw(st.integers(0, 3)) else ""
        made.append(ends.join(lines).encode() + last.encode())
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(lines)))
            gone = draw(st.integers(0, 2))
            lines = [*lines[:at], *draw(st.lists(LINES, max_size=2)), *lines[at + gone :]]
        lines = lines or ["again"]
    return made[0], made[1], made[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Worktree, Path]]:
    """One repository for all examples of a test: each begins with a commit of its own."""
    folder = tmp_path_factory.mktemp("hunks")
    root = folder / "project"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "-b", "main")
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org"), ("core.autocrlf", "false")):
        sandbox.git("config", name, value)
    sandbox.commit({"README.md": "# Project\n"})
    yield sandbox, sandbox.session(), folder
    sandbox.check()


@settings(max_examples=examples(40))
@given(contents=texts(), data=st.data())
def test_a_rejected_hunk_is_what_git_apply_takes_back(
    place: tuple[Sandbox, Worktree, Path], contents: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree, folder = place
    at = worktree.path
    was, committed, live = contents
    old = sandbox.commit({"file.txt": was, "other.txt": was}, at=at)
    sandbox.commit({"file.txt": committed, "other.txt": committed}, at=at)
    sandbox.write({"file.txt": live, "other.txt": live}, at=at)
    if data.draw(st.booleans(), "staged"):
        sandbox.git("add", "file.txt", at=at)
    found = hunks_of.shown(sandbox, at, old, "file.txt")
    if not found:
        return
    hunk = data.draw(st.sampled_from(found), "hunk")
    before = hunks_of.state(sandbox, at)
    wanted = hunks_of.applied(live, hunk, folder / "oracle", reverse=True)
    sha, kept = hunks_of.reject(worktree, "file.txt", hunk, old)
    assert (at / "file.txt").read_bytes() == wanted
    assert (at / "other.txt").read_bytes() == live
    if live == committed:
        assert sha
        assert not sandbox.git("status", "--porcelain", "--", "file.txt", at=at)
    if was == committed:
        assert sha is None, "nothing of it was committed"
    hunks_of.undo(worktree, kept)
    assert hunks_of.state(sandbox, at) == before


@settings(max_examples=examples(40))
@given(contents=texts(), data=st.data())
def test_a_staged_hunk_is_what_git_apply_puts_into_the_index(
    place: tuple[Sandbox, Worktree, Path], contents: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree, folder = place
    at = worktree.path
    was, _, live = contents
    sandbox.commit({"file.txt": was}, at=at)
    sandbox.write({"file.txt": live}, at=at)
    found = list(hunks_of.shown(sandbox, at, "HEAD", "file.txt"))
    if not found:
        return
    empty = hunks_of.index_tree(sandbox, at)
    hunk = data.draw(st.sampled_from(found), "hunk")
    wanted = hunks_of.applied(was, hunk, folder / "oracle", reverse=False)
    hunks_of.stage(worktree, "file.txt", hunk)
    assert sandbox.git("rev-parse", ":file.txt", at=at) == sandbox.git("hash-object", "--stdin", feed=wanted, at=at)
    hunks_of.unstage(worktree, "file.txt", hunk)
    assert hunks_of.index_tree(sandbox, at) == empty
    refused = False
    for each in data.draw(st.permutations(found), "order"):
        try:
            hunks_of.stage(worktree, "file.txt", each)
        except Refused:  # where it would go in is not certain
            refused = True
    assert (at / "file.txt").read_bytes() == live
    if not refused:
        assert not sandbox.git("diff", "--name-only", "--", "file.txt", at=at)
