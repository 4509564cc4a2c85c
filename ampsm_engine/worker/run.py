"""One iteration from its start, or its adoption, to amp's end: attempts, watching, stopping, retries.

What the end means is decided in amp/failures.py; what follows from it in settle.py.
"""

import contextlib
import math
import os
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ampsm_engine import labels, notices, redact, timestamps
from ampsm_engine.amp import failures, process, program, transcript
from ampsm_engine.amp.process import Child
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed, Refused, Unfit
from ampsm_engine.git import abandoned, changes, commits, lock, repository
from ampsm_engine.home import Home, RunDirectory
from ampsm_engine.model import Iteration, Outcome, Session, State, ToolCall
from ampsm_engine.notices import News, NoticeKind
from ampsm_engine.store import PATIENCE, PatientStore, is_passing
from ampsm_engine.worker import attempt, context, hand_work, outside, run_files, telling
from ampsm_engine.worker.phase import Phase
from ampsm_engine.worker.watch import Ladder, Patience, Reason, Transcript

BUSY_TICK = 0.05
QUIET_TICK = 0.25
LONG_QUIET_TICK = 0.5
LONG_QUIET = 10.0
"""Seconds between two looks, and after how many of silence they become rarer. amp's end is seen at once."""

REVIEW_LIMIT = commits.HOOK_LIMIT + lock.PATIENCE
"""Seconds that somebody may take to change the worktree in a review before amp begins: hooks may run."""

RECORD_EVERY = 0.1
"""Seconds between two writes into the store while amp talks."""

STDERR_EVERY = 2.0
STARTS_BEFORE_GIVING_UP = 3
"""How often a worker may die between claiming and starting amp before the iteration counts as crashed."""


@dataclass(slots=True)
class Recorder:
    """Writes into the store what an iteration's stream adds up to, while it grows.

    What is written is always the whole tally: written again, it is the same, so nothing is ever counted twice.
    """

    store: PatientStore
    run: RunDirectory
    written_at: float = 0.0
    _written: tuple[int, str | None, str | None] = (-1, None, None)
    _calls: dict[int, ToolCall] = field(default_factory=dict)
    """Tool calls that are not written yet."""

    def is_due(self) -> bool:
        """Whether the last write is long enough ago."""
        return time.monotonic() - self.written_at >= RECORD_EVERY

    def write(self, said: Transcript) -> None:
        """Write what is new, if anything. Failed while the store cannot be written; nothing is forgotten then."""
        fold = said.fold
        self.written_at = time.monotonic()
        thread_id = fold.thread_id or attempt.thread_in_log(self.run)
        now = (said.reader.offset, fold.activity, thread_id)
        self._calls |= {call.sequence: call for call in fold.take_tool_calls()}
        if now == self._written and not self._calls:
            return
        self.store.iterations.record(
            self.run.path.name,
            tally=fold.tally,
            offset=said.reader.offset,
            activity=fold.activity,
            thread_id=thread_id,
            tool_calls=tuple(self._calls.values()),
        )
        self._written = now
        self._calls.clear()


@dataclass(slots=True)
class Run:
    """One iteration from its start, or its adoption, to amp's end."""

    home: Home
    store: PatientStore
    settings: Settings
    iteration: Iteration
    child: Child | None = None
    said: Transcript | None = None
    """The whole stream, read and recorded to its end; None until amp has ended."""
    _stop_seen: int = field(default=-1)
    _stop: bool = False
    _stderr_at: float = 0.0
    _lost: bool = False

    @property
    def directory(self) -> RunDirectory:
        """Where the files of this iteration's run lie."""
        return self.home.run(self.iteration.id)

    def until_ended(self, *, adopted: bool) -> bool:
        """Watch amp to its end and record it; False when it was never started and waits again."""
        if adopted:
            self.child = process.adopt(self.directory, self.iteration.id)
            if self.child is None and self._never_started():
                self.store.queue.put_back(self.iteration.id)
                if self.store.iterations.get(self.iteration.id).state is State.SETTLED:  # it was to stop
                    run_files.clean(self.directory)
                return False
            if self.child is None and self._was_about_to_try_again():
                self._start(first=False)
        else:
            try:
                self._start_patiently()
            except AmpsmError as reason:
                self._refused(reason)
                return True
        while True:
            ending = self._attempt()
            if not self._again(ending):
                break
        if ending.retry and self._stop_wanted():
            ending = replace(ending, outcome=Outcome.STOPPED, failure=None)
        self._end(ending)
        return True

    def await_abandoned(self) -> None:
        """Let a git that a killed worker left in the worktree come to its end; a stop ends it in time."""
        worktree = Path(self.store.sessions.get(self.iteration.session_id).worktree_path)
        with self._phase("waiting for a commit that a killed worker began") as phase:
            abandoned.wait((worktree,), patience=commits.HOOK_LIMIT, stop=phase.is_over)

    def _phase(self, what: str) -> Phase:
        return Phase(self.store, self.settings, self.iteration.id, what)

    def end_amp(self) -> None:
        """End amp and all that it started, without asking how it went."""
        child = self.child or process.adopt(self.directory, self.iteration.id)
        if child is not None:
            ladder = self._ladder(child)
            ladder.begin(Reason.STOP)
            while child.poll() is None and child.alive():
                ladder.climb()
                child.wait(BUSY_TICK)
        process.end_strays(self.iteration.id, self.settings.number("stop.terminate"))

    def _never_started(self) -> bool:
        """Whether nothing of amp was ever seen: then running it again can lose and cost nothing."""
        directory = self.directory
        silent = not directory.stream.exists() or directory.stream.stat().st_size == 0
        return silent and not directory.process.exists() and self.iteration.attempts < STARTS_BEFORE_GIVING_UP

    def _was_about_to_try_again(self) -> bool:
        """Whether the worker died between marking the next attempt in the stream and starting it."""
        said = Transcript(self.directory)
        said.read_to_end()
        return said.fold.attempt > self.iteration.attempts

    def _start_patiently(self) -> None:
        """Start amp for the first time; what passes by itself (a full disk) is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._start(first=True)
            except (AmpsmError, OSError) as reason:
                if not is_passing(reason) or time.monotonic() >= deadline or self._stop_wanted():
                    raise reason if isinstance(reason, AmpsmError) else _unwritable(reason) from reason
                self._note(reason)
                time.sleep(QUIET_TICK)
            else:
                return

    def _start(self, *, first: bool) -> None:
        """Start amp, for the first time or again; who changes the worktree in a review comes to an end before."""
        session = self.store.sessions.get(self.iteration.session_id)
        worktree = Path(session.worktree_path)
        if first:
            self._wait_for_review()
            self._hide_own_files(session)
        # Whatever changes once this is written is amp's, also when this worker dies and another one starts amp.
        if self.iteration.start_sha is None and worktree.is_dir():
            with self._phase("committing what was edited by hand"):
                hand_work.take(self.store, self.settings, session, self.iteration)
            self.store.iterations.update(self.iteration.id, start_sha=commits.head(worktree).commit)
        if first:
            with self._phase("looking at the repository"):
                outside.watch(self.store, session, self.directory)
        if self._stop_wanted():
            raise Refused(f"Iteration {self.iteration.number} was stopped before amp began.")
        self.store.iterations.begin_attempt(self.iteration.id)
        self.iteration = self.store.iterations.get(self.iteration.id)
        if first:
            self._write_context(session, worktree)
        number = self.iteration.number
        earlier = [before for before in self.store.iterations.of(session.id) if before.number < number]
        self.child = attempt.start(
            self.home,
            self.settings,
            session,
            self.iteration,
            again=not first,
            had_thread=any(iteration.thread_id for iteration in earlier),
        )

    def _hide_own_files(self, session: Session) -> None:
        """Before amp can take them into a commit; where that cannot be, the commit leaves them out."""
        with contextlib.suppress(AmpsmError, OSError):
            context.hide(session)

    def _write_context(self, session: Session, worktree: Path) -> None:
        """Let the worktree's own files say that this iteration is at work."""
        with contextlib.suppress(AmpsmError, OSError):  # what they cannot say now is said at its end
            files = changes.files(worktree, session.base_commit, "HEAD")
            context.write(session, self.store.iterations.of(session.id), files)

    def _wait_for_review(self) -> None:
        worktree = Path(self.store.sessions.get(self.iteration.session_id).worktree_path)
        if worktree.is_dir():
            who = f"iteration {self.iteration.id}"
            with (
                self._phase("waiting for a review to let go of the worktree"),
                lock.still(repository.git_dir(worktree), who, patience=REVIEW_LIMIT, stop=self._stop_wanted),
            ):
                pass

    def _attempt(self) -> failures.Ending:
        """Watch until amp is gone; how that attempt ended."""
        said, recorder = Transcript(self.directory), Recorder(self.store, self.directory)
        reason = self._watch(said, recorder) if self.child is not None else None
        if not self.settings.switch("iteration.keep-strays"):
            process.end_strays(self.iteration.id, self.settings.number("stop.terminate"))
        said.read_to_end()
        recorder.write(said)
        self.said = said
        return failures.classify(
            we_stopped=reason is Reason.STOP or (self._stop_wanted() and reason is None),
            timed_out=reason is Reason.TIMEOUT,
            silent=reason in (Reason.SILENT, Reason.LOST),
            fold=said.fold,
            exit_code=self.child.exit_code if self.child else None,
            stderr=redact.text(transcript.tail(self.directory.stderr)),
            head=said.head.decode("utf-8", "replace"),
        )

    def _watch(self, said: Transcript, recorder: Recorder) -> Reason | None:
        child = self.child
        if child is None:
            return None
        ladder = self._ladder(child)
        patience = Patience(self.settings)
        while child.poll() is None and child.alive():
            grew = said.read()
            reason = None
            try:
                with self.store.at_once():
                    if not grew or recorder.is_due():
                        recorder.write(said)
                    reason = self._reason_to_end(said, patience)
            except AmpsmError as trouble:
                # A store that is busy or full for a while is no reason to end amp: its words are in the file.
                self._note(trouble)
            if reason is not None:
                ladder.begin(reason)
            ladder.climb()
            child.wait(BUSY_TICK if grew or ladder.reason else self._tick(said))
        return ladder.reason

    @staticmethod
    def _tick(said: Transcript) -> float:
        return LONG_QUIET_TICK if time.monotonic() - said.grown_at > LONG_QUIET else QUIET_TICK

    def _ladder(self, child: Child) -> Ladder:
        return Ladder(child, self.settings.number("stop.interrupt"), self.settings.number("stop.terminate"))

    def _reason_to_end(self, said: Transcript, patience: Patience) -> Reason | None:
        if self._stop_wanted():
            return Reason.STOP
        if failures.needs_login(said.head):
            return Reason.LOGIN
        if said.fold.result is not None:
            lingers = time.monotonic() - said.grown_at
            return Reason.LINGERING if lingers >= self.settings.number("stop.after-result") else None
        limit = self.settings.number("iteration.timeout")
        if limit and self._age() >= limit:
            return Reason.TIMEOUT
        news, reason = patience.exceeded(said, lost=self._lost_connection())
        if news:
            self._tell_silence(time.monotonic() - said.grown_at)
        return reason

    def _tell_silence(self, seconds: float) -> None:
        """Record that amp is silent, and tell the desktop: while amp works, its worker is the one who sees it."""
        session = self.store.sessions.get(self.iteration.session_id)
        text = notices.silence(seconds, session.id)
        self.store.facts.add("silent", text, session_id=session.id, iteration_id=self.iteration.id)
        telling.announce(self.home, self.settings, News(NoticeKind.NEEDS_INPUT, session.id, session.name, text))

    def _age(self) -> float:
        """Seconds since the iteration started, by the clock on the wall: it outlives its worker."""
        started = timestamps.parse(self.iteration.start_time or self.iteration.queued_at)
        return (datetime.now(UTC) - started).total_seconds()

    def _lost_connection(self) -> bool:
        now = time.monotonic()
        if now - self._stderr_at >= STDERR_EVERY:
            self._stderr_at = now
            self._lost = failures.lost_connection(transcript.tail(self.directory.stderr))
        return self._lost

    def _stop_wanted(self) -> bool:
        """Whether somebody asked to stop; the store is only read again after somebody wrote to it."""
        version = self.store.data_version()
        if version != self._stop_seen:
            self._stop_seen = version
            self._stop = self.store.iterations.get(self.iteration.id).stop_requested_at is not None
        return self._stop

    @staticmethod
    def _note(trouble: Exception) -> None:
        print(f"{timestamps.now()} worker goes on although: {trouble}", file=sys.stderr, flush=True)

    def _again(self, ending: failures.Ending) -> bool:
        """Try once more where that can help: rate limits and overload after a pause, a lost option at once."""
        if self._stop_wanted() or self.store.iterations.get(self.iteration.id).state is not State.RUNNING:
            return False
        self.iteration = self.store.iterations.get(self.iteration.id)
        if attempt.remedy(self.home, self.settings, self.iteration, ending, transcript.tail(self.directory.stderr)):
            return self._restart()
        most = min(ending.retries or math.inf, self.settings.number("iteration.retries"))
        if not ending.retry or self.iteration.attempts > most:
            return False
        delay = ending.delay or self.settings.number("iteration.retry-delay")
        delay *= 2 ** (self.iteration.attempts - 1)
        text = f"{ending.error or ending.failure}: trying again in {labels.duration(int(delay * 1000))}"
        self.store.facts.add("retry", text, session_id=self.iteration.session_id, iteration_id=self.iteration.id)
        waiting = f"{ending.failure}: trying again in {labels.duration(int(delay * 1000))}"
        self.store.iterations.update(self.iteration.id, activity=waiting)
        until = time.monotonic() + delay
        while time.monotonic() < until:
            if self._stop_wanted():
                return False
            time.sleep(min(QUIET_TICK, max(0.0, until - time.monotonic())))
        return self._restart()

    def _restart(self) -> bool:
        """Begin another attempt in the same stream file, marked as such."""
        transcript.mark_attempt(self.directory.stream, self.iteration.attempts + 1)
        self.directory.stderr.unlink(missing_ok=True)
        self._lost = False
        self._start(first=False)
        return True

    def _end(self, ending: failures.Ending) -> None:
        """Record how it ended; from here on it only has to be settled."""
        if ending.warning:
            session_id = self.iteration.session_id
            self.store.facts.add("note", ending.warning, session_id=session_id, iteration_id=self.iteration.id)
        session = self.store.sessions.get(self.iteration.session_id)
        hint = (ending.hint or "").replace("SESSION", session.id).replace("BRANCH", session.branch_name)
        self.store.iterations.begin_settling(
            self.iteration.id,
            outcome=ending.outcome,
            failure=ending.failure,
            error=ending.error,
            hint=hint or None,
            exit_code=self.child.exit_code if self.child else None,
            duration_ms=int(self._age() * 1000),
        )

    def _amp_is_missing(self) -> bool:
        try:
            program.find(self.settings, os.environ)
        except Unfit:
            return True
        return False

    def _refused(self, reason: AmpsmError) -> None:
        """Amp could not be started at all: nothing was paid, nothing changed."""
        if self._stop_wanted():
            self.store.iterations.begin_settling(self.iteration.id, outcome=Outcome.STOPPED)
            return
        self.store.iterations.begin_settling(
            self.iteration.id,
            outcome=Outcome.FAILED,
            failure="not-installed" if self._amp_is_missing() else "not-started",
            error=reason.message,
            hint=reason.hint,
            exit_code=None,
            duration_ms=None,
        )


def _unwritable(reason: OSError) -> Failed:
    where = reason.filename or "the run directory"
    return Failed(f"amp could not be started: {reason.strerror}: {where}.", "ampsm doctor")
