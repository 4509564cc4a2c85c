"""Branches that are there already and that a session is to work on: which of them are free for that."""

from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.errors import Refused
from ampsm_engine.git import beginnings, worktrees
from ampsm_engine.git.beginnings import ExistingBranch
from ampsm_engine.git.entities import Repo


def free_branch(engine: Engine, repo: Repo, wanted: str, base: str) -> ExistingBranch:
    """The branch that a person names, for a session to work on.

    NotFound with the likely ones; Refused where it is checked out, belongs to a session, or others build on it.
    """
    found = beginnings.existing_branch(repo, wanted)
    owners = engine.store.sessions.all(repo_root=str(repo.root))
    owner = next((one for one in owners if one.branch_name == found.name), None)
    if owner is not None:
        message = f"{found.name} is the branch of session {owner.name}."
        raise Refused(message, f"ampsm iterate {owner.id} 'what amp is to do'")
    if place := checked_out(repo, found.name):
        message = f"{found.name} is checked out in {place}: one branch is in one worktree alone."
        raise Refused(
            message, f"git -C {place} switch BRANCH, or begin a branch of its own: ampsm new --base {found.name}"
        )
    if found.name == base:
        message = f"{found.name} cannot be both the branch of the session and its base."
        raise Refused(message, f"ampsm new --branch {found.name} --base BRANCH")
    if why := why_shared(engine, repo, found.name):
        raise Refused(why, f"ampsm new --base {found.name}")
    return found


def checked_out(repo: Repo, branch: str, *, but: Path | None = None) -> Path | None:
    """Where a branch is checked out, `but` in one place; None where it is in no other worktree."""
    return next((tree.path for tree in worktrees.listed(repo) if tree.branch == branch and tree.path != but), None)


def why_shared(engine: Engine, repo: Repo, branch: str, *, but: Path | None = None) -> str:
    """Other uses of a branch, as a sentence against committing to it; empty without any.

    `but`: the worktree that may have it checked out.
    """
    root = str(repo.root)
    same = [one for trashed in (False, True) for one in engine.store.sessions.all(repo_root=root, trashed=trashed)]
    if users := [session.name for session in same if session.base_branch == branch]:
        return f"{branch} is the base of session {users[0]}."
    if elsewhere := checked_out(repo, branch, but=but):
        return f"{branch} is checked out in {elsewhere}, too."
    if branch in beginnings.default_branches(repo):
        return f"{branch} is the default branch of {repo.root}."
    return ""
