"""The command line as a person calls it: arguments in; exit code, stdout and stderr out. Real store, git and amp."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine import demo, timestamps
from ampsm_engine.cli import diagnostics, entry_point
from ampsm_engine.config import config_path
from ampsm_engine.context import Engine
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Iteration, Outcome, Session, State, Status, Tally
from ampsm_engine.naming import new_id
from ampsm_engine.worker import locks
from tests.cli import answers
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import marked, words


@dataclass(frozen=True)
class Ran:
    """How one command went."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


NOTHING = Tally()

Ampsm = Callable[..., Ran]


@pytest.fixture
def ampsm(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ampsm]:
    """Calls the command line in this process: the same code as the program, without its start.

    All JSON that it prints is held against the schema.
    """
    monkeypatch.setattr(diagnostics, "PATIENCE", 3600.0)  # a busy machine is not what is tested
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    hook = sys.excepthook

    def call(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = entry_point.run(list(arguments))
        sys.stdout.flush()
        taken = capsysbinary.readouterr()
        ran = Ran(code, taken.out.decode(), taken.err.decode())
        answers.hold(arguments, ran.out)
        return ran

    yield call
    sys.excepthook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


def program(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """The program itself, as a process."""
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-m", "ampsm_tui", *arguments], **(pipes | options))


@pytest.fixture
def engine(hermetic: Path) -> Engine:
    """A ready engine on the test's home."""
    return open_engine()


@dataclass
class Shelf:
    """Puts sessions and iterations straight into the store: no git, no amp, and no worker may come for them."""

    engine: Engine
    made: list[Session] = field(default_factory=list)
    held: list[locks.Lock] = field(default_factory=list)

    def __post_init__(self) -> None:
        while (free := locks.take_slot(self.engine.home, 4)) is not None:
            self.held.append(free)

    def session(self, name: str = "fix login", **columns: Any) -> Session:
        number = len(self.made) + 1
        shop = self.engine.home.root.parent / "somewhere" / "shop"
        (shop / ".worktrees" / str(number)).mkdir(parents=True, exist_ok=True)
        (shop / ".worktrees" / str(number) / ".git").touch()
        values: dict[str, Any] = {
            "id": f"{number}a2b3c4d5e",
            "name": name,
            "amp_prompt": "Fix the login",
            "repo_root": str(shop),
            "base_branch": "main",
            "branch_name": f"amp/fix-login/20260901-10000{number}",
            "worktree_path": str(shop / ".worktrees" / str(number)),
            "status": Status.IDLE,
            "created_at": f"2026-09-01T10:00:0{number}.000Z",
        }
        session = Session(**(values | columns))
        self.engine.store.sessions.add(session)
        self.made.append(session)
        return session

    def iteration(
        self,
        session: Session,
        state: State = State.SETTLED,
        *,
        prompt: str = "Fix the login",
        outcome: Outcome = Outcome.DONE,
        status: Status = Status.IDLE,
        tally: Tally = NOTHING,
        stream: bytes = b"",
        activity: str | None = None,
        failure: str | None = None,
        error: str | None = None,
        hint: str | None = None,
        **columns: Any,
    ) -> Iteration:
        store = self.engine.store
        queued = store.queue.add(Iteration(new_id(), session.id, 0, prompt, State.QUEUED, timestamps.now(), mode=None))
        run = self.engine.home.iteration(queued.id)
        run.path.mkdir(mode=0o700)
        run.stream.write_bytes(stream)
        if state is State.QUEUED:
            return queued
        lease = locks.take_lease(run)
        assert lease
        self.held.append(lease)
        assert store.queue.claim().id == queued.id
        store.iterations.record(
            queued.id, tally=tally, offset=len(stream), activity=activity, thread_id=None, tool_calls=()
        )
        if state is State.SETTLED:
            store.iterations.begin_settling(
                queued.id, outcome=outcome, failure=failure, error=error, hint=hint, exit_code=0, duration_ms=4200
            )
            store.iterations.settle(queued.id, status=status, facts=[(outcome.value, "it ended")], **columns)
        return store.iterations.get(queued.id)


@pytest.fixture
def shelf(engine: Engine) -> Iterator[Shelf]:
    made = Shelf(engine)
    yield made
    for lock in made.held:
        lock.release()


@pytest.fixture
def scripted(hermetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The scripted amp as amp; call it with the name of a scenario."""
    monkeypatch.setenv("AMP_CLI_PATH", str(demo.install(tmp_path / "bin")))
    monkeypatch.setenv("AMP_API_KEY", "sgamp_" + "user_01TEST_" + "0123456789abcdef" * 2)
    monkeypatch.setenv("AMPSM_SCRIPTED_PACE", "0.01")
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[notify]\ndesktop = false\n[cost]\nqueries = 0\n[stop]\ninterrupt = 2.0\nterminate = 1.0\n")

    home = str(open_engine().home.root)

    def workers() -> list[list[str]]:
        return [line for one in marked("AMPSM_HOME", home) if "ampsm_engine.worker" in (line := words(one))]

    def play(scenario: str) -> None:
        until(lambda: not workers(), "the last worker to leave: its amp would play what it began with")
        monkeypatch.setenv("AMPSM_SCENARIO", scenario)

    play("edit")
    return play


def made(ampsm: Ampsm, repo: Path, *arguments: str) -> str:
    """A session without a run; its id."""
    ran = ampsm("new", "--no-run", "--repo", str(repo), "--json", *arguments)
    assert ran.code == 0, ran
    return str(ran.json["session"]["id"])


@pytest.fixture
def changed(ampsm: Ampsm, repo: Path) -> tuple[str, Path]:
    """A session with one commit and one untracked file."""
    session = made(ampsm, repo, "--name", "fix login")
    worktree = Path(ampsm("show", session, "--json").json["session"]["worktreePath"])
    (worktree / "app.py").write_text("def answer() -> int:\n    return 42\n")
    git(worktree, "commit", "-qam", "Answer")
    (worktree / "new.txt").write_text("new\n")
    return session, worktree
