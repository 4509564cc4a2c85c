"""One run of the demo: its folder, its environment, and its sessions while they run. Prints only progress."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import config, labels
from ampsm_engine.cli import diagnostics
from ampsm_engine.cli.listing import board_row
from ampsm_engine.cli.output import one_line
from ampsm_engine.cli.tables import width
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.home import home, write_private
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.model import Iteration, Session, State, Status
from ampsm_engine.states import STATES

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.demo import DemoSession

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
        """Take away what the demo made."""
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
                longest = max((width(session.name) for session in sessions), default=0)
                lines.show({one.id: _line(one, groups[one.id], longest) for one in sessions})
                over = not self._follow_up(groups) and _settled(groups.values())
            looks += 1
            if looks % SWEEP_EVERY == 0:
                startup.make_ready(self.engine)
            time.sleep(0 if over else TICK)
        self.prepare()

    def prepare(self) -> None:
        """Leave something to decide: comments that are not sent, and a merge that meets a conflict. Once."""
        from ampsm_engine import demo
        from ampsm_engine.diff.deltas import Side
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
        from ampsm_engine.engine import runs

        sent = False
        for key in [key for key in self.waiting if _settled([groups.get(key, ())])]:
            prompt = self.waiting.pop(key)
            with suppress(AmpsmError):  # trashed, or merged, by who plays with it
                runs.iterate(self.engine, key, prompt)
                sent = True
        return sent

    def stop(self) -> None:
        """Stop every session and wait until the last process has ended."""
        from ampsm_engine.engine import runs

        for session in self.engine.store.sessions.all():
            try:
                runs.stop(self.engine, session.id)
            except Refused:
                continue  # nothing of it runs
        runs.wait(self.engine, [session.id for session in self.engine.store.sessions.all()], timeout=STOPPING)


def _line(session: Session, iterations: Sequence[Iteration], longest: int) -> str:
    row = board_row(session, iterations)
    word = labels.state_word(row)
    name = one_line(session.name)
    shown = f"{STATES[word].glyph} {name}{' ' * (longest - width(name))}  {word:<14}"
    return f"{shown}  {one_line(labels.activity(row))}"


def _settled(groups: Iterable[Sequence[Iteration]]) -> bool:
    return all(iteration.state is State.SETTLED for group in groups for iteration in group)


def await_workers(engine: "Engine") -> None:
    """Wait until the last worker has ended: its files may be removed then."""
    from ampsm_engine.worker import slots

    count = int(engine.settings.number("slots"))
    deadline = time.monotonic() + STOPPING
    held: list[slots.Lock] = []
    while time.monotonic() < deadline:
        if len(held) == count and not _is_log_open(engine.home.worker_log.resolve()):
            break
        free = slots.slot(engine.home, count)
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
            continue  # gone, or somebody else's
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
