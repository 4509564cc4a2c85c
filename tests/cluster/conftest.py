"""A desk with hosts, on the scripted amp and the quick limits of the batch's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.conftest import desk as desk  # noqa: PLC0414 - a fixture, handed on
from tests.batch.desk import BatchDesk
from tests.cluster.dask_cluster import DaskCluster
from tests.cluster.desk import ClusterDesk
from tests.worker.bench import kill, marked


@pytest.fixture
def cluster(desk: BatchDesk, tmp_path: Path) -> Iterator[ClusterDesk]:
    made = ClusterDesk(desk.engine, desk.repo, desk.folder, folder_of_hosts=tmp_path / "hosts")
    yield made
    made.network.threads.shutdown(wait=False, cancel_futures=True)
    for host in made.network.hosts.values():
        for process in marked("AMPSM_HOME", str(host.engine.home.root)):
            kill(process)


@pytest.fixture
def dask(desk: BatchDesk, tmp_path: Path) -> Iterator[DaskCluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = DaskCluster(desk, folder)
    yield made
    made.end()
