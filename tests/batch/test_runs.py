"""A run from its start to its end: what each item goes through, with the scripted amp and real git."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import psutil
import pytest

from ampsm_engine.batch import coordinator, item_run, runs
from ampsm_engine.batch.__main__ import MOST_FAILURES
from ampsm_engine.batch.coordinator import Coordinator
from ampsm_engine.batch.item_run import StoreWatch
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.context import Engine
from ampsm_engine.engine import sessions
from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.model import BatchItem, BatchState, ItemState, Iteration, Outcome
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.worker import end_notifications, launch
from tests.batch.desk import BatchDesk
from tests.conftest import git
from tests.store.test_batches import a_batch, an_item
from tests.store.values import a_session, an_iteration
from tests.waiting import becomes, until

COORDINATOR = [sys.executable, "-P", "-m", "ampsm_engine.batch", "b1"]


def test_each_item_goes_its_way(desk: BatchDesk) -> None:
    mended = desk.prompt(
        runs=[
            [{"create_file": "a.txt", "content": "wrong\n"}, {"say": "First."}],
            [{"edit_file": "a.txt", "old": "wrong", "new": "right"}, {"say": "{prompt}"}],
        ]
    )
    batch = desk.start(
        desk.item(mended, scriptCommand="grep -n right a.txt || { echo it is wrong; false; }", maxIterations=3),
        desk.item(desk.writes("b.txt"), scriptCommand="false"),
        desk.item(desk.writes("c.txt"), followUpPrompts=["And then?", "More."], mergeOnPass=True),
        desk.item(desk.prompt({"fail": "The model is not for sale."})),
        desk.item(desk.prompt({"shell": "true"}, {"hang": True}), timeoutSec=1),
        desk.item(desk.prompt(runs=[[{"stderr": "amp server returned an error"}, {"exit": 1}], [{"say": "ok"}]])),
    )
    assert desk.over(batch).state is BatchState.ENDED
    assert desk.states(batch) == ["success", "fail", "success", "error", "timeout", "success"], desk.told(batch)
    assert desk.tries(batch, 1) == [("prompt", "fail"), ("fix", "pass")]
    first = desk.engine.store.iterations.of(desk.items(batch)[0].session_id)
    assert "it is wrong" in first[1].prompt
    assert desk.tries(batch, 2) == [("prompt", "fail")]
    assert desk.tries(batch, 3) == [("prompt", "pass"), ("follow-up", "pass"), ("follow-up", "pass"), ("merge", "pass")]
    assert desk.tries(batch, 6) == [("prompt", "error"), ("prompt", "pass")]
    assert git(desk.repo, "show", "main:c.txt") == "new\n"
    desk.once_each(desk.items(batch))


def test_a_rate_limit_lets_the_whole_run_wait_until_the_told_time(desk: BatchDesk) -> None:
    limited = {"fail_times": {"n": 1, "error": "429 rate limit. Try again in 2 seconds."}}
    batch = desk.start(
        desk.item(desk.prompt(limited, {"say": "ok"}), retries=0), desk.item(desk.writes("b.txt")), concurrency=1
    )
    waiting = until(lambda: desk.now(batch).wait_until and desk.now(batch), "the run to wait")
    assert waiting.wait_reason == "429 rate limit. Try again in 2 seconds."
    assert desk.states(batch) == ["queued", "queued"], "the second is not begun meanwhile"
    assert desk.over(batch).wait_until is None
    assert desk.states(batch) == ["success", "success"]
    assert desk.tries(batch, 1) == [("prompt", "waits"), ("prompt", "pass")]
    assert [one.prompt for one in desk.engine.store.iterations.of(desk.items(batch)[0].session_id)][1] == "continue"


def test_a_run_that_waits_outlives_its_coordinator_and_can_be_stopped(desk: BatchDesk) -> None:
    limited = {"fail_times": {"n": 1, "error": "429 rate limit. Try again in 3600 seconds."}}
    batch = desk.start(
        desk.item(desk.prompt(limited, {"say": "ok"}), retries=0), desk.item(desk.writes("b.txt")), concurrency=1
    )
    waiting = until(lambda: desk.now(batch).wait_until and desk.now(batch), "the run to wait")
    until(lambda: not desk.workers(), "the worker to be gone, which would begin another coordinator at its end")
    until(lambda: len(desk.processes("ampsm_engine.batch")) == 1, "one process to keep the time")
    desk.kill_all("ampsm_engine.batch")
    until(lambda: not desk.processes("ampsm_engine.batch"), "the coordinator to be gone")
    desk.sweep()  # as the first command after a reboot does
    until(lambda: desk.processes("ampsm_engine.batch"), "another one")
    assert desk.now(batch) == waiting, "it waits on, until the same moment"
    runs.stop(desk.engine, batch.id)
    stopped = desk.over(batch)
    assert (stopped.state, stopped.wait_until) == (BatchState.STOPPED, None)
    assert desk.states(batch) == ["stopped", "stopped"]
    runs.resume(desk.engine, batch.id)
    desk.over(batch)
    assert desk.states(batch) == ["success", "success"]


def test_a_stopped_run_goes_on_where_it_was(desk: BatchDesk) -> None:
    go = desk.folder / "go"
    slow = desk.prompt(runs=[[{"wait_for": str(go)}, {"say": "one"}], [{"say": "two"}]])
    batch = desk.start(desk.item(slow, followUpPrompts=["More."]), desk.item(desk.writes("b.txt")), concurrency=1)
    desk.begun(batch, 1)
    assert runs.stop(desk.engine, batch.id).state is BatchState.STOPPING
    go.touch()
    stopped = desk.over(batch)
    assert (stopped.state, stopped.wait_reason) == (BatchState.STOPPED, "It was stopped by hand.")
    assert desk.states(batch) == ["stopped", "stopped"]
    assert desk.tries(batch, 1) == [("prompt", "pass")], "what ran came to its end, what follows was not begun"
    runs.resume(desk.engine, batch.id)
    assert desk.over(batch).state is BatchState.ENDED
    assert desk.states(batch) == ["success", "success"]
    assert desk.tries(batch, 1) == [("prompt", "pass"), ("follow-up", "pass")]
    with pytest.raises(Refused, match="Nothing"):
        runs.resume(desk.engine, batch.id)


@pytest.mark.soak
def test_a_stop_by_force_ends_what_runs(desk: BatchDesk) -> None:
    batch = desk.start(desk.item(desk.prompt({"shell": "true"}, {"hang": True})))
    desk.begun(batch, 1)
    runs.stop(desk.engine, batch.id, force=True)
    assert desk.over(batch).state is BatchState.STOPPED
    assert desk.states(batch) == ["stopped"]
    assert desk.tries(batch) == [("prompt", "stopped")]


def test_a_conflict_waits_for_a_retry_and_removal_takes_only_its_own(desk: BatchDesk) -> None:
    own, _ = sessions.new(desk.engine, path=desk.repo, prompt=None, name="mine", run=False)
    judged = {"mergeOnPass": True, "scriptCommand": "test $(ls *.part | wc -l) -lt 2"}
    batch = desk.start(
        desk.item(desk.writes("same.txt", "first\n"), mergeOnPass=True),
        desk.item(desk.writes("same.txt", "second\n"), mergeOnPass=True),
        desk.item(desk.writes("a.part"), **judged),
        desk.item(desk.writes("b.part"), **judged),
        concurrency=4,
    )
    desk.over(batch)
    states = desk.states(batch)
    assert sorted(states[:2]) == ["conflict", "success"], desk.told(batch)
    assert sorted(states[2:]) == ["fail", "success"], desk.told(batch)
    failed = desk.items(batch)[2 + states[2:].index("fail")]
    assert "On main as it is now" in (failed.reason or "")
    assert len(git(desk.repo, "ls-tree", "--name-only", "main", "a.part", "b.part").split()) == 1
    loser = desk.items(batch)[states.index("conflict")]
    assert desk.engine.store.merges.open_of(loser.session_id) is None, "the conflict was taken back"
    git(desk.repo, "rm", "-q", "same.txt")
    git(desk.repo, "commit", "-q", "-m", "Make room")
    runs.retry(desk.engine, loser.id)
    desk.over(batch)
    assert desk.engine.store.batches.item(loser.id).state is ItemState.SUCCESS, desk.told(batch)
    removed, stay = runs.remove(desk.engine, batch.id)
    assert (len(removed), stay) == (4, ())
    assert [session.id for session in desk.engine.store.sessions.all()] == [own.id]
    assert desk.engine.store.batches.all() == ()


@pytest.mark.soak
def test_a_run_that_nobody_could_pass_stops_and_goes_on(desk: BatchDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPSM_SCRIPTED_LOGGED_OUT", "1")
    batch = desk.start(*(desk.item(desk.writes(f"{number}.txt")) for number in range(3)), concurrency=1)
    stopped = desk.over(batch)
    assert stopped.state is BatchState.STOPPED
    assert "every item would meet it" in (stopped.wait_reason or "")
    assert desk.states(batch) == ["stopped"] * 3
    until(lambda: not desk.processes("ampsm_engine.batch"), "the coordinator to leave")
    until(lambda: not desk.processes("ampsm_engine.worker"), "the workers to leave")
    monkeypatch.delenv("AMPSM_SCRIPTED_LOGGED_OUT")
    runs.resume(desk.engine, batch.id)
    desk.over(batch)
    assert desk.states(batch) == ["success"] * 3


@pytest.mark.soak
def test_limits_stop_a_run_gently_and_say_so(desk: BatchDesk) -> None:
    bad = [desk.item(desk.prompt({"fail": "No."})) for _ in range(4)]
    batch = desk.start(*bad, concurrency=1, limits={"failuresInARow": 2})
    stopped = desk.over(batch)
    assert stopped.state is BatchState.STOPPED
    assert stopped.wait_reason == "The run was stopped: 2 items in a row have ended badly, and its limit is 2."
    assert desk.states(batch)[:2] == ["error", "error"]
    assert "stopped" in desk.states(batch)
    greedy = desk.start(
        desk.item(desk.prompt({"say": "a"}, {"shell": "true"}, {"hang": True}), maxTokens=1), limits={"tokens": 1}
    )
    desk.over(greedy)
    assert desk.items(greedy)[0].state is ItemState.STOPPED
    assert "its limit is 1" in (desk.items(greedy)[0].reason or "")


def test_the_end_of_a_run_is_told_once_in_place_of_those_of_its_sessions(
    desk: BatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[News] = []
    monkeypatch.setattr(end_notifications, "announce", lambda _home, _settings, news: told.append(news))
    items = [an_item(1, state=ItemState.SUCCESS), an_item(2, state=ItemState.FAIL)]
    batch = desk.engine.store.batches.start(a_batch(name="Nightly"), items)
    for _ in range(2):
        Coordinator(desk.engine, batch, {})._end_run(BatchState.ENDED)
    assert [(news.kind, news.name, news.text) for news in told] == [
        (NotificationKind.NEEDS_INPUT, "Nightly", "1 success, 1 fail.")
    ]


def test_a_coordinator_that_failed_is_not_started_at_once_by_whoever_sweeps(desk: BatchDesk) -> None:
    home, store = desk.engine.home, desk.engine.store
    store.batches.start(a_batch(plan="[]"), (an_item(),))
    assert subprocess.run(COORDINATOR, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 1
    assert "failed (1 of at most" in (desk.now(a_batch()).wait_reason or "")
    assert launch.sweep_batches(home, store) == 0, "two runs that fail would start each other without end"
    assert launch.sweep_batches(home, store, asked="b1") == 1, "a person may have done something about it"


def test_a_look_at_the_lease_keeps_no_coordinator_from_its_run(desk: BatchDesk) -> None:
    folder = desk.engine.home.batch("b1")
    folder.path.mkdir(parents=True)
    desk.engine.store.batches.start(a_batch(), ())
    looking = os.open(folder.lease, os.O_RDONLY | os.O_CREAT, 0o600)
    fcntl.flock(looking, fcntl.LOCK_SH)
    coordinator = subprocess.Popen(COORDINATOR, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    process = psutil.Process(coordinator.pid)
    until(lambda: str(folder.lease) in {file.path for file in process.open_files()}, "it to want the lease")
    os.close(looking)
    assert coordinator.wait() == 0
    assert desk.now(a_batch()).state is BatchState.ENDED


def test_an_end_that_cannot_be_read_just_now_is_read_at_the_next_look(
    desk: BatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = desk.engine.store
    store.sessions.add(a_session())
    store.queue.add(an_iteration())
    read = store.iterations.get
    looks: list[str] = []

    def busy_at_first(iteration_id: str) -> Iteration:
        looks.append(iteration_id)
        if len(looks) == 1:
            raise Failed("The database is busy.", "")
        return read(iteration_id)

    async def wait() -> Iteration:
        watch = StoreWatch(store)
        looking, waiting = asyncio.create_task(watch.run()), asyncio.create_task(watch.settled("i1"))
        await asyncio.sleep(0)
        monkeypatch.setattr(store.iterations, "get", busy_at_first)
        store.queue.ask_to_stop("s1")
        await becomes(waiting.done, "the end to be told")
        looking.cancel()
        return waiting.result()

    assert asyncio.run(wait()).outcome is Outcome.STOPPED
    assert len(looks) == 2


def test_of_two_starts_of_one_id_at_once_the_later_one_changes_nothing(
    desk: BatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk.start(desk.item("The first"), runId="nightly")
    typed = desk.items(first)[0].prompt
    monkeypatch.setattr(runs, "_refuse_taken", lambda *_: None)  # it looked just before the first was entered
    with pytest.raises(Refused, match="already"):
        desk.start(desk.item("The second"), runId="nightly")
    assert [item.prompt for item in desk.items(first)] == [typed] == ["The first"]


def test_a_run_whose_coordinators_all_fail_rests_with_the_reason(desk: BatchDesk) -> None:
    folder = desk.engine.home.batch("b1")
    folder.path.mkdir(parents=True)
    folder.lease.write_bytes(b"failed %d" % (MOST_FAILURES - 1))
    items = (an_item(), an_item(2, state=ItemState.RUNNING, step="prompt"))
    batch = desk.engine.store.batches.start(a_batch(plan="[]"), items)
    assert subprocess.run(COORDINATOR, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 1
    assert desk.now(batch).state is BatchState.STOPPED
    reason = desk.now(batch).wait_reason or ""
    assert f"failed {MOST_FAILURES} times" in reason
    assert str(folder.log) in reason
    assert desk.states(batch) == ["stopped", "stopped"]


def test_of_what_was_typed_only_secrets_are_kept_and_no_longer_than_their_items_go_on(desk: BatchDesk) -> None:
    secret = "sk-ant-api03-" + "a1B2" * 22 + "AA"
    items = [desk.item(f"Use {secret}."), desk.item("Say hello."), desk.item(f"And {secret}.")]
    batch = runs.enter(desk.engine, desk.plan(*items))
    assert [spec.prompt for spec in runs.specs(desk.engine, batch.id).values()] == [f"Use {secret}.", f"And {secret}."]
    move = desk.engine.store.batches.move_item
    for number, state in ((1, ItemState.FAIL), (2, ItemState.FAIL), (3, ItemState.STOPPED)):
        move(f"{batch.id}-{number}", (ItemState.QUEUED,), state)
    runs.forget_secrets(desk.engine, batch.id)
    assert [spec.prompt for spec in runs.specs(desk.engine, batch.id).values()] == [f"And {secret}."], "it is to go on"
    with pytest.raises(Refused, match=r"1 cannot be tried again as it is\..*where a secret stood"):
        runs.retry(desk.engine, f"{batch.id}-1")
    assert desk.states(batch)[0] == "fail", "it is as it was"
    desk.engine.store.batches.end(batch.id, BatchState.STOPPED, reason=None)
    with mock.patch.object(launch, "sweep_batches"):
        resumed = runs.resume(desk.engine, batch.id)
        assert desk.states(batch) == ["fail", "queued", "queued"]
        (text,) = resumed.stay
        assert f"{batch.id}-1 cannot be tried again as it is." in text
        assert "ampsm batch start PLAN" in text
        for number in (2, 3):
            move(f"{batch.id}-{number}", (ItemState.QUEUED,), ItemState.SUCCESS)
        desk.engine.store.batches.end(batch.id, BatchState.ENDED, reason=None)
        with pytest.raises(Refused, match=r"1 cannot be tried again as it is"):
            runs.resume(desk.engine, batch.id)
    assert desk.now(batch).state is BatchState.ENDED
    runs.forget_secrets(desk.engine, batch.id)
    assert not desk.engine.home.batch(batch.id).items.exists()


def test_a_run_that_was_taken_up_again_did_not_work_while_it_rested(desk: BatchDesk) -> None:
    batches = desk.engine.store.batches
    batch = batches.start(a_batch(), (an_item(state=ItemState.FAIL, started_at="2026-01-01T00:00:00.000Z"),))
    columns = {"state": BatchState.ENDED, "ended_at": "2026-01-01T00:01:00.000Z"}
    batches.change(batch.id, (BatchState.RUNNING,), **columns)
    runs.run_again(desk.engine, desk.now(batch))
    assert 60 <= batches.progress(batch.id).seconds < 3600, "it rested for months"


def test_a_coordinator_leaves_once_the_sessions_that_it_makes_ahead_are_there(
    desk: BatchDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = threading.Event()
    order: list[str] = []

    def prepared(_engine: Engine, item: BatchItem, _spec: ItemSpec) -> str:
        entered.set()
        until(lambda: desk.now(batch).state is BatchState.STOPPED, "the run to rest")
        order.append("made")
        return item.id

    class Threads(ThreadPoolExecutor):
        """Says when it was waited for."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait, cancel_futures=cancel_futures)
            order.extend(["waited"] if wait else [])

    def work() -> None:
        asyncio.run(Coordinator(desk.engine, batch, {}).work())
        order.append("left")

    monkeypatch.setattr(item_run, "prepared", prepared)
    monkeypatch.setattr(coordinator, "ThreadPoolExecutor", Threads)
    item = an_item(spec=json.dumps(desk.item("Go")))
    batch = desk.engine.store.batches.start(a_batch(concurrency=0), (item,))
    working = threading.Thread(target=work)
    working.start()
    assert entered.wait(60)
    desk.engine.store.batches.change("b1", (BatchState.RUNNING,), state=BatchState.STOPPING)
    working.join(60)
    assert order == ["made", "waited", "left"], "who resumes it now would make the session a second time"


def test_without_a_name_the_run_at_work_is_meant_or_else_the_newest(desk: BatchDesk) -> None:
    with pytest.raises(NotFound, match="no runs yet"):
        runs.newest(desk.engine)
    batches = desk.engine.store.batches
    for number, state in enumerate((BatchState.ENDED, BatchState.RUNNING, BatchState.ENDED), start=1):
        batches.start(a_batch(f"b{number}", state=state, created_at=f"2026-01-0{number}T00:00:00.000Z"), ())
    assert runs.newest(desk.engine).id == "b2"
    batches.change("b2", (BatchState.RUNNING,), state=BatchState.STOPPED)
    assert runs.newest(desk.engine).id == "b3"


def test_an_item_that_nobody_knows_is_no_session_either(desk: BatchDesk) -> None:
    with pytest.raises(NotFound, match="no item 'nope', and no session"):
        runs.retry(desk.engine, "nope")
    own, _ = sessions.new(desk.engine, path=desk.repo, prompt=None, name="mine", run=False)
    with pytest.raises(NotFound, match="mine is not of a run"):
        runs.retry(desk.engine, own.id)


def test_what_judges_an_item_is_not_changed_while_its_run_is_at_it(desk: BatchDesk) -> None:
    own, _ = sessions.new(desk.engine, path=desk.repo, prompt=None, name="mine", script="true", run=False)
    batch = desk.engine.store.batches.start(a_batch(), (an_item(session_id=own.id, state=ItemState.RUNNING),))
    with pytest.raises(Refused, match="A run is at mine"):
        sessions.edit(desk.engine, own.id, script="false")
    assert sessions.edit(desk.engine, own.id, name="Mine", script="true").name == "Mine"
    desk.engine.store.batches.move_item(f"{batch.id}-1", (ItemState.RUNNING,), ItemState.STOPPED)
    assert sessions.edit(desk.engine, own.id, script="false").script_command == "false"


@pytest.mark.soak
def test_a_run_that_costs_its_limit_stops_gently(desk: BatchDesk) -> None:
    desk.configure(cost__queries=60)
    go = desk.folder / "go"
    items = [desk.item(desk.prompt(*steps, {"say": "a"})) for steps in ((), ({"wait_for": str(go)},), ())]
    batch = desk.start(*items, concurrency=1, limits={"amount": 0.005})
    until(lambda: desk.now(batch).state is BatchState.STOPPING, lambda: desk.told(batch))
    go.touch()
    stopped = desk.over(batch)
    said = "The run was stopped: it has cost $0.01 by amp's own figure, and its limit is $0.005."
    assert (stopped.state, stopped.wait_reason) == (BatchState.STOPPED, said)
    assert desk.states(batch) == ["success", "success", "stopped"], "what amp was at came to its end"


def test_an_item_whose_base_is_gone_says_how_it_is_merged(desk: BatchDesk) -> None:
    git(desk.repo, "branch", "side")
    prompt = desk.prompt(
        {"create_file": "a.txt", "content": "new\n"}, {"shell": "git branch -D side"}, {"say": "Done."}
    )
    batch = desk.start(desk.item(prompt, baseBranch="side", mergeOnPass=True))
    desk.over(batch)
    (item,) = desk.items(batch)
    assert item.state is ItemState.ERROR
    assert item.reason is not None
    assert item.reason.endswith(f"ampsm merge {item.session_id} --onto BRANCH -m MESSAGE")
