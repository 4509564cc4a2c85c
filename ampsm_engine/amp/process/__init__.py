"""amp as a process: started, asked short questions, found again after its worker died, and signalled.

Signals reach this very process or nobody (`identity`). amp's tools run in sessions of their own: what they leave
behind is found by the run's mark (`marked`). psutil lives in this package.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ampsm_engine.amp.process.marked import Stray, end_strays, marked, strays
from ampsm_engine.errors import AmpsmError, Failed, Refused, Unfit
from ampsm_engine.home import PRIVATE_FILE, RunDirectory, open_private, write_private
from ampsm_engine.identity import LINUX, Identity, identify, is_alive

if TYPE_CHECKING:
    import psutil

__all__ = ["Child", "Identity", "Stray", "adopt", "answer", "busy_with", "end_strays", "once", "start", "strays"]

_GLANCE = 0.02
"""Seconds between two looks at a process whose end nobody announces."""

_ANSWER_LIMIT = 1024 * 1024
"""Bytes of an answer that are read."""


class Child:
    """One amp: started by this process, or adopted. Signals reach this very process or nobody."""

    def __init__(self, identity: Identity, popen: "subprocess.Popen[bytes] | None" = None) -> None:
        self.identity = identity
        self.exit_code: int | None = None
        """Once it is gone: its exit code, -N after signal N, None when an adopted one did not leave it to us."""
        self._popen = popen
        self._gone = False

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self.identity.pid

    @property
    def adopted(self) -> bool:
        """Whether another process started it."""
        return self._popen is None

    def poll(self) -> int | None:
        """None while it lives; then the exit code, 0 where it is not known (see `exit_code`)."""
        if not self._gone:
            if self._popen is not None:
                self.exit_code = self._popen.poll()
                self._gone = self.exit_code is not None
            elif not is_alive(self.identity):
                self._gone, self.exit_code = True, _reaped(self.pid)
        return (self.exit_code or 0) if self._gone else None

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return self.poll() is None

    def wait(self, seconds: float) -> int | None:
        """The same as `poll` after at most that long; costs nothing while nothing happens."""
        deadline = time.monotonic() + seconds
        with _watched(self.pid) as ended:
            while self.poll() is None and (left := deadline - time.monotonic()) > 0:
                if ended is None or _readable(ended, left):
                    time.sleep(min(left, _GLANCE))  # no such handle, or dead and not yet so in /proc
        return self.poll()

    def interrupt(self) -> None:
        """SIGINT to amp alone: it ends its tools, says so in its stream, and exits."""
        self._signal(signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM to amp alone."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to amp and its process group. Its tools have sessions of their own: see `end_strays`."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(self.pid) == self.pid:
                    os.killpg(self.pid, signal.SIGKILL)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with _watched(self.pid) as handle:
            # The handle holds on to one process; it is that of our amp when amp is alive afterwards.
            if not self.alive():
                return
            with contextlib.suppress(ProcessLookupError):
                if handle is None:
                    os.kill(self.pid, number)
                else:
                    signal.pidfd_send_signal(handle, number)


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[int | None]:
    """A pidfd, where the system has such a thing and the process exists."""
    handle: int | None = None
    if LINUX and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _readable(handle: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def _reaped(pid: int) -> int | None:
    """The exit code of a process that happens to be our child after all."""
    try:
        reaped, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if reaped else None


def start(
    argv: Sequence[str],
    run: RunDirectory,
    worktree: Path,
    env: Mapping[str, str],
    *,
    prompt: Path | None = None,
) -> Child:
    """Start amp in the worktree, its streams in the run directory, and write down who it is.

    Standard input is the file `prompt`, else the run's own.
    Refused when the worktree is gone, Unfit when the program cannot be run, Failed when the run directory or
    the system does not let us.
    """
    with contextlib.ExitStack() as stack:
        try:
            run.process.unlink(missing_ok=True)  # it names an earlier attempt: see `adopt`
            words = stack.enter_context((prompt or run.prompt).open("rb"))
            # amp's own log is made here, too: amp would make one that others may read.
            output, errors, _ = (stack.enter_context(_appended(path)) for path in (run.stream, run.stderr, run.log))
        except OSError as reason:
            raise _unusable(run, reason) from reason
        stack.enter_context(_signals_as_usual())
        try:
            popen = subprocess.Popen(
                list(argv),
                cwd=worktree,
                env=dict(env),
                stdin=words,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )
        except (OSError, ValueError) as reason:
            raise _unstartable(argv, worktree, reason) from reason
    child = Child(identify(popen.pid), popen)
    facts = {"pid": child.pid, "token": child.identity.token, "boot": child.identity.boot}
    try:
        write_private(run.process, json.dumps(facts).encode())
    except OSError as reason:  # nobody could ever find this amp again
        child.kill()
        raise _unusable(run, reason) from reason
    return child


def _unusable(run: RunDirectory, reason: OSError) -> Failed:
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


@contextlib.contextmanager
def _signals_as_usual() -> Iterator[None]:
    """No signal is ignored by what is started meanwhile.

    A shell that puts ampsm in the background makes it ignore SIGINT, and a program inherits what is ignored; what
    has a handler goes back to its default. Only a main thread may change that, and only there it is needed.
    """
    ignored = [
        number
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    if threading.current_thread() is not threading.main_thread():
        ignored = []
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


def adopt(run: RunDirectory, iteration_id: str) -> Child | None:
    """The amp of a run whose worker died; None when no amp lives.

    It is the one that the worker wrote down. Where the worker died before it could, the one that carries the
    run's mark and is not a tool: it leads its session, and writes to this run's stream.
    """
    written = _written(run.process)
    if written is not None:
        return Child(written) if is_alive(written) else None
    living = {process.pid: process for process in marked(iteration_id)}
    leaders = [process for process in living.values() if _is_leader(process, living)]
    writers = [process for process in leaders if _writes_to(process.pid, run.stream)]
    chosen = min(writers if LINUX else leaders, key=lambda process: (process.create_time(), process.pid), default=None)
    return Child(identify(chosen.pid)) if chosen else None


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
