"""Where the engine stands: its home, its configuration, its store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.config import Settings, config_path, load
from ampsm_engine.home import Home, home

if TYPE_CHECKING:
    from ampsm_engine.store import Store


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

    def ready(self) -> "Engine":
        """Make the home, open the store, and have adopted what a dead worker left."""
        from ampsm_engine.worker import launch

        self.home.ensure()
        store = self.store
        store.open()
        launch.sweep(self.home, store, int(self.settings.number("slots")))
        return self


def engine_at(environ: Mapping[str, str] | None = None) -> Engine:
    """The engine that the environment names, nothing opened yet."""
    env = os.environ if environ is None else environ
    return Engine(home(env), config_path(env))


def open_engine(environ: Mapping[str, str] | None = None) -> Engine:
    """The engine that the environment names, ready."""
    return engine_at(environ).ready()
