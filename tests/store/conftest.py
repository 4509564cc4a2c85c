from pathlib import Path

import pytest

from ampsm_engine.store import Store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ampsm.sqlite"


@pytest.fixture
def store(database: Path) -> Store:
    opened = Store(database)
    opened.open()
    yield opened
    opened.close()
