"""The engine with a real repository and the scripted amp; see tests/worker."""

import pytest

from tests.worker.conftest import bench, workers_here

__all__ = ["bench", "workers_here"]


@pytest.fixture(autouse=True)
def whose_workers(request: pytest.FixtureRequest) -> None:
    """How workers live is tested in tests/worker."""
    if "detached" not in request.fixturenames:
        request.getfixturevalue("workers_here")


@pytest.fixture
def detached() -> None:
    """Workers are processes, as ever: they work while the test goes on."""
