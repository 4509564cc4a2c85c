"""The context of every verb: a home, its settings and its store, as one value."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.config import Settings, config_path, load
from ampsm_engine.errors import Refused, Unfit
from ampsm_engine.home import Home, home
from ampsm_engine.lean_dataclass import dataclass

if TYPE_CHECKING:
    from ampsm_engine.store import Store


@dataclass(frozen=True)
class Engine:
    """A home and the path of its settings; it pickles, so that a verb can be asked for from another process."""

    home: Home
    config: Path

    @cached_property
    def store(self) -> "Store":
        """The store of this home, the same one at each question: opening one takes a millisecond."""
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
        except (FileNotFoundError, NotADirectoryError):  # `startup.make_ready` tells what is wrong with the home itself
            return
        except OSError as reason:
            message = f"{self.home.only_repository} cannot be read: {reason.strerror}."
            raise Unfit(message, "ampsm doctor") from reason
        from ampsm_engine.git import repository

        root = repository.locate(path).root
        if root.resolve() != only.resolve():
            import shlex

            message = f"This is a demo: its amp follows a script, and {root} is not its repository."
            raise Refused(message, f"cd {shlex.quote(str(only))}, or unset AMPSM_HOME for real work.")


def engine_at(environ: Mapping[str, str] | None = None) -> Engine:
    """The engine that the environment names, nothing opened yet."""
    env = os.environ if environ is None else environ
    return Engine(home(env), config_path(env))
