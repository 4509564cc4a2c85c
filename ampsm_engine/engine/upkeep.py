"""What there is besides the sessions: worktrees that could be some, what is to be repaired, and the trash."""

import contextlib
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.engine import repair, session_trash
from ampsm_engine.engine.relocation import Disagreement
from ampsm_engine.engine.session_trash import TrashEntry
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import repository, worktrees
from ampsm_engine.lean_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class AdoptableWorktree:
    """A worktree on a branch that belongs to no session, not even to one in the trash."""

    path: str
    branch: str
    head: str
    """The commit checked out; empty on a branch without a commit."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The worktrees that can be adopted, the findings to repair and the sessions in the trash, at one moment."""

    worktrees: tuple[AdoptableWorktree, ...]
    findings: tuple[Disagreement, ...]
    """What store and repositories disagree about, but for worktrees that can be adopted."""
    trash: tuple[TrashEntry, ...]


def survey(engine: Engine, here: Path) -> Upkeep:
    """What could be adopted, repaired and purged in the repositories of the sessions, and in the one around `here`."""
    found = adoptable(engine, here)
    mended_by_adopting = {f"ampsm adopt {one.path}" for one in found}
    findings = [one for one in repair.find_disagreements(engine) if one.action not in mended_by_adopting]
    return Upkeep(found, tuple(findings), session_trash.trashed(engine))


def adoptable(engine: Engine, here: Path) -> tuple[AdoptableWorktree, ...]:
    """The worktrees that are no session's, of the repositories of all sessions and of the one around `here`."""
    every = [one for trashed in (False, True) for one in engine.store.sessions.all(trashed=trashed)]
    known = {Path(one.worktree_path).resolve() for one in every}
    roots = {Path(one.repo_root).resolve() for one in every}
    with contextlib.suppress(AmpsmError):  # started outside of any repository
        roots.add(repository.around(here).root.resolve())
    found = []
    for root in sorted(roots):
        with contextlib.suppress(AmpsmError):  # gone, or no repository any more: the findings tell
            for tree in worktrees.listed(repository.locate(root))[1:]:
                is_free = tree.path.resolve() not in known and not worktrees.is_scratch(tree.path.name)
                if is_free and tree.branch and tree.prunable is None:
                    found.append(AdoptableWorktree(str(tree.path), tree.branch, tree.head))
    return tuple(found)
