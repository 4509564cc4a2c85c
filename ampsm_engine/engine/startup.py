"""The start of the engine: the home, the store, and recovery from dead merges, creations and workers."""

import os
import sys
from collections.abc import Callable

from ampsm_engine.context import Engine, engine_at


def _ignore(_text: str) -> None:
    pass


report_recovered: Callable[[str], None] = _ignore
"""Gets a sentence for each recovered merge or creation; the command line prints it."""


def make_ready(engine: Engine) -> Engine:
    """Make the home, open the store, and recover what dead merges, creations and workers left."""
    from ampsm_engine.engine import creation
    from ampsm_engine.merging import scratch
    from ampsm_engine.worker import launch

    engine.home.ensure()
    store = engine.store
    store.open()
    store.copy_when_due()
    if working := store.merges.working():
        _recover(engine, [merge.id for merge in working])
    if creation.has_interrupted(engine.home):
        for text in creation.roll_back_interrupted(engine.home, store):
            report_recovered(text)
    if scratch.has_abandoned(engine.home):
        for text in scratch.remove_abandoned(engine.home):
            report_recovered(text)
    launch.sweep(engine.home, store, int(engine.settings.number("slots")))
    return engine


def open_engine() -> Engine:
    """The engine that the environment names, ready."""
    return make_ready(engine_at())


def _recover(engine: Engine, merge_ids: list[str]) -> None:
    """Finish or roll back merges whose process died: in a process of its own, for it needs git and its library."""
    from ampsm_engine.merging import merge_lock

    if all(merge_lock.is_held(engine.home, merge_id) for merge_id in merge_ids):
        return
    import subprocess

    environment = os.environ | {"AMPSM_HOME": str(engine.home.root), "AMPSM_DB_PATH": str(engine.home.database)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ampsm_engine.merging.recovery"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        check=False,
    )
    for text in done.stdout.decode("utf-8", "replace").splitlines():
        report_recovered(text)
