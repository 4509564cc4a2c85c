"""The command demo: real sessions on a throw-away repository, with a scripted amp. Nothing of the user's is touched."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from ampsm_engine import labels
from ampsm_engine.cli import diagnostics, documents, output
from ampsm_engine.cli.demo_run import HIDDEN_VARIABLES, DemoFolder, DemoRun, await_workers, demo_environment
from ampsm_engine.cli.listing import board_row, print_sessions
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.errors import Refused
from ampsm_engine.model import Iteration, Outcome, Session
from ampsm_engine.states import STATES

Groups = Mapping[str, Sequence[Iteration]]
Screens = Callable[..., int]
"""What opens the app and comes back when it is left."""


@click.command(cls=Command, short_help="See it work: no account, no network.")
@click.option(
    "--folder",
    metavar="F",
    type=click.Path(file_okay=False, path_type=Path),
    help="An empty folder to play in. [default: a new one]",
)
@click.option("--keep/--no-keep", default=True, help="Keep the folder to look around in. [default: keep]")
@click.option(
    "--speed", metavar="X", type=click.FloatRange(0.1, 1000), default=1.0, help="How fast amp plays. [default: 1]"
)
@click.option("--plain", is_flag=True, help="Print what happens instead of opening the app.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
def demo_command(
    screens: Screens | None, folder: Path | None, speed: float, *, keep: bool, plain: bool, as_json: bool
) -> int:
    """Run several sessions on a throw-away repository, with an amp that follows a script.

    Everything but the model is real: branches, worktrees, commits, tests, workers, the queue. On a terminal it
    opens the app, and the sessions go on when you leave it. All of it takes about half a minute; then a session
    waits for an answer, a merge for a conflict to be solved, and comments for being sent. Ctrl-C stops the
    sessions and removes the folder.

      ampsm demo
      ampsm demo --plain
      ampsm demo --speed 5 --no-keep
    """
    stage = _stage(folder)
    shown = None if plain or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()) else screens
    hushed = "".join(f" {name}=" for name in HIDDEN_VARIABLES[:2] if os.environ.get(name))
    with demo_environment(stage, speed):
        play = DemoRun()
        try:
            _perform(stage, play, shown)
            await_workers(play.engine)
        except BaseException as end:
            _clear(stage, play)
            end.add_note("The demo's sessions were stopped, and what it made was removed.")
            raise
        sessions = tuple(reversed(play.engine.store.sessions.all()))  # the user may have made, and trashed, some
        groups = play.engine.store.iterations.of_sessions([session.id for session in sessions])
    if as_json:
        _print_json(stage, sessions, groups)
    else:
        _print_end(sessions, groups, play)
    if not keep:
        stage.remove()
    elif not as_json:
        _print_next(stage, sessions, play, hushed)
    done = [one for group in groups.values() for one in group if one.outcome is Outcome.DONE]
    return diagnostics.OK if done else diagnostics.FAILED


def _stage(folder: Path | None) -> DemoFolder:
    if folder is None:
        return DemoFolder(Path(tempfile.mkdtemp(prefix="ampsm-demo-")), made=True)
    absolute = folder.expanduser().absolute()
    if absolute.exists() and any(absolute.iterdir()):
        raise Refused(f"The folder {absolute} is not empty.", "ampsm demo --folder EMPTY-FOLDER")
    made = not absolute.exists()
    absolute.mkdir(parents=True, exist_ok=True)
    return DemoFolder(absolute, made=made)


def _perform(stage: DemoFolder, play: DemoRun, screens: Screens | None) -> None:
    from ampsm_engine.demo import plan
    from ampsm_engine.engine import startup

    parts = plan()
    diagnostics.note(f"A throw-away repository in {stage.repository}, and a scripted amp: no account, no network.")
    with diagnostics.working("Making the repository"):
        stage.build()
    play.engine = startup.open_engine()
    slots = int(play.engine.settings.number("slots"))
    diagnostics.note(f"{len(parts)} sessions begin; {slots} run at once. Each iteration ends in a commit.\n")
    play.begin(stage, parts)
    if screens is not None:
        with play.sending_follow_ups(stage):
            screens()
    play.until_over()


def _clear(stage: DemoFolder, play: DemoRun) -> None:
    if play.begun:
        diagnostics.note("Stopping the demo…")
        play.stop()
        await_workers(play.engine)
    stage.remove()


def _print_json(stage: DemoFolder, sessions: Sequence[Session], groups: Groups) -> None:
    found = [documents.session_document(session, groups[session.id]) for session in sessions]
    output.document({"home": str(stage.home), "repository": str(stage.repository), "sessions": found})


def _print_end(sessions: Sequence[Session], groups: Groups, play: DemoRun) -> None:
    sys.stderr.flush()
    output.line()
    print_sessions(sessions, groups)
    output.line()
    for session in sessions:
        if not groups[session.id]:
            continue  # made to be started later
        word = labels.state_word(board_row(session, groups[session.id]))
        last = groups[session.id][-1]
        text = labels.outcome_text(last) + (f", commit {last.commit_sha[:10]}" if last.commit_sha else "")
        output.line(Styled(f"{STATES[word].glyph} ", STATES[word].ansi), one_line(session.name), f": {text}")
        if last.outcome is Outcome.FAILED and session.id in play.parts:
            output.line(Styled("  (on purpose: so you see what an error looks like, and that its work is kept)", "dim"))


def _print_next(stage: DemoFolder, sessions: Sequence[Session], play: DemoRun, hushed: str) -> None:
    program = _program()
    there = {part.name: shlex.quote(one.name) for one in sessions if (part := play.parts.get(one.id))}
    tries = (
        ("The app again: Enter opens a session, v reads its changes, M merges it, ? lists the keys.", "", "{program}"),
        ("Two comments wait to be sent: S in the review.", "Refunds count as costs", "{program} comments {name}"),
        ("A merge met a conflict: M in the app, then o, t or b.", "Monthly totals", "{program} show {name}"),
        ("amp asks something: answer it with m in the app, or here.", "Currency sign", "{program} log {name}"),
        ("Its commits, ready to merge.", "Document the modules", "{program} diff {name} --stat"),
        ("Credit ran out, the work is kept; try again.", "Export to CSV", "{program} retry {name} --wait"),
        ("All of it is git.", "", f"git -C {shlex.quote(str(stage.repository))} log --oneline --graph --all"),
    )
    output.line()
    output.line("To come back to it, in this shell:")
    output.line("  ", Styled(f"export AMPSM_HOME={shlex.quote(str(stage.home))}{hushed}", "bold"))
    for meaning, name, words in tries:
        if not name or name in there:
            output.line(Styled(meaning, "dim"))
            output.line("  ", Styled(words.format(program=program, name=there.get(name, "")), "bold"))
    output.line()
    output.line("To leave nothing behind:")
    output.line("  ", Styled(f"rm -rf {shlex.quote(str(stage.folder))}; unset AMPSM_HOME", "bold"))


def _program() -> str:
    """How this ampsm is called from the user's shell."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("ampsm")
    if found and Path(found).resolve() == called.resolve():
        return "ampsm"
    return shlex.quote(str(called)) if called.name == "ampsm" else f"{shlex.quote(sys.executable)} -m ampsm_tui"
