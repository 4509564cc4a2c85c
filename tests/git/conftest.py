"""Real repositories in a hermetic environment: no configuration of this machine, a fixed identity, no GIT_* leak."""

from pathlib import Path

import pytest

from ampsm_engine.git.entities import Worktree
from tests.conftest import NO_TIME
from tests.git.sandboxes import Sandbox, small_project


@pytest.fixture(autouse=True)
def git_environment(hermetic: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = hermetic
    (home / "gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        f'[protocol "file"]\n\tallow = always\n{NO_TIME}'
    )
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A repository with one commit."""
    return small_project(tmp_path)


@pytest.fixture
def worktree(sandbox: Sandbox) -> Worktree:
    """The worktree of a session in the sandbox."""
    return sandbox.session()
