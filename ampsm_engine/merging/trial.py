"""Scripts that judge commits which nothing refers to yet, in a scratch worktree; what passed is remembered by its tree.

A script that a signal ended from outside judges nothing: then the whole search stops.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ampsm_engine import redact, session_problems
from ampsm_engine.amp import command
from ampsm_engine.context import Engine
from ampsm_engine.errors import Failed
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.home import PRIVATE_FOLDER, Home, read_json_object, write_json_object, write_private
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import scratch
from ampsm_engine.merging.scratch import ScratchWorktree
from ampsm_engine.plain_text import printable
from ampsm_engine.worker import script
from ampsm_engine.worker.script import ScriptRun

KEPT = 500
"""Trees that passed, of one repository, that are remembered; the oldest go first."""

VALID = timedelta(days=1)
"""How long a trial that passed counts: a script sees more of the world than a tree."""

LOGS_KEPT = 50

_FROM_OUTSIDE = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL})
"""Signals that say nothing about the work. A crash of what is tested does."""

_SIGNALLED = 128
"""What a shell adds to the number of a signal."""


@dataclass(frozen=True, slots=True)
class TrialRun:
    """The verdict of the scripts on a commit."""

    commit: str
    passed: bool
    text: str
    """How it went; the end of a sentence."""
    seconds: float = 0.0
    log: str = ""
    """The path of what the script printed, redacted; empty when it passed."""
    is_known: bool = False
    """Nothing ran: the same files passed not long ago."""


_NOT_THERE = 127
"""The exit code of a script that has no folder to run in, as a shell has it for a command that is not there."""


class FolderScript(NamedTuple):
    """A script as the user wrote it, and the folder of the repository that it runs in; empty for its top."""

    text: str
    folder: str = ""


class Trials:
    """Judges commits of one repository by scripts, one after the other."""

    def __init__(
        self,
        engine: Engine,
        objects: ObjectStore,
        scripts: Sequence[FolderScript],
        where: ScratchWorktree,
        *,
        fresh: bool,
    ) -> None:
        self.runs = 0
        """How often the scripts ran."""
        self.scripts = tuple(dict.fromkeys(one.text for one in scripts))
        """What judges, each as the user wrote it."""
        self._scripts = scripts
        self._engine = engine
        self._objects = objects
        self._where = where
        self._known = _PassedTrees(engine.home, objects.where, scripts)
        self._fresh = fresh
        self._judged: dict[str, TrialRun] = {}

    def judged(self, commit: str) -> TrialRun | None:
        """What is known about the files of a commit; None when a script has to run."""
        tree = self._objects.tree_of(commit)
        known = self._judged.get(tree)
        if known is None and not self._fresh and self._known.has(tree):
            known = self._judged[tree] = TrialRun(commit, passed=True, text="it passed not long ago", is_known=True)
        return known

    def judge(self, commit: str) -> TrialRun:
        """Run the scripts on a commit, unless it is known what they say. Failed when a signal ended one."""
        known = self.judged(commit)
        if known is not None:
            return known
        tree = self._objects.tree_of(commit)
        self._objects.database.flush()
        self._where.show(commit)
        self.runs += 1
        seconds = 0.0
        found = TrialRun(commit, passed=True, text="the script passed")
        for one in self._scripts:
            ran, log = self._run(one)
            seconds += ran.seconds
            if ran.exit_code != 0:
                found = TrialRun(commit, passed=False, text=ran.text, log=str(log))
                break
        found = TrialRun(commit, found.passed, found.text, seconds, found.log)
        self._judged[tree] = found
        if found.passed:
            self._known.add(tree)
        return found

    def _run(self, one: FolderScript) -> tuple[ScriptRun, Path]:
        home, settings = self._engine.home, self._engine.settings
        folder = home.cache / scratch.LOGS
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        log = folder / f"{self._where.mark}-{self.runs}.log"
        environment = command.environment(os.environ, self._where.mark)
        limit = settings.number("script.timeout")
        try:
            place = session_problems.working_folder(self._where.path, one.folder)
        except Failed as reason:  # a commit that takes the folder away does not pass
            write_private(log, f"{reason.message}\n".encode())
            return ScriptRun(_NOT_THERE, 0.0, timed_out=False, stopped=False, limit=limit), log
        try:
            ran = asyncio.run(script.run(one.text, place, log, environment, limit=limit, stop=_never()))
        except BaseException:
            log.unlink(missing_ok=True)
            raise
        number = ran.exit_code - _SIGNALLED
        if not ran.timed_out and number in _FROM_OUTSIDE:
            log.unlink(missing_ok=True)
            name = signal.Signals(number).name
            raise Failed(f"The script was ended by {name}, which says nothing about the work.", "Ask for it again.")
        if ran.exit_code == 0:
            log.unlink(missing_ok=True)
        else:
            redact.file(log)
            _drop_old_logs(folder)
        return ran, log


async def _never() -> None:
    await asyncio.Event().wait()


@contextlib.contextmanager
def trials(
    engine: Engine, repo: Repo, objects: ObjectStore, scripts: Sequence[FolderScript], *, fresh: bool = False
) -> Iterator[Trials]:
    """Scripts to judge commits by; their worktree is gone afterwards. `fresh`: nothing that passed before counts."""
    with scratch.scratch_worktree(engine.home, repo, engine.settings.needed("worktree.place")) as where:
        yield Trials(engine, objects, scripts, where, fresh=fresh)


def last_lines(log: str, most: int = 12) -> tuple[str, ...]:
    """The end of what a script printed, each line printable."""
    try:
        content = Path(log).read_bytes()[-1 << 14 :]
    except OSError:
        return ()
    lines = [printable(line) for line in content.decode("utf-8", "replace").splitlines()]
    return tuple([line for line in lines if line.strip()][-most:])


def _drop_old_logs(folder: Path) -> None:
    logs = sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-LOGS_KEPT]:
        path.unlink(missing_ok=True)


class _PassedTrees:
    """Trees of a repository that these scripts passed on, and when. A file that cannot be read counts as empty."""

    def __init__(self, home: Home, root: Path, scripts: Sequence[FolderScript]) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        self._path = home.cache / f"passed-{name}.json"
        self._scripts = hashlib.sha256(
            "\0".join("/".join(filter(None, one)) for one in scripts).encode("utf-8", "surrogateescape")
        ).hexdigest()[:16]

    def has(self, tree: str) -> bool:
        when = self._read().get(self._key(tree))
        if when is None:
            return False
        try:
            return datetime.now(UTC) - datetime.fromisoformat(when) < VALID
        except (ValueError, TypeError):
            return False

    def add(self, tree: str) -> None:
        known = self._read()
        known.pop(self._key(tree), None)
        known[self._key(tree)] = datetime.now(UTC).isoformat()
        kept = dict(list(known.items())[-KEPT:])
        write_json_object(self._path, kept)

    def _key(self, tree: str) -> str:
        return f"{tree} {self._scripts}"

    def _read(self) -> dict[str, str]:
        return {key: str(value) for key, value in read_json_object(self._path).items()}
