"""Repositories and worktrees that were moved, and links that git lost: recognised by their contents, and restored.

Nothing is removed, and no file of a worktree is written: only links, and where the store says that things are.
"""

import contextlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import program, repository, trash, worktrees
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.pinned_refs import TIP
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Session

_NEIGHBOURS = 500
"""Folders beside a missing one that are looked into."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One disagreement of store and repositories that `repair` finds. `action`: the command that mends it."""

    kind: str
    text: str
    action: str
    mended: bool = False


@dataclass(frozen=True, slots=True)
class Relocation:
    """Where a session's repository and worktree are now."""

    session: Session
    repo: Repo
    worktree: Path

    @property
    def moved(self) -> Session:
        """The session with its new paths."""
        return replace(self.session, repo_root=str(self.repo.root), worktree_path=str(self.worktree))

    def finding(self, *, mended: bool, place: Path | None) -> Disagreement:
        """The finding for `repair`; `place` is the repository that the user named."""
        name, old = self.session.name, self.session
        if Path(old.repo_root) != self.repo.root and not _is_same_path(Path(old.repo_root), self.repo.root):
            text = f"the repository of session {name} is not at {old.repo_root} any more; it is {self.repo.root} now"
        elif Path(old.worktree_path) != self.worktree:
            text = f"the worktree of session {name} is not at {old.worktree_path} any more; it is {self.worktree} now"
        else:
            text = f"git has lost its link to the worktree of session {name}, {self.worktree}"
        named = f" --repo {place}" if place else ""
        action = "linked again" if mended else f"ampsm repair{named} --apply links it again; no file is changed"
        return Disagreement("moved", text, action, mended=mended)


def find_moved(sessions: Sequence[Session], places: Iterable[Path]) -> tuple[Relocation, ...]:
    """The sessions whose repository or worktree was moved; `places` are searched beside the likely ones."""
    places = list(places)
    taken = {Path(session.worktree_path).resolve() for session in sessions if Path(session.worktree_path).is_dir()}
    found = (_move(session, places, taken) for session in sessions)
    return tuple(move for move in found if move)


def relink(engine: Engine, move: Relocation) -> None:
    """Restore git's links, and store the new paths of the session; Failed when git cannot."""
    if move.worktree.is_dir() and not worktrees.is_linked(move.repo, move.worktree):
        worktrees.link(move.repo, move.worktree, move.session.branch_name)
    moved = move.moved
    engine.store.sessions.update(moved.id, repo_root=moved.repo_root, worktree_path=moved.worktree_path)
    engine.store.facts.add("repaired", f"linked again: {moved.worktree_path}", session_id=moved.id)


def repository_of(session: Session) -> Repo | None:
    """The repository at a session's place; None when there is none, or one that knows nothing of the session.

    Unfit or Failed when one is there and git cannot read it: that is not gone.
    """
    root = Path(session.repo_root)
    if os.path.lexists(root / ".git") or repository.is_git_folder(root):
        repository.around(root)
    return _holding(root, session)


def _move(session: Session, places: Sequence[Path], taken: Collection[Path]) -> Relocation | None:
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    try:
        repo = repository_of(session)
    except AmpsmError:
        return None  # it is there, and what is wrong with it is told where it is looked through
    if repo is None:
        holding = [one for place in (*places, *_likely_places(root)) if (one := _holding(place, session))]
        roots = {one.root for one in holding}
        if len(roots) != 1 and not (holding and places and holding[0] == _holding(places[0], session)):
            return None
        repo = holding[0]
        inside = worktree.is_relative_to(root)
        return Relocation(session, repo, repo.root / worktree.relative_to(root) if inside else worktree)
    if session.trashed_at:
        return None
    if worktree.is_dir():
        is_right = worktrees.is_linked(repo, worktree) or (worktree / ".git").is_dir()
        return None if is_right else Relocation(session, repo, worktree)
    now = _registered(repo, session, taken) or _moved_by_hand(repo, session, places)
    return Relocation(session, repo, now) if now else None


def _holding(place: Path, session: Session) -> Repo | None:
    """The repository at a place, when it is the one that a session belongs to: a clone of it knows nothing of that."""
    try:
        repo = repository.around(place)
    except AmpsmError:
        return None
    if worktrees.admin_dir(repo.common_dir, Path(session.worktree_path)) is not None:
        return repo
    with contextlib.suppress(AmpsmError):
        if trash.holds(repo.root, session.id) or program.query(
            repo.root, "for-each-ref", "--count=1", f"refs/ampsm/backup/{session.id}/", f"{TIP}/{session.id}"
        ):
            return repo
    tip = repository.branch_tip(repo.root, session.branch_name)
    is_its = session.owns_branch or repo.root == Path(session.repo_root)
    return repo if tip and is_its and _began_at(repo, session.base_commit, tip) else None


def _began_at(repo: Repo, base: str, tip: str) -> bool:
    return not base or repository.is_ancestor(repo.root, base, tip)


def _registered(repo: Repo, session: Session, taken: Collection[Path]) -> Path | None:
    """Where git knows a worktree of the session's branch that no session has: after `git worktree move`."""
    for tree in worktrees.listed(repo)[1:]:
        is_its = tree.branch == session.branch_name or tree.path.name == session.id
        if is_its and tree.path.is_dir() and tree.path.resolve() not in taken:
            return tree.path
    return None


def _moved_by_hand(repo: Repo, session: Session, places: Sequence[Path]) -> Path | None:
    """The worktree whose .git file names the session's administrative folder: after `mv`."""
    admin = worktrees.admin_dir(repo.common_dir, Path(session.worktree_path))
    if admin is None:
        return None
    for place in (*places, *_likely_places(Path(session.worktree_path))):
        if (place / ".git").is_file() and _is_same_path(repository.plain_git_dir(place), admin):
            return place.resolve()
    return None


def _is_same_path(one: Path | None, other: Path) -> bool:
    return one is not None and os.path.realpath(one) == os.path.realpath(other)


def _likely_places(path: Path) -> Iterator[Path]:
    """Where a missing folder may be now: renamed, below a renamed folder, or moved into or out of a folder."""
    missing: list[str] = []
    around = path
    while not around.is_dir() and around != around.parent:
        missing.insert(0, around.name)
        around = around.parent
    if not missing:  # it is there, and another: the old one may have been put aside
        missing, around = [path.name], path.parent
    likely = [around.parent.joinpath(*missing)]
    with contextlib.suppress(OSError):
        for folder in sorted(around.iterdir())[:_NEIGHBOURS]:
            likely += [folder.joinpath(*missing[1:]), folder.joinpath(*missing)]
    yield from (place for place in likely if os.path.lexists(place / ".git") or repository.is_git_folder(place))
