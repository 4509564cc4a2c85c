"""The conflict radar: which sessions would conflict with their base or with each other, and on which files.

An answer depends on two commits alone, so it is kept by them, and so is what a session changes at all: only sessions
that meet in a path are merged on trial. Reads only; what is not committed is not looked at.
"""

import hashlib
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes, integrate, repository
from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private
from ampsm_engine.model import Session

KEPT = 2_000
"""Answers of one sort that are kept beside those that were asked for; the oldest go first."""


@dataclass(frozen=True, slots=True)
class ClashingFile:
    """A file that two sides would conflict in, and how."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class SessionClash:
    """Two sides that would conflict: a session and its base, or two sessions."""

    session_id: str
    other: str
    """The id of the other session; empty for the base."""
    files: tuple[ClashingFile, ...]


@dataclass(frozen=True, slots=True)
class Radar:
    """The conflicts that sessions would have with their base and each other, as far as they are known yet."""

    clashes: tuple[SessionClash, ...]
    pending: int = 0
    """Questions that the budget left open: ask again."""


@dataclass(frozen=True, slots=True)
class _Tip:
    session: Session
    commit: str
    base: str


class _Budget:
    """How long new answers are looked for, from the first of them on, and how many were left open."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self.pending = 0

    def allows(self) -> bool:
        """Whether one more may be looked for; else it is left open."""
        if self._seconds is None:
            return True
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        if time.monotonic() >= self._until:
            self.pending += 1
            return False
        return True


def radar(engine: Engine, *, budget: float | None = None) -> Radar:
    """What every live session would conflict with; at most `budget` seconds go into answers that are not known yet."""
    by_root: dict[str, list[Session]] = {}
    for session in engine.store.sessions.all():
        by_root.setdefault(session.repo_root, []).append(session)
    left = _Budget(budget)
    clashes = [
        clash
        for root, sessions in by_root.items()
        if Path(root).is_dir()
        for clash in _Repository(engine.home, Path(root), left).clashes(sessions)
    ]
    return Radar(tuple(clashes), left.pending)


class _Repository:
    """One repository, for one look."""

    def __init__(self, home: Home, root: Path, left: _Budget) -> None:
        self._root = root
        self._left = left
        self._known = _Answers(home, root)

    def clashes(self, sessions: Sequence[Session]) -> list[SessionClash]:
        """Each session with its base, then each pair that meets."""
        live = tuple(self._live(sessions))
        found = [
            SessionClash(tip.session.id, "", files)
            for tip in live
            if tip.base != tip.commit and (files := self._foreseen(tip.base, tip.commit))
        ]
        touched = [(tip, names) for tip in live if (names := self._touched(tip)) is not None]
        for one, other in _meeting(touched):
            if files := self._foreseen(other.commit, one.commit):
                found.append(SessionClash(one.session.id, other.session.id, files))
        self._known.save()
        return found

    def _live(self, sessions: Sequence[Session]) -> Iterator[_Tip]:
        """Sessions with work that their base does not have."""
        try:
            heads = repository.all_branch_tips(self._root)
        except AmpsmError:
            return  # whatever is wrong with it, preflight tells
        bases: dict[str, str] = {}
        merged: dict[str, frozenset[str]] = {}
        for session in sessions:
            tip = heads.get(session.branch_name)
            name = session.base_branch
            if name not in bases:
                bases[name] = heads.get(name) or self._resolved(name)
            base = bases[name] or session.base_commit
            if tip is None or not base:
                continue
            if base not in merged:
                merged[base] = self._contained(base)
            if session.branch_name not in merged[base]:
                yield _Tip(session, tip, base)

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

    def _foreseen(self, ours: str, theirs: str) -> tuple[ClashingFile, ...]:
        key = f"{ours}..{theirs}"
        known = self._known.get("clashes", key)
        if known is None:
            if not self._left.allows():
                return ()
            try:
                found = integrate.forecast(self._root, ours, theirs).conflicts
            except AmpsmError:
                found = ()  # no common history: what is wrong there, preflight tells
            known = [[file.path, file.kind] for file in found]
            self._known.put("clashes", key, known)
        return tuple(ClashingFile(str(path), str(kind)) for path, kind in known)

    def _touched(self, tip: _Tip) -> frozenset[str] | None:
        """What a session changes, and whatever else could meet it; None when that is left open."""
        key = f"{tip.base}...{tip.commit}"
        known = self._known.get("touched", key)
        if known is None:
            if not self._left.allows():
                return None
            known = sorted(_touches(self._root, tip))
            self._known.put("touched", key, known)
        return frozenset(known)


def _meeting(touched: Sequence[tuple[_Tip, frozenset[str]]]) -> Iterator[tuple[_Tip, _Tip]]:
    """Each pair with work of its own that meets in a path, the one that comes to the other first."""
    for (one, names), (other, others) in itertools.combinations(touched, 2):
        if names.isdisjoint(others):
            continue
        first, second = sorted((one, other), key=lambda tip: tip.commit)
        if first.commit not in (second.commit, second.base) and second.commit != first.base:
            yield second, first


def _touches(root: Path, tip: _Tip) -> frozenset[str]:
    """The paths of its changes, and folders that it moves things out of, or adds things to."""
    try:
        start = changes.merge_base(root, tip.base, tip.commit) or tip.base
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


class _Answers:
    """Answers by a key that names commits, of several sorts. What is no such file is an empty one."""

    def __init__(self, home: Home, root: Path) -> None:
        name = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = home.cache / f"radar-{name}.json"
        self._used: set[tuple[str, str]] = set()
        self._is_new = False
        try:
            found = json.loads(self._path.read_bytes())
            self._answers: dict[str, dict[str, Any]] = {sort: dict(answers) for sort, answers in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._answers = {}

    def get(self, sort: str, key: str) -> Any:
        """The answer as JSON; None when it is not known."""
        self._used.add((sort, key))
        return self._answers.get(sort, {}).get(key)

    def put(self, sort: str, key: str, answer: Sequence[object]) -> None:
        """Remember an answer, a list for JSON; `save` writes it to the file."""
        self._used.add((sort, key))
        self._answers.setdefault(sort, {})[key] = answer
        self._is_new = True

    def save(self) -> None:
        """Write it down, where something is new: all that was asked for, and the newest of the rest."""
        if not self._is_new:
            return
        kept = {
            sort: {
                key: answer
                for number, (key, answer) in enumerate(answers.items())
                if number >= len(answers) - KEPT or (sort, key) in self._used
            }
            for sort, answers in self._answers.items()
        }
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(self._path, json.dumps(kept).encode(), lasting=False)
