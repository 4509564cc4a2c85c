"""Whatever an agent did in a worktree: the trash gives it back as it was, and git finds nothing wrong."""

import tempfile
from pathlib import Path

from hypothesis import given, settings

from tests.conftest import examples
from tests.git import scribbles
from tests.git.sandboxes import Sandbox
from tests.git.test_trash import there_and_back

Todo = list[tuple[str, str, str, bytes]]


def fresh(folder: str) -> Sandbox:
    root = Path(folder) / "project"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet")
    sandbox.commit({"README.md": "# Project\n", "src/main.py": "1\n2\n3\n", "d/a": "x\n", ".gitignore": "*.o\n"})
    return sandbox


@given(todo=scribbles.steps)
@settings(max_examples=examples(25))
def test_any_state_comes_back(todo: Todo) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = fresh(folder)
        worktree = sandbox.session()
        scribbles.scribble(worktree.path, todo)
        (worktree.path / "ignored.o").unlink(missing_ok=True)  # what is ignored is not kept, and that is told
        there_and_back(sandbox, worktree, sweep=False)
