"""The command demo: real sessions on a throw-away repository, with a scripted amp. Nothing of the user's is touched."""

import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ampsm_engine import config, labels, session_problems
from ampsm_engine.cli import diagnostics, documents, output, parameters
from ampsm_engine.cli.output import Styled, one_line
from ampsm_engine.cli.root import Command
from ampsm_engine.cli.tables import board_row, print_sessions, width
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.home import home, write_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import BoardRow, Iteration, Outcome, Session, State, Status
from ampsm_engine.state_styles import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.demo import DemoSession

Groups = Mapping[str, Sequence[Iteration]]
Screens = Callable[..., int]
"""What opens the app and comes back when it is left."""


TICK = 0.05
SWEEP_EVERY = 40
"""Looks between two searches for a worker that died."""

STOPPING = 60.0
"""Seconds that the sessions have to end after Ctrl-C."""

HIDDEN_VARIABLES = ("AMPSM_DB_PATH", "AMP_CLI_PATH", "AMPSM_SCENARIO", "AMP_SETTINGS_FILE")
"""The user's variables for ampsm and amp, which do not apply to the demo."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """The folder of one demo and what is in it."""

    folder: Path
    made: bool
    """Whether the folder itself is ours to remove."""

    @property
    def home(self) -> Path:
        """The demo's AMPSM_HOME; its config.toml names the scripted amp."""
        return self.folder / "home"

    @property
    def repository(self) -> Path:
        """The repository that amp works in."""
        return self.folder / "pocketbook"

    def build(self) -> None:
        """Make repository, amp and configuration."""
        from ampsm_engine import demo

        demo.repository(self.repository)
        amp = demo.install(self.folder / "bin", state=self.folder / "threads")
        self.home.mkdir(mode=0o700)
        (self.home / "config.toml").touch(mode=0o600)
        config.store(self.home / "config.toml", "amp.path", str(amp))
        config.store(self.home / "config.toml", "notify.desktop", "false")
        write_private(home(os.environ).only_repository, os.fsencode(self.repository), lasting=False)

    def remove(self) -> None:
        """Remove what the demo made."""
        if self.made:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        for part in (self.home, self.repository, self.folder / "bin", self.folder / "threads"):
            shutil.rmtree(part, ignore_errors=True)


ATTENTION = 0.25
"""Seconds between two looks whether a follow-up is due while the app is open."""


@dataclass(slots=True)
class DemoRun:
    """The demo while it runs: the plan of each session, and which follow-ups are still to be sent."""

    engine: "Engine" = field(init=False)
    parts: "dict[str, DemoSession]" = field(default_factory=dict)
    waiting: "dict[str, str]" = field(default_factory=dict)
    begun: bool = False
    prepared: bool = False
    """Whether a conflict and comments wait already."""

    def begin(self, stage: DemoFolder, plan: "Sequence[DemoSession]") -> None:
        """Start every session of the plan."""
        from ampsm_engine.engine import sessions

        self.begun = True
        for part in plan:
            session, _ = sessions.new(
                self.engine, path=stage.repository, prompt=part.prompt, name=part.name, script=part.script
            )
            self.parts[session.id] = part
            if part.follow_up:
                self.waiting[session.id] = part.follow_up

    def until_over(self) -> None:
        """Show the sessions and send the follow-ups until nothing runs or is queued."""
        from ampsm_engine.engine import startup

        lines = diagnostics.ProgressLines()
        store = self.engine.store  # one connection: its data_version means nothing to another
        version, looks, over = -1, 0, False
        while not over:
            if (now := store.data_version()) != version:
                version = now
                sessions = tuple(reversed(store.sessions.all()))
                groups = store.iterations.of_sessions([session.id for session in sessions])
                conflicts = session_problems.sessions_in_conflict(store)
                longest = max((width(session.name) for session in sessions), default=0)
                rows = [board_row(one, groups[one.id], has_conflict=one.id in conflicts) for one in sessions]
                lines.show({row.session.id: _line(row, longest) for row in rows})
                over = not self._follow_up(groups) and _settled(groups.values())
            looks += 1
            if looks % SWEEP_EVERY == 0:
                startup.make_ready(self.engine)
            time.sleep(0 if over else TICK)
        self.prepare()

    def prepare(self) -> None:
        """Leave something to decide: comments that are not sent, and a merge that meets a conflict. Once."""
        from ampsm_engine import demo
        from ampsm_engine.diff.hunks import Side
        from ampsm_engine.engine import comments
        from ampsm_engine.merging import operations
        from ampsm_engine.merging.results import Options

        if self.prepared:
            return
        self.prepared = True
        for key, part in self.parts.items():
            with suppress(AmpsmError, OSError):  # merged, trashed or changed by who plays with it
                session = self.engine.store.sessions.get(key)
                for one in part.comments:
                    lines = (Path(session.worktree_path) / one.path).read_text(encoding="utf-8").splitlines()
                    number = next((at for at, line in enumerate(lines, 1) if one.line_with in line), 0)
                    comments.add_comment(self.engine, key, one.path, (number, number), one.text, side=Side.NEW)
                if part.rival and session.trashed_at is None and session.status is not Status.DONE:
                    demo.commit_rival(Path(session.repo_root), part.rival)
                    operations.merge(self.engine, key, Options(message=session.name))

    @contextmanager
    def sending_follow_ups(self, stage: DemoFolder) -> Iterator[None]:
        """Send the follow-ups from a thread while the app is open.

        The app works in the folder it is opened in, so that is the demo's repository meanwhile, not the user's.
        """
        from threading import Event, Thread

        left = Event()

        def attend() -> None:
            store = self.engine.store
            while not self.prepared and not left.wait(ATTENTION):
                groups = store.iterations.of_sessions(list(self.parts))
                if not self._follow_up(groups) and _settled(groups.values()):
                    self.prepare()
            store.close()

        thread = Thread(target=attend, name="ampsm-demo")
        thread.start()
        os.environ["PWD"] = str(stage.repository)
        try:
            with chdir(stage.repository):
                yield
        finally:
            left.set()
            thread.join()

    def _follow_up(self, groups: dict[str, tuple[Iteration, ...]]) -> bool:
        """Send what is due; whether something was. A session that is no longer there has no follow-up."""
        from ampsm_engine.engine import iterations

        sent = False
        for key in [key for key in self.waiting if _settled([groups.get(key, ())])]:
            prompt = self.waiting.pop(key)
            with suppress(AmpsmError):  # trashed, or merged, by who plays with it
                iterations.iterate(self.engine, key, prompt)
                sent = True
        return sent

    def stop(self) -> None:
        """Stop every session and wait until the last process has ended."""
        from ampsm_engine.engine import iterations

        for session in self.engine.store.sessions.all():
            try:
                iterations.stop(self.engine, session.id)
            except Refused:
                continue  # nothing of it runs
        iterations.wait(self.engine, [session.id for session in self.engine.store.sessions.all()], timeout=STOPPING)


def _line(row: BoardRow, longest: int) -> str:
    word = labels.state_word(row)
    name = one_line(row.session.name)
    shown = f"{STATES[word].glyph} {name}{' ' * (longest - width(name))}  {word:<14}"
    return f"{shown}  {one_line(labels.activity(row))}"


def _settled(groups: Iterable[Sequence[Iteration]]) -> bool:
    return all(iteration.state is State.SETTLED for group in groups for iteration in group)


def await_workers(engine: "Engine") -> None:
    """Wait until the last worker has ended: its files may be removed then."""
    from ampsm_engine.worker import locks

    count = int(engine.settings.number("slots"))
    deadline = time.monotonic() + STOPPING
    held: list[locks.Lock] = []
    while time.monotonic() < deadline:
        if len(held) == count and not _is_log_open(engine.home.worker_log.resolve()):
            break
        free = locks.take_slot(engine.home, count)
        if free is None:
            time.sleep(TICK)
        else:
            held.append(free)
    for lock in held:
        lock.release()


def _is_log_open(log: Path) -> bool:
    """Whether a process still has the workers' log open, also one without a slot.

    Without /proc it is False: the slots alone decide.
    """
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "fd" / "2").readlink() == log:
                return True
        except OSError:
            continue  # gone, or another user's
    return False


@contextmanager
def demo_environment(stage: DemoFolder, speed: float) -> Iterator[None]:
    """Set the environment of the demo: its own home, none of the user's variables for ampsm and amp."""
    before = dict(os.environ)
    for name in [*HIDDEN_VARIABLES, *(name for name in before if name.startswith("AMPSM_SCRIPTED_"))]:
        os.environ.pop(name, None)
    os.environ |= {"AMPSM_HOME": str(stage.home), "AMPSM_SCRIPTED_PACE": f"{1 / speed:.6f}"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@click.command(cls=Command, short_help="See it work: no account, no network.")
@click.option(
    "--folder",
    metavar="F",
    type=parameters.FOLDER,
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
    print_sessions(sessions, groups, conflicts=session_problems.sessions_in_conflict(play.engine.store))
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
    review, merge, message, send = map(_key, ("session.review", "session.merge", "session.message", "review.send"))
    sides = ", ".join(map(_key, ("conflict.ours", "conflict.theirs"))) + f" or {_key('conflict.both')}"
    again = f"The app again: Enter opens a session, {review} reads its changes, {merge} merges it, ? lists the keys."
    tries = (
        (again, "", "{program}"),
        (f"Two comments are to be sent: {review}, then {send}.", "Refunds count as costs", "{program} comments {name}"),
        (f"A merge met a conflict: {merge} in the app, then {sides}.", "Monthly totals", "{program} show {name}"),
        (f"amp asks: answer it with {message} in the app, or here.", "Currency sign", "{program} log {name}"),
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


def _key(key_id: str) -> str:
    """The letter that does a thing in the app."""
    from ampsm_engine.keymap import KEYS

    return KEYS[key_id].keys.partition(",")[0]


def _program() -> str:
    """How this ampsm is called from the user's shell."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("ampsm")
    if found and Path(found).resolve() == called.resolve():
        return "ampsm"
    return shlex.quote(str(called)) if called.name == "ampsm" else f"{shlex.quote(sys.executable)} -m ampsm_tui"
