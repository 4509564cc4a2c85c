"""Hundreds of random kills of workers, amps, commands and the app: none stuck, none lost, none doubled or settled twice."""

import contextlib
import os
import pty
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from ampsm_engine.model import Iteration, Session, State, Status
from tests import soak
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench, kill, subreaper
from tests.worker.test_dying import check_counts, long_scenario, stream_size

ENDS = ("finished", "failed", "stopped", "crashed")
AMPSM = (sys.executable, "-P", "-m", "ampsm_tui")


class Play:
    """One session, struck again and again while iterations come and go."""

    def __init__(self, bench: Bench, draw: random.Random) -> None:
        self.bench, self.draw = bench, draw
        bench.scenario(*long_scenario())
        self.session: Session = bench.new(script="cat work.txt | wc -l")

    def strike(self) -> bool:
        """Kill somebody at some moment; whether anybody was."""
        if self.bench.last(self.session).state is State.SETTLED:
            self.bench.iterate(self.session)
        who = self.draw.choice(["worker", "worker", "amp", "both", "command", "app"])
        if who in ("command", "app"):
            return self._strike_program(who)
        self._await_moment()
        victims = self.bench.workers() if who != "amp" else []
        victims += self._amps() if who != "worker" else []
        for victim in victims:
            kill(victim)
        return bool(victims)

    def _amps(self) -> list[psutil.Process]:
        path = self.bench.engine.home.iteration(self.bench.last(self.session).id).process
        with contextlib.suppress(psutil.NoSuchProcess):
            return [psutil.Process(self.bench.amp(self.bench.last(self.session)))] if path.exists() else []
        return []

    def _await_moment(self) -> None:
        """Until the stream has some size or the iteration some state, or it is past both."""
        state, size = self.draw.choice([State.QUEUED, State.RUNNING, State.SETTLING]), self.draw.randrange(12_000)
        first = self.bench.last(self.session)

        def has_come() -> bool:
            self.bench.sweep()
            now = self.bench.engine.store.iterations.get(first.id).state
            there = now is state and (state is not State.RUNNING or stream_size(self.bench, first) >= size)
            return there or now in (State.SETTLING, State.SETTLED)

        until(has_come, "a moment to strike")

    def _strike_program(self, who: str) -> bool:
        """A command or the app, after some part of a second of its life."""
        words = {
            "app": [],
            "command": self.draw.choice(
                [["iterate", self.session.id, "More"], ["stop", self.session.id], ["wait", self.session.id], ["ls"]]
            ),
        }[who]
        master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color"}
        program = subprocess.Popen(
            [*AMPSM, *words], stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(self.draw.uniform(0.05, 2.0))
            alive = program.poll() is None
            program.kill()
            program.wait()
        finally:
            os.close(master)
        return alive

    def holds(self) -> None:
        """Whatever happened: all is settled once, counted once, committed once, and nobody is left."""
        bench, session = self.bench, self.session

        def all_settled() -> bool:
            bench.sweep()
            return all(one.state is State.SETTLED for one in bench.engine.store.iterations.of(session.id))

        until(all_settled, lambda: f"all to settle: {bench.engine.home.worker_log.read_text()[-2000:]}")
        bench.quiet()
        iterations = bench.engine.store.iterations.of(session.id)
        assert [one.number for one in iterations] == list(range(1, len(iterations) + 1))
        facts = bench.engine.store.facts.read(session_id=session.id)
        ends = Counter(fact.iteration_id for fact in facts if fact.kind in ENDS)
        assert ends == {one.id: 1 for one in iterations}, "each settled once"
        for one in iterations:
            self._is_counted(one)
        self._is_committed(iterations)
        assert bench.now(session).status is not Status.RUNNING

    def _is_counted(self, one: Iteration) -> None:
        if one.attempts:
            check_counts(self.bench, one)

    def _is_committed(self, iterations: tuple[Iteration, ...]) -> None:
        at = Path(self.session.worktree_path)
        made = git(at, "log", "--format=%(trailers:key=Ampsm-Iteration,valueonly)", "main..HEAD").split()
        assert len(made) == len(set(made)), "no iteration is committed twice"
        assert set(made) <= {one.id for one in iterations}
        assert git(at, "status", "--porcelain") == ""
        assert git(at, "log", "--format=%s", "main..HEAD").count("Edits by hand") == 0
        assert "error" not in git(self.bench.repo, "fsck", "--full")
        assert git(self.bench.repo, "status", "--porcelain") == ""


@pytest.mark.soak
@pytest.mark.parametrize(("number", "kills"), soak.shares(soak.KILLS, 10))
def test_random_kills(bench: Bench, number: int, kills: int) -> None:
    draw = soak.dice("iterations", number)
    with subreaper() if number % 2 else contextlib.nullcontext():
        play = Play(bench, draw)
        struck = 0
        while struck < kills:
            struck += play.strike()
        play.holds()
