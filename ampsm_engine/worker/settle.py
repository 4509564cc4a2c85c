"""Settling an iteration: commit, context files, script, redaction of the run directory, status, facts.

Every step can be done again: a worker that dies in the middle is followed by one that starts over and
finds what is done already. What amp changed is committed or, if it cannot be, left in place and told.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from ampsm_engine import lifecycle, redact
from ampsm_engine.amp import command, process
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.git import changes, commits, hand_edits, repository
from ampsm_engine.home import Home, RunDirectory
from ampsm_engine.model import Iteration, Outcome, ScriptResult, Session
from ampsm_engine.store import Store
from ampsm_engine.worker import context, hand_work, message, run_record, script, telling
from ampsm_engine.worker.watch import Transcript

STDERR_KEPT = 1 << 16
FRESH_THREAD_AFTER = frozenset({"context-full", "thread-gone"})
"""Failures after which the thread cannot be continued: the next iteration begins a new one."""


@dataclass(slots=True)
class Settling:
    """What has been found out so far; the facts are written together with the end."""

    session: Session
    iteration: Iteration
    run: RunDirectory
    facts: list[tuple[str, str]] = field(default_factory=list)
    commit_refused: bool = False

    @property
    def worktree(self) -> Path:
        """The session's worktree; it may be gone."""
        return Path(self.session.worktree_path)


def settle(
    home: Home,
    store: Store,
    settings: Settings,
    iteration_id: str,
    *,
    said: Transcript | None = None,
    trouble: AmpsmError | None = None,
) -> None:
    """Bring an iteration from `settling` to `settled`.

    `said`: the stream, where the caller has read it to its end. `trouble`: only the end is written, with this reason.
    """
    iteration = store.iteration(iteration_id)
    it = Settling(store.session(iteration.session_id), iteration, home.run(iteration_id))
    if trouble is None:
        _end_leftovers(it, settings)
        result = _last_words(store, it, said)
        if store.open_merge(it.session.id) is not None:
            _leave_resolution(it)
        elif it.iteration.attempts:  # else amp never began: nothing in the worktree is its work
            _keep_commits(store, settings, it, result)
        _run_script(store, settings, it)
    else:
        it.facts.append(("trouble", f"{trouble.message} {trouble.hint}".strip()))
    hand_work.note_left(it.session, it.iteration)
    _forget_thread(store, it)
    _context_files(store, it)
    try:
        _clean_run_directory(it.run)
    except (OSError, AmpsmError) as reason:
        it.facts.append(("not-redacted", f"{it.run.path} could not be cleaned of secrets: {reason}"))
    text = _finish(store, it)
    run_record.write(home, store.session(it.session.id), store.iteration(it.iteration.id))
    telling.tell(home, store, settings, it.iteration.id, text)


def _end_leftovers(it: Settling, settings: Settings) -> None:
    """A script of a worker that died in the middle of settling, and what amp left in the background."""
    if settings.switch("iteration.keep-strays"):
        return
    for stray in process.end_strays(it.iteration.id, settings.number("stop.terminate")):
        it.facts.append(("stray", f"ended what was left running: {stray.command}"))


def _last_words(store: Store, it: Settling, said: Transcript | None) -> str:
    """The last thing amp said. After a worker's death the whole stream is counted once more, from its first byte."""
    if said is None:
        said = Transcript(it.run)
        said.read_to_end()
    fold = said.fold
    if said.position >= it.iteration.offset:
        store.record(
            it.iteration.id,
            tally=fold.tally,
            offset=said.position,
            activity=None,
            thread_id=fold.thread_id,
            tool_calls=fold.take_tool_calls(),
        )
        it.iteration = store.iteration(it.iteration.id)
    return (fold.result.text if fold.result else "") or fold.last_text


def _keep_commits(store: Store, settings: Settings, it: Settling, result: str) -> None:
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
        _commit(settings, it, result)
        # Once more: a commit made just now on another branch than the session's is kept by a ref, too.
        commits.keep_stray(it.worktree, branch=branch, start=start, iteration_id=it.iteration.id)
        head = commits.head(it.worktree)
        if not repository.is_ancestor(it.worktree, head.commit, branch):
            it.commit_refused = True  # it is safe, but not where a merge would find it: a person has to look
        if head.commit != start:
            files = changes.files(it.worktree, start, head.commit)
            text = f"{head.commit[:12]} changes {len(files)} file{'s' * (len(files) != 1)}"
            it.facts.append(("committed", text))
            store.update_iteration(it.iteration.id, commit_sha=head.commit, changed_files=len(files))
    except AmpsmError as reason:
        _not_committed(it, f"{reason.message} {reason.hint}".strip())
    it.iteration = store.iteration(it.iteration.id)


def _leave_resolution(it: Settling) -> None:
    """amp was at a conflict that a merge of ours laid out: nothing is committed before a person looked at it."""
    it.commit_refused = True
    text = f"amp's resolution of the conflict waits for your review: ampsm merge {it.session.id} --show"
    it.facts.append(("resolution", text))


def _commit(settings: Settings, it: Settling, result: str) -> None:
    """Commit what is not committed yet; nothing to do when amp did it all by itself."""
    paths = tuple(change.path for change in changes.status(it.worktree))
    # An amp that did not finish says what it was about to do: no summary of what it did.
    summary = result if it.iteration.outcome is Outcome.DONE else ""
    subject = redact.text(message.subject(it.iteration.prompt, summary, paths))
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
        _not_committed(it, done.refused)


def _not_committed(it: Settling, why: str) -> None:
    it.commit_refused = True
    it.facts.append(("not-committed", f"the changes are left in {it.worktree}: {why}"))


def _run_script(store: Store, settings: Settings, it: Settling) -> None:
    """The session's script judges what amp finished; a failed amp has nothing to be judged."""
    text = it.session.script_command
    wanted = it.iteration.outcome is Outcome.DONE and text and it.worktree.is_dir()
    if not wanted or not text or it.iteration.test_result is not None:
        return
    environment = command.environment(os.environ, it.iteration.id)
    try:
        ran = script.run(
            text,
            it.worktree,
            it.run.script_output,
            environment,
            limit=settings.number("script.timeout"),
            stop=lambda: store.iteration(it.iteration.id).stop_requested_at is not None,
        )
    except Failed as reason:
        it.facts.append(("tested", reason.message))
        store.update_iteration(it.iteration.id, test_result=ScriptResult.FAIL, test_exit_code=127)
    else:
        store.update_iteration(it.iteration.id, test_result=ran.result, test_exit_code=ran.exit_code)
        it.facts.append(("tested", script.script_text(ran)))
    if not settings.switch("iteration.keep-strays"):
        process.end_strays(it.iteration.id, settings.number("stop.terminate"))
    it.iteration = store.iteration(it.iteration.id)


def _forget_thread(store: Store, it: Settling) -> None:
    if it.iteration.failure in FRESH_THREAD_AFTER and it.session.thread_id:
        store.update_session(it.session.id, thread_id=None)
        it.facts.append(("thread", "the next message begins a new thread; the worktree stays as it is"))


def _context_files(store: Store, it: Settling) -> None:
    if not it.worktree.is_dir():
        return
    try:
        files = changes.files(it.worktree, it.session.base_commit, "HEAD")
        told = context.write(it.session, store.iterations(it.session.id), files)
    except (AmpsmError, OSError) as reason:
        told = f"the context files could not be written: {reason}"
    if told:
        it.facts.append(("context", told))


def _clean_run_directory(run: RunDirectory) -> None:
    """What stays of the run directory holds no secret: amp's settings and own log are not needed any more."""
    for path in (run.log, run.settings, run.path / "again.txt", run.path / "told.txt"):
        path.unlink(missing_ok=True)
    # Redacted before anything is cut: half a secret would not be known any more.
    for path in (run.stream, run.stderr, run.script_output, run.prompt):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.unlink()  # no file of ours: an agent put it there
        redact.file(path)
    if run.stderr.exists() and run.stderr.stat().st_size > STDERR_KEPT:
        with run.stderr.open("rb+") as file:
            file.seek(-STDERR_KEPT, os.SEEK_END)
            tail = file.read()
            file.seek(0)
            file.write(tail)
            file.truncate()


def _finish(store: Store, it: Settling) -> str:
    """Write the end, with all that was found out; its one line."""
    outcome = it.iteration.outcome or Outcome.CRASHED
    status = lifecycle.status_after(outcome, it.iteration.test_result, commit_refused=it.commit_refused)
    words = {"done": "finished", "failed": "failed", "stopped": "stopped", "crashed": "crashed"}
    text = it.iteration.error or f"iteration {it.iteration.number} {words[outcome.value]}"
    store.settle(it.iteration.id, status=status, facts=[*it.facts, (words[outcome.value], text)])
    return text
