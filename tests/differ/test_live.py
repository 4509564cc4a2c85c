"""Live worktrees: written down without being touched, and refreshed at the price of what changed."""

from typing import TYPE_CHECKING

from ampsm_tui.differ.client import Differ
from tests.differ.oracle import request, whole
from tests.git.sandboxes import Sandbox

if TYPE_CHECKING:
    from ampsm_tui.differ.arriving_diff import Event


async def test_a_live_worktree_is_what_would_be_committed_and_is_not_touched(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.write({"src/main.py": "print('bye')\n", "untracked/new.py": "x = 1\n", ".env": "SECRET=1\n"})
    sandbox.write({"AGENT_CONTEXT/SESSION.md": "ours\n"})
    (sandbox.root / "src/old.py").unlink()
    sandbox.git("add", "src/main.py")
    sandbox.write({"src/main.py": "print('bye bye')\n"})
    before = sandbox.untouched()
    objects = sandbox.git("count-objects", "-v")
    review = await whole(differ, sandbox, "HEAD", None)
    kinds = {entry.path: entry.kind for entry in review.files if entry.merged_into < 0}
    assert kinds == {"src/main.py": "modified", "src/old.py": "deleted", "untracked/new.py": "added"}
    assert [path for path, _ in review.left_out] == [".env"]
    assert review.is_live
    assert b"+print('bye bye')\n" in review.patch(next(e.index for e in review.files if e.path == "src/main.py")).data
    assert sandbox.untouched() == before
    assert sandbox.git("count-objects", "-v") == objects


async def test_refreshing_makes_anew_only_what_changed(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.write({f"f{n}.txt": f"{n}\n" for n in range(40)})
    review = await whole(differ, sandbox, "HEAD", None)
    assert await review.refresh() is None
    sandbox.write({"f7.txt": "changed\n", "another.txt": "x\n"})
    (sandbox.root / "f9.txt").unlink()
    newer = await review.refresh()
    assert newer is not None
    missing = [entry.path for entry in newer.files if newer.patch(entry.index) is None]
    assert {*missing} <= {"f7.txt", "another.txt"}, "the rest is there at once"
    events: list[Event] = []
    newer.listen(events.append)
    await newer.completed()
    assert sum(len(event.indices) for event in events if event.kind == "patches") <= 2
    same = {entry.path: newer.patch(entry.index) for entry in newer.files}
    assert set(same) == {f"f{n}.txt" for n in range(40) if n != 9} | {"another.txt"}
    assert b"+changed\n" in same["f7.txt"].data
    # The old one stands as it was.
    assert (await review.text(next(e.index for e in review.files if e.path == "f7.txt"), "new")).lines == (b"7",)
    review.close()
    assert (await newer.text(0, "new")).total == 1


async def test_a_snapshot_after_a_commit_and_after_staging(differ: Differ, sandbox: Sandbox) -> None:
    base = sandbox.git("rev-parse", "HEAD")
    sandbox.write({"a.txt": "1\n"})
    review = await whole(differ, sandbox, base, None)
    sandbox.commit()
    assert await review.refresh() is None, "committing changes nothing of the content"
    sandbox.write({"a.txt": "2\n"})
    sandbox.git("add", "a.txt")
    newer = await review.refresh()
    assert newer is not None
    assert newer.new_tree == sandbox.git("write-tree")
    sandbox.git("rm", "-q", "--cached", "a.txt")
    assert await newer.refresh() is None, "an untracked file counts as well"
    (sandbox.root / "a.txt").unlink()
    last = await newer.refresh()
    assert last is not None
    assert last.files == ()


async def test_a_branch_that_moved_is_noticed_on_refresh(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    review = await whole(differ, sandbox, old, "main")
    assert review.files == ()
    assert await review.refresh() is None
    sandbox.commit({"a.txt": "1\n"})
    newer = await review.refresh()
    assert newer is not None
    assert [entry.path for entry in newer.files] == ["a.txt"]


async def test_configured_programs_do_not_run_for_a_look(differ: Differ, sandbox: Sandbox) -> None:
    trap = sandbox.root.parent / "sprung"
    command = f"touch '{trap}'; cat"
    for name in (
        "core.fsmonitor",
        "diff.external",
        "diff.x.command",
        "diff.x.textconv",
        "core.pager",
        "core.sshCommand",
    ):
        sandbox.git("config", name, command)
    sandbox.git("config", "core.hooksPath", str(sandbox.root / "hooks"))
    sandbox.write(
        {".gitattributes": "* diff=x\n", "a.txt": "1\n", "hooks/post-index-change": f"#!/bin/sh\n{command}\n"}
    )
    (sandbox.root / "hooks/post-index-change").chmod(0o755)
    long = "".join(f"{number}\n" for number in range(30))
    sandbox.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=", "add", "-A")
    trap.unlink(missing_ok=True)
    sandbox.write({"b.txt": long, "c.txt": long + "x\n"})
    review = await whole(differ, sandbox, "HEAD", None)
    assert b"+1\n" in review.patch(next(e.index for e in review.files if e.path == "a.txt")).data
    assert not trap.exists()


async def test_a_worktree_that_is_gone_is_read_from_its_repository(differ: Differ, sandbox: Sandbox) -> None:
    asked = request(sandbox, "HEAD~0", "HEAD")
    gone = type(asked)(str(sandbox.root / "no-such-worktree"), asked.repo_root, "", asked.new)
    review = await differ.open(gone)
    await review.completed()
    assert len(review.files) == 3
