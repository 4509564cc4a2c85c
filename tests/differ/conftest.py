"""A diff process, ended with its test, and a repository to compare trees of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_tui.differ.client import Differ
from tests.git.sandboxes import Sandbox, small_project


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where live worktrees are written down."""
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture
def differ() -> Iterator[Differ]:
    made = Differ.start()
    yield made
    made.close()
    assert not Path(f"/proc/{made.pid}").exists()


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return small_project(tmp_path)
