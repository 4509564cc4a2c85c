"""What `repair` finds of merges: conflicts without an entry of the journal, entries without their conflict, refs.

Each is offered with the command that mends it; nothing is removed unasked.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.engine.check import Disagreement
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import commits, integrate, program, repository
from ampsm_engine.git.places import Repo
from ampsm_engine.merging.situation import back_on_branch
from ampsm_engine.model import MergeState, Session, Status
from ampsm_engine.naming import plural
from ampsm_engine.worker import outside

_KEPT = re.compile(r"refs/ampsm/(backup|trash|looked|outside)/(?P<session>[^/]+)")


def found(engine: Engine, repo: Repo, sessions: Sequence[Session], *, apply: bool) -> Iterator[Disagreement]:
    """What is left over in one repository; `sessions` are all of it, trashed ones too."""
    merges = engine.store.merges.all_open()
    for session in sessions:
        worktree = Path(session.worktree_path)
        if not session.trashed_at and session.outside is not None:
            yield from _outside(engine, session, apply=apply)
        if session.trashed_at or not (worktree / ".git").exists():
            continue
        if session.base_branch and not repository.resolves(repo.root, session.base_branch):
            text = f"the base {session.base_branch} of session {session.name} is gone"
            yield Disagreement(
                "base", text, f"make it again, or merge elsewhere: ampsm merge {session.id} -m MSG --onto BRANCH"
            )
        waits = merges.get(session.id)
        laid = integrate.laid(worktree)
        if waits is None and laid is not None:
            yield _forgotten(engine, session, worktree, apply=apply)
        elif waits is not None and waits.state is MergeState.CONFLICTED and laid is None:
            text = f"the conflict of session {session.name} does not lie in its worktree any more"
            yield Disagreement("conflict", text, f"ampsm merge {session.id} --abort")
        elif laid is None and session.status is not Status.RUNNING:
            yield from _astray(repo, session, worktree)
    yield from _refs(repo, {session.id for session in sessions})


def _outside(engine: Engine, session: Session, *, apply: bool) -> Iterator[Disagreement]:
    """What changed outside of a marked session's worktree and is still so; without any, the mark itself."""
    seen = f"ampsm edit {session.id} --seen"
    try:
        left = list(outside.remaining(engine.home, engine.store, session))
    except AmpsmError as reason:
        yield Disagreement("outside", f"session {session.name}: {reason}", f"{reason.hint}, or: {seen}")
        return
    for iteration, change in left:
        text = f"session {session.name}: {outside.sentence(iteration, change)}"
        yield Disagreement("outside", text, "; ".join(filter(None, (change.hint, f"when you know of it: {seen}"))))
    if not left:
        text = f"what changed outside of the worktree of session {session.name} is not so any more"
        if apply:
            outside.forget(engine.home, engine.store, session.id)
        action = "the mark is taken away" if apply else "ampsm repair --apply takes the mark away"
        yield Disagreement("outside", text, action, mended=apply)


def _astray(repo: Repo, session: Session, worktree: Path) -> Iterator[Disagreement]:
    """A worktree that left its session's branch, or whose branch was renamed or deleted."""
    head = commits.head(worktree)
    if head.branch == session.branch_name or repository.is_busy(worktree) is not None:
        return
    where = f"on {head.branch}" if head.branch else f"at {head.commit[:12]}, on no branch"
    there = repository.branch_tip(repo.root, session.branch_name) is not None
    gone = "" if there else ", which is not there any more"
    text = f"the worktree of session {session.name} stands {where}, and not on its branch {session.branch_name}{gone}"
    yield Disagreement("branch", text, back_on_branch(worktree, session.branch_name))


def _forgotten(engine: Engine, session: Session, worktree: Path, *, apply: bool) -> Disagreement:
    """There is a safe way back: what was resolved is kept under a ref of its own."""
    text = f"a conflict lies in the worktree of session {session.name}, and no merge waits for it"
    if not apply:
        return Disagreement("conflict", text, "ampsm repair --apply takes it back, and keeps what was resolved")
    kept = f"refs/ampsm/backup/{session.id}/repaired/resolved"
    integrate.abort(worktree, keep_as=kept)
    engine.store.facts.add(
        "repaired", f"a forgotten conflict was taken back; it is kept as {kept}", session_id=session.id
    )
    return Disagreement("conflict", text, f"taken back; what was resolved is kept as {kept}", mended=True)


def _refs(repo: Repo, known: set[str]) -> Iterator[Disagreement]:
    lines = program.text(program.told(repo.root, "for-each-ref", "--format=%(refname)", "refs/ampsm/")).splitlines()
    unknown: dict[str, int] = {}
    for line in lines:
        match = _KEPT.match(line)
        if match and match["session"] not in known and repository.is_session_id(match["session"]):
            unknown[match["session"]] = unknown.get(match["session"], 0) + 1
    for session_id, count in unknown.items():
        text = f"{plural(count, 'ref')} of {repo.root} keep work of session {session_id}, which no row knows"
        yield Disagreement("refs", text, f"git -C {repo.root} for-each-ref 'refs/ampsm/*/{session_id}/**' lists them")
