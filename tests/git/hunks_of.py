"""The diff of a worktree as git tells it, hunk by hunk, and git's own way to apply one: the oracle."""

import subprocess
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.chosen_lines import ChosenLines
from ampsm_engine.diff.hunks import Hunk
from ampsm_engine.git import hunk_changes
from ampsm_engine.git.worktree_entries import scratch
from ampsm_engine.git.worktrees import Worktree
from tests.git.sandboxes import Sandbox

PLAIN = ("-c", "core.quotePath=true", "-c", "diff.renames=false")


def shown(sandbox: Sandbox, at: Path, old: str, path: str, *options: str) -> tuple[Hunk, ...]:
    """The hunks of one file between a commit and the worktree, as `git diff` tells them."""
    return hunks.split(patch(at, old, path, *options))


def patch(at: Path, old: str, path: str, *options: str) -> bytes:
    command = ["git", *PLAIN, "diff", "--binary", *options, old, "--", path]
    return subprocess.run(command, cwd=at, capture_output=True, check=True).stdout


def between(folder: Path, old: bytes, new: bytes) -> bytes:
    """The hunks between two contents."""
    folder.mkdir(exist_ok=True)
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)
    command = ["git", "diff", "--no-index", "--text", "old", "new"]
    told = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    return told[told.find(b"\n@@ ") + 1 :]


def first_rows(patch: bytes) -> list[int]:
    """The row of each hunk's first line; the row of the first heading is 0."""
    return [row + 1 for row, line in enumerate(patch.split(b"\n")) if line.startswith(b"@@ ")]


def rows_of(hunk: Hunk, first: int) -> list[int]:
    """The row of each line of a hunk, the first of which is known."""
    found = []
    for line in hunk.lines:
        found.append(first)
        first += 1 + (not line.endswith(b"\n"))
    return found


def moved(at: Path, old: str) -> bytes:
    """The hunks between a commit and the worktree of the one file that git takes for renamed."""
    command = ["git", "-c", "core.quotePath=true", "diff", "-M", "--diff-filter=R", old]
    told = subprocess.run(command, cwd=at, capture_output=True, check=True).stdout
    return told[told.find(b"\n@@ ") + 1 :]


def reject(
    at: Worktree, path: str, hunk: Hunk | ChosenLines | None, old: str, **options: str | None
) -> tuple[str | None, str]:
    """Reject, as the engine does; the commit and what undoing needs."""
    with scratch(at.path) as place:
        hunk_changes.may_begin(place, at.branch)
        plan = hunk_changes.rejecting(
            place, path, hunk, old_path=options.get("old_path"), old=old, new=options.get("new")
        )
        hunk_changes.check(place, plan)
        kept = hunk_changes.kept(place, plan)
        return hunk_changes.carry_out(place, plan, b"ampsm: reject a change\n", hooks=True), kept


def undo(at: Worktree, kept: str) -> str | None:
    with scratch(at.path) as place:
        plan = hunk_changes.restoring(place, kept)
        hunk_changes.check(place, plan)
        return hunk_changes.carry_out(place, plan, b"ampsm: restore a change\n", hooks=True)


def stage(at: Worktree, path: str, hunk: Hunk | None, old_path: str | None = None) -> None:
    with scratch(at.path) as place:
        hunk_changes.stage(place, path, hunk, old_path)


def unstage(at: Worktree, path: str, hunk: Hunk | None, old_path: str | None = None) -> None:
    with scratch(at.path) as place:
        hunk_changes.unstage(place, path, hunk, old_path)


def applied(content: bytes, hunk: Hunk, folder: Path, *, reverse: bool) -> bytes:
    """What `git apply` makes of a content, outside of any repository."""
    folder.mkdir(exist_ok=True)
    (folder / "file").write_bytes(content)
    text = b"diff --git a/file b/file\n--- a/file\n+++ b/file\n" + hunks.text(hunk)
    options = ["--whitespace=nowarn", *(["-R"] if reverse else [])]
    subprocess.run(["git", "apply", *options, "-"], cwd=folder, input=text, check=True, capture_output=True)
    return (folder / "file").read_bytes()


def index_tree(sandbox: Sandbox, at: Path) -> str:
    return sandbox.git("write-tree", at=at)


def state(sandbox: Sandbox, at: Path) -> dict[str, object]:
    """All that a change must leave alone or bring back: HEAD's tree, the index's, and every file."""
    files = {
        str(file.relative_to(at)): (file.lstat().st_mode, file.readlink() if file.is_symlink() else file.read_bytes())
        for file in sorted(at.rglob("*"))
        if (file.is_file() or file.is_symlink()) and file.name != ".git"
    }
    return {
        "head": sandbox.git("rev-parse", "HEAD^{tree}", at=at),
        "index": index_tree(sandbox, at),
        "files": files,
    }
