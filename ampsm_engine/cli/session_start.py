"""A new session as a command makes it: trust in its setup asked for, the session made and shown. No parser."""

from typing import TYPE_CHECKING, Any, TypeVar

from ampsm_engine.cli import diagnostics, output
from ampsm_engine.cli.output import one_line
from ampsm_engine.errors import Refused
from ampsm_engine.model import FILES_COPIED, LACKS, SetupState
from ampsm_engine.trusted_commands import UntrustedCommand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.model import Iteration, Session

T = TypeVar("T")

QUESTION = "Trust it? It runs with your rights, and whatever of the repository it calls runs with it."


def begin(
    path: "Path", prompt: str | None, *, wait: bool = False, as_json: bool, trust_setup: bool = False, **given: Any
) -> int:
    """Make a session and show it; the exit code. `given`: what else `engine.sessions.new` takes."""
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import sessions, startup

    startup.report_recovered = diagnostics.note
    engine = engine_at()  # sessions.new opens the store while git is at work

    def make() -> "tuple[Session, Iteration | None]":
        with diagnostics.working("Making the worktree"):
            return sessions.new(engine, path=path, prompt=prompt, **given)

    session, iteration = trusting(make, yes=trust_setup)
    if iteration:
        diagnostics.warn_of_login()
    return report(engine, session, iteration, wait=wait, as_json=as_json)


def trusting(act: "Callable[[], T]", *, yes: bool = False, again: str = "ampsm new --trust-setup") -> T:
    """Act; where that needs trust in a command of the repository, ask for it at the terminal (`yes`: it is given).

    UntrustedCommand where there is no terminal, Refused where the answer is no. `again`: how to say yes without one.
    """
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import setup

    try:
        return act()
    except UntrustedCommand as asked:
        if not yes:
            otherwise = UntrustedCommand(asked.message, f"{asked.hint}, or: {again}")
            ask_for_trust(asked.root, asked.command, asked.origin, otherwise)
        setup.trust(engine_at(), asked.root, asked.command)
    return act()


def ask_for_trust(root: str, text: str, origin: str, otherwise: Refused) -> None:
    """Return only on a yes; `otherwise` where there is no terminal to ask on, Refused on a no."""
    shown = "\n".join(f"    {line}" for line in text.splitlines())
    answer = diagnostics.confirmed(f"{origin} says how a new worktree of {root} is set up:\n\n{shown}\n\n{QUESTION}")
    if answer is None:
        raise otherwise
    if not answer:
        raise Refused("It is not trusted, and nothing was done.", "ampsm new --no-setup begins without it.")


def report(engine: "Engine", session: "Session", iteration: "Iteration | None", *, wait: bool, as_json: bool) -> int:
    """Show a session that was made just now, and wait for its iteration with `wait`; the exit code."""
    for fact in engine.store.facts.read(session_id=session.id, kinds=(*LACKS, FILES_COPIED, SetupState.WAITS)):
        (diagnostics.warning if fact.kind == "worktree" else diagnostics.note)(fact.text)
    if wait and iteration:
        from ampsm_engine.cli.iterations import wait_for

        if not as_json:
            print_new(session, iteration)
        code = wait_for(engine, (session.id,), iteration_id=iteration.id)
        if as_json:
            print_json(engine, session.id)
        return code
    if as_json:
        print_json(engine, session.id)
    else:
        print_new(session, iteration)
        diagnostics.hint(
            f"ampsm log --follow {session.id}" if iteration else f"ampsm iterate {session.id} 'what amp is to do'"
        )
    return diagnostics.OK


def print_new(session: "Session", iteration: "Iteration | None") -> None:
    """Print what a session is called and where it is."""
    output.line(output.Styled(one_line(session.name), "bold"))
    output.fields(
        (
            ("session", session.id),
            ("branch", f"{session.branch_name} (from {session.base_branch})"),
            ("worktree", session.worktree_path),
            ("iteration", f"{iteration.number} {iteration.state.value}" if iteration else "none yet"),
        )
    )


def print_json(engine: "Engine", session_id: str) -> None:
    """Print a session as a document."""
    from ampsm_engine.cli.session_details import print_session

    print_session(engine, session_id)
