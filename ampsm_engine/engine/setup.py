"""How worktrees are set up: what a new session would be set up with, trust in a command, the command run by hand."""

import contextlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import lifecycle, session_problems, trusted_commands
from ampsm_engine.context import Engine
from ampsm_engine.errors import Failed, NotFound, Refused, Unfit
from ampsm_engine.git import beginnings, lock, repository, setup_source, worktree_preparation
from ampsm_engine.git.setup_source import SetupSource
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Iteration, Session, SetupState, Status
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.worker.script import ScriptRun


@dataclass(frozen=True, slots=True)
class SetupOffer:
    """What a session that begins from some commit of a repository would be set up with."""

    root: str
    command: str
    """The setup command; empty when there is none."""
    origin: str
    """Where the command stands."""
    is_trusted: bool
    """Whether it may run: it is the user's own, or a person has trusted it."""
    problems: tuple[str, ...] = ()
    """What of `.ampsm.toml` does not count."""
    left_behind: tuple[str, ...] = ()
    """What the session will not have of the checkout."""


def offer(engine: Engine, path: Path, base: str | None = None, folder: str | None = None) -> SetupOffer:
    """What a session there, about a `folder`, would be set up with; NotFound, Unfit and Refused as `sessions.new`."""
    engine.check_repository(path)
    repo = repository.locate(path)
    start = repository.base(repo, base)
    within = beginnings.folder_in(repo, start.commit, path, folder) if folder else ""
    source = setup_source.read(repo.root, start.commit, within)
    trusted = not source.is_foreign or trusted_commands.is_trusted(engine.home, repo.root, source.command)
    checkout = worktree_preparation.source(repo, start.name).checkout
    behind = worktree_preparation.left_behind(repo, start, worktree_preparation.read_checkout_state(checkout))
    return SetupOffer(str(repo.root), source.command, source.origin, trusted, source.problems, behind)


def trust(engine: Engine, root: str, text: str) -> None:
    """Let a command of a repository run from now on, in any of its commits."""
    engine.home.ensure()
    trusted_commands.trust(engine.home, Path(root), text)


def forget(engine: Engine, path: Path) -> int:
    """Trust none of the commands of a repository any more; how many there were."""
    return trusted_commands.forget(engine.home, repository.around(path).root)


def of_new_session(engine: Engine, root: Path, base_commit: str, folder: str = "") -> SetupSource:
    """What a session that is about to be made is set up with. UntrustedCommand before anything is made."""
    source = setup_source.read(root, base_commit, folder)
    if source.is_foreign:
        trusted_commands.check(engine.home, root, source.command, source.origin, base_commit, folder=folder)
    return source


def refuse_untrusted(engine: Engine, path: Path, base: str | None, folder: str) -> None:
    """UntrustedCommand where a session there needs a command that is not trusted yet; else silent."""
    with contextlib.suppress(NotFound, Unfit, Failed):  # reported when the session is made
        repo = repository.locate(path)
        of_new_session(engine, repo.root, repository.base(repo, base).commit, folder)


def refuse_on_hosts(engine: Engine, path: Path, base: str | None, folder: str, *, is_allowed: bool) -> None:
    """Refused where hosts of a cluster would set a session up with a command of the repository that is not to travel.

    UntrustedCommand where it may, and is not trusted here. git's configuration does not count: hosts have one
    of their own.
    """
    with contextlib.suppress(NotFound, Unfit, Failed):  # reported when the session is made
        repo = repository.locate(path)
        commit = repository.base(repo, base).commit
        source = setup_source.of_commit(repo.root, commit, folder)
        if not source.command:
            return
        if not is_allowed:
            said = printable(source.command)[:200]
            message = f"Hosts would set up their worktrees of {repo.root.name} with its own command: {said}"
            raise Refused(message, "setupOnHosts: true in the plan's defaults, if they may")
        trusted_commands.check(engine.home, repo.root, source.command, source.origin, commit, folder=folder)


def command_of(engine: Engine, session_id: str) -> str:
    """A session's setup command. Refused without one and while amp works; UntrustedCommand where it is not trusted."""
    return _source_of(engine, session_id).command


def _source_of(engine: Engine, session_id: str) -> SetupSource:
    from ampsm_engine.worker import setup as worker_setup

    session = engine.store.sessions.get(session_id)
    _check_idle(session, engine.store.iterations.of(session.id))
    source = worker_setup.checked_source(engine.home, session)
    if not source.command:
        message = f"There is no setup command for session {session.name}."
        raise Refused(message, f"git -C {session.repo_root} config {setup_source.VARIABLE} 'COMMAND'")
    return source


def run(
    engine: Engine, session_id: str, output: Callable[[bytes], None], *, stop: Callable[[], bool] = lambda: False
) -> "ScriptRun":
    """Run a session's setup command again, and let the history say how it went; errors as `command_of`.

    `output` gets what it prints, redacted. amp does not begin in the worktree meanwhile.
    """
    from ampsm_engine.amp import command
    from ampsm_engine.engine import scripts
    from ampsm_engine.worker import setup as worker_setup

    source = _source_of(engine, session_id)
    store = engine.store
    session = store.sessions.get(session_id)
    iterations = store.iterations.of(session.id)
    mark = iterations[-1].id if iterations else session.id
    git_dir = repository.git_dir(Path(session.worktree_path))
    with lock.still(git_dir, f"the setup of {session.id}", patience=0):
        _check_idle(session, store.iterations.of(session.id))
        worker_setup.end_run_by_hand(store, session, engine.settings.number("stop.terminate"))
        store.facts.add(worker_setup.STARTED, source.command, session_id=session.id)
        ran = scripts.run_shown(
            lambda stopping: worker_setup.run_command(
                source,
                session,
                engine.home.iteration(mark).setup_output,
                environment=command.environment(os.environ, worker_setup.mark_by_hand(session)),
                settings=engine.settings,
                stop=stopping,
            ),
            engine.home.iteration(mark).setup_output,
            output,
            stop=stop,
            settings=engine.settings,
            mark=worker_setup.mark_by_hand(session),
        )
    if not ran.stopped:
        worker_setup.record(store, session, ran, mark if iterations else None)
        if ran.exit_code == 0:
            _leave_error(engine, session, iterations)
    return ran


def start(engine: Engine, session_id: str) -> str:
    """Run a session's setup command in a detached process, which `scripts` follows; the name of its run.

    Errors as `command_of`, and Refused while its script runs by hand.
    """
    from ampsm_engine.engine import scripts

    command_of(engine, session_id)
    session = engine.store.sessions.get(session_id)
    hint = f"ampsm setup {session.id}"
    return scripts.start_detached(engine, session, __name__, what="The setup command", hint=hint)


def skip(engine: Engine, session_id: str) -> Session:
    """Go on without the setup of a session's worktree. Refused while amp works there."""
    store = engine.store
    session = store.sessions.get(session_id)
    iterations = store.iterations.of(session.id)
    _check_idle(session, iterations)
    at = f"{datetime.now(UTC).astimezone():%Y-%m-%d %H:%M}"
    store.facts.add(SetupState.SKIPPED, f"the setup is left out since {at}", session_id=session.id)
    _leave_error(engine, session, iterations)
    return store.sessions.get(session.id)


def _check_idle(session: Session, iterations: tuple[Iteration, ...]) -> None:
    session_problems.check_worktree(session)
    if any(lifecycle.is_active(iteration.state) for iteration in iterations):
        message = f"Session {session.name} is at work; its worktree is set up before amp begins."
        raise Refused(message, f"ampsm wait {session.id}, or: ampsm stop {session.id}")


def _leave_error(engine: Engine, session: Session, iterations: tuple[Iteration, ...]) -> None:
    """A session that was in error for its setup alone is idle again."""
    if session.status is Status.ERROR and iterations and iterations[-1].failure == "setup":
        engine.store.sessions.update(session.id, status=Status.IDLE)


if __name__ == "__main__":
    from ampsm_engine.engine import scripts

    scripts.run_detached(sys.argv[1], run)
