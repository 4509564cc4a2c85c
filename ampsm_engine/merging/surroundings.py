"""What merging stands on: the home, the store, the settings. A value, handed from function to function."""

from dataclasses import dataclass

from ampsm_engine.config import Settings
from ampsm_engine.home import Home
from ampsm_engine.store import Store


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One home with its store and the settings as they are now."""

    home: Home
    store: Store
    settings: Settings
