"""Rejecting and staging hunks of random edits: git apply, git diff, git write-tree and git fsck are the oracle."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.diff.hunks import Side
from ampsm_engine.errors import Refused
from ampsm_engine.git import hunk_changes
from ampsm_engine.git.entities import Worktree
from ampsm_engine.git.worktree_entries import scratch
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


def begin(at: Path) -> None:
    """The file as the example before left it is none that may be run."""
    (at / "file.txt").touch()
    (at / "file.txt").chmod(0o644)


def hash_of(sandbox: Sandbox, at: Path, content: bytes) -> str:
    return sandbox.git("hash-object", "--stdin", feed=content, at=at)


@settings(max_examples=examples(40))
@given(contents=texts(), data=st.data())
def test_a_rejected_hunk_is_what_git_apply_takes_back(
    place: tuple[Sandbox, Worktree, Path], contents: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree, folder = place
    at = worktree.path
    was, committed, live = contents
    begin(at)
    old = sandbox.commit({"file.txt": was, "other.txt": was}, at=at)
    sandbox.commit({"file.txt": committed, "other.txt": committed}, at=at)
    sandbox.write({"file.txt": live, "other.txt": live}, at=at)
    mode = data.draw(st.sampled_from([0o644, 0o755]), "mode")
    (at / "file.txt").chmod(mode)
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
    assert (at / "file.txt").stat().st_mode & 0o777 == mode
    assert (at / "other.txt").read_bytes() == live
    if live == committed and mode == 0o644:
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
    begin(at)
    sandbox.commit({"file.txt": was}, at=at)
    sandbox.write({"file.txt": live}, at=at)
    (at / "file.txt").chmod(data.draw(st.sampled_from([0o644, 0o755]), "mode"))
    found = list(hunks_of.shown(sandbox, at, "HEAD", "file.txt"))
    if not found:
        return
    empty = hunks_of.index_tree(sandbox, at)
    hunk = data.draw(st.sampled_from(found), "hunk")
    wanted = hunks_of.applied(was, hunk, folder / "oracle", reverse=False)
    hunks_of.stage(worktree, "file.txt", hunk)
    assert sandbox.git("rev-parse", ":file.txt", at=at) == hash_of(sandbox, at, wanted)
    hunks_of.unstage(worktree, "file.txt", hunk)
    assert sandbox.git("rev-parse", ":file.txt", at=at) == hash_of(sandbox, at, was)
    hunks_of.unstage(worktree, "file.txt", None)
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


@settings(max_examples=examples(40))
@given(contents=texts(), data=st.data())
def test_chosen_lines_of_any_kind_of_change_are_staged_as_git_apply_does_it(
    place: tuple[Sandbox, Worktree, Path], contents: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    sandbox, worktree, folder = place
    at, path = worktree.path, "file.txt"
    kind = data.draw(st.sampled_from(["edit", "new", "deleted"]), "kind")
    was, live = (b"" if kind == "new" else contents[0]), (b"" if kind == "deleted" else contents[2])
    begin(at)
    sandbox.commit({path: contents[0]}, at=at)
    if kind == "new":
        (at / path).unlink()
        sandbox.commit(at=at)
    sandbox.write({path: live}, at=at)
    if kind == "deleted":
        (at / path).unlink()
    patch = hunks_of.between(folder / "sides", was, live)
    rows = [row for row, line in enumerate(patch.split(b"\n")) if line[:1] in (b"+", b"-")]
    if not rows:
        return
    lines = ChosenLines(patch, data.draw(st.sets(st.sampled_from(rows), min_size=1), "rows"))
    wanted = was
    for hunk, first in reversed([*zip(hunks.split(patch), hunks_of.first_rows(patch), strict=True)]):
        chosen = {index for index, row in enumerate(hunks_of.rows_of(hunk, first)) if row in lines.rows}
        if chosen:
            wanted = hunks_of.applied(wanted, hunks.select(hunk, chosen, Side.OLD), folder / "oracle", reverse=False)
    empty = hunks_of.index_tree(sandbox, at)
    with scratch(at) as work:
        hunk_changes.stage_lines(work, path, lines, None, is_put_in=True)
    in_index = sandbox.git("ls-files", "--stage", "--", path, at=at).split()[1:2]
    assert sorted(lines.put_in(was).split(b"\n")) == sorted(wanted.split(b"\n")), "the lines that git takes, too"
    assert in_index == ([hash_of(sandbox, at, lines.put_in(was))] if wanted or kind == "edit" else [])
    with scratch(at) as work:
        hunk_changes.stage_lines(work, path, lines, None, is_put_in=False)
    assert hunks_of.index_tree(sandbox, at) == empty
