"""The transport on a real scheduler, with hosts as processes: what is killed, and what is not there."""

import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ampsm_engine.cli.diagnostics import REFUSED, UNFIT
from ampsm_engine.model import Batch, BatchState, ItemState
from ampsm_engine.worker import launch
from tests.batch.desk import BatchDesk
from tests.cluster.dask_cluster import DaskCluster
from tests.conftest import git
from tests.worker.bench import kill

OTHER_PYTHONS = sorted(Path(__file__).parent.parent.parent.glob(".venv-3.*/bin/python"))
"""Of the environments that `make pythons` makes."""

MOST_OF_A_SCHEDULER = 150
"""Megabytes that it may take, whatever travels."""


@pytest.mark.soak  # a scheduler and a worker of their own take 20 s
def test_a_plan_on_dask_comes_to_what_it_comes_to_here(dask: DaskCluster, desk: BatchDesk) -> None:
    dask.head()
    dask.join("web1")
    items = [
        desk.item(desk.writes("a.txt"), scriptCommand="test -f a.txt", followUpPrompts=["And then?"]),
        desk.item(desk.writes("b.txt"), scriptCommand="false"),
        desk.item(desk.writes("c.txt"), mergeOnPass=True),
    ]
    here = desk.over(desk.start(*items))
    there = dask.start(*items)
    dask.over(there)
    assert desk.states(here) == desk.states(there) == ["success", "fail", "success"], dask.told(there)
    assert [desk.tries(here, number) for number in (1, 2)] == [desk.tries(there, number) for number in (1, 2)]
    progress = [desk.engine.store.batches.progress(batch.id).tokens for batch in (here, there)]
    assert progress[0] == progress[1] > 0
    code, said = dask.command("doctor", "--cluster", dask.url, "--source", "/nowhere")
    assert code == UNFIT
    assert "1 host with 2 slots" in said
    assert "cannot reach /nowhere" in said
    worker = dask.worker("web1")
    assert worker is not None
    dask.processes["web1"].terminate()
    dask.processes["web1"].wait(20)
    assert not worker.is_running()


EVERY = 2
"""Items that end between two strikes: whatever was struck needs a while to be back."""


@pytest.mark.soak
def test_kills_of_hosts_scheduler_and_coordinator_lose_and_double_nothing(dask: DaskCluster, desk: BatchDesk) -> None:
    dice = random.Random(int(os.environ.get("SOAK_SEED", "1")))
    count = int(os.environ.get("SOAK_CLUSTER_ITEMS", "60"))
    names = ("web1", "web2", "web3")
    dask.head()
    for name in names:
        dask.join(name)
    steps = [
        desk.prompt({"shell": "sleep 1"}, {"create_file": f"f{number}.txt", "content": "x\n"}, {"say": "Done."})
        for number in range(count)
    ]
    items = [desk.item(prompt, mergeOnPass=number % 5 == 0) for number, prompt in enumerate(steps)]
    batch = dask.start(*items, hostGraceSec=10, concurrency=6)
    began, memory, struck = time.monotonic(), 0, Counter[str]()

    def ended() -> int:
        return sum(item.state.is_final for item in desk.items(batch))

    while not dask.is_over(batch):
        before = ended()
        some_more = before + EVERY
        dask.waits_for(lambda: ended() >= some_more or dask.is_over(batch), lambda: dask.told(batch))  # noqa: B023
        memory = max(memory, psutil.Process(dask.processes["head"].pid).memory_info().rss >> 20)
        victim = dice.choice(["host", "host", "host", "coordinator", "coordinator", "scheduler"])
        name, at_work = dice.choice(names), [item.host for item in desk.items(batch) if item.state is ItemState.RUNNING]
        if before >= count // 4 and not struck["freeze"] and at_work:
            victim, name = "freeze", str(at_work[0])
        struck[victim] += strike(dask, desk, victim, name)
    late = finish(dask, desk, batch)
    seconds = time.monotonic() - began
    print(f"{count} items in {seconds:.0f} s, struck {dict(struck)}, {late} late, scheduler at most {memory} MB")
    assert memory < MOST_OF_A_SCHEDULER


def strike(dask: DaskCluster, desk: BatchDesk, victim: str, name: str) -> bool:
    """Kill a host's worker, the scheduler or the coordinator, or stop a worker for a minute; whether it was there."""
    worker = dask.worker(name)
    if victim == "host" and worker is not None:
        kill(worker)
    elif victim == "coordinator":
        return desk.kill_all("ampsm_engine.cluster") > 0
    elif victim == "scheduler":
        process = dask.processes["head"]
        process.kill()
        process.wait(10)
        dask.head()
    elif victim == "freeze" and worker is not None:
        worker.suspend()
        time.sleep(60)
        with suppress(psutil.Error):
            worker.resume()
    else:
        return False
    return True


def finish(dask: DaskCluster, desk: BatchDesk, batch: Batch) -> int:
    """Hold that each item ended once, with its work here or in the base; how many were late besides."""
    assert desk.now(batch).state is BatchState.ENDED, dask.told(batch)
    late: list[str] = []
    for item in desk.items(batch):
        assert item.state is ItemState.SUCCESS, dask.told(batch)
        placements = desk.engine.store.batches.placements(item.id)
        outcomes = [one.outcome for one in placements]
        assert outcomes.count("taken") == 1, dask.told(batch)
        late += [f"{item.number}-{one.host}" for one in placements if one.outcome == "late" and one.tip]
        assert len(desk.engine.store.iterations.of(item.session_id)) == 1
        session = desk.engine.store.sessions.get(item.session_id)
        where = "main" if json.loads(item.spec).get("mergeOnPass") else session.branch_name
        assert git(desk.repo, "show", f"{where}:f{item.number - 1}.txt") == "x\n"
    desk.once_each(desk.items(batch))
    place = f"refs/ampsm/batch/{batch.id}/late/"
    kept = git(desk.repo, "for-each-ref", "--format=%(refname)", place).split()
    assert sorted(kept) == sorted(f"{place}{one}" for one in set(late))
    git(desk.repo, "fsck", "--strict")
    assert launch.sweep_batches(desk.engine.home, desk.engine.store) == 0
    return len(late)


@pytest.mark.soak
def test_a_host_without_ampsm_is_told_and_the_others_do_the_work(dask: DaskCluster, desk: BatchDesk) -> None:
    dask.head()
    hidden = dask.folder / "hidden" / "ampsm_engine"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('No module named ampsm_engine')")
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{dask.port}"]
    options = ["--no-nanny", "--nthreads", "1", "--name", "bare", "--local-directory", str(dask.home("bare"))]
    dask.start_process("bare", [*worker, *options], PYTHONPATH=str(hidden.parent))
    dask.waits_for(lambda: "no ampsm" in dask.command("doctor", "--cluster", dask.url)[1], "the bare host to be told")
    dask.join("web1")
    batch = dask.start(desk.item(desk.writes("a.txt")))
    dask.over(batch)
    assert [(item.state.value, item.host) for item in desk.items(batch)] == [("success", "web1")], dask.told(batch)
    assert "has no ampsm" in desk.engine.home.batch(batch.id).log.read_text()
    assert dask.processes["bare"].poll() is None, "it is no host, and no harm is done to it"


@pytest.mark.soak
@pytest.mark.skipif(not OTHER_PYTHONS, reason="no other Python has an environment: make pythons")
@pytest.mark.parametrize("python", OTHER_PYTHONS, ids=lambda path: path.parent.parent.name)
def test_a_host_of_another_python_does_the_work(dask: DaskCluster, desk: BatchDesk, python: Path) -> None:
    dask.head()
    dask.join("web1", python=str(python))
    batch = dask.start(desk.item(desk.writes("a.txt"), scriptCommand="test -f a.txt"))
    dask.over(batch)
    assert [(item.state.value, item.host) for item in desk.items(batch)] == [("success", "web1")], dask.told(batch)
    assert "they need not be the same" in dask.command("doctor", "--cluster", dask.url)[1]


def authority(folder: Path, name: str) -> dict[str, str]:
    """Dask's settings, as variables, with a certificate of an authority that is made for it."""
    place = folder / name
    place.mkdir()
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}")
    parts = ("-keyout", place / "ca.key", "-out", place / "ca.pem")
    subprocess.run([*made, *parts], check=True, capture_output=True)
    asked = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=member", "-keyout", place / "me.key")
    subprocess.run([*asked, "-out", place / "me.csr"], check=True, capture_output=True)
    signed = ("openssl", "x509", "-req", "-in", place / "me.csr", "-CA", place / "ca.pem", "-CAkey", place / "ca.key")
    subprocess.run([*signed, "-days", "2", "-out", place / "me.pem"], check=True, capture_output=True)
    prefix = "DASK_DISTRIBUTED__COMM__TLS"
    parts_of_it = {"CERT": place / "me.pem", "KEY": place / "me.key"}
    members = ("CLIENT", "WORKER", "SCHEDULER")
    found = {f"{prefix}__{member}__{key}": str(path) for member in members for key, path in parts_of_it.items()}
    return {f"{prefix}__CA_FILE": str(place / "ca.pem"), **found}


@pytest.mark.soak
def test_certificates_are_needed_and_a_wrong_one_is_told(
    dask: DaskCluster, desk: BatchDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, others = authority(tmp_path, "ours"), authority(tmp_path, "others")
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    dask.head()
    dask.join("web1")
    dask.waits_for(
        lambda: "1 host with 2 slots" in dask.command("doctor", "--cluster", dask.url)[1], "the host over TLS"
    )
    encrypted, told = dask.url.replace("dask:", "tls:"), {}
    for name, variables in (("none", dict.fromkeys(ours, "")), ("other", others)):
        for address in (dask.url, encrypted):
            told[name, address] = dask.command("doctor", "--cluster", address, **variables)
    assert {code for code, _ in told.values()} == {UNFIT}
    assert "it was called without" in told["none", dask.url][1]
    assert "no certificate is set here" in told["none", encrypted][1]
    for address in (dask.url, encrypted):
        assert "signed by another authority" in told["other", address][1]
    code, said = dask.command("cluster", "join", encrypted, "--home", str(dask.home("web2")), **others)
    assert (code, "signed by another authority" in said) == (UNFIT, True), said
    code, said = dask.command("cluster", "head", "--host", "0.0.0.0", "--port", "1", **dict.fromkeys(ours, ""))
    assert (code, "is not encrypted" in said) == (REFUSED, True), said
    batch = dask.start(desk.item(desk.writes("a.txt")))
    dask.over(batch)
    assert [(item.state.value, item.host) for item in desk.items(batch)] == [("success", "web1")], dask.told(batch)


@pytest.mark.soak
def test_a_repository_of_300_megabytes_travels_in_bounded_memory(dask: DaskCluster, desk: BatchDesk) -> None:
    git(desk.repo, "config", "core.compression", "0")
    for number in range(30):
        (desk.repo / f"part-{number}.bin").write_bytes(secrets.token_bytes(10 << 20))
    git(desk.repo, "add", "-A")
    git(desk.repo, "commit", "-q", "-m", "Large")
    dask.head()
    dask.join("web1", 1)
    batch = dask.start(desk.item(desk.writes("a.txt"), scriptCommand="test -f part-29.bin"))
    most = {"scheduler": 0, "worker": 0, "coordinator": 0}

    def is_over() -> bool:
        found = {"scheduler": psutil.Process(dask.processes["head"].pid), "worker": dask.worker("web1")}
        found |= {"coordinator": next(iter(desk.processes("ampsm_engine.cluster")), None)}
        for name, process in found.items():
            with suppress(psutil.Error):
                if process is not None:
                    most[name] = max(most[name], process.memory_info().rss >> 20)
        return dask.is_over(batch)

    dask.waits_for(is_over, lambda: dask.told(batch))
    print(f"at most, in MB: {most}")
    assert desk.states(batch) == ["success"], dask.told(batch)
    assert most["scheduler"] < MOST_OF_A_SCHEDULER
