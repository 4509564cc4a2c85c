"""`doctor --cluster`: each thing that can be wrong with a cluster is told, by hosts that are really asked."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.cluster import checks, transport
from ampsm_engine.cluster.host import message, parts_of
from ampsm_engine.engine.doctor import Check
from ampsm_engine.store import database_files
from tests.cluster.desk import ClusterDesk, Network

Change = Callable[[dict[str, Any]], None]
LOOPBACK = "dask://127.0.0.1:8786"


@dataclass
class ToldNetwork(Network):
    """A network that says of each host what a scheduler of Dask's does; what is said may be changed."""

    known: dict[str, Any] = field(default_factory=dict)
    """Over what is known of every worker."""
    changes: list[Change] = field(default_factory=list)
    """Made to every hello."""
    python: str = "3.11.7"

    async def facts(self) -> dict[str, dict[str, Any]]:
        right = {"nanny": None, "memory_limit": 0, "nthreads": 4, "lifetime": None}
        return {address: {"name": address, **right, **self.known} for address in self.hosts}

    async def versions(self) -> dict[str, Any]:
        def of(python: str) -> dict[str, Any]:
            return {"packages": {"distributed": "2026.8.0"}, "host": {"python": f"{python}.final.0"}}

        return {"client": of("3.11.7"), "scheduler": of("3.11.7"), "workers": {"tcp://1": of(self.python)}}

    async def send(self, address: str, request: bytes) -> bytes:
        head, content = parts_of(await super().send(address, request))
        for change in self.changes:
            change(head)
        return message(head, content)


@pytest.fixture
def told(cluster: ClusterDesk) -> ToldNetwork:
    cluster.host("web1")
    return ToldNetwork(hosts=dict(cluster.network.hosts))


def found(network: ToldNetwork, address: str = LOOPBACK, *sources: str) -> tuple[Check, ...]:
    return asyncio.run(checks.checks(transport.read_address(address), network, sources))


def amiss(checks: tuple[Check, ...]) -> list[str]:
    """What is told that is not as it should be, but that nothing is encrypted on this machine."""
    return [f"{one.text} {one.hint}" for one in checks if one.ok is not True and one.name != "encryption"]


def test_nothing_is_amiss_with_a_cluster_that_is_as_it_should_be(told: ToldNetwork) -> None:
    checks = found(told)
    assert amiss(checks) == []
    assert "1 host with 2 slots" in [one.text for one in checks]


WRONG_WORKERS = {
    "nanny": ({"nanny": "tcp://127.0.0.1:1"}, "a nanny watches"),
    "memory limit": ({"memory_limit": 300 << 20}, "has a memory limit"),
    "threads": ({"nthreads": 1}, "too few threads for its slots"),
    "lifetime": ({"lifetime": 3600.0}, "leaves after a while (--lifetime)"),
}
WRONG_HOSTS: dict[str, tuple[dict[str, Any], str]] = {
    "ampsm": ({"ampsm": "0.0.1"}, "here it is ampsm"),
    "clock": ({"clock": "2020-01-01T00:00:00.000Z"}, "its clock differs by"),
    "disk": ({"disk": 5 << 20}, "5 MB are free"),
    "amp": ({"problems": ["amp is not logged in."]}, "amp is not logged in."),
}


@pytest.mark.parametrize("wrong", WRONG_WORKERS)
def test_a_worker_that_is_not_started_as_it_should_be_is_told(told: ToldNetwork, wrong: str) -> None:
    known, words = WRONG_WORKERS[wrong]
    told.known = known
    (said,) = amiss(found(told))
    assert words in said


@pytest.mark.parametrize("wrong", WRONG_HOSTS)
def test_a_host_that_is_not_as_it_should_be_is_told(told: ToldNetwork, wrong: str) -> None:
    values, words = WRONG_HOSTS[wrong]
    told.changes.append(lambda head: head.update(values))
    assert any(words in said for said in amiss(found(told)))


def test_hosts_that_share_a_name_or_a_home_are_told(told: ToldNetwork, cluster: ClusterDesk) -> None:
    told.hosts["web2"] = cluster.host("web2")
    told.hosts["web1 at another address"] = told.hosts["web1"]
    said = amiss(found(told))
    assert [one for one in said if "2 hosts are called web1" in one]
    assert [one for one in said if "2 hosts have the home" in one]


def test_another_python_is_told_and_does_no_harm(told: ToldNetwork) -> None:
    told.python = "3.13.0"
    (said,) = amiss(found(told))
    assert "on hosts: 2026.8.0 and Python 3.13.0 they need not be the same" in said


def test_an_address_that_a_host_cannot_reach_is_told_with_what_git_says(told: ToldNetwork, tmp_path: Path) -> None:
    (said,) = amiss(found(told, LOOPBACK, str(tmp_path / "nowhere")))
    assert f"cannot reach {tmp_path}/nowhere" in said
    assert "does not appear to be a git repository" in said


def test_a_scheduler_that_others_reach_without_encryption_is_told(told: ToldNetwork) -> None:
    oks = {}
    for address in ("dask://10.0.0.1:8786", "tls://10.0.0.1:8786", LOOPBACK):
        (oks[address],) = (one.ok for one in found(told, address) if one.name == "encryption")
    assert list(oks.values()) == [False, True, None]


def test_a_home_on_a_network_file_system_is_told(
    cluster: ClusterDesk, told: ToldNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_files, "network_mount", lambda *_: "nfs4")
    monkeypatch.setenv("AMPSM_HOME", str(cluster.folder_of_hosts / "shared"))
    told.hosts["web1"] = None  # type: ignore[assignment] - the host that a process makes of its environment
    said = amiss(found(told))
    assert [one for one in said if "network file system (nfs4)" in one]


def test_a_host_that_speaks_another_version_of_the_protocol_says_which_ampsm_it_has(told: ToldNetwork) -> None:
    asked = told.send

    async def older(address: str, request: bytes) -> bytes:
        head, content = parts_of(request)
        return await asked(address, json.dumps({**head, "wire": 0}).encode() + b"\n" + content)

    told.send = older  # type: ignore[method-assign]
    said = amiss(found(told))
    assert [one for one in said if "0 hosts with 0 slots; 1 more cannot be used" in one]
    assert [one for one in said if "Install the same ampsm on both." in one]


def test_a_cluster_without_hosts_says_how_to_get_one(told: ToldNetwork) -> None:
    told.hosts.clear()
    assert any("ampsm cluster join SCHEDULER" in said for said in amiss(found(told)))
