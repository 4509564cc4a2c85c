"""Any order of verbs: the store against a model of dictionaries."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from ampsm_engine import lifecycle
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Outcome, State, Status, Tally
from ampsm_engine.store import Store
from tests.conftest import examples
from tests.store.values import a_session, an_iteration

ACTIVE = (State.RUNNING, State.SETTLING)


class TheStore(RuleBasedStateMachine):
    sessions = Bundle("sessions")
    iterations = Bundle("iterations")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name) / "ampsm.sqlite")
        self.order: list[str] = []
        self.states: dict[str, State] = {}
        self.owners: dict[str, str] = {}
        self.offsets: dict[str, int] = {}
        self.asked: set[str] = set()
        self.facts = 0
        self.statuses: dict[str, Status] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def tried(self, may: bool, verb: Callable[..., object], *arguments: object, **keywords: object) -> object:
        """Do it; it must be refused exactly when the model says so."""
        try:
            answer = verb(*arguments, **keywords)
        except AmpsmError:
            assert not may, f"{verb.__name__} was refused"
            return None
        assert may, f"{verb.__name__} was not refused"
        return answer

    def active(self, session: str) -> list[str]:
        return [key for key in self.order if self.owners[key] == session and self.states[key] in ACTIVE]

    @rule(target=sessions)
    def add_session(self) -> str:
        key = f"s{len(self.statuses)}"
        self.store.sessions.add(a_session(key))
        self.statuses[key] = Status.IDLE
        self.facts += 1
        return key

    @rule(target=iterations, session=sessions)
    def enqueue(self, session: str) -> str:
        key = f"i{len(self.owners)}"
        queued = self.store.queue.add(an_iteration(key, session))
        assert queued.number == 1 + max(
            (one.number for one in self.store.iterations.of(session) if one.id != key), default=0
        )
        self.order.append(key)
        self.owners[key], self.states[key], self.offsets[key] = session, State.QUEUED, 0
        self.facts += 1
        return key

    @rule()
    def claim(self) -> None:
        free = [key for key in self.order if self.states[key] is State.QUEUED and not self.active(self.owners[key])]
        claimed = self.store.queue.claim()
        assert (claimed.id if claimed else None) == (free[0] if free else None)
        if claimed:
            self.states[claimed.id] = State.RUNNING
            self.statuses[claimed.session_id] = Status.RUNNING
            self.facts += 1

    @rule(key=iterations, offset=st.integers(0, 50))
    def record(self, key: str, offset: int) -> None:
        tally = Tally(input_tokens=offset, turns=offset)
        may = self.states.get(key) in ACTIVE
        self.tried(
            may, self.store.iterations.record, key, tally=tally, offset=offset, activity=str(offset), thread_id=None
        )
        if may:
            self.offsets[key] = max(self.offsets[key], offset)

    @rule(session=sessions)
    def ask_to_stop(self, session: str) -> None:
        waiting = [key for key in self.order if self.owners[key] == session and self.states[key] is State.QUEUED]
        working = self.active(session)
        touched = self.store.queue.ask_to_stop(session)
        stopped = waiting
        assert {one.id for one in touched} == {*working, *stopped}
        self.asked |= {*working, *stopped}
        for key in stopped:
            self.states[key] = State.SETTLED
        self.facts += len(stopped)

    @rule(key=iterations)
    def begin_settling(self, key: str) -> None:
        may = key in self.states and lifecycle.may_follow(self.states[key], State.SETTLING)
        self.tried(may, self.store.iterations.begin_settling, key, outcome=Outcome.DONE)
        if may:
            self.states[key] = State.SETTLING

    @rule(key=iterations, status=st.sampled_from([Status.IDLE, Status.ERROR]))
    def settle(self, key: str, status: Status) -> None:
        may = self.states.get(key) is State.SETTLING
        self.tried(may, self.store.iterations.settle, key, status=status, facts=[("done", "")])
        if may:
            self.states[key] = State.SETTLED
            self.statuses[self.owners[key]] = status
            self.facts += 1

    @rule(key=iterations)
    def requeue(self, key: str) -> None:
        may = self.states.get(key) is State.RUNNING
        self.tried(may, self.store.queue.requeue, key)
        if may:
            self.states[key] = State.SETTLED if key in self.asked else State.QUEUED
            self.statuses[self.owners[key]] = Status.IDLE
            self.facts += 2 if key in self.asked else 1

    @rule(key=consumes(iterations))
    def drop(self, key: str) -> None:
        may = self.states.get(key) is State.QUEUED
        self.tried(may, self.store.queue.drop, key)
        if may:
            self.order.remove(key)
            del self.states[key], self.offsets[key]
            self.facts += 1

    @rule()
    def reopen(self) -> None:
        """A new process finds what the old one left."""
        self.store.close()
        self.store = Store(self.store.path)
        self.store.open()

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "store"):
            return
        found = {one.id: one for own in self.store.iterations.of_sessions(list(self.statuses)).values() for one in own}
        assert {key: one.state for key, one in found.items()} == self.states
        assert {key: one.offset for key, one in found.items()} == self.offsets
        assert all(one.tally.turns == one.offset for one in found.values())
        assert {session.id: session.status for session in self.store.sessions.all()} == self.statuses
        assert all(len(self.active(session)) <= 1 for session in self.statuses)
        assert {one.id for one in self.store.iterations.unsettled()} == {
            k for k, state in self.states.items() if state in ACTIVE
        }
        assert self.store.queue.count() == sum(state is State.QUEUED for state in self.states.values())
        facts = self.store.facts.read()
        assert len(facts) == self.facts
        assert [fact.number for fact in facts] == sorted({fact.number for fact in facts})
        for row in self.store.sessions.board().rows:
            own = self.store.iterations.of(row.session.id)
            assert (row.iterations, row.queued) == (len(own), sum(one.state is State.QUEUED for one in own))
            working = [one for one in own if one.state in ACTIVE]
            began = [one for one in own if one.start_time and one.state is State.SETTLED]
            waiting = [one for one in own if one.state is State.QUEUED]
            assert row.current == next(iter([*working, *reversed(began), *waiting]), None)


TestTheStore = TheStore.TestCase
TestTheStore.settings = settings(
    max_examples=examples(40), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
