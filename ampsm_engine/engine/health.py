"""Is this machine fit, and do store and repositories agree? Findings say what to do; nothing is removed unasked."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ampsm_engine import keymap, private_folder
from ampsm_engine.amp import program
from ampsm_engine.config import Settings
from ampsm_engine.context import Engine
from ampsm_engine.engine import leftovers, reconstruction, relocation, removal, terminal_checks
from ampsm_engine.engine.check import Check, Disagreement
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import damage, repository, trash, worktrees
from ampsm_engine.git import program as git
from ampsm_engine.git.places import Orphan, Repo
from ampsm_engine.home import write_private
from ampsm_engine.model import Session
from ampsm_engine.naming import plural
from ampsm_engine.store import Store
from ampsm_engine.worker import slots


def doctor(engine: Engine, environ: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """Everything ampsm needs from this machine, one check a line. The environment itself is never shown.

    The engine need not be ready: what keeps it from that is found here. Without a configuration, the defaults count.
    """
    env = os.environ if environ is None else environ
    settings = engine.settings
    return (
        Check("python", ok=True, text=f"{sys.version.split()[0]} at {sys.executable}"),
        *_looked("git", lambda: (Check("git", ok=True, text=git.version()),)),
        *_looked("amp", lambda: _amp(settings, env)),
        *_looked("home", lambda: (_home(engine),)),
        *_looked("store", lambda: (_store(engine),)),
        *_looked("workers", lambda: (_slots(engine, settings),)),
        _desktop(env),
        *_looked("terminal", lambda: terminal_checks.checks(env, chosen=settings.text("notify.terminal"))),
        *_configuration(engine, settings),
        *_keys(settings),
    )


def _keys(settings: Settings) -> Iterator[Check]:
    """Keys of the configuration that mean two things on one screen."""
    for clash in keymap.clashes(settings.keys):
        free = next((key_id for key_id in clash.ids if key_id in settings.keys), clash.ids[0])
        yield Check("keys", ok=None, text=f"{clash}; the first has it", hint=f"ampsm config set keys.{free} KEY")


def _looked(name: str, look: Callable[[], tuple[Check, ...]]) -> tuple[Check, ...]:
    """What a look found, or why it could not be had."""
    try:
        return look()
    except AmpsmError as reason:
        return (Check(name, ok=False, text=reason.message, hint=reason.hint),)
    except (OSError, subprocess.SubprocessError) as reason:
        return (Check(name, ok=False, text=str(reason)),)


def _configuration(engine: Engine, settings: Settings) -> Iterator[Check]:
    if not settings.problems:
        yield Check(
            "configuration", ok=True, text=str(engine.config), hint="" if engine.config.exists() else "defaults"
        )
    for problem in settings.problems:
        fit = None if problem.severity == "unknown" else False
        yield Check("configuration", ok=fit, text=problem.message, hint=problem.hint)


def _home(engine: Engine) -> Check:
    """Whether there is a home, and room in it."""
    engine.home.ensure()
    root = engine.home.root
    probe = root / f".doctor.{os.getpid()}"
    try:
        write_private(probe, bytes(1 << 16))
        probe.unlink()
    except OSError as reason:
        hint = f"df -h {root}" if reason.errno in (errno.ENOSPC, errno.EDQUOT) else f"ls -ld {root}"
        return Check("home", ok=False, text=f"{root} cannot be written: {reason.strerror}", hint=hint)
    return Check("home", ok=True, text=str(root))


def _amp(settings: Settings, env: Mapping[str, str]) -> tuple[Check, ...]:
    try:
        path = program.find(settings, env)
    except AmpsmError as reason:
        return (Check("amp", ok=False, text=str(reason), hint=reason.hint),)
    try:
        version = program.version(path, env)
    except AmpsmError as reason:
        return (Check("amp", ok=False, text=str(reason), hint=reason.hint),)
    told = f"{version.text} at {path}" if version else f"{path} does not say its version"
    login = program.login(env)
    return (
        Check("amp", ok=True if version else None, text=told),
        Check("login", ok=True if login.ok else None, text=login.how, hint="" if login.ok else "amp login"),
    )


def _store(engine: Engine) -> Check:
    database = engine.home.database
    store = Store(database)  # as the next program will find it
    try:
        sessions = len(store.sessions.all())
    except AmpsmError as reason:
        return Check("store", ok=False, text=str(reason), hint=reason.hint)
    store.check()
    loose = [path for path in (engine.home.root, database) if path.stat().st_mode & 0o077]
    if loose:
        return Check("store", ok=False, text=f"others may read {loose[0]}", hint=f"chmod go= {loose[0]}")
    copy = store.last_copy()
    copied = f"; its last copy is {copy}" if copy else ""
    return Check("store", ok=True, text=f"{plural(sessions, 'session')} in {database}{copied}")


def _slots(engine: Engine, settings: Settings) -> Check:
    unsettled = engine.store.iterations.unsettled()
    lost = [one for one in unsettled if not slots.is_leased(engine.home.run(one.id))]
    count = int(settings.number("slots"))
    if lost:
        return Check("workers", ok=None, text=f"{len(lost)} without a worker; any command sends one", hint="ampsm ls")
    return Check(
        "workers", ok=True, text=f"{len(unsettled)} at work, {engine.store.queue.count()} queued, {count} slots"
    )


def _desktop(env: Mapping[str, str]) -> Check:
    desktop = sys.platform == "darwin" or any(env.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    text = "this machine has one" if desktop else "none here: nothing pops up when an iteration ends"
    return Check("desktop", ok=True if desktop else None, text=text)


def repair(engine: Engine, *, apply: bool = False, path: Path | None = None) -> tuple[Disagreement, ...]:
    """Where store and repositories disagree. `apply` adopts what has a safe way back and removes nothing.

    `path`: a repository to look into besides those that the store knows.
    """
    private_folder.remove_abandoned()
    store = engine.store
    store.check()
    if path is not None:
        engine.check_repository(path)
    here = [path] if path else [Path()]
    moves = relocation.find((*store.sessions.all(), *store.sessions.all(trashed=True)), here)
    for move in moves if apply else ():
        relocation.follow(engine, move)
    findings = [move.finding(mended=apply, place=path) for move in moves]
    waiting = set() if apply else {move.session.id for move in moves}
    unlinked = set() if apply else {move.repo.root for move in moves}
    every = [one for one in (*store.sessions.all(), *store.sessions.all(trashed=True)) if one.id not in waiting]
    runs = reconstruction.unknown_runs(engine)
    roots = {Path(session.repo_root) for session in every}
    remembered = {root for root in reconstruction.roots(engine, runs) if root.is_dir()}
    if path is not None:
        roots.add(repository.around(path).root)
    # Of a repository with sessions whose links are yet to be made, git tells nothing right.
    for root in sorted({root.resolve() for root in roots | remembered} - unlinked):
        of_this = [session for session in every if Path(session.repo_root).resolve() == root]
        findings += _repository(engine, root, of_this, runs, apply=apply)
    return tuple(findings)


def _repository(
    engine: Engine, root: Path, sessions: list[Session], runs: Sequence[reconstruction.FoundRun], *, apply: bool
) -> list[Disagreement]:
    if not root.is_dir():
        names = ", ".join(session.name for session in sessions[:5])
        named = sessions[0].id if sessions else "SESSION"
        action = f"moved: ampsm repair --repo NEWPLACE; away: bring it back; else: ampsm rm {named}"
        return [Disagreement("repository", f"{root} is gone; sessions: {names}", action)]
    try:
        repo = repository.locate(root)
        rebuilt = reconstruction.look(engine, repo, sessions, runs, apply=apply)
        sessions = [*sessions, *rebuilt.sessions] if apply else sessions
        listed = {tree.path.resolve() for tree in worktrees.listed(repo)}
        found = [_lost(engine, repo, one, apply=apply) for one in sessions if _is_lost(one, listed)]
        found += [
            _trashed(engine, repo, one, apply=apply)
            for one in sessions
            if one.trashed_at and not trash.holds(root, one.id)
        ]
        # Those in the trash count: one whose removal died half-way still has its worktree and its branch.
        found += rebuilt.findings
        accounted = [*sessions, *rebuilt.sessions]
        known = {Path(session.worktree_path) for session in accounted}
        branches = {session.branch_name for session in accounted}
        for orphan in worktrees.orphans(repo, known, branches):
            found.append(_orphan(orphan))
        found += leftovers.found(engine, repo, accounted, apply=apply)
    except AmpsmError as reason:
        return [Disagreement("repository", f"{root}: {reason}", reason.hint)]
    return found


def _is_lost(session: Session, listed: set[Path]) -> bool:
    worktree = Path(session.worktree_path)
    return not session.trashed_at and (not worktree.is_dir() or worktree.resolve() not in listed)


def _lost(engine: Engine, repo: Repo, session: Session, *, apply: bool) -> Disagreement:
    if repository.branch_tip(repo.root, session.branch_name) is None:
        damage.refuse_damaged(repo.root, f"{repository.BRANCHES}{session.branch_name}")
        text = f"session {session.name} has neither its worktree nor its branch {session.branch_name} any more"
        kept = f"refs/ampsm/backup/{session.id}/"
        found = git.text(git.told(repo.root, "for-each-ref", "--format=%(objectname)", f"{kept}**/branch*"))
        if found:
            tip = found.split()[-1]
            return Disagreement(
                "row", text, f"git -C {repo.root} branch {session.branch_name} {tip}, then: ampsm repair"
            )
        if Path(session.worktree_path).is_dir():
            text = f"{repo.root} knows nothing of session {session.name}, whose folder is {session.worktree_path}"
        return Disagreement("row", text, f"ampsm rm {session.id}, when you do not want it: no file is touched")
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
        worktrees.recreate(repo, Path(session.worktree_path), session.branch_name)
        engine.store.facts.add("repaired", "the worktree was made again from its branch", session_id=session.id)
        return Disagreement("worktree", text, "made again from its branch", mended=True)
    action = "ampsm repair --apply makes it again from its branch; moved: ampsm repair --repo ITS-PLACE"
    return Disagreement("worktree", text, action)


def _trashed(engine: Engine, repo: Repo, session: Session, *, apply: bool) -> Disagreement:
    text = f"session {session.name} is marked as trashed, but {repo.root} keeps nothing of it"
    if Path(session.worktree_path).is_dir():
        text = f"the removal of session {session.name} did not come to its end; its worktree is still there"
        if apply:
            removal.restore(engine, session.id)
            return Disagreement("trash", text, "brought back from the trash", mended=True)
        return Disagreement("trash", text, f"ampsm trash restore {session.id}")
    return Disagreement("trash", text, f"ampsm trash purge {session.id}")


def _orphan(orphan: Orphan) -> Disagreement:
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
