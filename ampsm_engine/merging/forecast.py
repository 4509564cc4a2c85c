"""The conflict forecast: which sessions would conflict with their base or with each other, in which files, and where.

A session's work is what lies between its own start and its tip. An answer depends on commits alone, so it is kept by
them, and so is what a session changes at all: only sessions that change a path in common are merged on trial.
Reads only; what is not committed is not looked at. The radar is the same as a matrix: it marks what git would call a
conflict, hunks that overlap, not files that both change.
"""

import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes, repository
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate import line_changes, rewrite
from ampsm_engine.git.integrate.line_changes import ChangeOverlap
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import ConflictFile
from ampsm_engine.home import Home, read_json_object, write_json_object
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import situation
from ampsm_engine.merging.session_conflicts import SessionConflict, SessionConflicts
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Session

KEPT = 2_000
"""Answers of one kind that are kept beside those that were asked for; the oldest go first."""


_Places = dict[ConflictFile, tuple[ChangeOverlap, ...]]


@dataclass(frozen=True, slots=True)
class _Tip:
    session: Session
    commit: str
    base: str
    start: str
    """The commit that its own work comes after; empty where that is what it shares with its base."""


class _Budget:
    """How long new answers are looked for, from the first of them on, and how many were left open."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self.pending = 0

    def allows(self) -> bool:
        """Whether one more answer may be computed; else it is left open."""
        if self._seconds is None:
            return True
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        if time.monotonic() >= self._until:
            self.pending += 1
            return False
        return True


def forecast_conflicts(
    engine: Engine, *, budget: float | None = None, repo_root: str | None = None
) -> SessionConflicts:
    """What every live session, of one repository or all, would conflict with.

    At most `budget` seconds go into answers that are not known yet.
    """
    by_root: dict[str, list[Session]] = {}
    for session in engine.store.sessions.all(repo_root=repo_root):
        by_root.setdefault(session.repo_root, []).append(session)
    left = _Budget(budget)
    conflicts: list[SessionConflict] = []
    live: list[str] = []
    for root, sessions in by_root.items():
        if Path(root).is_dir():
            found = _Repository(engine, Path(root), left)
            conflicts += found.conflicts(sessions)
            live += found.live
    return SessionConflicts(tuple(conflicts), left.pending, tuple(live))


class _Repository:
    """The sessions of one repository, for one forecast."""

    def __init__(self, engine: Engine, root: Path, left: _Budget) -> None:
        self._store = engine.store
        self._root = root
        self._left = left
        self._known = _ForecastCache(engine.home, root)
        self._remotes: dict[str, str] | None = None
        self.live: list[str] = []
        """The ids of the sessions that were looked at."""

    @cached_property
    def _repo(self) -> Repo:
        return repository.around(self._root)

    @cached_property
    def _objects(self) -> ObjectStore:
        return ObjectStore(self._root, self._repo)

    def conflicts(self, sessions: Sequence[Session]) -> list[SessionConflict]:
        """The conflicts of each session with its base, then of each pair of sessions that change a path in common."""
        live = tuple(self._live(sessions))
        self.live = [tip.session.id for tip in live]
        found = [
            _conflict(tip.session.id, "", between)
            for tip in live
            if tip.base != tip.commit and (between := self._merged(tip.base, tip))
        ]
        with_base = {conflict.session_id: {file.path for file in conflict.files} for conflict in found}
        touched = [(tip, names) for tip in live if (names := self._touched(tip)) is not None]
        for ours, theirs, both in _pairs(touched):
            elsewhere = with_base.get(ours.session.id, set()) | with_base.get(theirs.session.id, set())
            between = self._merged(ours.commit, theirs, ours.start)
            if kept := {file: at for file, at in between.items() if file.path in both or file.path not in elsewhere}:
                found.append(_conflict(theirs.session.id, ours.session.id, kept))
        self._known.save()
        return found

    def _live(self, sessions: Sequence[Session]) -> Iterator[_Tip]:
        """Sessions with work that their base does not have."""
        try:
            tips = repository.all_branch_tips(self._root)
        except AmpsmError:
            return  # whatever is wrong with it, preflight tells
        bases: dict[str, str] = {}
        merged: dict[str, frozenset[str]] = {}
        for session in sessions:
            tip = tips.get(session.branch_name)
            name = session.base_branch
            if name not in bases:
                bases[name] = tips.get(name) or self._resolved(name)
            base = bases[name] or session.base_commit
            if tip is None or not base:
                continue
            if base not in merged:
                merged[base] = self._contained(base)
            if session.branch_name in merged[base]:
                continue
            start = self._start(session, tip, base)
            if start is not None:
                yield _Tip(session, tip, base, start)

    def _resolved(self, name: str) -> str:
        try:
            return repository.resolve(self._root, name)
        except AmpsmError:
            return ""

    def _contained(self, base: str) -> frozenset[str]:
        try:
            return repository.branches_in(self._root, base)
        except AmpsmError:
            return frozenset()

    def _start(self, session: Session, tip: str, base: str) -> str | None:
        """Where a session's own work begins, see `_Tip`; None when that is left open."""
        bases = " ".join(self._remote_tips(session.base_branch))
        key = f"{session.id} {session.base_branch} {session.base_commit} {base}...{tip} {bases}"
        known = self._known.get("starts", key)
        if known is None:
            if not self._left.allows():
                return None
            now = Situation(session, self._repo, session.base_branch, is_branch=True, base_tip=base, branch_tip=tip)
            try:
                known = [situation.own_start(self._store, now)]
            except AmpsmError:
                return ""  # no common history: what is wrong there, preflight tells
            self._known.put("starts", key, known)
        return str(known[0])

    def _remote_tips(self, base: str) -> list[str]:
        """Where a branch stands at the remotes, as far as is known here: a fetch may move where a session begins."""
        if self._remotes is None:
            try:
                self._remotes = repository.refs(self._root, "refs/remotes/")
            except AmpsmError:
                self._remotes = {}
        return [tip for full, tip in self._remotes.items() if full.endswith(f"/{base}")]

    def _merged(self, ours: str, theirs: _Tip, start_of_ours: str = "") -> _Places:
        """The conflicts of a session's work with a commit, which may be another session's with a start of its own.

        Where both start at the same commit it is what they have in common, and git finds it by itself.
        """
        start = theirs.start if theirs.start != start_of_ours else ""
        key = f"{ours}..{theirs.commit} {start}".rstrip()
        known = self._known.get("overlaps", key)
        if known is None:
            if not self._left.allows():
                return {}
            try:
                found = rewrite.forecast(self._root, ours, theirs.commit, start).conflicts
            except AmpsmError:
                found = ()  # no common history: what is wrong there, preflight tells
            known = [[file.path, file.kind, self._overlaps(file)] for file in found]
            self._known.put("overlaps", key, known)
        return {
            ConflictFile(str(path), kind): tuple(ChangeOverlap(*one) for one in places) for path, kind, places in known
        }

    def _overlaps(self, file: ConflictFile) -> tuple[ChangeOverlap, ...]:
        try:
            return line_changes.conflict_overlaps(self._objects, file)
        except AmpsmError:
            return ()  # a side that git made for this merge alone

    def _touched(self, tip: _Tip) -> frozenset[str] | None:
        """The paths that a session changes, and those that could overlap with them; None when that is left open."""
        key = f"{tip.start or tip.base}...{tip.commit}"
        known = self._known.get("touched", key)
        if known is None:
            if not self._left.allows():
                return None
            known = sorted(_touches(self._root, tip))
            self._known.put("touched", key, known)
        return frozenset(known)


def _conflict(session_id: str, other: str, between: _Places) -> SessionConflict:
    return SessionConflict(session_id, other, tuple(between), tuple(between.values()))


def _pairs(touched: Sequence[tuple[_Tip, frozenset[str]]]) -> Iterator[tuple[_Tip, _Tip, frozenset[str]]]:
    """Each two sessions with work of their own that change paths in common, and these paths.

    The second comes to the first: it is the one whose own start git would not find, and else the order is always the
    same, so that the answer is found again.
    """
    for (one, names), (other, others) in itertools.combinations(touched, 2):
        if names.isdisjoint(others):
            continue
        ours, theirs = sorted((one, other), key=lambda tip: (bool(tip.start), tip.commit))
        if one.commit not in (other.commit, other.base) and other.commit != one.base:
            yield ours, theirs, names & others


def _touches(root: Path, tip: _Tip) -> frozenset[str]:
    """The paths of its changes, and folders that it moves things out of, or adds things to."""
    try:
        start = tip.start or changes.merge_base(root, tip.base, tip.commit) or tip.base
        files = changes.files(root, start, tip.commit)
    except AmpsmError:
        return frozenset()
    names: set[str] = set()
    for file in files:
        names.add(file.path)
        names.update(str(parent) for parent in PurePosixPath(file.path).parents if file.kind != "modified")
        if file.old_path is not None:
            names.add(file.old_path)
            names.update(str(parent) for parent in PurePosixPath(file.old_path).parents)
    return frozenset(names - {"."})


class _ForecastCache:
    """Stored answers by a key that names commits, of several kinds. A file that cannot be read counts as empty."""

    def __init__(self, home: Home, root: Path) -> None:
        name = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = home.cache / f"forecast-{name}.json"
        self._used: set[tuple[str, str]] = set()
        self._is_new = False
        found = read_json_object(self._path)
        self._answers: dict[str, dict[str, Any]] = {
            kind: answers for kind, answers in found.items() if isinstance(answers, dict)
        }

    def get(self, kind: str, key: str) -> Any:
        """The answer as JSON; None when it is not known."""
        self._used.add((kind, key))
        return self._answers.get(kind, {}).get(key)

    def put(self, kind: str, key: str, answer: Sequence[object]) -> None:
        """Remember an answer, a list for JSON; `save` writes it to the file."""
        self._used.add((kind, key))
        self._answers.setdefault(kind, {})[key] = answer
        self._is_new = True

    def save(self) -> None:
        """Write it down, where something is new: all that was asked for, and the newest of the rest."""
        if not self._is_new:
            return
        kept = {
            kind: {
                key: answer
                for number, (key, answer) in enumerate(answers.items())
                if number >= len(answers) - KEPT or (kind, key) in self._used
            }
            for kind, answers in self._answers.items()
        }
        write_json_object(self._path, kept)


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
    found = forecast_conflicts(engine, budget=budget, repo_root=repo_root)
    return made_of(engine.store.sessions.all(repo_root=repo_root), found)


def made_of(sessions: Sequence[Session], found: SessionConflicts) -> Radar:
    """The radar of these sessions, made from their forecast."""
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
