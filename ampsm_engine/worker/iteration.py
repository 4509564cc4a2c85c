"""Runs one iteration from its start, or its adoption, to amp's end: attempts, and the pauses between them.

What the end means is decided in amp/endings.py; what follows from it in settle.py. The store, short questions to git
and the end of what amp left running block the event loop, for nothing else has to be looked after meanwhile; what may
hang in git is a phase (phases.py).
"""

import asyncio
import contextlib
import math
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import labels, notifications, plain_text, redact
from ampsm_engine.amp import command, endings, failures, process, program, transcript
from ampsm_engine.amp.process import Child
from ampsm_engine.amp.tally import is_cancelled
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed, Refused, Unfit
from ampsm_engine.git import changes, commits, hand_edits, hooks, lock, orphaned_processes, repository, unwanted_files
from ampsm_engine.git.hand_edits import HandEdits
from ampsm_engine.home import Home, IterationDirectory
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import Iteration, Outcome, Session, State
from ampsm_engine.notifications import News, NotificationKind
from ampsm_engine.store import PATIENCE, PatientStore, is_passing
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_engine.worker import (
    agent_context,
    attempt,
    commit_message,
    end_notifications,
    iteration_directory,
    outside,
    rejections,
    script,
    session_limits,
    setup,
)
from ampsm_engine.worker.attempt import AmpMonitor, Reason
from ampsm_engine.worker.iteration_directory import IterationLimits
from ampsm_engine.worker.phases import Phases, StopRequest, log_trouble, unless_stopped
from ampsm_engine.worker.settle import mixed_edits

PAUSE = 0.25
"""Seconds between two tries to start amp."""

REVIEW_LIMIT = hooks.LIMIT
"""Seconds that a review may take to change the worktree before amp begins: hooks may run."""

STARTS_BEFORE_GIVING_UP = 3
"""How often a worker may die between claiming and starting amp before the iteration counts as crashed."""


def longest_wait(settings: Settings) -> float:
    """Seconds for which amp may be kept from beginning: by a review, or by a setup command run by hand."""
    limit = settings.number("setup.timeout") or math.inf
    return max(REVIEW_LIMIT, limit) + lock.PATIENCE


@dataclass(slots=True)
class RunningIteration:
    """Takes an iteration from its start, or its adoption, to amp's end."""

    home: Home
    store: PatientStore
    settings: Settings
    iteration: Iteration
    stop: StopRequest
    limits: IterationLimits = field(default_factory=IterationLimits)
    child: Child | None = None
    output: Transcript | None = None
    """The whole stream, read and recorded to its end; None until amp has ended."""

    @property
    def directory(self) -> IterationDirectory:
        """Where the files of this iteration's run lie."""
        return self.home.iteration(self.iteration.id)

    async def until_ended(self, *, adopted: bool) -> bool:
        """Follow amp to its end and record it; False when it was never started and waits again."""
        redact.refresh()  # this session may have been made after this worker, and secrets copied for it
        if adopted:
            self.child = process.adopt(self.directory, self.iteration.id)
            if self.child is None and self._never_started():
                # A setup command: stopping or dropping what is queued does not look for processes.
                process.end_leftovers(self.iteration.id, self.settings.number("stop.terminate"))
                self.store.queue.requeue(self.iteration.id)
                if self.store.iterations.get(self.iteration.id).state is State.SETTLED:  # it was to stop
                    session = self.store.sessions.get(self.iteration.session_id)
                    await self._end_rejections(Phases(self.stop, self.settings), session)
                    iteration_directory.clean(self.directory)
                return False
            if self.child is None and self._was_about_to_try_again():
                await self._start_again()
        else:
            try:
                await self._start_patiently()
            except AmpsmError as reason:
                self._refused(reason)
                return True
        while True:
            ending = await self._attempt()
            if not await self._again(ending):
                break
        self._end(ending)
        return True

    async def await_abandoned(self) -> None:
        """Let a git that a killed worker left in the worktree come to its end; a stop ends it in time."""
        worktree = Path(self.store.sessions.get(self.iteration.session_id).worktree_path)
        phases = Phases(self.stop, self.settings)
        what = "waiting for a commit that a killed worker began"
        await phases.run(what, orphaned_processes.wait, (worktree,), patience=hooks.LIMIT, stop=phases.is_over)

    async def end_amp(self) -> None:
        """End amp and all that it started, without asking how it went."""
        child = self.child or process.adopt(self.directory, self.iteration.id)
        if child is not None:
            await attempt.end(child, self.settings)
        process.end_leftovers(self.iteration.id, self.settings.number("stop.terminate"))

    def _never_started(self) -> bool:
        """Whether nothing of amp was ever seen: then running it again can lose and cost nothing."""
        directory = self.directory
        silent = not directory.stream.exists() or directory.stream.stat().st_size == 0
        return silent and not directory.process.exists() and self.iteration.attempts < STARTS_BEFORE_GIVING_UP

    def _was_about_to_try_again(self) -> bool:
        """Whether the worker died between marking the next attempt in the stream and starting it."""
        output = Transcript(self.directory)
        output.read_to_end()
        return output.fold.attempt > self.iteration.attempts

    async def _start_patiently(self) -> None:
        """Start amp for the first time; what passes by itself (a full disk) is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._start(first=True)
            except (AmpsmError, OSError) as reason:
                if not is_passing(reason) or time.monotonic() >= deadline or self.stop.is_made():
                    raise reason if isinstance(reason, AmpsmError) else _unwritable(reason) from reason
                log_trouble(reason)
            await asyncio.sleep(PAUSE)

    async def _start(self, *, first: bool) -> None:
        """Start amp, for the first time or again; who changes the worktree in a review comes to an end before."""
        session = self.store.sessions.get(self.iteration.session_id)
        worktree = Path(session.worktree_path)
        phases = Phases(self.stop, self.settings)
        if first and worktree.is_dir():
            await phases.run("waiting for a review or a setup by hand to end", self._wait_for_others, worktree)
            setup.end_run_by_hand(self.store, session, self.settings.number("stop.terminate"))
            script.end_run_by_hand(self.home, session.id, self.settings.number("stop.terminate"))
            with contextlib.suppress(AmpsmError, OSError):  # where that cannot be, a commit leaves them out
                agent_context.hide(session)
            await self._end_rejections(phases, session)
        # Whatever changes once this is written is amp's, also when this worker dies and another one starts amp.
        if self.iteration.start_sha is None and worktree.is_dir():
            what = "committing what was edited by hand"
            await phases.run(what, self._take_hand_edits, session)
            setting_up = setup.SetupPhase(self.home, self.store, self.settings, session, self.iteration)
            if await setting_up.run_when_due(phases, self.stop):
                await phases.run("committing what the setup changed", self._take_hand_edits, session, of_setup=True)
            self.store.iterations.update(self.iteration.id, start_sha=commits.head(worktree).commit)
        if first:
            await phases.run("looking at the repository", outside.watch, self.store, session, self.directory)
        if self.stop.is_made():
            raise Refused(f"Iteration {self.iteration.number} was stopped before amp began.")
        if first:
            session_limits.check(self.store, self.settings, self.iteration, self.limits)
        self.store.iterations.begin_attempt(self.iteration.id)
        self.iteration = self.store.iterations.get(self.iteration.id)
        if first:
            self._write_context(session, worktree)
        number = self.iteration.number
        earlier = [before for before in self.store.iterations.of(session.id) if before.number < number]
        self.child = await attempt.start(
            self.home,
            self.settings,
            session,
            self.iteration,
            again=not first,
            had_thread=any(iteration.thread_id for iteration in earlier),
        )

    async def _end_rejections(self, phases: Phases, session: Session) -> None:
        """Bring to its end what a killed program began to reject: it is no edit by hand, and not amp's."""
        if self.store.reviews.waiting_rejections(session.id):
            hooks = self.settings.switch("commit.hooks")
            options = {"hooks": hooks, "iteration_id": self.iteration.id, "begun_only": False}
            work = rejections.carry_out_waiting
            await phases.run("taking back what was rejected", work, self.store, session, **options)

    def _take_hand_edits(self, session: Session, *, of_setup: bool = False) -> None:
        """Commit what a person, or the setup command, left uncommitted, or hold it apart from amp's work; facts say it.

        While a conflict of a merge lies in the worktree, nothing is taken.
        """
        if self.store.merges.open_of(session.id) is not None:
            return
        found = hand_edits.take(
            Path(session.worktree_path),
            session.id,
            self.iteration.id,
            branch=session.branch_name,
            message=self._hand_message(of_setup=of_setup),
            hooks=self.settings.switch("commit.hooks"),
            apart=self.settings.text("commit.hand-edits") == "leave",
        )
        facts = [*_hand_edit_facts(found, of_setup=of_setup)] if found else []
        if found and found.commit:
            with contextlib.suppress(AmpsmError):  # it is committed, whatever can be said of it
                clutter = unwanted_files.clutter_between(Path(session.worktree_path), f"{found.commit}^", found.commit)
                facts += [("rubbish", f"{one} was committed") for one in clutter]
        for kind, text in facts:
            self.store.facts.add(kind, text, session_id=session.id, iteration_id=self.iteration.id)

    def _hand_message(self, *, of_setup: bool) -> tuple[str, str]:
        """What a commit hook takes, too, where amp's commits are worded for one; never as if it were amp's own."""
        words, template = "Set up the worktree" if of_setup else "Edits by hand", self.settings.text("commit.subject")
        subject = words if template.startswith("amp:") else commit_message.subject(words, "", template=template)
        left = "Left by the setup command" if of_setup else "Uncommitted in the worktree"
        return subject, f"{left} when iteration {self.iteration.number} began."

    def _wait_for_others(self, worktree: Path) -> None:
        who, patience = f"iteration {self.iteration.id}", longest_wait(self.settings)
        with lock.still(repository.git_dir(worktree), who, patience=patience, stop=self.stop.is_seen):
            pass

    def _write_context(self, session: Session, worktree: Path) -> None:
        """Let the worktree's own files say that this iteration is at work."""
        with contextlib.suppress(AmpsmError, OSError):  # what they cannot say now is said at its end
            files = changes.files(worktree, session.base_commit, "HEAD")
            iterations, pull_request = self.store.iterations.of(session.id), self.store.reviews.pull_request(session.id)
            agent_context.write(session, iterations, files, self.store.facts, pull_request)

    async def _attempt(self) -> endings.Ending:
        """Follow amp until it is gone; how that attempt ended."""
        output = Transcript(self.directory)
        tokens = session_limits.tokens_left(self.store, self.settings, self.iteration)
        monitor = AmpMonitor(output, self.store, self.settings, self.iteration, self.stop, self._report_silence, tokens)
        reason = await monitor.until_gone(self.child) if self.child else None
        attempt.end_leftovers(self.iteration.id, self.settings)
        output.read_to_end()
        monitor.record()
        self.output = output
        if reason is Reason.TOKENS:
            most = int(self.settings.number(session_limits.TOKENS))
            used = most - (tokens or 0) + (output.fold.tally.token_usage or 0)
            hint = session_limits.way_out(self.iteration, session_limits.TOKENS, self.limits)
            return endings.over_limit(used, most, hint)
        return endings.classify(
            we_stopped=reason is Reason.STOP or (reason is None and self.stop.is_made()),
            timed_out=reason is Reason.TIMEOUT or (reason is None and self._was_ended_late(output)),
            silent=reason in (Reason.SILENT, Reason.LOST),
            fold=output.fold,
            exit_code=self.child.exit_code if self.child else None,
            stderr=redact.text(transcript.tail(self.directory.stderr)),
            head=output.head.decode("utf-8", "replace"),
        )

    def _was_ended_late(self, output: Transcript) -> bool:
        """Whether an earlier worker ended amp for its time and was killed before it could say so."""
        limit, result = self.settings.number("iteration.timeout"), output.fold.result
        late = 0 < limit <= attempt.seconds_since_start(self.iteration)
        return late and result is not None and is_cancelled(result)

    def _report_silence(self, seconds: float) -> None:
        """Record that amp is silent, and tell the desktop: while amp works, its worker is the one who sees it."""
        session_id = self.iteration.session_id
        text = notifications.silence(seconds, session_id)
        try:
            with self.store.at_once():
                self.store.facts.add("silent", text, session_id=session_id, iteration_id=self.iteration.id)
                name = self.store.sessions.get(session_id).name
        except AmpsmError as trouble:
            log_trouble(trouble)
        else:
            end_notifications.announce(
                self.home, self.settings, News(NotificationKind.NEEDS_INPUT, session_id, name, text)
            )

    async def _again(self, ending: endings.Ending) -> bool:
        """Try once more where that can help: rate limits and overload after a pause, a lost option at once."""
        self.iteration = self.store.iterations.get(self.iteration.id)
        if self.stop.is_made() or self.iteration.state is not State.RUNNING:
            return False
        thread_id = self.iteration.thread_id or self.store.sessions.get(self.iteration.session_id).thread_id
        stderr = transcript.tail(self.directory.stderr)
        mending = attempt.remedy(self.home, self.settings, self.iteration, ending, thread_id=thread_id, stderr=stderr)
        if await unless_stopped(self.stop, mending):
            return await self._restart()
        if self.stop.is_seen():
            return False
        most = min(ending.retries or math.inf, self.settings.number("iteration.retries"))
        if not ending.retry or self.iteration.attempts > most:
            return False
        delay = ending.delay or self.settings.number("iteration.retry-delay")
        delay *= 2 ** (self.iteration.attempts - 1)
        pause = f"trying again in {labels.duration(int(delay * 1000))}"
        text = f"{ending.error or ending.failure}: {pause}"
        self.store.facts.add("retry", text, session_id=self.iteration.session_id, iteration_id=self.iteration.id)
        self.store.iterations.update(self.iteration.id, activity=f"{ending.failure}: {pause}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self.stop.wait()
                return False
        return await self._restart()

    async def _restart(self) -> bool:
        """Begin another attempt in the same stream file, marked as such."""
        transcript.mark_attempt(self.directory.stream, self.iteration.attempts + 1)
        self.directory.stderr.unlink(missing_ok=True)
        return await self._start_again()

    async def _start_again(self) -> bool:
        """Start amp for another attempt; False where a stop came first."""
        try:
            await self._start(first=False)
        except Refused:
            if not self.stop.is_made():
                raise
            return False
        return True

    def _end(self, ending: endings.Ending) -> None:
        """Record how it ended; from here on it only has to be settled."""
        if self.stop.is_made() and (ending.retry or ending.remedy):
            ending = replace(ending, outcome=Outcome.STOPPED, failure=None)
        session = self.store.sessions.get(self.iteration.session_id)
        if ending.warning:
            self.store.facts.add("note", ending.warning, session_id=session.id, iteration_id=self.iteration.id)
        hint = self._worded_hint(ending.hint or "", session)
        self.store.iterations.begin_settling(
            self.iteration.id,
            outcome=ending.outcome,
            failure=ending.failure,
            error=ending.error,
            hint=hint or None,
            exit_code=self.child.exit_code if self.child else None,
            duration_ms=int(attempt.seconds_since_start(self.iteration) * 1000),
        )

    @staticmethod
    def _worded_hint(hint: str, session: Session) -> str:
        """A hint of the table of failures, with the names of this session and this machine."""
        named = {
            "SESSION": session.id,
            "BRANCH": session.branch_name,
            "SETTINGS": str(command.user_settings(os.environ)),
            "SERVER": program.server(os.environ),
            "KEY": program.key_hint(os.environ),
        }
        return re.sub(rf"\b({'|'.join(named)})\b", lambda found: named[found[0]], hint)

    def _refused(self, reason: AmpsmError) -> None:
        """Amp could not be started at all: nothing was paid, nothing changed."""
        if self.stop.is_made():
            self.store.iterations.begin_settling(self.iteration.id, outcome=Outcome.STOPPED)
            return
        if isinstance(reason, session_limits.LimitReached):
            self.store.iterations.begin_settling(
                self.iteration.id,
                outcome=Outcome.STOPPED,
                failure=failures.LIMIT.name,
                error=reason.message,
                hint=reason.hint,
            )
            return
        self.store.iterations.begin_settling(
            self.iteration.id,
            outcome=Outcome.FAILED,
            failure=self._why_not_started(reason),
            error=reason.message,
            hint=reason.hint,
        )

    def _why_not_started(self, reason: AmpsmError) -> str:
        if isinstance(reason, setup.SetupFailed | UntrustedCommand):
            return failures.SETUP.name
        try:
            program.find(self.settings, os.environ)
        except Unfit:
            return failures.NOT_INSTALLED.name
        return failures.NOT_STARTED.name


def _hand_edit_facts(found: HandEdits, *, of_setup: bool) -> Iterator[tuple[str, str]]:
    edited = "changed by the setup command" if of_setup else "edited by hand"
    if found.commit:
        text = f"{found.commit[:12]} commits what was {edited} before amp began: {plain_text.list_some(found.paths)}"
        yield "committed-by-hand", text
    elif found.paths:
        text = f"{edited} before amp began, and still not committed: {plain_text.list_some(found.paths)}"
        yield "hand-edits", f"{text}. {found.refused}" if found.refused else text
    if found.mixed:
        yield mixed_edits(found.mixed)


def _unwritable(reason: OSError) -> Failed:
    where = reason.filename or "the run directory"
    return Failed(f"amp could not be started: {reason.strerror}: {where}.", "ampsm doctor")
