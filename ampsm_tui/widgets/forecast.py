"""The conflict forecast of a session: with what it would conflict, in which files, and if a merge is open. Pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ampsm_tui.clean import one_line, wrapped
from ampsm_tui.widgets.line_widgets import Piece

if TYPE_CHECKING:
    from ampsm_engine.merging.session_conflicts import SessionConflict
    from ampsm_engine.model import Merge

MOST_LINES = 8
"""Lines of a preview about a forecast."""

NAMED = 4
"""Files that are named of one conflict; the others are counted."""

MARK = "≠ "
"""The mark before the name of a session that would conflict."""


class ForecastConflict(NamedTuple):
    """A conflict that is to be expected, and its files; `other` is a session's id, or empty for the base."""

    other: str
    paths: tuple[str, ...]


class ConflictForecast(NamedTuple):
    """What merging one session would conflict with."""

    conflicts: tuple[ForecastConflict, ...] = ()
    open: str = ""
    """The state of its open merge: `working`, `conflicted`, or nothing."""


Forecasts = Mapping[str, ConflictForecast]


def forecasts(conflicts: Iterable["SessionConflict"], merges: Mapping[str, "Merge"]) -> dict[str, ConflictForecast]:
    """The forecasts by session id, from the answers of the engine; a conflict of two sessions stands with both."""
    found: dict[str, list[ForecastConflict]] = {}
    for conflict in conflicts:
        paths = tuple(file.path for file in conflict.files)
        found.setdefault(conflict.session_id, []).append(ForecastConflict(conflict.other, paths))
        if conflict.other:
            found.setdefault(conflict.other, []).append(ForecastConflict(conflict.session_id, paths))
    return {
        one: ConflictForecast(tuple(sorted(found.get(one, ()))), merges[one].state.value if one in merges else "")
        for one in found.keys() | merges.keys()
    }


def with_merges(known: Forecasts, merges: Mapping[str, "Merge"]) -> dict[str, ConflictForecast]:
    """Forecasts with the merges that are open now."""
    return {
        one: ConflictForecast(
            known[one].conflicts if one in known else (), merges[one].state.value if one in merges else ""
        )
        for one in known.keys() | merges.keys()
    }


def forecast_lines(
    forecast: ConflictForecast, base: str, names: Mapping[str, str], width: int, merge_key: str
) -> list[tuple[Piece, ...]]:
    """The lines of a preview about a forecast, at most MOST_LINES; `names` are those of the other sessions by id."""
    lines: list[tuple[Piece, ...]] = []
    if forecast.open == "conflicted":
        lines.append((Piece(f"its conflicts wait for you: {merge_key}", "awaiting-input"),))
    elif forecast.open:
        lines.append((Piece("it is being merged", "running"),))
    for conflict in forecast.conflicts:
        name = one_line(names.get(conflict.other, conflict.other), 60) if conflict.other else one_line(base, 60)
        more = len(conflict.paths) - NAMED
        paths = ", ".join(one_line(path, 200) for path in conflict.paths[:NAMED]) + (
            f" and {more} more" if more > 0 else ""
        )
        lines += [(Piece(line, "text"),) for line in wrapped(f"{MARK}{name}: {paths}", width, 3)]
    return [*lines[: MOST_LINES - 1], (Piece("…", "quiet"),)] if len(lines) > MOST_LINES else lines
