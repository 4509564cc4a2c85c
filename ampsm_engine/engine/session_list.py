"""What the list of sessions asks. A screen that names these verbs loads nothing: each loads its own where it runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_engine.merging.session_conflicts import SessionConflicts
    from ampsm_engine.model import Merge


def measured_changes(engine: "Engine", session_ids: Sequence[str]) -> "tuple[dict[str, ChangeCounts], float]":
    """The change counts of sessions by id, and the seconds of processor that counting took; see `diff_stat`."""
    from ampsm_engine.engine import diff_stat

    return diff_stat.measured_changes(engine, session_ids)


def folders(engine: "Engine", session_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The folders of each session in which a change would count; see `diff_stat`."""
    from ampsm_engine.engine import diff_stat

    return diff_stat.folders(engine, session_ids)


def open_merges(engine: "Engine") -> "dict[str, Merge]":
    """The operations that are running or have an open conflict, by session."""
    return engine.store.merges.all_open()


def forecast_conflicts(engine: "Engine", *, budget: float) -> "SessionConflicts":
    """What every live session would conflict with, by file, not by line; see `merging.forecast`."""
    from ampsm_engine.lean_dataclass import replace
    from ampsm_engine.merging import forecast

    found = forecast.forecast_conflicts(engine, budget=budget)
    # The places would bring along all that takes changes apart.
    return replace(found, conflicts=tuple(replace(one, places=()) for one in found.conflicts))


def update_merged_marks(engine: "Engine", *, budget: float) -> int:
    """Bring the marks of what was merged elsewhere up to date; how many sessions are still to be looked at."""
    from ampsm_engine.engine import merged_elsewhere

    return merged_elsewhere.update_merged_marks(engine, budget=budget)
