"""Settling an iteration: commit, context files, script, redaction of the run directory, status, facts.

Every step can be done again: a worker that dies in the middle is followed by one that starts over and
finds what is done already. What amp changed is committed or, if it cannot be, left in place and told.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from ampsm_engine import lifecycle, redact
from ampsm_engine.amp import command, process
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.git import changes, commits, hand_edits, repository, rubbish
from ampsm_engine.home import Home, RunDirectory
from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session, State, Status
from ampsm_engine.store import PatientStore
from ampsm_engine.worker import context, hand_work, message, outside, run_files, run_record, script, telling
from ampsm_engine.worker.phases import Phases, StopRequest

FRESH_THREAD_AFTER = frozenset({"context-full", "thread-gone"})
"""Failures after which the thread cannot be continued: the next iteration begins a new one."""


@dataclass(slots=True)
class Settling:
    """What has been found out so far; the facts are written together with the end."""

    session: Session
    iteration: Iteration
    run: RunDirectory
    stop: StopRequest
    phases: Phases
    facts: list[tuple[str, str]] = field(default_factory=list)
    commit_refused: bool = False
    called_off: str = ""
    """What a stop kept from coming to its end after amp had ended; empty when nothing was."""

    @property
    def worktree(self) -> Path:
        """The session's worktree; it may be gone."""
        return Path(self.session.worktree_path)


async def settle(
    home: Home,
    store: PatientStore,
    settings: Settings,
    stop: StopRequest,
    *,
    said: Transcript | None = None,
    trouble: AmpsmError | None = None,
) -> None:
    """Bring an iteration from `settling` to `settled`.

    `said`: the stream, where the caller has read it to its end. `trouble`: only the end is written, with this reason.
    """
    iteration = store.iterations.get(stop.iteration_id)
    session = store.sessions.get(iteration.session_id)
    it = Settling(session, iteration, home.run(iteration.id), stop, Phases(stop, settings))
    it.facts += await it.phases.run("settling", outside.facts, home, store, session, iteration)
    if trouble is None:
        await _work(store, settings, it, said)
    else:
        it.facts.append(("trouble", f"{trouble.message} {trouble.hint}".strip()))
    await it.phases.run("settling", _leave, store, it)
    _finish(store, it)
    run_record.write(home, store.sessions.get(session.id), store.iterations.get(iteration.id))
    telling.tell(home, store, settings, iteration.id)


async def _work(store: PatientStore, settings: Settings, it: Settling, said: Transcript | None) -> None:
    """What amp left: its last words, its changes, and what the script says to them."""
    _end_leftovers(it, settings)
    result = _last_words(store, it, said)
    if store.merges.open_of(it.session.id) is not None:
        _leave_resolution(it)
    elif it.iteration.attempts:  # else amp never began: nothing in the worktree is its work
        await it.phases.run("committing", _keep_commits, store, settings, it, result)
    if it.phases.hung:
        it.called_off = f"{it.phases.hung} did not end"
    await _run_script(store, settings, it)


def _leave(store: PatientStore, it: Settling) -> None:
    """Leave worktree, thread and run directory as the next iteration is to find them."""
    if store.merges.open_of(it.session.id) is None:  # else the conflict lies there
        hand_work.note_left(it.session, it.iteration)
    _forget_thread(store, it)
    _context_files(store, it)
    try:
        run_files.clean(it.run)
    except (OSError, AmpsmError) as reason:
        it.facts.append(("not-redacted", f"{it.run.path} could not be cleaned of secrets: {reason}"))


def _end_leftovers(it: Settling, settings: Settings) -> None:
    """A script of a worker that died in the middle of settling, and what amp left in the background."""
    if settings.switch("iteration.keep-strays"):
        return
    for stray in process.end_strays(it.iteration.id, settings.number("stop.terminate")):
        it.facts.append(("stray", f"ended what was left running: {stray.command}"))


def _last_words(store: PatientStore, it: Settling, said: Transcript | None) -> str:
    """The last thing amp said. After a worker's death the whole stream is counted once more, from its first byte."""
    if said is None:
        said = Transcript(it.run)
        said.read_to_end()
    fold = said.fold
    if said.position >= it.iteration.offset:
        store.iterations.record(
            it.iteration.id,
            tally=fold.tally,
            offset=said.position,
            activity=None,
            thread_id=fold.thread_id,
            tool_calls=fold.take_tool_calls(),
        )
        it.iteration = store.iterations.get(it.iteration.id)
    return (fold.result.text if fold.result else "") or fold.last_text


def _keep_commits(store: PatientStore, settings: Settings, it: Settling, result: str) -> None:
    """Everything amp changed becomes a commit on the session's branch, or stays where it is and is told."""
    if not it.worktree.is_dir():
        it.facts.append(("lost-worktree", f"the worktree is gone: {it.worktree}"))
        it.commit_refused = True
        return
    branch = it.session.branch_name
    start = it.iteration.start_sha or it.session.base_commit
    try:
        told = commits.keep_stray(it.worktree, branch=branch, start=start, iteration_id=it.iteration.id)
        if told:
            it.facts.append(("branch", told))
        if _commit(settings, it, result):
            # Once more: a commit made just now on another branch than the session's is kept by a ref, too.
            commits.keep_stray(it.worktree, branch=branch, start=start, iteration_id=it.iteration.id)
        head = commits.head(it.worktree)
        if head.branch != branch and not repository.is_ancestor(it.worktree, head.commit, branch):
            it.commit_refused = True  # it is safe, but not where a merge would find it: a person has to look
        if head.commit != start:
            files = changes.files(it.worktree, start, head.commit)
            text = f"{head.commit[:12]} changes {len(files)} file{'s' * (len(files) != 1)}"
            it.facts.append(("committed", text))
            store.iterations.update(it.iteration.id, commit_sha=head.commit, changed_files=len(files))
            _note_rubbish(it, start, head.commit)
    except AmpsmError as reason:
        _not_committed(it, f"{reason.message} {reason.hint}".strip())
    it.iteration = store.iterations.get(it.iteration.id)


def _note_rubbish(it: Settling, start: str, tip: str) -> None:
    """Say what of the commits rarely belongs in a history; a merge asks about it."""
    with suppress(AmpsmError):  # it is committed, whatever can be said of it
        it.facts += [("rubbish", f"{one} was committed") for one in rubbish.between(it.worktree, start, tip)]


def _leave_resolution(it: Settling) -> None:
    """amp was at a conflict that a merge of ours laid out: nothing is committed before a person looked at it."""
    it.commit_refused = True
    text = f"amp's resolution of the conflict waits for your review: ampsm merge {it.session.id} --show"
    it.facts.append(("resolution", text))


def _commit(settings: Settings, it: Settling, result: str) -> bool:
    """Commit what is not committed yet; nothing to do when amp did it all by itself. Whether a commit was made."""
    paths = tuple(change.path for change in changes.status(it.worktree))
    # An amp that did not finish says what it was about to do: no summary of what it did.
    summary = result if it.iteration.outcome is Outcome.DONE else ""
    subject = redact.text(message.subject(it.iteration.prompt, summary, paths, settings.text("commit.subject")))
    body = redact.text(message.body(it.session, it.iteration, result))
    branch, hooks = it.session.branch_name, settings.switch("commit.hooks")
    before = hand_edits.before(it.worktree, it.session.id, it.iteration.id)
    if before is None:
        base = it.session.base_commit
        done = commits.commit_all(it.worktree, branch=branch, subject=subject, body=body, hooks=hooks, base=base)
    else:
        start = it.iteration.start_sha or it.session.base_commit
        done, mixed = hand_edits.commit_apart(
            it.worktree, before, start, branch=branch, subject=subject, body=body, hooks=hooks
        )
        if mixed:
            it.facts.append(("hand-edits", hand_work.mixed_text(mixed)))
    for left in done.left_out:
        it.facts.append(("left-out", f"{left.path}: {left.reason}"))
    if done.note:
        it.facts.append(("note", done.note))
    if done.refused:
        _not_committed(it, f"{done.refused} {done.hint}".strip())
    return done.sha is not None


def _not_committed(it: Settling, why: str) -> None:
    it.commit_refused = True
    it.facts.append(("not-committed", f"the changes are left in {it.worktree}: {why}"))


async def _run_script(store: PatientStore, settings: Settings, it: Settling) -> None:
    """The session's script judges what amp finished; a failed amp has nothing to be judged."""
    text = it.session.script_command
    wanted = it.iteration.outcome is Outcome.DONE and text and it.worktree.is_dir()
    if not wanted or not text or it.iteration.test_result is not None:
        return
    if it.called_off or it.stop.is_made():
        it.called_off = it.called_off or "the script was not run"
        return
    environment = command.environment(os.environ, it.iteration.id)
    limit = settings.number("script.timeout")
    try:
        async with it.phases.shown("running the script"):
            ran = await script.run(
                text, it.worktree, it.run.script_output, environment, limit=limit, stop=it.stop.wait()
            )
    except Failed as reason:
        it.facts.append(("tested", reason.message))
        store.iterations.update(it.iteration.id, test_result=ScriptResult.FAIL, test_exit_code=127)
    else:
        it.facts.append(("tested", ran.text))
        if ran.stopped:  # it says nothing about the work
            it.called_off = "the script was stopped"
        else:
            store.iterations.update(it.iteration.id, test_result=ran.result, test_exit_code=ran.exit_code)
    if not settings.switch("iteration.keep-strays"):
        process.end_strays(it.iteration.id, settings.number("stop.terminate"))
    it.iteration = store.iterations.get(it.iteration.id)


def _forget_thread(store: PatientStore, it: Settling) -> None:
    if it.iteration.failure in FRESH_THREAD_AFTER and it.session.thread_id:
        store.sessions.update(it.session.id, thread_id=None)
        it.facts.append(("thread", "the next message begins a new thread; the worktree stays as it is"))


def _context_files(store: PatientStore, it: Settling) -> None:
    if not it.worktree.is_dir():
        return
    try:
        files = changes.files(it.worktree, it.session.base_commit, "HEAD")
        # As they are a moment later: nobody writes these files again once the end is in the store.
        end = replace(it.iteration, state=State.SETTLED, outcome=_outcome(it))
        every = [end if one.id == end.id else one for one in store.iterations.of(it.session.id)]
        told = context.write(replace(store.sessions.get(it.session.id), status=_status(it)), every, files)
    except (AmpsmError, OSError) as reason:
        told = f"the context files could not be written: {reason}"
    if told:
        it.facts.append(("context", told))


def _outcome(it: Settling) -> Outcome:
    outcome = it.iteration.outcome or Outcome.CRASHED
    return Outcome.STOPPED if it.called_off and outcome is Outcome.DONE else outcome


def _status(it: Settling) -> Status:
    return lifecycle.status_after(_outcome(it), it.iteration.test_result, commit_refused=it.commit_refused)


def _finish(store: PatientStore, it: Settling) -> None:
    """Write the end, with all that was found out."""
    outcome = _outcome(it)
    words = {"done": "finished", "failed": "failed", "stopped": "stopped", "crashed": "crashed"}
    text = it.iteration.error or f"iteration {it.iteration.number} {words[outcome.value]}"
    text += f": {it.called_off}" if it.called_off else ""
    ends = [*it.facts, (words[outcome.value], text)]
    store.iterations.settle(it.iteration.id, status=_status(it), facts=ends, outcome=outcome, activity=None)
