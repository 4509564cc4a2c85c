"""A desk whose repository has two files of twenty lines."""

from pathlib import Path

import pytest

from ampsm_engine.config import config_path
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.model import Session
from tests.conftest import BEGIN, first_commits
from tests.merging.desk import LINES, Desk, lines
from tests.merging.yard import Yard
from tests.worker.conftest import bench  # noqa: F401 - a fixture, with an amp


@pytest.fixture
def desk(hermetic: Path, tmp_path: Path) -> Desk:
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[notify]\ndesktop = false\n")
    repo = tmp_path / "project"
    first_commits(repo, BEGIN, ({"one.txt": LINES, "two.txt": LINES}, "Two files"))
    return Desk(open_engine(), repo)


@pytest.fixture
def task(desk: Desk) -> Session:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="session")})
    return session


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it waits for an index is tested where it waits."""
    monkeypatch.setitem(branch_move.move_target.__kwdefaults__, "patience", 0.1)


@pytest.fixture
def yard(desk: Desk, tmp_path: Path) -> Yard:
    return Yard(desk, tmp_path)
