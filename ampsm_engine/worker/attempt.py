"""Starting amp for an iteration: which command line, which environment, and what to mend before another try."""

import os
import re
from pathlib import Path

from ampsm_engine.amp import command, failures, process, program
from ampsm_engine.amp.process import Child
from ampsm_engine.config import Settings
from ampsm_engine.errors import Failed
from ampsm_engine.home import Home, RunDirectory, write_private
from ampsm_engine.model import Iteration, Session
from ampsm_engine.plain_text import printable

CONTINUE = "continue"
"""What a retry says to amp: the thread knows the rest."""

FRESH_THREAD = (
    "\n\n(The earlier conversation about this task cannot be continued. What was asked and done so far is in"
    " AGENT_CONTEXT/ITERATION_LOG.md and AGENT_CONTEXT/DIFF_SUMMARY.md.)"
)


def start(
    home: Home, settings: Settings, session: Session, iteration: Iteration, *, again: bool, had_thread: bool
) -> Child:
    """Start amp on the session's thread, or on a new one when there is none.

    `again`: another attempt of this iteration; where its thread is known, it says `continue`.
    `had_thread`: an earlier iteration had a thread, so a new one has to be told what went before.
    """
    run = home.run(iteration.id)
    worktree = Path(session.worktree_path)
    if not worktree.is_dir():
        message = f"The worktree of session {session.name} is gone: {worktree}."
        raise Failed(message, "ampsm repair")
    amp = program.find(settings, os.environ)
    options = program.options(amp, home.cache, os.environ) - dropped(run)
    thread_id = iteration.thread_id if again and iteration.thread_id else session.thread_id
    prompt = run.prompt
    if again and iteration.thread_id:
        prompt = run.path / "again.txt"
        write_private(prompt, CONTINUE.encode())
    elif thread_id is None and had_thread:
        prompt = _with_history(run)
    write_private(run.settings, command.settings(os.environ))
    allow_all = settings.switch("amp.allow-all")
    if thread_id:
        argv = command.follow_up(amp, options, run, thread_id, iteration.mode, allow_all=allow_all)
    else:
        title = printable(session.name)[:80]
        argv = command.first(amp, options, run, iteration.mode, allow_all=allow_all, title=title)
    environment = command.environment(os.environ, iteration.id)
    return process.start(argv, run, worktree, environment, prompt=prompt)


def _with_history(run: RunDirectory) -> Path:
    told = run.path / "told.txt"
    write_private(told, run.prompt.read_bytes() + FRESH_THREAD.encode())
    return told


def dropped(run: RunDirectory) -> frozenset[str]:
    """The options that this amp refused although its help lists them."""
    try:
        return frozenset((run.path / "dropped.txt").read_text().split())
    except FileNotFoundError:
        return frozenset()


def remedy(home: Home, settings: Settings, iteration: Iteration, ending: failures.Ending, stderr: str) -> bool:
    """Mend what can be mended before amp starts once more; False when there is nothing of the kind."""
    run = home.run(iteration.id)
    option = failures.unknown_option(stderr) if ending.remedy == "drop-option" else None
    if option is not None and option not in dropped(run):
        write_private(run.path / "dropped.txt", "\n".join({*dropped(run), option}).encode())
        return True
    if ending.remedy == "unarchive" and iteration.attempts == 1:
        session_thread = iteration.thread_id
        if session_thread is None:
            return False
        argv = command.unarchive(program.find(settings, os.environ), session_thread)
        return process.once(argv, command.environment(os.environ, iteration.id), limit=60)
    return False


_THREAD = re.compile(rb'"threadId":"(T-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')


def thread_in_log(run: RunDirectory) -> str | None:
    """The thread's id from amp's own log, which names it about a second before the stream does."""
    try:
        with run.log.open("rb") as file:
            found = _THREAD.search(file.read(1 << 20))
    except FileNotFoundError:
        return None
    return found.group(1).decode() if found else None
