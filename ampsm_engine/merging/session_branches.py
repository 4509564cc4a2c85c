"""What is known of sessions' branches and bases: a base that was renamed or is gone, and whose commits which are."""

from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.git import program, repository
from ampsm_engine.model import Session
from ampsm_engine.store import Store

KIND = "base"
"""The kind of the fact that a session has another base."""


def follow(store: Store, session: Session) -> Session:
    """The session with its base as that is called now, by git's own log of the branch (`git branch -m`).

    As it was where the base is there, or nothing tells.
    """
    root = Path(session.repo_root)
    if repository.resolves(root, session.base_branch):
        return session
    from ampsm_engine.git import history  # mostly the base is there

    now = history.renamed_to(root, session.base_branch)
    if not now or now == session.branch_name:
        return session
    followed = store.sessions.update(session.id, base_branch=now)
    store.facts.add(KIND, f"its base {session.base_branch} was renamed to {now}", session_id=session.id)
    return followed


def nearest(session: Session) -> str:
    """A branch that may be what became of a base that is gone: by its name, or as it has where the session began."""
    import difflib

    root, lost = Path(session.repo_root), session.base_branch
    tips = repository.all_branch_tips(root)
    names = [name for name in tips if name != session.branch_name and not name.startswith("amp/")]
    near = difflib.get_close_matches(lost, names, n=1)
    began = session.base_commit
    holding = (name for name in names if began and repository.is_ancestor(root, began, tips[name]))
    return near[0] if near else next(holding, "")


def other_base(session: Session) -> str:
    """How to give a session the likely base, as a further part of a hint; empty where none is likely."""
    near = nearest(session)
    return f", or another base: ampsm edit {session.id} --base {near}" if near else ""


def of_other_sessions(store: Store, session: Session) -> frozenset[str]:
    """The branches that were made for other sessions of the repository and are called otherwise than `amp/...`."""
    known = store.sessions.all(repo_root=session.repo_root)
    names = (one.branch_name for one in known if one.owns_branch and one.id != session.id)
    return frozenset(name for name in names if not name.startswith("amp/"))


def of_pull_request(store: Store, session: Session, base_tip: str) -> list[str]:
    """The commits of the pull request that a session began from: they are its own, by any author."""
    known = store.reviews.pull_request(session.id)
    if known is None:
        return []
    answer = program.read(Path(session.repo_root), "rev-list", f"^{base_tip}", known.head_sha, "--")
    return answer.output.decode().split() if answer.ok else []


def places_of_base(session: Session, branch_tip: str) -> Iterator[str]:
    """Where the session's base stands, here and at its remotes, and where it stood when the session came upon it."""
    root, base = Path(session.repo_root), session.base_branch
    if not base:
        return
    wanted = [f"{space}{base}" for space in (repository.BRANCHES, "refs/remotes/", "refs/remotes/*/")]
    listed = program.read(root, "for-each-ref", "--format=%(objecttype) %(objectname) %(refname)", *wanted)
    for line in program.text(listed.output).splitlines() if listed.ok else ():
        kind, commit, full = line.split(" ", 2)
        name = full.removeprefix(repository.BRANCHES).removeprefix("refs/remotes/")
        # A name that is listed for being below one of these is another branch.
        if kind == "commit" and base in (name, name.partition("/")[2]):
            yield commit
            forked = program.read(root, "merge-base", "--fork-point", full, branch_tip)
            if forked.ok and forked.line:
                yield forked.line
