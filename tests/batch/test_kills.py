"""kill -9 of coordinators and workers: no item is run twice to its end, none is forgotten, git stays sound."""

import random

from ampsm_engine.model import BatchState
from tests.batch.desk import BatchDesk
from tests.conftest import git
from tests.waiting import until


def test_whoever_is_killed_the_run_comes_to_the_same_end(desk: BatchDesk) -> None:
    desk.configure(slots=3)
    dice = random.Random(7)
    items = [
        desk.item(
            desk.prompt({"pause": 0.2}, {"create_file": f"{number}.txt", "content": "x\n"}, {"say": "ok"}),
            mergeOnPass=number % 2 == 0,
            followUpPrompts=["And then?"] if number % 3 == 0 else [],
            scriptCommand=f"test -f {number}.txt",
        )
        for number in range(6)
    ]
    batch = desk.start(*items, concurrency=3)
    for _ in range(5):
        ended = len(desk.engine.store.facts.read())
        until(lambda before=ended: desk.has_moved(batch, before), lambda: desk.told(batch))
        desk.kill_all(dice.choice(["ampsm_engine.batch", "ampsm_engine.worker"]))
    desk.kill_all("ampsm_engine")
    assert desk.over(batch).state is BatchState.ENDED
    assert desk.states(batch) == ["success"] * 6, desk.told(batch)
    desk.once_each(desk.items(batch))
    merged = git(desk.repo, "log", "--format=%(trailers:key=Ampsm-Session,valueonly)", "main").split()
    assert {"0.txt", "2.txt", "4.txt"} <= set(git(desk.repo, "ls-tree", "--name-only", "main").split())
    assert len(merged) == len(set(merged))
    assert "error" not in git(desk.repo, "fsck", "--full")
