"""The paths of ampsm's files: the database, the run directories, the slots.

No other module knows a path below the home, and this one not what the files hold.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ampsm_engine import folders
from ampsm_engine.errors import Unfit

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
RUN_MARK = "AMPSM_RUN_ID"
"""The environment variable by which amp and all that it starts are known; its value is the iteration's id."""

GIT_OWNER_MARK = "AMPSM_GIT_OWNER"
"""The environment variable by which our gits and their hooks are known: the process that started them, `pid:start`."""


class IterationDirectory(NamedTuple):
    """What one iteration leaves on disk, in its run directory `runs/<id>`. Every file in it is private (0600)."""

    path: Path

    @property
    def prompt(self) -> Path:
        """The prompt as typed: amp's standard input. Redacted once the iteration is settled."""
        return self.path / "prompt.txt"

    @property
    def stream(self) -> Path:
        """amp's standard output, appended to by amp itself."""
        return self.path / "amp.ndjson"

    @property
    def stderr(self) -> Path:
        """amp's standard error, appended to by amp itself."""
        return self.path / "amp.stderr"

    @property
    def log(self) -> Path:
        """amp's own log; it names the thread before the stream does. Deleted at settling."""
        return self.path / "amp.log"

    @property
    def settings(self) -> Path:
        """The settings file generated for amp. Deleted at settling."""
        return self.path / "settings.json"

    @property
    def script_output(self) -> Path:
        """What the session's script printed, both streams."""
        return self.path / "script.log"

    @property
    def setup_output(self) -> Path:
        """What the setup command printed, both streams."""
        return self.path / "setup.log"

    def script_output_of(self, fact: int) -> Path:
        """The output of an earlier run of the script, by the number of its entry in the history."""
        return self.path / f"script-{fact}.log"

    @property
    def script_shown(self) -> Path:
        """The redacted output of a script that runs by hand: what a screen may show."""
        return self.path / "script.shown"

    @property
    def script_lease(self) -> Path:
        """Locked by the process that runs the script by hand, for as long as it lives; holds its pid."""
        return self.path / "script.lease"

    @property
    def script_by_hand(self) -> Path:
        """Locked by the program that runs a session's script by hand, and removed by it: one that is killed leaves it.

        In the directory that has the session's id.
        """
        return self.path / "script.by-hand"

    @property
    def script_end(self) -> Path:
        """How a script that was run by hand ended (JSON)."""
        return self.path / "script.end"

    @property
    def lease(self) -> Path:
        """Locked by the worker of this iteration for as long as it lives."""
        return self.path / "lease"

    @property
    def record(self) -> Path:
        """The rows of its session and iteration (JSON): what a lost store is rebuilt from."""
        return self.path / "record.json"

    @property
    def process(self) -> Path:
        """Who amp is: pid, start token, boot id (JSON)."""
        return self.path / "process.json"

    @property
    def before(self) -> Path:
        """The state of the repository before amp began (JSON). Deleted at settling."""
        return self.path / "before.json"

    @property
    def limits(self) -> Path:
        """What holds for this iteration in place of the settings (JSON); only where a batch or a person said so."""
        return self.path / "limits.json"

    @property
    def outside(self) -> Path:
        """What changed outside of the session's worktree while amp ran (JSON)."""
        return self.path / "outside.json"


class BatchDirectory(NamedTuple):
    """What one batch needs on disk while it runs. Every file in it is private (0600)."""

    path: Path

    @property
    def lease(self) -> Path:
        """Locked by the coordinator of this batch for as long as it lives."""
        return self.path / "lease"

    @property
    def items(self) -> Path:
        """What the items that have not ended are to do, as it was typed (JSON by id), where a secret is in it.

        The store has it redacted. What an item no longer needs is taken out; with the last one the file is gone.
        """
        return self.path / "items.json"

    @property
    def log(self) -> Path:
        """The log of its coordinators."""
        return self.path / "batch.log"


class Home(NamedTuple):
    """The folder of ampsm and its database, which may live elsewhere."""

    root: Path
    database: Path

    @property
    def iterations(self) -> Path:
        """The parent of the folders of iterations."""
        return self.root / "runs"

    @property
    def has_iterations(self) -> bool:
        """Whether the folder of any iteration is here, known to the database or not."""
        return self.iterations.is_dir() and any(self.iterations.iterdir())

    @property
    def slots(self) -> Path:
        """The folder with a lock file for each slot of workers."""
        return self.root / "slots"

    @property
    def failed_starts(self) -> Path:
        """How many workers have ended at their start, one after the other (JSON); there only while some have."""
        return self.slots / "failed.json"

    @property
    def cache(self) -> Path:
        """What can be made again: the options of an amp program."""
        return self.root / "cache"

    @property
    def viewer_locks(self) -> Path:
        """The folder with a lock file for each session that a screen shows."""
        return self.root / "looks"

    @property
    def creations(self) -> Path:
        """The folder with a file for each session that is being made."""
        return self.root / "creations"

    @property
    def scratch(self) -> Path:
        """The folder with a file for each worktree in which a script judges unmerged commits."""
        return self.root / "scratch"

    @property
    def batches(self) -> Path:
        """The parent of the folders of batches."""
        return self.root / "batches"

    def batch(self, batch_id: str) -> BatchDirectory:
        """The folder of one batch; it need not exist."""
        return BatchDirectory(self.batches / batch_id)

    @property
    def check(self) -> Path:
        """What the check is at that runs detached, whether all that is ready works together."""
        return self.root / "check"

    @property
    def news(self) -> Path:
        """Notifications that are collected to be sent as one."""
        return self.root / "news"

    @property
    def worker_log(self) -> Path:
        """The log of all workers."""
        return self.root / "worker.log"

    @property
    def unsent(self) -> Path:
        """Texts that were typed and not sent, one folder an owner."""
        return self.root / "unsent"

    @property
    def places(self) -> Path:
        """Where people are in the screens, one file for each app."""
        return self.root / "places"

    @property
    def trusted(self) -> Path:
        """The folder with a file for each command of a repository that a person has trusted."""
        return self.root / "trusted"

    @property
    def secret_files(self) -> Path:
        """Which files with secrets were copied for a session, or stand in a checkout: a file for each."""
        return self.root / "secret-files"

    @property
    def only_repository(self) -> Path:
        """Names the one repository that a home may work in, as a demo's does; other homes have no such file."""
        return self.root / "only-repository"

    def iteration(self, iteration_id: str) -> IterationDirectory:
        """The folder of one iteration; it need not exist."""
        return IterationDirectory(self.iterations / iteration_id)

    def ensure(self) -> None:
        """Make the folders, private to their owner; Unfit when one of them cannot be."""
        for folder in (self.root, self.iterations, self.slots, self.cache, self.database.parent):
            try:
                if not folder.is_dir():
                    folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            except OSError as reason:
                why = "that is a file" if isinstance(reason, FileExistsError) else reason.strerror
                message = f"ampsm cannot keep its things in {folder}: {why}."
                raise Unfit(message, "Set AMPSM_HOME to a folder that you may write to.") from reason


def home(environ: Mapping[str, str] | None = None) -> Home:
    """The home that the environment names: AMPSM_HOME, AMPSM_DB_PATH, else the platform's data folder."""
    env = os.environ if environ is None else environ
    return Home(Path(folders.home_folder(env)), Path(folders.database_file(env)))


def platform_folder(kind: str, environ: Mapping[str, str] | None = None) -> Path:
    """ampsm's folder of a kind, `data` or `config`, where this platform keeps such things."""
    return Path(folders.platform_folder(kind, os.environ if environ is None else environ))


def open_private(path: Path, flags: int) -> int:
    """Open a file with permissions for its owner alone, with any umask; the descriptor."""
    return os.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)


def write_private(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Replace a file atomically, private to its owner; `lasting`: synced to the disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = open_private(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one where there is no file, or it holds anything else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json_object(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file that may be lost, private to its owner, its folder made; OSError when it cannot be written."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    write_private(path, json.dumps(content).encode(), lasting=False)
