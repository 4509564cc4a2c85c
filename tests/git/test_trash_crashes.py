"""Killed before any of its steps, the trash loses nothing: done again, it comes to the same end."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed
from ampsm_engine.git import program, stash_commit, trash, worktrees
from ampsm_engine.git.entities import Worktree
from tests.git.sandboxes import SESSION, Sandbox
from tests.git.test_trash import contents, state

STEPS = (
    (program.subprocess, "Popen"), (Path, "rename"), (trash.shutil, "move"), (shutil, "rmtree"), (trash, "write_private"), (Path, "unlink"),
)  # fmt: skip
"""What the trash consists of: a process of git, a move, a deletion, a mark."""


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that dies as by SIGKILL before its n-th step; False when it came to its end."""
    child = os.fork()
    if child == 0:
        left = step

        def dying(original: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **keywords: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(9)
                return original(*arguments, **keywords)

            return call

        for place, name in STEPS:
            setattr(place, name, dying(getattr(place, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001 - nothing of pytest's may go on in here
            os._exit(7)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.fixture
def full(sandbox: Sandbox) -> Worktree:
    """A worktree with something of every kind."""
    sandbox.commit({".gitignore": ".env\n", "gone": "1", "kept": "2"})
    worktree = sandbox.session()
    at = worktree.path
    sandbox.write({"staged": "1", "kept": "index\n"}, at)
    sandbox.git("add", "staged", "kept", at=at)
    sandbox.write({"kept": "worktree\n", ".env": "S=1", "key.pem": "2", "AGENT_CONTEXT/a": "3", "new": "4"}, at)
    (at / "gone").unlink()
    sandbox.git("init", "--quiet", at / "nest")
    sandbox.commit({"inner": "1"}, at=at / "nest")
    return worktree


@pytest.mark.parametrize("which", ["keep", "restore"])
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_any_step(sandbox: Sandbox, full: Worktree, which: str, stride: int) -> None:
    before, files = state(sandbox, full.path), contents(full.path)

    def keep() -> None:
        trash.keep(sandbox.root, full.path, full.branch, SESSION)

    def restore() -> None:
        trash.restore(sandbox.root, SESSION, full.path, full.branch)

    step = 0
    while True:
        if which == "restore":
            keep()
        was_killed = killed_at(step, keep if which == "keep" else restore)
        if which == "keep":
            if was_killed:
                keep()
            assert not full.path.exists()
            restore()
        elif was_killed and step % 2 and trash.holds(sandbox.root, SESSION):
            restore()  # a restore that stopped is ended by the next one ...
        elif was_killed:
            keep()  # ... and also by going to the trash again
            restore()
        assert state(sandbox, full.path) == before, step
        assert contents(full.path) == files, step
        assert sandbox.git("for-each-ref", "refs/ampsm") == ""
        assert not (sandbox.root / ".git/ampsm/trash" / SESSION).exists(), step
        sandbox.check()
        if not was_killed:
            break
        step += stride
    assert step > 20


def test_a_restore_that_fails_leaves_the_trash_as_it_was(
    sandbox: Sandbox, full: Worktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = state(sandbox, full.path), contents(full.path)
    trash.keep(sandbox.root, full.path, full.branch, SESSION)
    refs = sandbox.git("for-each-ref")

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device", "x")

    for name in ("overlay", "fill_files"):
        with monkeypatch.context() as patch:
            patch.setattr(stash_commit, name, full_disk)
            with pytest.raises(Failed, match="No space left"):
                trash.restore(sandbox.root, SESSION, full.path, full.branch)
        assert not full.path.exists()
        assert sandbox.git("for-each-ref") == refs
    trash.restore(sandbox.root, SESSION, full.path, full.branch)
    assert (state(sandbox, full.path), contents(full.path)) == (before, files)


def test_what_cannot_be_deleted_is_told_and_deleted_next_time(
    sandbox: Sandbox, full: Worktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = state(sandbox, full.path), contents(full.path)

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy", "x")

    with monkeypatch.context() as patch:
        patch.setattr(worktrees, "delete_tree", busy)
        with pytest.raises(Failed, match="busy") as failed:
            trash.keep(sandbox.root, full.path, full.branch, SESSION)
    assert "in the trash" in failed.value.hint
    trash.keep(sandbox.root, full.path, full.branch, SESSION)
    assert [path.name for path in full.path.parent.glob(".*")] == [".gitignore"]
    trash.restore(sandbox.root, SESSION, full.path, full.branch)
    assert (state(sandbox, full.path), contents(full.path)) == (before, files)
