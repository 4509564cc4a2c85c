"""Runs the git program. No other module does, so that its surroundings are decided once.

A child sees nothing of a git that runs around us (GIT_DIR and its like), has no terminal, an empty standard input
and a session of its own. `read` is for questions: no locks, no hooks, no file system monitor, no pager, no network.
What git prints for people is cleaned here; nothing of it is parsed.
"""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, Self

from ampsm_engine import process_identity
from ampsm_engine.errors import AmpsmError, Failed, Unfit
from ampsm_engine.home import GIT_OWNER_MARK, home, write_private
from ampsm_engine.plain_text import printable

Argument = str | bytes | Path
Variables = Mapping[str, str | Path]

LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
)
"""What binds a git to one repository: `git rev-parse --local-env-vars`, less the variables that hold configuration.

GIT_CONFIG_COUNT and GIT_CONFIG_PARAMETERS are the user's own (safe.directory, user.name); what is set here by `-c`
goes before them.
"""

_BENDING_VARIABLES = (
    *("GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS"),
    *("GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_ATTR_SOURCE", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH"),
    # A hook of `git commit` exports the dates of the commit around it.
    *("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "GIT_REFLOG_ACTION"),
    # A terminal that a passphrase program would write on, over our screens.
    "GPG_TTY",
)

_ALWAYS = {
    # What git says is looked into for causes. Nothing but the language of messages: names and order stay the user's.
    "LANGUAGE": "en",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": ":",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_PAGER": "cat",
    "GIT_MERGE_AUTOEDIT": "no",
}

_READING = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    # A partial clone would fetch what a question needs, and run the configured ssh for it.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}

_GUARDS = (
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.splitIndex=false"),
    *("-c", "log.showSignature=false"),
    *("-c", f"diff.orderFile={os.devnull}"),
)

LEAST = (2, 38)
"""The oldest git that will do: `merge-tree --write-tree`, by which merges are made, came with it."""

HOW_TO_GET = (
    f"Install git {'.'.join(map(str, LEAST))} or newer, and put it first in the PATH: https://git-scm.com/downloads"
    " (Ubuntu: add-apt-repository ppa:git-core/ppa; Debian: backports; macOS: brew install git)"
)

_UNSEEING = ("-c", "core.fsmonitor=false")
"""Options for reads and changes: a file system monitor that answers wrongly would let git take nothing for changed."""

READ_LIMIT = 600.0
"""Seconds that a question may take; a filter that hangs must not hang us for ever."""

SHOW_LIMIT = 20.0
"""Seconds that one question may take until what it is part of is shown without its answer."""

PART = 256 * 1024
"""Bytes of an output that are read at a time."""

_TICK = 0.25
"""Seconds between two calls of the function that watches a git that runs (`watched`)."""

_GRACE = 2.0
"""Seconds that a git has to remove its lock files after SIGTERM."""

_ESCAPES = r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])"


class Answer(NamedTuple):
    """How a git ended: exit code (negative: a signal), its output, and what it said to a person."""

    code: int
    output: bytes
    message: str
    timed_out: bool = False
    stopped: bool = False
    """Whether it was ended because the function that watched it said so."""

    @property
    def ok(self) -> bool:
        """Whether git ended with exit code 0."""
        return self.code == 0

    @property
    def line(self) -> str:
        """The output as one line of text, as rev-parse and its like answer."""
        return text(self.output).removesuffix("\n")

    @property
    def reason(self) -> str:
        """The lines of what it said that tell most: the first error and what was fatal, as one."""
        if self.timed_out or self.stopped:
            return "it was ended before it had an answer: a filter, a hook or the disk may hang"
        lines = [line for line in self.message.splitlines() if line]
        told = [next((line for line in lines if line.startswith(word)), "") for word in ("error: ", "fatal: ")]
        clean = [line.partition(": ")[2].rstrip(".") for line in told if line]
        return "; ".join(clean) or (lines or [f"it ended with {self.code}"])[-1].rstrip(".")


Watch = Callable[[int, float], bool]
"""Is asked now and then about a git that runs, by its pid and the seconds since it began: whether to end it."""

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let each git that is waited for in here be watched."""
    before = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(before)


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Let each git that is waited for in here run for SHOW_LIMIT at most: a filter that hangs holds up no answer."""
    with watched(lambda _pid, age: age > SHOW_LIMIT):
        yield


def version() -> str:
    """What the git in the PATH says it is, and where; Unfit without one, or where it is too old."""
    path = _place()
    told = _version_of(path)
    numbers = re.search(r"(\d+)\.(\d+)", told)
    if numbers and (int(numbers[1]), int(numbers[2])) < LEAST:
        raise Unfit(f"{told} at {path} is too old for ampsm.", HOW_TO_GET)
    return f"{told} at {path}"


def _place() -> str:
    places = (os.path.join(folder, "git") for folder in os.get_exec_path())  # noqa: PTH118 - asked at each start of git
    path = next((place for place in places if os.access(place, os.X_OK)), None)
    if path is None:
        raise Unfit("The git program was not found.", HOW_TO_GET)
    return path


def refuse_unfit() -> None:
    """Unfit without a git that will do. One that did once is not asked again for as long as its file is the same."""
    path = _place()
    if path in _fit:
        return
    found = Path(path).stat()
    mark = f"{path}\0{found.st_ino}\0{found.st_size}\0{found.st_mtime_ns}\0{LEAST}".encode()
    known = home().cache / "git"
    with contextlib.suppress(OSError):
        if known.read_bytes() == mark:
            _fit.add(path)
            return
    version()
    _fit.add(path)
    with contextlib.suppress(OSError):
        if known.parent.is_dir():
            write_private(known, mark, lasting=False)


_fit: set[str] = set()
"""Paths of gits that were looked at in this process."""


@lru_cache(8)
def _version_of(path: str) -> str:
    """The version of a git, asked of each program once a process."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.SubprocessError) as reason:
        raise Failed(f"The git program at {path} could not be started: {reason}.", "git --version") from reason
    return printable(done.stdout.decode("utf-8", "replace").strip()) or "a git that does not say its version"


class Running:
    """A git process that runs; the caller has to `wait` for it or `end` it."""

    def __init__(
        self, arguments: tuple[Argument, ...], environ: Mapping[str, str], feed: bytes | None, *, piped: bool = False
    ) -> None:
        refuse_unfit()
        self._out, self._err = _scratch(), _scratch()
        self._began = time.monotonic()
        given = subprocess.DEVNULL if feed is None else _filled(feed)
        try:
            self._process = subprocess.Popen(
                ["git", *map(_encoded, arguments)],
                stdin=given,
                stdout=subprocess.PIPE if piped else self._out,
                stderr=self._err,
                env=environ,
                start_new_session=True,
            )
        except FileNotFoundError as reason:  # it went since it was asked
            raise Unfit("The git program was not found.", HOW_TO_GET) from reason
        except (OSError, ValueError) as reason:  # ValueError: a NUL in an argument
            raise Failed(f"The git program could not be started: {reason}.", "git --version") from reason
        finally:
            if not isinstance(given, int):
                given.close()

    def has_ended(self) -> bool:
        """Whether the process has ended by itself; does not wait."""
        return self._process.poll() is not None

    def parts(self) -> Iterator[bytes]:
        """The output of one that is `piped`, as it comes."""
        if self._process.stdout is None:
            return
        with self._process.stdout as pipe:
            while part := os.read(pipe.fileno(), PART):
                yield part

    def wait(self, limit: float | None = None) -> Answer:
        """Wait for its end, at most `limit` seconds; it is ended then, and whenever the wait is interrupted."""
        stopped = timed_out = False
        try:
            stopped = (watch := _watch.get()) is not None and self._is_stopped(watch, limit)
            if not stopped and not _ended(self._process, None if limit is None else max(limit - self._age(), 0)):
                timed_out = True
            if stopped or timed_out:
                self._kill()
        except BaseException:
            self.end()
            raise
        code = self._process.wait()
        return Answer(code, _content(self._out), _readable(_content(self._err)), timed_out, stopped)

    def _age(self) -> float:
        return time.monotonic() - self._began

    def _is_stopped(self, watch: Watch, limit: float | None) -> bool:
        """Whether the one who watches ends it before it ends by itself, or its time does."""
        while limit is None or self._age() < limit:
            if _ended(self._process, _TICK):
                return False
            if watch(self._process.pid, self._age()):
                return True
        return False

    def end(self) -> None:
        """End it and what it started, unless it ended by itself."""
        self._kill()
        self._out.close()
        self._err.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _kill(self) -> None:
        """Ask first, so that it removes its lock files; a hook that does not listen outlives its git otherwise."""
        if self._process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if not self._signal_group(number):
                    break
                deadline = time.monotonic() + _GRACE
                _ended(self._process, _GRACE)
                while self._signal_group(0) and time.monotonic() < deadline:
                    time.sleep(process_identity.POLL_INTERVAL)
        self._process.wait()

    def _signal_group(self, number: int) -> bool:
        """Send a signal to the process group; whether it still has a process."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def read(where: Path, *arguments: Argument, feed: bytes | None = None, variables: Variables | None = None) -> Answer:
    """Ask git a question about the repository at `where`; the exit code is part of the answer.

    Configured filters do run where git must compare contents.
    """
    return begin_reading(where, *arguments, feed=feed, variables=variables).wait(READ_LIMIT)


def begin_reading(
    where: Path, *arguments: Argument, feed: bytes | None = None, variables: Variables | None = None
) -> Running:
    """Let git begin to answer a question, and come back at once; READ_LIMIT is what it may be waited for."""
    environ = environment(reading=True, variables=variables)
    return Running((*_GUARDS, *_sense(where), "-C", where, *arguments), environ, feed)


def converse(where: Path, *arguments: Argument, variables: Variables | None = None) -> subprocess.Popen[bytes]:
    """A git that answers question after question until its standard input is closed, as that of a process that died."""
    refuse_unfit()
    command = map(_encoded, ("git", *_GUARDS, "-C", where, *arguments))
    pipe, environ = subprocess.PIPE, environment(reading=True, variables=variables)
    try:
        return subprocess.Popen(
            list(command), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environ, start_new_session=True
        )
    except OSError as reason:
        raise Failed(f"The git program could not be started: {reason}.", "git --version") from reason


def parts(where: Path, *arguments: Argument, variables: Variables | None = None) -> Generator[bytes, None, Answer]:
    """The output of a question in parts, as git gives it, then its answer without output; takes as long as its reader.

    Closed before its end, it ends git. Only for what starts no program of the user's: one left behind would hold the
    pipe open.
    """
    environ = environment(reading=True, variables=variables)
    with Running((*_GUARDS, *_sense(where), "-C", where, *arguments), environ, None, piped=True) as running:
        yield from running.parts()
        return running.wait(READ_LIMIT)


def query(where: Path, *arguments: Argument, feed: bytes | None = None, variables: Variables | None = None) -> bytes:
    """The output of a question that git must be able to answer; Failed otherwise."""
    answer = read(where, *arguments, feed=feed, variables=variables)
    if not answer.ok:
        raise failure(where, arguments, answer)
    return answer.output


def write(
    where: Path,
    *arguments: Argument,
    feed: bytes | None = None,
    limit: float | None = None,
    variables: Variables | None = None,
) -> Answer:
    """Let git change something, with the user's own configuration, hooks and filters in force."""
    return start(where, *arguments, feed=feed, variables=variables).wait(limit)


def change(where: Path, *arguments: Argument, feed: bytes | None = None, variables: Variables | None = None) -> bytes:
    """The output of a change that must work; Failed otherwise."""
    answer = write(where, *arguments, feed=feed, variables=variables)
    if not answer.ok:
        raise failure(where, arguments, answer)
    return answer.output


def start(where: Path, *arguments: Argument, feed: bytes | None = None, variables: Variables | None = None) -> Running:
    """Let git begin to change something, and come back at once."""
    environ = environment(reading=False, variables=variables)
    return Running((*_UNSEEING, *_sense(where), "-C", where, *arguments), environ, feed)


def _sense(where: Path) -> tuple[str, ...]:
    """Where names in another case are other files, git is told so: the configuration may come from elsewhere.

    Else a file renamed in its case alone would be gone from a commit, and not be there under its new name.
    """
    tells_apart = os.path.lexists(where / ".git") and not os.path.lexists(where / ".GIT")
    return ("-c", "core.ignoreCase=false") if tells_apart else ()


def environment(*, reading: bool, variables: Variables | None = None) -> dict[str, str]:
    """Our environment without what would bend git, and with what keeps it quiet."""
    dropped = {*LOCAL_VARIABLES, *_BENDING_VARIABLES}
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    environ.update(_ALWAYS)
    environ[GIT_OWNER_MARK] = f"{os.getpid()}:{process_identity.started(os.getpid())[0]}"
    if reading:
        environ.update(_READING)
    environ.update({name: os.fsdecode(value) for name, value in (variables or {}).items()})
    return environ


def configuration(values: Mapping[str, str]) -> dict[str, str]:
    """Variables that set some things in git's configuration, beside what the user's own variables set."""
    known = os.environ.get("GIT_CONFIG_COUNT", "")
    count = int(known) if known.isdecimal() else 0
    variables = {"GIT_CONFIG_COUNT": str(count + len(values))}
    for number, (name, value) in enumerate(values.items(), start=count):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def failure(where: Path, arguments: tuple[Argument, ...], answer: Answer) -> AmpsmError:
    """The error for a git that did not do what it was asked."""
    if "packed-refs" in answer.reason and "packed-refs.lock" not in answer.reason:  # another git has that one
        message = f"The refs of the repository at {where} are damaged: {answer.reason}."
        return Unfit(message, f"Take that line out with an editor: git -C {where} rev-parse --git-path packed-refs")
    verb = next((str(one) for one in arguments if not str(one).startswith("-")), "")
    return Failed(f"git {verb} failed in {where}: {answer.reason}.", f"git -C {where} status")


def parallel_checkout(threshold: int = 100) -> tuple[str, ...]:
    """Settings by which git writes more files than `threshold` with several processes."""
    return (
        "-c",
        f"checkout.workers={min(4, os.cpu_count() or 1)}",
        "-c",
        f"checkout.thresholdForParallelism={threshold}",
    )


def text(raw: bytes) -> str:
    """Decode file names that git printed as Python decodes file names."""
    return raw.decode("utf-8", "surrogateescape")


def _encoded(argument: Argument) -> bytes:
    if isinstance(argument, Path):
        return os.fsencode(argument)
    return argument.encode("utf-8", "surrogateescape") if isinstance(argument, str) else argument


def _scratch() -> IO[bytes]:
    """A file without a name. Not a pipe: what a hook leaves behind would hold its other end open."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("ampsm-git", os.MFD_CLOEXEC), "w+b")
    import tempfile  # 10 ms that a start on Linux need not pay

    return tempfile.TemporaryFile()


def _filled(content: bytes) -> IO[bytes]:
    file = _scratch()
    file.write(content)
    file.seek(0)
    return file


def _content(file: IO[bytes]) -> bytes:
    with file:
        file.seek(0)
        return file.read()


def _ended(process: subprocess.Popen[bytes], limit: float | None) -> bool:
    """Whether a process ended in time. Popen's own wait with a limit sleeps up to 50 ms too long."""
    if limit is None:
        process.wait()
    elif hasattr(os, "pidfd_open") and process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(limit * 1000)
        finally:
            os.close(descriptor)
    else:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(limit)
    return process.poll() is not None


def _readable(raw: bytes) -> str:
    """What a program said to a person: its last forty lines, without a control character."""
    text = raw[-20_000:].decode("utf-8", "replace")
    clean = re.sub(_ESCAPES, "", text) if "\x1b" in text else text
    lines = [printable(line.rpartition("\r")[2] or line) for line in clean.splitlines()]
    return "\n".join([line for line in lines if line][-40:])
