"""A session's script run by hand for a screen: begun, looked at, stopped.

It runs in a process of its own, so that it goes on when the screen is closed. Who runs it holds a lock that
the kernel frees with its holder; what it printed and how it ended are files of the run directory.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from ampsm_engine import file_lock
from ampsm_engine.context import Engine, engine_at
from ampsm_engine.engine import runs
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.home import RunDirectory, open_private, write_private

MOST_SHOWN = 1 << 20
"""Bytes of output that a screen gets; the whole is in the run directory."""

MOST_AT_ONCE = 1 << 16

_begun: list[subprocess.Popen[bytes]] = []
"""Kept so that this process reaps them."""


@dataclass(frozen=True, slots=True)
class ScriptOutput:
    """What the script printed since `offset` of the look before, and how it ended once it has."""

    text: str
    offset: int
    running: bool
    exit_code: int | None = None
    seconds: float | None = None
    timed_out: bool = False
    stopped: bool = False
    trouble: str = ""


def start(engine: Engine, session_id: str) -> str:
    """Run the session's script in a detached process; answers the name of its run. Refused as `runs.run_script`."""
    store = engine.store
    session = store.sessions.get(session_id)
    iterations = store.iterations.of(session.id)
    runs.may_run_script(session, iterations)
    run_id = iterations[-1].id if iterations else session.id
    run = engine.home.run(run_id)
    run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = open_private(run.script_lease, os.O_RDWR | os.O_CREAT)
    try:
        if not file_lock.acquire(lease, 0):
            message = f"The script of session {session.name} is running already."
            raise Refused(message, f"ampsm show {session.id}")
        run.script_end.unlink(missing_ok=True)
        write_private(run.script_shown, b"")
        pid = _spawn(engine, session.id, lease)
        os.ftruncate(lease, 0)
        os.pwrite(lease, str(pid).encode(), 0)
    finally:
        os.close(lease)
    return run_id


def _spawn(engine: Engine, session_id: str, lease: int) -> int:
    """The process inherits the lock and holds it to its end."""
    _begun[:] = [process for process in _begun if process.poll() is None]
    environment = os.environ | {"AMPSM_HOME": str(engine.home.root), "AMPSM_DB_PATH": str(engine.home.database)}
    log = open_private(engine.home.worker_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    # Inherited: asked to end before it can answer, the process must not die of it without a word.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ampsm_engine.engine.scripts", session_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment,
            pass_fds=(lease,),
            start_new_session=True,
        )
    except OSError as reason:
        message = f"The script could not be started: {reason.strerror}."
        raise Failed(message, f"ampsm run {session_id}") from reason
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(log)
    _begun.append(process)
    return process.pid


def look(engine: Engine, run_id: str, offset: int = 0) -> ScriptOutput:
    """What a script run by hand printed beyond `offset` bytes, and whether it still runs. Only whole lines."""
    run = engine.home.run(run_id)
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
        return ScriptOutput(text, offset, running=False, trouble="The process that ran the script is gone.")
    return ScriptOutput(text, offset, running=False, **end)


def stop(engine: Engine, run_id: str) -> bool:
    """Ask a script run by hand to end; whether there was one."""
    run = engine.home.run(run_id)
    if not _is_running(run):
        return False
    try:
        # Held to its end, the lock says that the pid is still that of the process which wrote nothing but this.
        os.kill(int(run.script_lease.read_bytes()), signal.SIGTERM)
    except (ValueError, ProcessLookupError):
        return False
    return True


def _is_running(run: RunDirectory) -> bool:
    try:
        descriptor = os.open(run.script_lease, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not file_lock.acquire(descriptor, 0)
    finally:
        os.close(descriptor)


def main(session_id: str) -> None:
    """The detached process: run, show, write how it ended."""
    engine = engine_at()
    iterations = engine.store.iterations.of(session_id)
    run = engine.home.run(iterations[-1].id if iterations else session_id)
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
            ran = runs.run_script(engine, session_id, show, stop=lambda: asked)
        except AmpsmError as reason:
            end: dict[str, object] = {"trouble": str(reason)}
        else:
            end = {"exit_code": ran.exit_code, "seconds": round(ran.seconds, 1)}
            end |= {"timed_out": ran.timed_out, "stopped": ran.stopped}
    write_private(run.script_end, json.dumps(end).encode())


if __name__ == "__main__":
    main(sys.argv[1])
