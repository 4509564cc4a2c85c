"""amp as a process: started, waited for, ended, asked short questions, and found again after its worker died.

A child and an adopted orphan are waited for and ended in the same way. amp's tools run in sessions of their own: what
they leave behind is found by the run's mark in its environment. A process that overwrites its own is not found, nor is
one of another user.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ampsm_engine.errors import AmpsmError, Failed, Refused, Unfit
from ampsm_engine.home import PRIVATE_FILE, RUN_MARK, IterationDirectory, open_private, write_private
from ampsm_engine.process_identity import LINUX, POLL_INTERVAL, Identity, identify, is_alive

if TYPE_CHECKING:
    import asyncio  # 20 ms that light commands need not pay

    import psutil

_ANSWER_LIMIT = 1024 * 1024
"""Bytes of an answer that are read."""

_MORE_ROUNDS = 4
"""How often leftover processes are looked for again: what is being ended may still start others."""


class Child:
    """A process of amp: started by this process, or adopted. Signals reach this very process or none."""

    def __init__(self, identity: Identity, process: "asyncio.subprocess.Process | None" = None) -> None:
        self.identity = identity
        self._process = process

    @property
    def pid(self) -> int:
        """The process id of this amp, which is its process group's, too."""
        return self.identity.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code once amp has ended, -N after signal N; None before, and always for an adopted amp."""
        return self._process.returncode if self._process else None

    def alive(self) -> bool:
        """Whether the process still runs; a zombie does not."""
        return is_alive(self.identity)

    async def wait(self) -> None:
        """Come back as soon as it is gone; costs nothing while it lives."""
        await (self._process.wait() if self._process else _gone(self.identity))

    async def end(self, interrupt: float, terminate: float) -> None:
        """SIGINT, SIGTERM after `interrupt` seconds, and SIGKILL after `terminate` more; comes back once it is gone.

        SIGINT lets amp tell its server, end its tool and print a result; SIGHUP never, it dies silently.
        """
        import asyncio

        for send, grace in ((self.interrupt, interrupt), (self.terminate, terminate), (self.kill, None)):
            send()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self.wait()
                    return

    def interrupt(self) -> None:
        """SIGINT to amp alone: it ends its tools, says so in its stream, and exits."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM to the amp process, not to its group."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to amp and its process group. Its tools have sessions of their own: see `end_leftovers`."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(self.pid) == self.pid:
                    os.killpg(self.pid, signal.SIGKILL)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with _handle(self.pid) as handle:
            # The handle holds on to one process; it is that of our amp when amp is alive afterwards.
            if not self.alive():
                return
            with contextlib.suppress(ProcessLookupError):
                if handle is None:
                    os.kill(self.pid, number)
                else:
                    signal.pidfd_send_signal(handle, number)


_started: dict[Identity, Child] = {}
"""Each amp that this process started: adopted by it again, it still leaves its exit code to us."""


async def _gone(known: Identity) -> None:
    """Return once a process that is no child of ours has ended."""
    import asyncio

    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    with _handle(known.pid) as handle:
        if handle is not None and is_alive(known):
            loop.add_reader(handle, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(handle)
        # Where there is no such handle, or dead and not yet so in /proc.
        while is_alive(known):  # noqa: ASYNC110 - its end is not announced
            await asyncio.sleep(POLL_INTERVAL)


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """A pidfd of a process; None where the system has no pidfds or the process is gone."""
    handle: int | None = None
    if LINUX and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


async def start(
    argv: Sequence[str],
    run: IterationDirectory,
    worktree: Path,
    env: Mapping[str, str],
    *,
    prompt: Path | None = None,
) -> Child:
    """Start amp in the worktree, its streams in the run directory, and write down who it is.

    Standard input is the file `prompt`, else the run's own. Whoever leaves while it runs must not let the event loop
    end: that would end amp.
    Refused when the worktree is gone, Unfit when the program cannot be run, Failed when the run directory or
    the system does not let us.
    """
    import asyncio

    with contextlib.ExitStack() as stack:
        try:
            run.process.unlink(missing_ok=True)  # it names an earlier attempt: see `adopt`
            words = stack.enter_context((prompt or run.prompt).open("rb"))
            # amp's own log is made here, too: amp would make one that others may read.
            output, errors, _ = (stack.enter_context(_appended(path)) for path in (run.stream, run.stderr, run.log))
        except OSError as reason:
            raise _unusable(run, reason) from reason
        try:
            started = await asyncio.create_subprocess_exec(
                *argv,
                cwd=worktree,
                env=dict(env),
                stdin=words,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        except (OSError, ValueError) as reason:
            raise _unstartable(argv, worktree, reason) from reason
    child = Child(identify(started.pid), started)
    facts = {"pid": child.pid, "token": child.identity.token, "boot": child.identity.boot}
    try:
        write_private(run.process, json.dumps(facts).encode())
    except OSError as reason:  # this amp could not be found again
        child.kill()
        raise _unusable(run, reason) from reason
    _started[child.identity] = child
    return child


def _unusable(run: IterationDirectory, reason: OSError) -> Failed:
    return Failed(f"The run directory {run.path} cannot be used: {reason}.", "ampsm doctor")


def _appended(path: Path) -> BinaryIO:
    descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.fchmod(descriptor, PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")


def _unstartable(argv: Sequence[str], worktree: Path, reason: OSError | ValueError) -> AmpsmError:
    if not worktree.is_dir():
        return Refused(f"The worktree {worktree} is gone.", "ampsm repair")
    if isinstance(reason, FileNotFoundError | PermissionError):
        message = f"The amp program {argv[0]} cannot be run: {reason.strerror}."
        return Unfit(message, "npm install -g @ampcode/cli   (or: ampsm doctor)")
    return Failed(f"amp could not be started: {reason}.", "ampsm doctor")


def adopt(run: IterationDirectory, iteration_id: str) -> Child | None:
    """The amp of a run whose worker died; None when no amp lives.

    It is the one that the worker wrote down. Where the worker died before it could, the one that carries the
    run's mark and is not a tool: it leads its session, and writes to this run's stream.
    """
    written = _written(run.process)
    if written is not None:
        return _child(written) if is_alive(written) else None
    living = {process.pid: process for process in leftover_processes(iteration_id)}
    leaders = [process for process in living.values() if _is_leader(process, living)]
    writers = [process for process in leaders if _writes_to(process.pid, run.stream)]
    chosen = min(writers if LINUX else leaders, key=lambda process: (process.create_time(), process.pid), default=None)
    return _child(identify(chosen.pid)) if chosen else None


def _child(known: Identity) -> Child:
    return _started.get(known) or Child(known)


def _written(path: Path) -> Identity | None:
    try:
        facts = json.loads(path.read_bytes())
        return Identity(int(facts["pid"]), str(facts["token"]), str(facts["boot"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # not written, or half of it: the mark will tell


def _is_leader(process: "psutil.Process", marked: Mapping[int, "psutil.Process"]) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return os.getsid(process.pid) == process.pid and process.ppid() not in marked
    return False


def _writes_to(pid: int, stream: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/fd/1").samefile(stream)
    return False


def answer(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> tuple[int | None, bytes]:
    """The exit code and the standard output of a program; no code when it cannot be run or needs over `limit` s."""
    # Into a file: a grandchild that keeps a pipe open would be waited for.
    with tempfile.TemporaryFile() as output:
        try:
            popen = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError):
            return None, b""
        code = _exit_code(popen, limit)
        output.seek(0)
        return code, output.read(_ANSWER_LIMIT)


def once(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> bool:
    """Whether a program ran and succeeded within `limit` seconds."""
    return answer(argv, env, limit=limit)[0] == 0


async def succeeds(argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> bool:
    """Whether a program ends well within `limit` seconds; it is ended where it does not, and when this is cancelled."""
    import asyncio

    nothing = asyncio.subprocess.DEVNULL
    try:
        program = await asyncio.create_subprocess_exec(
            *argv, env=dict(env), stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except (OSError, ValueError):
        return False
    try:
        async with asyncio.timeout(limit):
            return await program.wait() == 0
    except TimeoutError:
        return False
    finally:
        if program.returncode is None:
            os.killpg(program.pid, signal.SIGKILL)
            await program.wait()


def _exit_code(popen: "subprocess.Popen[bytes]", limit: float) -> int | None:
    try:
        return popen.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if popen.returncode is None:
            os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()


def busy_with(pid: int) -> str:
    """The command line of the first process that this one waits for, else its own; empty when it is gone."""
    import psutil  # only who asks pays for it

    words: list[list[str]] = []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):  # a child may end while it is looked at
                words.append(one.cmdline())
    # git runs a hook through another git: the first that is none tells most.
    named = next((line for line in words if line and not line[0].endswith("git")), words[-1] if words else [])
    return " ".join(named)


def leftover_processes(iteration_id: str) -> "list[psutil.Process]":
    """Every living process of this user's that carries a run's mark, but ourselves and our ancestors."""
    import psutil

    own = psutil.Process()
    spared = {own.pid, *(process.pid for process in own.parents())}
    return [
        process for process in psutil.process_iter() if process.pid not in spared and _carries(process, iteration_id)
    ]


def end_leftovers(iteration_id: str, grace: float) -> list[str]:
    """SIGTERM to leftover processes, SIGKILL after `grace` seconds to those that stay; answers their command lines."""
    ended: dict[int, str] = {}
    for patience in (grace, *[0.0] * _MORE_ROUNDS):
        found = leftover_processes(iteration_id)
        if not found:
            break
        ended |= {process.pid: _command(process) for process in found}
        _signalled(_signalled(found, signal.SIGTERM, patience), signal.SIGKILL, 1)
    return list(ended.values())


def _signalled(processes: list["psutil.Process"], number: int, patience: float) -> list["psutil.Process"]:
    """Send a signal to all of them; those that still run when all are gone or the patience is at its end."""
    import psutil

    for process in processes:
        with contextlib.suppress(psutil.Error):  # psutil sends none to a pid used again
            process.send_signal(number)
    deadline = time.monotonic() + patience
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL)
    return left


def _carries(process: "psutil.Process", iteration_id: str) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        # The mark first: hardly a process has it, and each question costs as much as this one.
        is_marked = bool(iteration_id) and process.environ().get(RUN_MARK) == iteration_id
        return is_marked and process.uids().real == os.getuid() and _runs(process)
    return False


def _runs(process: "psutil.Process") -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    return False


def _command(process: "psutil.Process") -> str:
    import psutil

    with contextlib.suppress(psutil.Error):
        if command := process.cmdline():
            return " ".join(command)
    return f"process {process.pid}"
