"""Where the engine stands: its home, its configuration, its store."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.config import Settings, config_path, load
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.home import Home, home

if TYPE_CHECKING:
    from ampsm_engine.store import Store


def _unheard(_text: str) -> None:
    """Nobody listens."""


recovered: Callable[[str], None] = _unheard
"""Is called with a sentence for each merge that `ready` has finished or rolled back; the command line prints it."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Two paths; it pickles, so that a verb can be asked for from another process."""

    home: Home
    config: Path

    @property
    def store(self) -> "Store":
        """The store of this home."""
        from ampsm_engine.store import Store  # 40 ms: `new` pays them while git fills the worktree

        return Store(self.home.database)

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return load(self.config)

    def check_repository(self, path: Path) -> None:
        """Refused where this home is a demo's and the path lies outside the demo's repository.

        What a demo's scripted amp does must never land in a repository of the user's.
        """
        try:
            only = Path(os.fsdecode(self.home.only_repository.read_bytes()))
        except (FileNotFoundError, NotADirectoryError):  # what is wrong with the home itself is said by `ready`
            return
        except OSError as reason:
            message = f"{self.home.only_repository} cannot be read: {reason.strerror}."
            raise Unfit(message, "ampsm doctor") from reason
        from ampsm_engine.git import repository

        root = repository.locate(path).root
        if root.resolve() != only.resolve():
            message = f"This is a demo: its amp follows a script, and {root} is not its repository."
            raise Refused(message, f"cd {shlex.quote(str(only))}, or unset AMPSM_HOME for real work.")

    def ready(self) -> "Engine":
        """Make the home, open the store, and have looked after what a dead merge or a dead worker left."""
        from ampsm_engine.engine import creation
        from ampsm_engine.worker import launch

        self.home.ensure()
        store = self.store
        store.open()
        store.keep_copy()
        if working := store.merges.working():
            self._recover([merge.id for merge in working])
        if creation.are_left(self.home):
            for text in creation.take_back(self.home, store):
                recovered(text)
        launch.sweep(self.home, store, int(self.settings.number("slots")))
        return self

    def _recover(self, merge_ids: list[str]) -> None:
        """Finish or roll back merges whose process died: in a process of its own, for it needs git and its library."""
        from ampsm_engine.merging import lease

        if all(lease.is_held(self.home, merge_id) for merge_id in merge_ids):
            return
        import subprocess

        environment = os.environ | {"AMPSM_HOME": str(self.home.root), "AMPSM_DB_PATH": str(self.home.database)}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ampsm_engine.merging.recover"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            check=False,
        )
        for text in done.stdout.decode("utf-8", "replace").splitlines():
            recovered(text)


def engine_at(environ: Mapping[str, str] | None = None) -> Engine:
    """The engine that the environment names, nothing opened yet."""
    env = os.environ if environ is None else environ
    return Engine(home(env), config_path(env))


def open_engine(environ: Mapping[str, str] | None = None) -> Engine:
    """The engine that the environment names, ready."""
    return engine_at(environ).ready()
