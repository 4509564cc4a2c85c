"""The conflict radar: which sessions would conflict with their base or with each other, and on which files.

An answer depends on two commits alone, so it is kept by them. Reads only; what is not committed is not looked at.
"""

import hashlib
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.git import changes, integrate, repository
from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private
from ampsm_engine.merging.surroundings import Surroundings
from ampsm_engine.model import Session

KEPT = 5_000
"""Answers that are kept for one repository; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Clashing:
    """A file that two sides would conflict in, and how."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Clash:
    """Two sides that would conflict: a session and its base, or two sessions."""

    session_id: str
    other: str
    """The id of the other session; empty for the base."""
    files: tuple[Clashing, ...]


@dataclass(frozen=True, slots=True)
class Radar:
    """What is foreseen."""

    clashes: tuple[Clash, ...]
    pending: int = 0
    """Questions that the budget left open: ask again."""


@dataclass(frozen=True, slots=True)
class _Tip:
    session: Session
    commit: str
    base: str


class _Known:
    """The answers of one repository, by pairs of commits, in a file of the home."""

    def __init__(self, home: Home, root: Path) -> None:
        name = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = home.cache / f"radar-{name}.json"
        self._is_new = False
        try:
            self._answers: dict[str, list[list[str]]] = dict(json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError):
            self._answers = {}

    def get(self, key: str) -> tuple[Clashing, ...] | None:
        try:
            found = self._answers.get(key)
            return None if found is None else tuple(Clashing(str(path), str(kind)) for path, kind in found)
        except (ValueError, TypeError):
            return None

    def put(self, key: str, files: tuple[Clashing, ...]) -> None:
        self._answers[key] = [[file.path, file.kind] for file in files]
        self._is_new = True

    def save(self) -> None:
        if self._is_new:
            newest = dict(list(self._answers.items())[-KEPT:])
            self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            write_private(self._path, json.dumps(newest).encode(), lasting=False)


def radar(around: Surroundings, *, budget: float | None = None) -> Radar:
    """What every live session would conflict with; at most `budget` seconds go into answers that are not known yet."""
    until = None if budget is None else time.monotonic() + budget
    by_root: dict[str, list[Session]] = {}
    for session in around.store.sessions():
        by_root.setdefault(session.repo_root, []).append(session)
    clashes: list[Clash] = []
    pending = 0
    for root, sessions in by_root.items():
        found, left = _of_repository(around.home, Path(root), sessions, until)
        clashes += found
        pending += left
    return Radar(tuple(clashes), pending)


def _of_repository(home: Home, root: Path, sessions: Sequence[Session], until: float | None) -> tuple[list[Clash], int]:
    tips = tuple(_tips(root, sessions))
    known = _Known(home, root)
    touched: dict[str, frozenset[str]] = {}
    clashes: list[Clash] = []
    pending = 0
    for one, other, ours in _questions(tips):
        key = f"{ours}..{one.commit}"
        files = known.get(key)
        if files is None:
            if until is not None and time.monotonic() >= until:
                pending += 1
                continue
            files = _foreseen(root, one, other, ours, touched)
            known.put(key, files)
        if files:
            clashes.append(Clash(one.session.id, other.session.id if other else "", files))
    known.save()
    return clashes, pending


def _questions(tips: Sequence[_Tip]) -> Iterator[tuple[_Tip, _Tip | None, str]]:
    """Each session with its base, then each pair with work of its own; the commit that stands for the other side."""
    for tip in tips:
        if tip.base != tip.commit:
            yield tip, None, tip.base
    for one, other in itertools.combinations(tips, 2):
        first, second = sorted((one, other), key=lambda tip: tip.commit)
        if first.commit not in (second.commit, second.base) and second.commit != first.base:
            yield second, first, first.commit


def _tips(root: Path, sessions: Sequence[Session]) -> Iterator[_Tip]:
    if not root.is_dir():
        return
    for session in sessions:
        tip = repository.branch_tip(root, session.branch_name)
        try:
            base = repository.resolve(root, session.base_branch)
        except AmpsmError:
            base = session.base_commit
        if tip is not None and base and not repository.is_ancestor(root, tip, base):
            yield _Tip(session, tip, base)


def _foreseen(
    root: Path, one: _Tip, other: _Tip | None, ours: str, touched: dict[str, frozenset[str]]
) -> tuple[Clashing, ...]:
    try:
        if other is not None and not (_touched(root, one, touched) & _touched(root, other, touched)):
            return ()
        found = integrate.foresee(root, ours, one.commit)
    except (NotFound, AmpsmError):
        return ()  # no common history: what is wrong there, preflight tells
    return tuple(Clashing(file.path, file.kind) for file in found.conflicts)


def _touched(root: Path, tip: _Tip, known: dict[str, frozenset[str]]) -> frozenset[str]:
    """What a session changes, and whatever else could meet it: folders it moves things out of, or adds things to."""
    if tip.commit not in known:
        start = changes.merge_base(root, tip.base, tip.commit) or tip.base
        names: set[str] = set()
        for file in changes.files(root, start, tip.commit):
            names.add(file.path)
            names.update(str(parent) for parent in PurePosixPath(file.path).parents if file.kind != "modified")
            if file.old_path is not None:
                names.add(file.old_path)
                names.update(str(parent) for parent in PurePosixPath(file.old_path).parents)
        known[tip.commit] = frozenset(names - {"."})
    return known[tip.commit]
