"""A home with quick limits, repositories, the scripted amp, and a desk that starts plans and waits for their ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ampsm_engine import demo
from ampsm_engine.config import config_path
from ampsm_engine.engine.startup import open_engine
from tests.batch.desk import BatchDesk
from tests.worker.bench import QUICK, kill, marked


@pytest.fixture
def desk(hermetic: Path, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchDesk]:
    folder = tmp_path / "flags"
    folder.mkdir()
    monkeypatch.setenv("AMP_CLI_PATH", str(demo.install(folder)))
    monkeypatch.setenv("AMP_API_KEY", "sgamp_" + "user_01TEST_" + "0123456789abcdef" * 2)
    config = config_path()
    config.parent.mkdir(parents=True)
    config.write_text(QUICK)
    made = BatchDesk(open_engine(), repo, folder)
    yield made
    for process in marked("AMPSM_HOME", str(made.engine.home.root)):
        kill(process)
