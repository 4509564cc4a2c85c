"""Two hundred items over five repositories, everything mixed in, with and without kills: each ends as its scenario says."""

import random
import shutil
import time
from collections import Counter

import pytest

from ampsm_engine.batch import runs
from ampsm_engine.model import Batch, BatchItem, BatchState
from tests import soak
from tests.batch.desk import BatchDesk
from tests.conftest import git
from tests.worker.bench import kill

REPOSITORIES = 5
KINDS = 10
ALL_AT = 8
"""The strike that hits everybody at once."""

LONGEST = 390.0
"""Seconds after which a run that is not over is stuck."""


class Play:
    """One run of everything."""

    def __init__(self, desk: BatchDesk) -> None:
        self.desk = desk
        desk.configure(slots=8, iteration__retry_delay=0.2)
        self.repos = [desk.folder / f"repo{number}" for number in range(REPOSITORIES)]
        for repo in self.repos:
            shutil.copytree(desk.repo, repo)
        self.wanted: list[str] = []
        plan = desk.plan(*(self._item(number) for number in range(soak.ITEMS)), concurrency=8)
        self.batch: Batch = runs.start(desk.engine, plan)

    def _item(self, number: int) -> dict[str, object]:
        made = {"create_file": f"{number}.txt", "content": "wrong\n"}
        mended = (
            [made, {"say": "one"}],
            [{"edit_file": f"{number}.txt", "old": "wrong", "new": "right"}, {"say": "two"}],
        )
        limited = {"fail_times": {"n": 1, "error": "429 rate limit. Try again in 1 second."}}
        trouble = [{"stderr": "amp server returned an error"}, {"exit": 1}]
        same = {"create_file": "same.txt", "content": f"{number}\n"}
        prompt = self.desk.prompt
        script = {"scriptCommand": f"test -f {number}.txt"}
        right = {"scriptCommand": f"grep -q right {number}.txt"}
        kinds: list[tuple[str, str, dict[str, object]]] = [
            ("success", prompt(made, {"say": "ok"}), script),
            ("success", prompt(runs=list(mended)), {**right, "maxIterations": 3}),
            (
                "fail",
                prompt(made, {"say": "ok"}),
                {**right, "maxIterations": 2, "followUpOnFailure": "Again: {output}"},
            ),
            ("timeout", prompt(made, {"hang": True}), {"timeoutSec": 2}),
            ("success", prompt(limited, made, {"say": "ok"}), script),
            ("error", prompt(made, {"fail": "The model is not for sale."}), {}),
            ("success", prompt(runs=[trouble, [made, {"say": "ok"}]]), {**script, "retries": 2}),
            ("success", prompt(made, {"say": "ok"}), {**script, "mergeOnPass": True}),
            ("conflict", prompt(same, {"say": "ok"}), {"mergeOnPass": True}),
            ("success", prompt(made, {"say": "ok"}), {**script, "followUpPrompts": ["And then?", "And then?"]}),
        ]
        # Two neighbours of one repository that change the same file: whoever comes second conflicts, as a rule.
        is_pair = number % KINDS == 7 and number // KINDS % 2 == 0
        state, text, more = kinds[8 if is_pair else number % KINDS]
        self.wanted.append(state)
        # Not in step with the kinds: each repository gets some of each.
        return {"repo": str(self.repos[number // KINDS % REPOSITORIES]), "prompt": text, **more}

    def until_over(self, dice: random.Random | None = None) -> None:
        desk, deadline, strikes, due = self.desk, time.monotonic() + LONGEST, 0, 0
        while not desk.is_over(self.batch):
            assert time.monotonic() < deadline, desk.told(self.batch)
            facts = len(desk.engine.store.facts.read())
            # After so much has happened since the last one: who is killed before it began anything proves nothing.
            if dice is not None and facts >= due:
                living = desk.processes("ampsm_engine.batch") + desk.workers()
                strikes, due = strikes + 1, facts + dice.randrange(4, 30)
                for one in living if strikes == ALL_AT else living and [dice.choice(living)]:
                    kill(one)
            desk.sweep()
            desk.pause(0.3)
        assert dice is None or strikes > ALL_AT

    def holds(self) -> None:
        desk, items = self.desk, self.desk.items(self.batch)
        assert desk.now(self.batch).state is BatchState.ENDED
        for repo in self.repos:
            at = [number for number, item in enumerate(items) if item.repo == str(repo)]
            ends = Counter(items[number].state.value for number in at if self.wanted[number] == "conflict")
            assert ends["success"] >= 1, "one of those that change the same file comes in"
            assert set(ends) <= {"success", "conflict"}
            merged = {f"{number}.txt" for number in at if number % KINDS == 7 and self.wanted[number] == "success"}
            assert merged <= set(git(repo, "ls-tree", "--name-only", "main").split())
            assert "error" not in git(repo, "fsck", "--full")
            assert git(repo, "status", "--porcelain") == ""
        others = [(item.number, item.state.value, want) for item, want in zip(items, self.wanted, strict=True)]
        wrong = [one for one in others if one[1] != one[2] and one[2] != "conflict"]
        assert not wrong, desk.told(self.batch)
        assert "conflict" in desk.states(self.batch)
        desk.once_each(items)
        for item in items:
            self._is_run_once(item)

    def _is_run_once(self, item: BatchItem) -> None:
        tries = self.desk.engine.store.batches.tries(item.id)
        assert all(one.ended_at for one in tries)
        passed = Counter(one.kind for one in tries if one.outcome == "pass" and one.kind != "script")
        assert passed["prompt"] <= 1
        assert passed["merge"] <= 1
        follow_ups = 2 if (item.number - 1) % KINDS == 9 else 0
        assert passed["follow-up"] == follow_ups


@pytest.mark.soak
@pytest.mark.parametrize("killed", [False, True])
def test_everything_at_once(desk: BatchDesk, killed: bool) -> None:
    play = Play(desk)
    play.until_over(soak.dice("batch", 0) if killed else None)
    play.holds()
