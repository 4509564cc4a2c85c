"""`ampsm repair`: where the store and the repositories disagree. Each finding names the command that mends it.

Nothing is ever removed. With `apply`, what has a safe way back is mended. `survey` tells with them what could be
adopted, and the trash.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ampsm_engine import private_folder
from ampsm_engine.context import Engine
from ampsm_engine.engine import reconstruction, relocation, session_trash
from ampsm_engine.engine.relocation import Disagreement
from ampsm_engine.engine.session_trash import TrashEntry
from ampsm_engine.errors import AmpsmError, Unfit
from ampsm_engine.git import commits, pinned_refs, repository, trash, worktrees
from ampsm_engine.git import program as git
from ampsm_engine.git.entities import Orphan, Repo
from ampsm_engine.git.integrate import conflict_checkout, laid_conflict
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import scratch
from ampsm_engine.merging.situation import back_on_branch
from ampsm_engine.model import MergeState, Session, Status
from ampsm_engine.plain_text import plural
from ampsm_engine.worker import outside

_KEPT = re.compile(r"refs/ampsm/(backup|trash|looked|outside|tip)/(?P<session>[^/]+)")


def find_disagreements(engine: Engine, *, apply: bool = False, path: Path | None = None) -> tuple[Disagreement, ...]:
    """Where store and repositories disagree. `apply` mends what has a safe way back and removes nothing.

    `path`: a repository to look into besides those that the store knows.
    """
    private_folder.remove_abandoned()
    store = engine.store
    store.check()
    if path is not None:
        engine.check_repository(path)
    here = [path] if path else [Path()]
    moves = relocation.find_moved((*store.sessions.all(), *store.sessions.all(trashed=True)), here)
    for move in moves if apply else ():
        relocation.relink(engine, move)
    findings = [move.finding(mended=apply, place=path) for move in moves]
    unlinked = () if apply else moves
    pending = {move.session.id for move in unlinked}
    every = [one for one in (*store.sessions.all(), *store.sessions.all(trashed=True)) if one.id not in pending]
    runs = reconstruction.unknown_runs(engine)
    roots = {Path(session.repo_root) for session in every} | {move.repo.root for move in unlinked}
    remembered = {root for root in reconstruction.remembered_repositories(engine, runs) if root.is_dir()}
    if path is not None:
        roots.add(repository.around(path).root)
    for root in sorted({root.resolve() for root in roots | remembered}):
        of_this = [session for session in every if Path(session.repo_root).resolve() == root]
        # Sessions whose links are yet to be made account for their old places, which git lists, and for the new ones.
        moving = [one for move in unlinked if move.repo.root.resolve() == root for one in (move.session, move.moved)]
        findings += _repository_findings(engine, root, of_this, moving, runs, apply=apply)
    return tuple(findings)


def _repository_findings(
    engine: Engine,
    root: Path,
    sessions: list[Session],
    moving: Sequence[Session],
    runs: Sequence[reconstruction.FoundRun],
    *,
    apply: bool,
) -> list[Disagreement]:
    if not root.is_dir():
        names = ", ".join(session.name for session in sessions[:5])
        named = sessions[0].id if sessions else "SESSION"
        action = f"moved: ampsm repair --repo NEWPLACE; away: bring it back; else: ampsm rm {named}"
        return [Disagreement("repository", f"{root} is gone; sessions: {names}", action)]
    try:
        repo = repository.locate(root)
        rebuilt = reconstruction.find_lost(engine, repo, sessions, runs, apply=apply)
        sessions = [*sessions, *rebuilt.sessions] if apply else sessions
        listed = {tree.path.resolve() for tree in worktrees.listed(repo)}
        found = [_repair_worktree(engine, repo, one, apply=apply) for one in sessions if _lacks_worktree(one, listed)]
        found += [
            _repair_trashed(engine, repo, one, apply=apply)
            for one in sessions
            if one.trashed_at and not trash.holds(root, one.id)
        ]
        # Those in the trash count: one whose removal died half-way still has its worktree and its branch.
        found += rebuilt.findings
        accounted = [*sessions, *rebuilt.sessions]
        known = {Path(session.worktree_path) for session in (*accounted, *moving)}
        branches = {session.branch_name for session in (*accounted, *moving)}
        found += [_orphan_finding(orphan) for orphan in worktrees.orphans(repo, known, branches)]
        found += [_scratch_finding(repo, path, apply=apply) for path in scratch.unknown(repo, engine.home)]
        found += _session_findings(engine, repo, accounted, apply=apply)
        found += _unknown_refs(repo, {session.id for session in (*accounted, *moving)})
    except AmpsmError as reason:
        return [Disagreement("repository", f"{root}: {reason}", reason.hint)]
    return found


def _lacks_worktree(session: Session, listed: set[Path]) -> bool:
    worktree = Path(session.worktree_path)
    return not session.trashed_at and (not worktree.is_dir() or worktree.resolve() not in listed)


def _repair_worktree(engine: Engine, repo: Repo, session: Session, *, apply: bool) -> Disagreement:
    if repository.branch_tip(repo.root, session.branch_name) is None:
        return _repair_without_branch(engine, repo, session, apply=apply)
    if Path(session.worktree_path).is_dir():
        text = f"the worktree of session {session.name} has become a repository of its own"
        return Disagreement(
            "worktree", text, f"look into {session.worktree_path}, put its .git aside, then: ampsm repair"
        )
    if os.path.lexists(session.worktree_path):
        text = f"the worktree of session {session.name} is gone, and something else is at its place"
        return Disagreement("worktree", text, f"put {session.worktree_path} aside, then: ampsm repair --apply")
    text = f"the worktree of session {session.name} is gone; its branch {session.branch_name} still holds its commits"
    if apply:
        worktrees.recreate(repo, Path(session.worktree_path), session.branch_name, session.id)
        engine.store.facts.add("repaired", "the worktree was made again from its branch", session_id=session.id)
        return Disagreement("worktree", text, "made again from its branch", mended=True)
    action = "ampsm repair --apply makes it again from its branch; moved: ampsm repair --repo ITS-PLACE"
    return Disagreement("worktree", text, action)


def _repair_without_branch(engine: Engine, repo: Repo, session: Session, *, apply: bool) -> Disagreement:
    """A session that has lost its worktree and its branch: what is kept of it tells what can be done."""
    repository.refuse_damaged(repo.root, f"{repository.BRANCHES}{session.branch_name}")
    text = f"session {session.name} has neither its worktree nor its branch {session.branch_name} any more"
    if (tip := pinned_refs.tip(repo.root, session.id)) and not os.path.lexists(session.worktree_path):
        return _repair_branch(engine, repo, session, text, tip, apply=apply)
    kept = f"refs/ampsm/backup/{session.id}/"
    found = git.text(git.query(repo.root, "for-each-ref", "--format=%(objectname)", f"{kept}**/branch*"))
    if found:
        again = f"git -C {repo.root} branch {session.branch_name} {found.split()[-1]}"
        return Disagreement("row", text, f"{again}, then: ampsm repair")
    if Path(session.worktree_path).is_dir():
        text = f"{repo.root} knows nothing of session {session.name}, whose folder is {session.worktree_path}"
    return Disagreement("row", text, f"ampsm rm {session.id}, when you do not want it: no file is touched")


def _repair_branch(engine: Engine, repo: Repo, session: Session, text: str, tip: str, *, apply: bool) -> Disagreement:
    """A branch that was deleted from outside, and whose commits a ref of ours keeps; `apply` makes it again."""
    text += f"; its commits are kept as {pinned_refs.TIP}/{session.id}"
    if not apply:
        return Disagreement("branch", text, "ampsm repair --apply makes it again from there")
    pinned_refs.restore_branch(repo.root, session.id, session.branch_name)
    if not os.path.lexists(session.worktree_path):
        worktrees.recreate(repo, Path(session.worktree_path), session.branch_name, session.id)
    action = f"made again at {tip[:12]}"
    engine.store.facts.add("repaired", f"the branch {session.branch_name} was {action}", session_id=session.id)
    return Disagreement("branch", text, action, mended=True)


def _repair_trashed(engine: Engine, repo: Repo, session: Session, *, apply: bool) -> Disagreement:
    text = f"session {session.name} is marked as trashed, but {repo.root} keeps nothing of it"
    if Path(session.worktree_path).is_dir():
        text = f"the removal of session {session.name} did not come to its end; its worktree is still there"
        if apply:
            session_trash.restore(engine, session.id)
            return Disagreement("trash", text, "brought back from the trash", mended=True)
        return Disagreement("trash", text, f"ampsm trash restore {session.id}")
    return Disagreement("trash", text, f"ampsm trash purge {session.id}")


def _orphan_finding(orphan: Orphan) -> Disagreement:
    if orphan.kind == "worktree":
        return Disagreement(
            "worktree", f"{orphan.path} belongs to no session: {orphan.detail}", f"ampsm adopt {orphan.path}"
        )
    if orphan.kind == "branch":
        action = f"git branch -d {orphan.branch}, when you do not want it (git refuses it while work is only there)"
        return Disagreement("branch", f"branch {orphan.branch} belongs to no session: {orphan.detail}", action)
    return Disagreement(
        "folder", f"{orphan.path} is no worktree: {orphan.detail}", f"look into {orphan.path}, then remove it"
    )


def _scratch_finding(repo: Repo, path: Path, *, apply: bool) -> Disagreement:
    """A worktree for a script that no process uses; it holds no work, and `apply` removes it."""
    text = f"{path} was made to run a script in, and whoever made it is gone"
    if apply:
        scratch.remove(repo, path)
        return Disagreement("worktree", text, "taken away", mended=True)
    return Disagreement("worktree", text, "ampsm repair --apply takes it away: no work is in it")


def _session_findings(
    engine: Engine, repo: Repo, sessions: Sequence[Session], *, apply: bool
) -> Iterator[Disagreement]:
    """What changed outside of sessions, lost bases, conflicts without an entry of the journal, entries without one."""
    merges = engine.store.merges.all_open()
    for session in sessions:
        worktree = Path(session.worktree_path)
        if not session.trashed_at and session.outside is not None:
            yield from _outside_findings(engine, session, apply=apply)
        if session.trashed_at or not (worktree / ".git").exists():
            continue
        if session.base_branch and not repository.resolves(repo.root, session.base_branch):
            text = f"the base {session.base_branch} of session {session.name} is gone"
            yield Disagreement(
                "base", text, f"make it again, or merge elsewhere: ampsm merge {session.id} -m MSG --onto BRANCH"
            )
        waits = merges.get(session.id)
        conflict = laid_conflict.laid(worktree)
        if waits is None and conflict is not None:
            yield _unjournalled_conflict(engine, session, worktree, apply=apply)
        elif waits is not None and waits.state is MergeState.CONFLICTED and conflict is None:
            text = f"the conflict of session {session.name} does not lie in its worktree any more"
            yield Disagreement("conflict", text, f"ampsm merge {session.id} --abort")
        elif conflict is None and session.status is not Status.RUNNING:
            yield from _off_branch(engine, repo, session, worktree, apply=apply)


def _outside_findings(engine: Engine, session: Session, *, apply: bool) -> Iterator[Disagreement]:
    """What a session changed outside of its worktree and is still changed; when nothing is, its stale mark."""
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


def _off_branch(engine: Engine, repo: Repo, session: Session, worktree: Path, *, apply: bool) -> Iterator[Disagreement]:
    """A worktree that left its session's branch, or whose branch was renamed or deleted."""
    head = commits.head(worktree)
    if not head.commit:
        seen = pinned_refs.tip(repo.root, session.id) or ""
        try:
            repository.refuse_damaged(repo.root, f"{repository.BRANCHES}{session.branch_name}", seen=seen)
        except Unfit as damaged:
            yield Disagreement("branch", f"session {session.name}: {damaged.message}", damaged.hint)
            return
    if (
        not head.commit
        and head.branch == session.branch_name
        and (tip := pinned_refs.follow_worktree(repo.root, session.id, worktree))
    ):
        text = f"the branch {session.branch_name} of session {session.name} was deleted"
        yield _repair_branch(engine, repo, session, text, tip, apply=apply)
    if head.branch == session.branch_name or repository.is_busy(worktree) is not None:
        return
    where = f"on {head.branch}" if head.branch else f"at {head.commit[:12]}, on no branch"
    there = repository.branch_tip(repo.root, session.branch_name) is not None
    gone = "" if there else ", which is not there any more"
    text = f"the worktree of session {session.name} stands {where}, and not on its branch {session.branch_name}{gone}"
    yield Disagreement("branch", text, back_on_branch(worktree, session.branch_name))


def _unjournalled_conflict(engine: Engine, session: Session, worktree: Path, *, apply: bool) -> Disagreement:
    """Report a conflict that no merge owns; `apply` aborts it and keeps what was resolved under a ref."""
    text = f"a conflict lies in the worktree of session {session.name}, and no merge waits for it"
    if not apply:
        return Disagreement("conflict", text, "ampsm repair --apply takes it back, and keeps what was resolved")
    kept = f"refs/ampsm/backup/{session.id}/repaired/resolved"
    conflict_checkout.abort(worktree, keep_as=kept)
    engine.store.facts.add(
        "repaired", f"a forgotten conflict was taken back; it is kept as {kept}", session_id=session.id
    )
    return Disagreement("conflict", text, f"taken back; what was resolved is kept as {kept}", mended=True)


def _unknown_refs(repo: Repo, known: set[str]) -> Iterator[Disagreement]:
    unknown: dict[str, int] = {}
    for full in repository.refs(repo.root, "refs/ampsm/"):
        match = _KEPT.match(full)
        if match and match["session"] not in known and repository.is_session_id(match["session"]):
            unknown[match["session"]] = unknown.get(match["session"], 0) + 1
    for session_id, count in unknown.items():
        text = f"{plural(count, 'ref')} of {repo.root} keep work of session {session_id}, which no row knows"
        yield Disagreement("refs", text, f"git -C {repo.root} for-each-ref 'refs/ampsm/*/{session_id}/**' lists them")


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
    findings = [one for one in find_disagreements(engine) if one.action not in mended_by_adopting]
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
