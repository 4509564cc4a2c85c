"""Settling an iteration: commit, script, context files, redaction of the run directory, status, facts.

Every step can be done again: a worker that dies in the middle is followed by one that starts over and
finds what is done already. What amp changed is committed or, if it cannot be, left in place and told.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ampsm_engine import lifecycle, plain_text, redact, session_problems
from ampsm_engine.amp import command
from ampsm_engine.amp.failures import failure_named
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed, on_one_line
from ampsm_engine.git import changes, commits, hand_edits, pinned_refs, repository, unwanted_files
from ampsm_engine.home import Home, IterationDirectory
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session, State, Status
from ampsm_engine.plain_text import plural
from ampsm_engine.store import PatientStore, RejectionsWait
from ampsm_engine.worker import (
    agent_context,
    attempt,
    commit_message,
    end_notifications,
    iteration_directory,
    outside,
    rejections,
    script,
)
from ampsm_engine.worker.phases import Phases, StopRequest


async def settle(
    home: Home,
    store: PatientStore,
    settings: Settings,
    stop: StopRequest,
    *,
    output: Transcript | None = None,
    trouble: AmpsmError | None = None,
    has_script: bool = True,
) -> None:
    """Bring an iteration from `settling` to `settled`.

    `output`: the stream, where the caller has read it to its end. `trouble`: only the end is written, with this reason.
    `has_script`: whether the session's script is to judge this iteration.
    """
    iteration = store.iterations.get(stop.iteration_id)
    session = store.sessions.get(iteration.session_id)
    phases = Phases(stop, settings)
    it = Settlement(
        store, settings, stop, session, iteration, home.iteration(iteration.id), phases, has_script=has_script
    )
    it.facts += await it.phases.run("settling", outside.facts, home, store, session, iteration)
    if trouble is None:
        await it.judge_work(output)
    else:
        it.facts.append(("trouble", trouble.line))
    await it.phases.run("settling", it.leave)
    await it.finish(trouble)
    iteration_directory.write_record(home, store.sessions.get(session.id), store.iterations.get(iteration.id))
    end_notifications.announce_end(home, store, settings, iteration.id)


@dataclass(slots=True)
class Settlement:
    """What has been found out so far; the facts are written together with the end."""

    store: PatientStore
    settings: Settings
    stop: StopRequest
    session: Session
    iteration: Iteration
    run: IterationDirectory
    phases: Phases
    facts: list[tuple[str, str]] = field(default_factory=list)
    commit_refused: bool = False
    called_off: str = ""
    """What a stop kept from coming to its end after amp had ended; empty when nothing was."""
    has_script: bool = True

    @property
    def worktree(self) -> Path:
        """The session's worktree; it may be gone."""
        return Path(self.session.worktree_path)

    @property
    def _start(self) -> str:
        return self.iteration.start_sha or self.session.base_commit

    async def judge_work(self, output: Transcript | None) -> None:
        """What amp left: its last words, its changes, and what the script says to them."""
        # A script of a worker that died in the middle of settling, and what amp left in the background.
        for command_line in attempt.end_leftovers(self.iteration.id, self.settings):
            self.facts.append(("stray", f"ended what was left running: {command_line}"))
        result = self._last_words(output)
        # Of a worker that was killed: what is half taken back would be committed as amp's.
        await self._reject(begun_only=True)
        if self._is_merging():
            # amp was at a conflict that a merge of ours laid out: nothing is committed before a person looked at it.
            self.commit_refused = True
            text = f"amp's resolution of the conflict waits for your review: ampsm merge {self.session.id} --show"
            self.facts.append(("resolution", text))
        elif self.iteration.attempts:  # else amp never began: nothing in the worktree is its work
            await self.phases.run("committing", self._keep_commits, result)
        if self.phases.hung:
            self.called_off = f"{self.phases.hung} did not end"
        await self._reject()  # the script is to judge what stays
        await self._run_script()

    def leave(self) -> None:
        """Leave worktree, thread and run directory as the next iteration is to find them."""
        if not self._is_merging():
            self._note_left()
        if failure_named(self.iteration.failure).ends_thread and self.session.thread_id:
            self.store.sessions.update(self.session.id, thread_id=None)
            self.facts.append(("thread", "the next message begins a new thread; the worktree stays as it is"))
        self._write_context()
        try:
            iteration_directory.clean(self.run)
        except (OSError, AmpsmError) as reason:
            self.facts.append(("not-redacted", f"{self.run.path} could not be cleaned of secrets: {reason}"))

    async def finish(self, trouble: AmpsmError | None = None) -> None:
        """Write the end, with all that was found out; what was rejected until then is carried out before.

        In `trouble` nothing can be: it is refused with that reason.
        """
        while not self._write_end():
            if trouble is None:
                await self._reject()
                continue
            for one in self.store.reviews.waiting_rejections(self.session.id):
                rejections.refuse(self.store, self.session, one, trouble, iteration_id=self.iteration.id)

    async def _reject(self, *, begun_only: bool = False) -> None:
        """Carry out what was rejected in a review while amp was at work."""
        if self.store.reviews.waiting_rejections(self.session.id):
            hooks = self.settings.switch("commit.hooks")
            options = {"hooks": hooks, "iteration_id": self.iteration.id, "begun_only": begun_only}
            work = rejections.carry_out_waiting
            await self.phases.run("taking back what was rejected", work, self.store, self.session, **options)

    def _write_end(self) -> bool:
        """Write the end of the iteration to the store; False where rejections wait."""
        outcome = self._outcome()
        words = {"done": "finished", "failed": "failed", "stopped": "stopped", "crashed": "crashed"}
        text = self.iteration.error or f"iteration {self.iteration.number} {words[outcome.value]}"
        text += f": {self.called_off}" if self.called_off else ""
        ends = [*self.facts, (words[outcome.value], text)]
        try:
            self.store.iterations.settle(
                self.iteration.id, status=self._status(), facts=ends, outcome=outcome, activity=None
            )
        except RejectionsWait:
            return False
        return True

    def _is_merging(self) -> bool:
        return self.store.merges.open_of(self.session.id) is not None

    def _last_words(self, output: Transcript | None) -> str:
        """The last thing amp said. After a worker's death the whole stream is counted once more, from its start."""
        if output is None:
            output = Transcript(self.run)
            output.read_to_end()
        fold = output.fold
        if output.position >= self.iteration.offset:
            self.store.iterations.record(
                self.iteration.id,
                tally=fold.tally,
                offset=output.position,
                activity=None,
                thread_id=fold.thread_id,
                tool_calls=fold.take_tool_calls(),
            )
            self.iteration = self.store.iterations.get(self.iteration.id)
        return (fold.result.text if fold.result else "") or fold.last_text

    def _keep_commits(self, result: str) -> None:
        """Commit all changes of amp to the session's branch, or leave them and record why."""
        if not self.worktree.is_dir():
            self.facts.append(("lost-worktree", f"the worktree is gone: {self.worktree}"))
            self.commit_refused = True
            return
        branch, start, iteration_id = self.session.branch_name, self._start, self.iteration.id
        try:
            rescued = commits.keep_commits_off_branch(
                self.worktree, branch=branch, start=start, iteration_id=iteration_id
            )
            if rescued:
                self.facts.append(("branch", rescued))
            committed = self._commit(result)
            if committed:
                # Once more: a commit made just now on another branch than the session's is kept by a ref, too.
                commits.keep_commits_off_branch(self.worktree, branch=branch, start=start, iteration_id=iteration_id)
            head = commits.head(self.worktree)
            if head.branch != branch and not repository.is_ancestor(self.worktree, head.commit, branch):
                self.commit_refused = True  # it is safe, but not where a merge would find it: a person has to look
            if head.commit != start and head.branch == branch:
                pinned_refs.keep_tip(self.worktree, self.session.id, head.commit)
            # Settled once more after a kill, the branch may have what was rejected meanwhile on top.
            if head.commit != start and (committed or self.iteration.commit_sha is None):
                files = changes.files(self.worktree, start, head.commit)
                text = f"{head.commit[:12]} changes {plural(len(files), 'file')}"
                self.facts.append(("committed", text))
                added = sum(file.additions or 0 for file in files)
                deleted = sum(file.deletions or 0 for file in files)
                columns = {"changed_files": len(files), "lines_added": added, "lines_deleted": deleted}
                self.store.iterations.update(iteration_id, commit_sha=head.commit, **columns)
                with suppress(AmpsmError):  # it is committed, whatever can be said of it
                    found = unwanted_files.clutter_between(self.worktree, start, head.commit)
                    self.facts += [("rubbish", f"{one} was committed") for one in found]
        except AmpsmError as reason:
            self._not_committed(reason.line)
        self.iteration = self.store.iterations.get(iteration_id)

    def _commit(self, result: str) -> bool:
        """Commit what is not committed yet; nothing to do when amp did it all by itself. Whether a commit was made."""
        iteration, branch, hooks = self.iteration, self.session.branch_name, self.settings.switch("commit.hooks")
        # An amp that did not finish says what it was about to do: no summary of what it did.
        summary = result if iteration.outcome is Outcome.DONE else ""
        subject = commit_message.subject(
            iteration.prompt, summary, self._changed_paths, self.settings.text("commit.subject")
        )
        subject, body = redact.text(subject), redact.text(commit_message.body(self.session, iteration, result))
        before = hand_edits.before(self.worktree, self.session.id, iteration.id)
        if before is None:
            base = self.session.base_commit
            done = commits.commit_all(self.worktree, branch=branch, subject=subject, body=body, hooks=hooks, base=base)
        else:
            done, mixed = hand_edits.commit_apart(
                self.worktree, before, self._start, branch=branch, subject=subject, body=body, hooks=hooks
            )
            if mixed:
                self.facts.append(mixed_edits(mixed))
        self.facts += [("left-out", f"{left.path}: {left.reason}") for left in done.left_out]
        if done.note:
            self.facts.append(("note", done.note))
        if done.refused:
            self._not_committed(on_one_line(done.refused, done.hint))
        return done.sha is not None

    def _changed_paths(self) -> tuple[str, ...]:
        return tuple(change.path for change in changes.status(self.worktree))

    def _not_committed(self, why: str) -> None:
        self.commit_refused = True
        self.facts.append(("not-committed", f"the changes are left in {self.worktree}: {why}"))

    async def _run_script(self) -> None:
        """The session's script judges what amp finished; a failed amp has nothing to be judged."""
        text, iteration = self.session.script_command, self.iteration
        wanted = iteration.outcome is Outcome.DONE and iteration.test_result is None and self.worktree.is_dir()
        if not (wanted and text and self.has_script):
            return
        if self.called_off or self.stop.is_made():
            self.called_off = self.called_off or "the script was not run"
            return
        environment = command.environment(os.environ, iteration.id)
        limit, output = self.settings.number("script.timeout"), self.run.script_output
        try:
            async with self.phases.shown("running the script"):
                place = session_problems.working_folder(self.worktree, self.session.folder)
                ran = await script.run(text, place, output, environment, limit=limit, stop=self.stop.wait())
        except Failed as reason:
            self.facts.append(("tested", reason.message))
            self.store.iterations.update(iteration.id, test_result=ScriptResult.FAIL, test_exit_code=127)
        else:
            self.facts.append(("tested", ran.text))
            if ran.stopped:  # it says nothing about the work
                self.called_off = "the script was stopped"
            else:
                columns = {"test_exit_code": ran.exit_code, "script_ms": round(ran.seconds * 1000)}
                self.store.iterations.update(iteration.id, test_result=ran.result, **columns)
        attempt.end_leftovers(iteration.id, self.settings)
        self.iteration = self.store.iterations.get(iteration.id)

    def _note_left(self) -> None:
        """Note what the iteration leaves uncommitted, so that the next one does not take it for a person's."""
        if not self.worktree.is_dir() or not self.iteration.attempts:
            return
        try:
            hand_edits.note_left(self.worktree, self.session.id, self.iteration.id)
        except (AmpsmError, OSError):
            with suppress(AmpsmError, OSError):
                hand_edits.note_unknown(self.worktree, self.session.id)

    def _write_context(self) -> None:
        if not self.worktree.is_dir():
            return
        try:
            files = changes.files(self.worktree, self.session.base_commit, "HEAD")
            # As they are a moment later: these files are not written again once the end is in the store.
            end = replace(self.iteration, state=State.SETTLED, outcome=self._outcome())
            every = [end if one.id == end.id else one for one in self.store.iterations.of(self.session.id)]
            session = replace(self.store.sessions.get(self.session.id), status=self._status())
            pull_request = self.store.reviews.pull_request(session.id)
            trouble = agent_context.write(session, every, files, self.store.facts, pull_request)
        except (AmpsmError, OSError) as reason:
            trouble = f"the context files could not be written: {reason}"
        if trouble:
            self.facts.append(("context", trouble))

    def _outcome(self) -> Outcome:
        outcome = self.iteration.outcome or Outcome.CRASHED
        return Outcome.STOPPED if self.called_off and outcome is Outcome.DONE else outcome

    def _status(self) -> Status:
        return lifecycle.status_after(self._outcome(), self.iteration.test_result, commit_refused=self.commit_refused)


def mixed_edits(paths: Sequence[str]) -> tuple[str, str]:
    """The fact that amp's commit has a person's edits of these files as well."""
    text = f"edits by hand could not be told from amp's, whose commit holds them too: {plain_text.list_some(paths)}"
    return "hand-edits", text
