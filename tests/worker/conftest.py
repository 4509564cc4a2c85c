"""A home with quick limits, a real repository and the scripted amp."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine import demo
from ampsm_engine.config import config_path
from ampsm_engine.engine.startup import open_engine
from tests.worker.bench import QUICK, Bench, kill, marked, work_here


@pytest.fixture
def bench(hermetic: Path, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    folder = tmp_path / "flags"
    folder.mkdir()
    monkeypatch.setenv("AMP_CLI_PATH", str(demo.install(folder)))
    monkeypatch.setenv("AMP_API_KEY", "sgamp_" + "user_01TEST_" + "0123456789abcdef" * 2)
    config = config_path()
    config.parent.mkdir(parents=True)
    config.write_text(QUICK)
    made = Bench(open_engine(), repo, folder, monkeypatch)
    yield made
    for process in marked("AMPSM_HOME", str(made.engine.home.root)):
        kill(process)


@pytest.fixture
def workers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """An iteration has ended when the verb that queues it answers: for tests of what it leaves, not of how workers live."""
    work_here(monkeypatch)
