"""A session's script run by hand: in this process, or detached for a screen, which starts, reads and stops it.

The detached process goes on when the screen is closed. It holds a lock that the kernel frees when it dies; the
script's output and its end are files of the run directory.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from ampsm_engine import detached_process, file_lock, lifecycle, redact, session_problems, timestamps
from ampsm_engine.amp import command, process
from ampsm_engine.config import Settings
from ampsm_engine.context import Engine, engine_at
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.home import IterationDirectory, open_private, write_private
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Iteration, ScriptResult, Session, Status
from ampsm_engine.store import PatientStore
from ampsm_engine.worker import agent_context

if TYPE_CHECKING:
    from ampsm_engine.worker.script import ScriptRun

MOST_SHOWN = 1 << 20
"""Bytes of output that a screen gets; the whole is in the run directory."""

MOST_AT_ONCE = 1 << 16
"""Bytes of output that one call of `read_output` gives."""

TICK = 0.05
"""Seconds between two reads of the output of a script."""

KEY_LENGTH = 1 << 16
"""Bytes of a private key that are waited for, at most."""

_begun: list[subprocess.Popen[bytes]] = []
"""Kept so that this process reaps them."""


@dataclass(frozen=True, slots=True)
class ScriptOutput:
    """What a script printed beyond an offset, and how it ended once it has; `offset`: where the next call begins."""

    text: str
    offset: int
    running: bool
    exit_code: int | None = None
    seconds: float | None = None
    timed_out: bool = False
    stopped: bool = False
    trouble: str = ""


def run_script(
    engine: Engine,
    session_id: str,
    output: Callable[[bytes], None],
    *,
    stop: Callable[[], bool] = lambda: False,
    limit: float | None = None,
) -> "ScriptRun":
    """Run the session's script and record the result with its last iteration; Refused as `check_runnable`.

    `output` gets what the script prints, redacted. A run that `stop` ended is not recorded: it does not judge the work.
    `limit`: the seconds that it may take, in place of the setting.
    """
    from ampsm_engine.worker import script  # 20 ms that the screens need not pay, which start a detached process

    store = engine.store
    session = store.sessions.get(session_id)
    iterations = store.iterations.of(session.id)
    check_runnable(session, iterations)
    last = iterations[-1] if iterations else None
    run = engine.home.iteration(last.id if last else session.id)
    run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep_earlier_output(engine, session.id, last, run)
    began, settings, mark = datetime.now(UTC), engine.settings, script.mark_by_hand(session.id)
    place = session_problems.working_folder(Path(session.worktree_path), session.folder)
    script.end_run_by_hand(engine.home, session.id, settings.number("stop.terminate"))
    with script.run_by_hand(engine.home, session.id):
        ran = run_shown(
            lambda stopping: script.run(
                session.script_command or "",
                place,
                run.script_output,
                command.environment(os.environ, mark),
                limit=settings.number("script.timeout") if limit is None else limit,
                stop=stopping,
            ),
            run.script_output,
            output,
            stop=stop,
            settings=settings,
            mark=mark,
        )
    redact.file(run.script_output)
    if not ran.stopped:
        _record_script(engine, session, last, ran, began)
    return ran


def run_shown(
    begin: "Callable[[Coroutine[Any, Any, None]], Coroutine[Any, Any, ScriptRun]]",
    file: Path,
    output: Callable[[bytes], None],
    *,
    stop: Callable[[], bool],
    settings: Settings,
    mark: str,
) -> "ScriptRun":
    """Run a command of a session, and hand what it writes into a file to `output`, redacted, until it ends.

    `begin` is given what is over once `stop` says so. `mark`: what its processes are known by; those that it leaves
    are ended.
    """
    import asyncio

    shown = 0

    def show_more() -> bool:
        nonlocal shown
        with file.open("rb") as opened:
            opened.seek(shown)
            new = opened.read()
        whole = new[: whole_lines(new)]
        shown += len(whole)
        if whole:
            output(redact.bytes_(whole))
        return stop()

    async def show_until_stopped() -> None:
        while not show_more():  # noqa: ASYNC110 - a file that grows sends no event
            await asyncio.sleep(TICK)

    try:
        ran = asyncio.run(begin(show_until_stopped()))
    finally:
        if not settings.switch("iteration.keep-strays"):
            process.end_leftovers(mark, settings.number("stop.terminate"))
    with file.open("rb") as opened:
        opened.seek(shown)
        output(redact.bytes_(opened.read()))
    return ran


def whole_lines(output: bytes) -> int:
    """How much of a growing output may be redacted and shown: whole lines, and no beginning of a private key."""
    end = output.rfind(b"\n") + 1
    begun = output.rfind(b"-----BEGIN", 0, end)
    is_open = begun >= 0 and output.find(b"-----END", begun, end) < 0
    return begun if is_open and end - begun < KEY_LENGTH else end


def _keep_earlier_output(engine: Engine, session_id: str, last: Iteration | None, run: IterationDirectory) -> None:
    """Rename the output of the run before by the number of its entry in the history; a stopped run has none."""
    facts = engine.store.facts.read(session_id=session_id)
    told = [one.number for one in facts if one.kind == "tested" and one.iteration_id == (last.id if last else None)]
    if told and not (kept := run.script_output_of(told[-1])).exists():
        redact.file(run.script_output)  # its runner may have been killed before
        with suppress(FileNotFoundError):
            run.script_output.rename(kept)


def check_runnable(session: Session, iterations: Sequence[Iteration]) -> None:
    """Refused without a script or a worktree, and while amp works in it."""
    if not session.script_command:
        message = f"Session {session.name} has no script."
        raise Refused(message, f"ampsm edit {session.id} --script 'make test'")
    session_problems.check_worktree(session)
    if any(lifecycle.is_active(iteration.state) for iteration in iterations):
        message = f"amp is at work in session {session.name}; its script runs when it is done."
        raise Refused(message, f"ampsm wait {session.id}")


def _record_script(engine: Engine, session: Session, last: Iteration | None, ran: "ScriptRun", began: datetime) -> None:
    # It may have run for minutes: a busy database must not lose its result.
    store = PatientStore(engine.home.database)
    if last is not None:
        took = round(ran.seconds * 1000)
        store.iterations.update(last.id, test_result=ran.result, test_exit_code=ran.exit_code, script_ms=took)
    store.facts.add(
        "tested",
        f"{ran.text}, run by hand at {timestamps.stamp(began)}",
        session_id=session.id,
        iteration_id=last.id if last else None,
    )
    # Read again: a message may have come in meanwhile, and amp is at work now.
    if store.sessions.get(session.id).status in (Status.IDLE, Status.AWAITING_INPUT):
        status = Status.IDLE if ran.result is ScriptResult.PASS else Status.AWAITING_INPUT
        store.sessions.update(session.id, status=status)
    agent_context.update_status(store.sessions.get(session.id), store.iterations.of(session.id))


def start(engine: Engine, session_id: str) -> str:
    """Run the session's script in a detached process; answers the name of its run. Refused as `run_script`."""
    session = engine.store.sessions.get(session_id)
    check_runnable(session, engine.store.iterations.of(session.id))
    return start_detached(engine, session, __name__, what="The script", hint=f"ampsm run {session.id}")


def start_detached(engine: Engine, session: Session, module: str, *, what: str, hint: str) -> str:
    """Run a module as a detached process for a session; answers the name of its run. Refused while one is at it.

    `what` it runs and the command that does it here (`hint`) are for people. The module calls `run_detached`.
    """
    iterations = engine.store.iterations.of(session.id)
    run_id = iterations[-1].id if iterations else session.id
    run = engine.home.iteration(run_id)
    run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = open_private(run.script_lease, os.O_RDWR | os.O_CREAT)
    try:
        if not file_lock.acquire(lease, 0):
            message = f"{what} of session {session.name} is running already, or the other command of it."
            raise Refused(message, f"ampsm show {session.id}")
        run.script_end.unlink(missing_ok=True)
        write_private(run.script_shown, b"")
        pid = _spawn(engine, module, session.id, lease, (what, hint))
        os.ftruncate(lease, 0)
        os.pwrite(lease, str(pid).encode(), 0)
    finally:
        os.close(lease)
    return run_id


def _spawn(engine: Engine, module: str, session_id: str, lease: int, words: tuple[str, str]) -> int:
    """The process inherits the lock and holds it to its end."""
    what, hint = words
    _begun[:] = [process for process in _begun if process.poll() is None]
    log = open_private(engine.home.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with detached_process.deaf_to_sigterm():
        process = detached_process.start(engine.home, module, session_id, log=log, kept=(lease,), what=what, hint=hint)
    _begun.append(process)
    return process.pid


def read_output(engine: Engine, run_id: str, offset: int = 0) -> ScriptOutput:
    """What a detached script printed beyond `offset` bytes, in whole lines, and whether it still runs."""
    run = engine.home.iteration(run_id)
    running = _is_running(run)  # asked first: what is printed after that is there at the next look
    content = b""
    with suppress(FileNotFoundError), run.script_shown.open("rb") as file:
        file.seek(offset)
        content = file.read(MOST_AT_ONCE)
    text, offset = content.decode("utf-8", "replace"), offset + len(content)
    if running or len(content) == MOST_AT_ONCE:
        return ScriptOutput(text, offset, running=True)
    try:
        end = json.loads(run.script_end.read_bytes())
    except (OSError, ValueError):
        return ScriptOutput(text, offset, running=False, trouble="The process that ran it is gone.")
    return ScriptOutput(text, offset, running=False, **end)


def stop(engine: Engine, run_id: str) -> bool:
    """Ask a detached script to end; False when none runs."""
    run = engine.home.iteration(run_id)
    if not _is_running(run):
        return False
    try:
        # Held to its end, the lock says that the pid is still that of the process which wrote nothing but this.
        os.kill(int(run.script_lease.read_bytes()), signal.SIGTERM)
    except (ValueError, ProcessLookupError):
        return False
    return True


def _is_running(run: IterationDirectory) -> bool:
    return file_lock.is_held(run.script_lease)


def run_detached(session_id: str, verb: "Callable[..., ScriptRun]") -> None:
    """The detached process: run a command, append its output to `script_shown`, write its end to `script_end`.

    `verb` is given the engine, the session's id, what takes the output, and `stop`, as `run_script` is.
    """
    engine = engine_at()
    iterations = engine.store.iterations.of(session_id)
    run = engine.home.iteration(iterations[-1].id if iterations else session_id)
    asked = False

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with run.script_shown.open("ab", buffering=0) as shown:

        def show(content: bytes) -> None:
            left = MOST_SHOWN - shown.tell()
            if 0 < left < len(content):
                content = content[:left] + f"\n... the whole output: {run.script_output}\n".encode()
            if left > 0:
                shown.write(content)

        try:
            ran = verb(engine, session_id, show, stop=lambda: asked)
        except AmpsmError as reason:
            end: dict[str, object] = {"trouble": str(reason)}
        else:
            end = {"exit_code": ran.exit_code, "seconds": round(ran.seconds, 1)}
            end |= {"timed_out": ran.timed_out, "stopped": ran.stopped}
    write_private(run.script_end, json.dumps(end).encode())


if __name__ == "__main__":
    run_detached(sys.argv[1], run_script)
