"""The setup command of a worktree: which one holds, whether it may run, running it, and what the history says of it.

It runs before the first iteration's amp, as a phase of that iteration: in its slot, stopped as it is, its output a file
of its run directory. A worker that was killed in it leaves it undone: the next one ends what is left of it, and runs it
once more from its beginning.
"""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from ampsm_engine import redact, session_problems, trusted_commands
from ampsm_engine.amp import command, process, transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import setup_source
from ampsm_engine.git.setup_source import SetupSource
from ampsm_engine.home import Home
from ampsm_engine.labels import duration, key_line
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Iteration, Session, SetupState
from ampsm_engine.plain_text import printable
from ampsm_engine.store import Store
from ampsm_engine.worker import script
from ampsm_engine.worker.phases import Phases, StopRequest
from ampsm_engine.worker.script import ScriptRun

STARTED = "setup-started"
"""The kind of the fact that a setup command has begun."""

STARTS_BEFORE_GIVING_UP = 3
"""How often a worker may die in a setup command before that counts as failed."""

TAIL = 16_000
"""Bytes of the end of the output in which its last line is looked for: no private key is longer."""


class SetupFailed(Failed):
    """The setup command did not come to a good end, so amp was not started."""


def checked_source(home: Home, session: Session) -> SetupSource:
    """How a session's worktree is set up; UntrustedCommand where its command is not trusted."""
    root = Path(session.repo_root)
    source = setup_source.read(root, session.base_commit, session.folder)
    if source.is_foreign:
        trusted_commands.check(home, root, source.command, source.origin, session.base_commit, folder=session.folder)
    return source


@dataclass(frozen=True, slots=True)
class SetupPhase:
    """The setup of a session's worktree, before the amp of an iteration."""

    home: Home
    store: Store
    settings: Settings
    session: Session
    iteration: Iteration

    async def run_when_due(self, phases: Phases, stop: StopRequest) -> bool:
        """Run the setup command where it is to run before amp; whether it ran.

        UntrustedCommand, SetupFailed, and Refused where it was stopped.
        """
        store, session = self.store, self.session
        state = store.facts.setup_state(session.id)
        if state is None or not state.is_due or store.merges.open_of(session.id) is not None:
            return False
        source = await phases.run("reading how the worktree is set up", checked_source, self.home, session)
        if not source.command:
            return False
        if self._has_killed_workers():
            message = (
                f"The setup command was begun {STARTS_BEFORE_GIVING_UP} times, and its worker was killed each time"
            )
            self._note(SetupState.FAILED, message)
            raise SetupFailed(f"{message}; amp was not started.", self._ways)
        self._note(STARTED, source.command)
        output = self.home.iteration(self.iteration.id).setup_output
        ran = await self._run(source, output, phases, stop)
        if ran.stopped:
            raise Refused(f"Iteration {self.iteration.number} was stopped before amp began.")
        record(store, session, ran, self.iteration.id)
        if ran.exit_code != 0:
            last = last_line(output)
            said = f" It said: {last}" if last else ""
            raise SetupFailed(f"{ran.worded('The setup command')}; amp was not started.{said}", self._ways)
        return True

    async def _run(self, source: SetupSource, output: Path, phases: Phases, stop: StopRequest) -> ScriptRun:
        environment = command.environment(os.environ, self.iteration.id)
        async with phases.shown("setting up", lambda: last_line(output, is_whole=False)):
            ran = await run_command(
                source, self.session, output, environment=environment, settings=self.settings, stop=stop.wait()
            )
        if not self.settings.switch("iteration.keep-strays"):
            process.end_leftovers(self.iteration.id, self.settings.number("stop.terminate"))
        return ran

    @property
    def _ways(self) -> str:
        key = self.session.id
        return f"ampsm retry {key} runs it again; without it: ampsm setup {key} --skip"

    def _note(self, kind: str, text: str) -> None:
        self.store.facts.add(kind, text, session_id=self.session.id, iteration_id=self.iteration.id)

    def _has_killed_workers(self) -> bool:
        """Whether so many workers have begun it in this iteration that it must be what kills them."""
        facts = self.store.facts.read(session_id=self.session.id, kinds=(STARTED, *SetupState))
        begun = [fact.kind for fact in facts if fact.iteration_id == self.iteration.id]
        return begun[-STARTS_BEFORE_GIVING_UP:] == [STARTED] * STARTS_BEFORE_GIVING_UP


async def run_command(
    source: SetupSource,
    session: Session,
    output: Path,
    *,
    environment: dict[str, str],
    settings: Settings,
    stop: Coroutine[Any, Any, None],
) -> ScriptRun:
    """Run a setup command to its end, its time limit or until `stop` is over; what it printed is redacted."""
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    limit = settings.number("setup.timeout")
    place = session_problems.working_folder(Path(session.worktree_path), source.folder)
    try:
        return await script.run(source.command, place, output, environment, limit=limit, stop=stop)
    finally:
        await asyncio.to_thread(redact.file, output)


def record(store: Store, session: Session, ran: ScriptRun, iteration_id: str | None) -> None:
    """Let the history say how a setup command went."""
    state = SetupState.PASSED if ran.exit_code == 0 else SetupState.FAILED
    text = f"{ran.worded('the setup command')} after {duration(round(ran.seconds * 1000))}"
    store.facts.add(state, text, session_id=session.id, iteration_id=iteration_id)


def mark_by_hand(session: Session) -> str:
    """What the processes of a setup command that is run by hand are known by."""
    return f"setup-{session.id}"


def end_run_by_hand(store: Store, session: Session, grace: float) -> None:
    """End a setup command that was run by hand and whose program was killed: nothing is to work beside it.

    Its processes have `grace` seconds. Where the last one came to an end, no process is looked for.
    """
    last = store.facts.read(session_id=session.id, limit=1, kinds=(STARTED, *SetupState))
    if last and last[0].kind == STARTED and last[0].iteration_id is None:
        process.end_leftovers(mark_by_hand(session), grace)


def last_line(output: Path, *, is_whole: bool = True) -> str:
    """The last line that a setup command printed, on one line and cut; only lines that have ended unless `is_whole`.

    Half a secret would not be known as one.
    """
    text = transcript.tail(output, TAIL)
    return printable(key_line(redact.text(text if is_whole else text.rpartition("\n")[0])))[:200]
