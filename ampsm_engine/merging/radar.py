"""The radar: a matrix of sessions, with the number of places in which the changes of each two overlap. Reads only.

It marks what git would call a conflict: hunks that overlap, not files that both change.
"""

from collections.abc import Iterable, Mapping, Sequence

from ampsm_engine.context import Engine
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import forecast
from ampsm_engine.merging.session_conflicts import SessionConflict, SessionConflicts
from ampsm_engine.model import Session


@dataclass(frozen=True, slots=True)
class RadarFile:
    """A file in which two sides overlap."""

    path: str
    kind: str
    """The kind of the conflict in git's words: content, add/add, modify/delete ..."""
    lines: tuple[tuple[int, int], ...] = ()
    """Of each place, its line in the version of the first side and in that of the second; none for a whole file."""

    @property
    def hunks(self) -> int:
        """The number of places in which the two sides overlap; a file without lines counts as one."""
        return max(len(self.lines), 1)


@dataclass(frozen=True, slots=True)
class RadarPair:
    """Two sides that overlap: a session and its base, or two sessions."""

    session_id: str
    other: str
    """The other session; empty for the base of the first."""
    files: tuple[RadarFile, ...]

    @property
    def hunks(self) -> int:
        """The number of places in which the two sides overlap, over all files."""
        return sum(file.hunks for file in self.files)


@dataclass(frozen=True, slots=True)
class Radar:
    """All sessions of a store with work that their base lacks, and which of them overlap."""

    sessions: tuple[Session, ...]
    """By repository and base, then in the order in which they were made."""
    pairs: tuple[RadarPair, ...]
    pending: int = 0
    """Questions that were left open: ask again."""


def radar(engine: Engine, *, repo_root: str | None = None, budget: float | None = None) -> Radar:
    """The radar, of one repository or all; at most `budget` seconds go into answers that are not known yet."""
    found = forecast.forecast_conflicts(engine, budget=budget, repo_root=repo_root)
    return made_of(engine.store.sessions.all(repo_root=repo_root), found)


def made_of(sessions: Sequence[Session], found: SessionConflicts) -> Radar:
    """The radar that a forecast comes to."""
    about = frozenset(found.sessions)
    shown = [one for one in sessions if one.id in about]
    shown.sort(key=lambda one: (one.repo_root, one.base_branch, one.created_at, one.id))
    ids = {one.id for one in shown}
    pairs = tuple(_pair(one) for one in found.conflicts if one.session_id in ids and one.other in ids | {""})
    return Radar(tuple(shown), pairs, found.pending)


def _pair(found: SessionConflict) -> RadarPair:
    places = found.places or ((),) * len(found.files)
    files = tuple(
        RadarFile(file.path, file.kind, tuple((one.theirs, one.ours) for one in overlaps))
        for file, overlaps in zip(found.files, places, strict=True)
    )
    return RadarPair(found.session_id, found.other, files)


def counts(pairs: Iterable[RadarPair]) -> Mapping[tuple[str, str], int]:
    """The number of each cell of the matrix, either way round."""
    found: dict[tuple[str, str], int] = {}
    for pair in pairs:
        found[pair.session_id, pair.other] = pair.hunks
        if pair.other:
            found[pair.other, pair.session_id] = pair.hunks
    return found


def proposed_order(session_ids: Sequence[str], overlapping: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """An order of merges in which few conflict with what comes before: those with the fewest overlaps come first.

    Each one that is placed takes those that overlap with it to the end. `overlapping`: pairs of ids; an empty
    second one is the base, and puts its session behind all that come in without a hand.
    """
    pairs = tuple(overlapping)
    with_base = {one for one, other in pairs if not other}
    others: dict[str, set[str]] = {one: set() for one in session_ids}
    for one, other in pairs:
        if one in others and other in others:
            others[one].add(other)
            others[other].add(one)
    place = {one: number for number, one in enumerate(session_ids)}
    left = set(session_ids)
    first: list[str] = []
    behind: list[str] = []
    while left:
        one = min(left, key=lambda each: (each in with_base, len(others[each] & left), place[each]))
        left.remove(one)
        (behind if one in with_base else first).append(one)
        overlaps = sorted(others[one] & left, key=place.__getitem__)
        behind += overlaps
        left.difference_update(overlaps)
    return (*first, *behind)
