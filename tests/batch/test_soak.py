"""Two hundred items over five real repositories, everything mixed in, with and without kills.

Each ends as its scenario says, and all who count what was used come to the same figures.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest

from ampsm_engine.batch import runs
from ampsm_engine.metrics import GROUPINGS
from ampsm_engine.metrics.summary import Selection, summarized
from ampsm_engine.model import Batch, BatchItem, BatchState, Iteration
from tests import soak
from tests.batch import mixed, packages
from tests.batch.desk import BatchDesk
from tests.conftest import git
from tests.metrics.independent_count import IndependentCount
from tests.metrics.test_streams import four, known_sum
from tests.worker.bench import kill

ALL_AT = 8
"""The strike that hits everybody at once."""

STUCK = 600.0
"""Seconds in which nothing became true after which a run is taken to be stuck: on a busy machine, a run takes its time."""


class Play:
    """One run of everything."""

    def __init__(self, desk: BatchDesk) -> None:
        self.desk = desk
        desk.configure(slots=8, iteration__retry_delay=0.2)
        self.place = desk.folder / "repositories"
        self.place.mkdir()
        self.repos = [packages.repository(name, self.place) for name in packages.NAMES]
        self.items = mixed.items(soak.ITEMS, self.repos, lambda played: desk.prompt(runs=played))
        plan = desk.plan(*(one.item for one in self.items), concurrency=8)
        self.batch: Batch = runs.start(desk.engine, plan)

    def until_over(self, dice: random.Random | None = None) -> None:
        desk, strikes, due = self.desk, 0, 0
        known, since = 0, time.monotonic()
        while not desk.is_over(self.batch):
            facts = len(desk.engine.store.facts.read())
            if facts != known:
                known, since = facts, time.monotonic()
            assert time.monotonic() - since < STUCK, desk.told(self.batch)
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
            at = [(want, item) for want, item in zip(self.items, items, strict=True) if item.repo == str(repo)]
            ends = Counter(item.state.value for want, item in at if want.wanted == "conflict")
            assert not ends or ends["success"] >= 1, "one of those that change the same file comes in"
            assert set(ends) <= {"success", "conflict"}
            merged = {f"{item.number - 1}.txt" for want, item in at if want.is_merged}
            assert merged <= set(git(repo, "ls-tree", "--name-only", "main").split())
            assert "error" not in git(repo, "fsck", "--full")
            assert git(repo, "status", "--porcelain") == ""
        pairs = zip(items, self.items, strict=True)
        others = [(item.number, item.state.value, want.wanted) for item, want in pairs]
        wrong = [one for one in others if one[1] != one[2] and one[2] != "conflict"]
        assert not wrong, desk.told(self.batch)
        assert "conflict" in desk.states(self.batch)
        desk.once_each(items)
        for item, want in zip(items, self.items, strict=True):
            self._is_run_once(item, want.follow_ups)

    def _is_run_once(self, item: BatchItem, follow_ups: int) -> None:
        tries = self.desk.engine.store.batches.tries(item.id)
        assert all(one.ended_at for one in tries)
        passed = Counter(one.kind for one in tries if one.outcome == "pass" and one.kind != "script")
        assert passed["prompt"] <= 1
        assert passed["merge"] <= 1
        assert passed["follow-up"] == follow_ups

    def is_counted(self) -> None:
        """The metrics, the report and the run itself say what a second count over the transcripts comes to."""
        store, home = self.desk.engine.store, self.desk.engine.home
        done = [one for item in self.desk.items(self.batch) for one in store.iterations.of(item.session_id or "")]
        assert all((home.iteration(one.id).stream).exists() for one in done if one.attempts)
        second = IndependentCount(home.iteration(one.id).stream.read_bytes() for one in done if one.attempts)
        tokens, tools, measured = second.tokens(), second.tools(), store.measurements.read()
        for by in GROUPINGS:
            summary = summarized(measured, by, Selection(batch=self.batch.id))
            assert four(summary.total) == tokens, by
            assert (summary.total.iterations, summary.total.turns) == (len(done), second.turns()), by
            assert {tool.name: (tool.calls, tool.errors, tool.unfinished) for tool in summary.tools} == tools
            if by != "tool":
                for place, sum_of_four in enumerate(tokens):
                    assert known_sum([four(row.figures)[place] for row in summary.rows]) == sum_of_four, by
        assert store.batches.progress(self.batch.id).tokens == known_sum(tokens)
        self._is_reported(done, known_sum(tokens) or 0, second.turns(), sum(one[0] for one in tools.values()))

    def _is_reported(self, done: list[Iteration], tokens: int, turns: int, calls: int) -> None:
        shown = json.loads(self._ampsm("metrics", "--batch", self.batch.id, "--json"))["total"]
        assert (shown["iterations"], shown["tokenUsage"], shown["turns"]) == (len(done), tokens, turns)
        assert shown["tools"] == calls
        report = self._ampsm("batch", "report", self.batch.id)
        facts = dict(re.findall(r"^- ([a-z -]+): (.*)$", report, re.MULTILINE))
        succeeded = sum(one.outcome == "done" and one.test_result != "fail" for one in done)
        assert facts["iterations"].startswith(f"{len(done)}: {succeeded} succeeded"), facts
        assert re.sub(r", \d+ unknown$", "", facts["tokens"]) == f"{tokens:,}", facts
        assert facts["turns"] == str(turns), facts
        assert facts["tool calls"].startswith(f"{calls}, "), facts

    def _ampsm(self, *arguments: str) -> str:
        command = [sys.executable, "-P", "-m", "ampsm_tui", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.soak
@pytest.mark.parametrize("killed", [False, True])
def test_everything_at_once(desk: BatchDesk, killed: bool) -> None:
    play = Play(desk)
    play.until_over(soak.dice("batch", 0) if killed else None)
    play.holds()
    play.is_counted()
    shutil.rmtree(play.place)  # two hundred worktrees, which pytest would keep for three sessions
