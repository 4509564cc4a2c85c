"""The engine with a real repository and the scripted amp; see tests/worker."""

from tests.worker.conftest import bench

__all__ = ["bench"]
