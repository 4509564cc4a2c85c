"""Runs on hosts, from start to end: everything real but the network."""

import asyncio
import threading

import pytest

from ampsm_engine.batch import item_run, runs
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.cluster import clones, executor, host, remote_item
from ampsm_engine.context import Engine
from ampsm_engine.model import BatchItem, BatchState
from tests.cluster.desk import LONGEST, ClusterDesk
from tests.conftest import git
from tests.waiting import becomes


def test_items_run_on_hosts_and_their_results_are_ordinary_sessions_here(cluster: ClusterDesk) -> None:
    web1, web2 = cluster.host("web1"), cluster.host("web2")
    mended = cluster.prompt(
        runs=[
            [{"create_file": "a.txt", "content": "wrong\n"}, {"say": "First."}],
            [{"edit_file": "a.txt", "old": "wrong", "new": "right"}, {"say": "{prompt}"}],
        ]
    )
    batch = cluster.enter(
        cluster.item(mended, scriptCommand="grep -n right a.txt || { echo it is wrong; false; }", maxIterations=3),
        cluster.item(cluster.writes("b.txt"), scriptCommand="false"),
        cluster.item(cluster.writes("c.txt"), followUpPrompts=["And then?"], mergeOnPass=True),
        cluster.item(cluster.prompt({"fail": "The model is not for sale."})),
        concurrency=4,
    )
    assert cluster.run(batch).state is BatchState.ENDED
    assert cluster.states(batch) == ["success", "fail", "success", "error"], cluster.told(batch)
    assert cluster.tries(batch, 1) == [("prompt", "fail"), ("fix", "pass")]
    assert cluster.tries(batch, 3) == [("prompt", "pass"), ("follow-up", "pass"), ("merge", "pass")]
    assert git(cluster.repo, "show", "main:c.txt") == "new\n"
    assert {item.host for item in cluster.items(batch)} == {"web1", "web2"}
    store = cluster.engine.store
    session = store.sessions.get(cluster.items(batch)[0].session_id)
    assert session.host == cluster.items(batch)[0].host
    iterations = store.iterations.of(session.id)
    assert [one.number for one in iterations] == [1, 2]
    assert "it is wrong" in iterations[1].prompt
    assert iterations[0].tally.token_usage
    assert "First." in cluster.engine.home.iteration(iterations[0].id).stream.read_text()
    assert git(cluster.repo, "show", f"{session.branch_name}:a.txt") == "right\n"
    assert git(session.worktree_path, "status", "--porcelain") == ""
    assert cluster.left_on(web1) == cluster.left_on(web2) == (0, 0)
    sent = [address for address, verb in cluster.network.asked if verb == "put"]
    assert sorted(sent) == ["web1", "web2"], "a repository is sent once to a host, whoever needs it there"
    git(cluster.repo, "fsck", "--strict")


def test_a_host_that_stays_away_loses_its_items_and_what_it_does_later_is_kept_as_late(cluster: ClusterDesk) -> None:
    web1 = cluster.host("web1", 1)
    flag = cluster.folder / "go"
    slow = cluster.prompt({"create_file": "a.txt", "content": "one\n"}, {"wait_for": str(flag)}, {"say": "Done."})
    batch = cluster.enter(cluster.item(slow), hostGraceSec=0.2)

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        await cluster.reaches(batch, 1, "running")
        await becomes(web1.engine.store.iterations.unsettled, "amp at work on web1")
        cluster.network.silent.add("web1")
        await cluster.reaches(batch, 1, "unreachable")
        web2 = cluster.host("web2", 1)
        await becomes(web2.engine.store.iterations.unsettled, lambda: cluster.told(batch))
        flag.touch()
        await coordinating
        assert cluster.left_on(web2) == (0, 0)

    asyncio.run(play())
    (item,) = cluster.items(batch)
    assert (item.state.value, item.host) == ("success", "web2"), cluster.told(batch)
    placements = cluster.engine.store.batches.placements(item.id)
    assert [(one.host, one.outcome) for one in placements] == [("web1", "given up"), ("web2", "taken")]
    tip = placements[1].tip

    cluster.network.silent.clear()
    another = cluster.enter(cluster.item(cluster.writes("b.txt")))  # the first has ended: whoever meets the host next

    async def meet() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(another))
        await becomes(lambda: cluster.left_on(web1) == (0, 0), lambda: cluster.told(another))
        await coordinating

    asyncio.run(meet())
    placements = cluster.engine.store.batches.placements(item.id)
    assert [(one.host, one.outcome) for one in placements] == [("web1", "late"), ("web2", "taken")]
    late = git(cluster.repo, "for-each-ref", "--format=%(refname) %(objectname)", f"refs/ampsm/batch/{batch.id}/late/")
    assert late.split() == [f"refs/ampsm/batch/{batch.id}/late/1-web1", placements[0].tip]
    assert placements[0].tip != tip
    session = cluster.engine.store.sessions.get(item.session_id)
    assert git(cluster.repo, "rev-parse", session.branch_name).strip() == tip, "a late one changes nothing"
    git(cluster.repo, "fsck", "--strict")


def test_whatever_dies_and_comes_back_each_item_ends_once(cluster: ClusterDesk) -> None:
    for name in ("web1", "web2", "web3"):
        cluster.host(name, 1)
    names = [f"f{number}.txt" for number in range(6)]
    batch = cluster.enter(*(cluster.item(cluster.writes(name)) for name in names), concurrency=6, hostGraceSec=0.2)
    network = cluster.network

    def ended() -> int:
        return sum(item.state.is_final for item in cluster.items(batch))

    async def one_more_ended(coordinating: "asyncio.Task[None]") -> None:
        before = ended()
        await becomes(lambda: ended() > before or coordinating.done(), lambda: cluster.told(batch))

    async def disturb(what: str, number: int) -> None:
        """Strike a host that has an item, or bring back the one that was away."""
        at_work = {item.host for item in cluster.items(batch) if item.state.is_at_work}
        if what == "back":
            network.silent.clear()
        elif what == "away" and (struck := sorted(one for one in network.hosts if one.partition(" ")[0] in at_work)):
            network.silent.add(struck[0])
        elif what == "restarted" and (struck := sorted(set(network.hosts) - network.silent)):
            network.hosts[f"{struck[-1].partition(' ')[0]} {number}"] = network.hosts.pop(struck[-1])

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        for number, what in enumerate(("away", "coordinator", "restarted", "back", "coordinator")):
            await one_more_ended(coordinating)
            if what == "coordinator" and not coordinating.done():
                coordinating.cancel()
                await asyncio.wait([coordinating])
                coordinating = asyncio.create_task(cluster.coordinate(batch))
            await disturb(what, number)
        await coordinating

    asyncio.run(asyncio.wait_for(play(), LONGEST))
    assert cluster.now(batch).state is BatchState.ENDED
    assert cluster.states(batch) == ["success"] * len(names), cluster.told(batch)
    store = cluster.engine.store
    for item, name in zip(cluster.items(batch), names, strict=True):
        outcomes = [one.outcome for one in store.batches.placements(item.id)]
        assert outcomes.count("taken") == 1, cluster.told(batch)
        session = store.sessions.get(item.session_id)
        assert len(store.iterations.of(session.id)) == 1
        assert git(cluster.repo, "show", f"{session.branch_name}:{name}") == "new\n"
    git(cluster.repo, "fsck", "--strict")


def test_a_coordinator_that_died_finds_on_the_hosts_what_it_had_begun(cluster: ClusterDesk) -> None:
    web1 = cluster.host("web1")
    flag = cluster.folder / "go"
    items = [
        cluster.item(cluster.prompt({"wait_for": str(flag)}, {"create_file": f"{name}.txt", "content": "x\n"}))
        for name in "ab"
    ]
    batch = cluster.enter(*items)

    async def die_in_the_middle() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        await cluster.reaches(batch, 2, "running")
        coordinating.cancel()
        await asyncio.wait([coordinating])

    asyncio.run(die_in_the_middle())
    assert cluster.states(batch) == ["running", "running"]
    moved = cluster.network.hosts.pop("web1")
    cluster.network.hosts["web1 under another address"] = moved
    flag.touch()
    assert cluster.run(batch).state is BatchState.ENDED
    assert cluster.states(batch) == ["success", "success"], cluster.told(batch)
    for item in cluster.items(batch):
        assert [one.outcome for one in cluster.engine.store.batches.placements(item.id)] == ["taken"]
        assert len(cluster.engine.store.iterations.of(item.session_id)) == 1
    assert cluster.left_on(web1) == (0, 0)


def test_items_go_to_hosts_in_their_order_though_a_later_one_was_prepared_sooner(
    cluster: ClusterDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, go = item_run.prepared, threading.Event()

    def slow_for_the_first(engine: Engine, item: BatchItem, spec: ItemSpec) -> str:
        assert item.number > 1 or go.wait(60)
        return prepared(engine, item, spec)

    monkeypatch.setattr(item_run, "prepared", slow_for_the_first)
    batch = cluster.enter(*(cluster.item(cluster.writes(f"{name}.txt")) for name in "ab"))

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        await becomes(lambda: cluster.items(batch)[1].session_id, "the second to be prepared")
        cluster.host("web1", 1)
        watched = ("web1", "watch")
        await becomes(lambda: cluster.network.asked.count(watched) > 2, "the coordinator to have looked at its host")
        go.set()
        await coordinating

    asyncio.run(play())
    assert cluster.states(batch) == ["success", "success"], cluster.told(batch)
    placements = cluster.engine.store.batches.placements
    placed = [placements(item.id)[0].placed_at for item in cluster.items(batch)]
    assert placed[0] < placed[1], cluster.told(batch)


def test_a_run_that_is_stopped_stops_on_its_hosts_and_goes_on_there(cluster: ClusterDesk) -> None:
    web1 = cluster.host("web1", 1)
    flag = cluster.folder / "go"
    first = cluster.prompt(
        runs=[
            [{"create_file": "a.txt", "content": "1\n"}, {"say": "One."}],
            [{"wait_for": str(flag)}, {"create_file": "b.txt", "content": "2\n"}, {"say": "Two."}],
        ]
    )
    batch = cluster.enter(cluster.item(first, followUpPrompts=["Go on"]), cluster.item(cluster.writes("c.txt")))

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        await becomes(lambda: cluster.items(batch)[0].step == "follow-up 1", lambda: cluster.told(batch))
        await becomes(lambda: len(web1.engine.store.iterations.unsettled()) == 1, "amp at its second turn")
        runs.stop(cluster.engine, batch.id, force=True)
        await coordinating

    asyncio.run(play())
    assert cluster.now(batch).state is BatchState.STOPPED
    assert cluster.states(batch) == ["stopped", "stopped"], cluster.told(batch)
    item = cluster.items(batch)[0]
    store = cluster.engine.store
    branch = store.sessions.get(item.session_id).branch_name
    assert git(cluster.repo, "show", f"{branch}:a.txt") == "1\n", "what was done until then is here"
    flag.touch()
    cluster.run(cluster.enter_again(batch, resume=True))
    assert cluster.states(batch) == ["success", "success"], cluster.told(batch)
    assert git(cluster.repo, "show", f"{branch}:b.txt") == "2\n"
    numbers = [one.number for one in store.iterations.of(item.session_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert cluster.left_on(web1) == (0, 0)


def test_a_clone_that_takes_longer_than_an_answer_may_is_waited_for(
    cluster: ClusterDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "CALL", 0.3)
    monkeypatch.setattr(host, "PATIENCE", 0.02)
    monkeypatch.setattr(remote_item, "PAUSE", 0.05)
    provide, go = clones.HostClones.provide, threading.Event()

    def slowly(made: clones.HostClones, wanted: clones.WantedRepository) -> object:
        assert go.wait(60)
        return provide(made, wanted)

    monkeypatch.setattr(clones.HostClones, "provide", slowly)
    cluster.host("web1")
    batch = cluster.enter(cluster.item(cluster.writes("a.txt")))

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        asked = ("web1", "run")
        many = remote_item.MOST_FAILURES + 2
        await becomes(lambda: cluster.network.asked.count(asked) > many, lambda: cluster.told(batch))
        assert cluster.states(batch) == ["placed"], cluster.told(batch)
        monkeypatch.setattr(executor, "CALL", 60.0)
        go.set()
        await coordinating

    asyncio.run(play())
    assert cluster.states(batch) == ["success"], cluster.told(batch)
    (item,) = cluster.items(batch)
    assert len(cluster.engine.store.batches.placements(item.id)) == 1


def test_a_run_without_hosts_says_what_it_waits_for(cluster: ClusterDesk) -> None:
    batch = cluster.enter(cluster.item(cluster.writes("a.txt")))

    async def play() -> None:
        coordinating = asyncio.create_task(cluster.coordinate(batch))
        await becomes(lambda: "no host is there yet" in (cluster.now(batch).wait_reason or ""), "the reason")
        cluster.host("web1")
        await becomes(lambda: cluster.now(batch).wait_reason is None, "the host to be seen")
        await coordinating

    asyncio.run(play())
    assert cluster.states(batch) == ["success"], cluster.told(batch)


def test_a_secret_in_a_prompt_reaches_the_host_and_is_kept_nowhere(cluster: ClusterDesk) -> None:
    web1 = cluster.host("web1")
    secret = "sk-ant-api03-" + "a1B2" * 22 + "AA"
    told = cluster.prompt({"say": "{prompt}"})
    batch = cluster.enter(cluster.item(f"Use {secret}\n{told}"))
    cluster.run(batch)
    assert cluster.states(batch) == ["success"], cluster.told(batch)
    for home in (cluster.engine.home.root, web1.engine.home.root):
        holding = [path for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert holding == []
