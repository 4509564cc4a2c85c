"""Whatever an agent did: the commit holds what `git add --all` would take, less what must stay out."""

import os
import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings

from ampsm_engine.git import changes, commits, snapshot
from ampsm_engine.git.unwanted_files import is_secret
from tests.conftest import examples
from tests.git import scribbles
from tests.git.sandboxes import Sandbox
from tests.git.test_trash_properties import Todo, fresh


def tree_of_git_add(sandbox: Sandbox, worktree: Path, out: set[str]) -> dict[str, str]:
    """The oracle: `git add --all` in a copy of the index, then without what must stay out."""
    index = Path(sandbox.git("rev-parse", "--absolute-git-dir", at=worktree)) / "index"
    environ = os.environ | {"GIT_INDEX_FILE": str(worktree.parent / "oracle-index")}
    Path(environ["GIT_INDEX_FILE"]).write_bytes(index.read_bytes())

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", worktree, *arguments], env=environ, check=True, capture_output=True)
        return done.stdout.decode("utf-8", "surrogateescape")

    git("add", "--all")
    tree = git("write-tree").strip()
    Path(environ["GIT_INDEX_FILE"]).unlink()
    listed = git("ls-tree", "-r", "-z", tree).split("\0")
    return {path: words for words, _, path in (line.partition("\t") for line in listed if line) if path not in out}


@given(todo=scribbles.steps)
@settings(max_examples=examples(40))
def test_a_commit_is_git_add_all_less_what_stays_out(todo: Todo) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = fresh(folder)
        worktree = sandbox.session()
        at = worktree.path
        scribbles.scribble(at, todo)
        tracked = set(sandbox.git("ls-tree", "-r", "-z", "--name-only", "HEAD", at=at).split("\0"))
        out = {name for name in scribbles.NAMES if is_secret(name) and name not in tracked}
        expected = tree_of_git_add(sandbox, at, out)
        with snapshot.live_tree(at) as live:
            pass
        files = changes.files(at, "HEAD", None)
        made = commits.commit_all(at, branch=worktree.branch, subject="amp: x", body="", hooks=True)
        assert made.refused is None
        listed = sandbox.git("ls-tree", "-r", "-z", "HEAD", at=at).split("\0")
        assert {path: words for words, _, path in (line.partition("\t") for line in listed if line)} == expected
        assert sandbox.git("rev-parse", "HEAD^{tree}", at=at) == live.tree
        assert bool(files) is (made.sha is not None)
        left = {entry[3:] for entry in sandbox.git("status", "--porcelain", "-z", "-uall", at=at).split("\0") if entry}
        # Secrets stay, some of them as files that are only intended to be added.
        assert left == {item.path for item in made.left_out} <= out
        sandbox.check()
