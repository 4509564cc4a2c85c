"""Who quits, or loses the terminal, while a session is being made finds it made, not half a worktree."""

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import git
from tests.journeys.conftest import Open
from tests.waiting import until
from tests.worker.bench import Bench


@pytest.mark.parametrize("death", ["ctrl+q", signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_a_session_that_is_being_made_is_made(bench: Bench, terminal: Open, death: signal.Signals | str) -> None:
    here, go = bench.flag("here"), bench.flag("go")
    slow(bench.repo, here, go)
    bench.scenario({"say": "Done."})
    screen = terminal(size=(100, 30))
    screen.sees("a begins the first session", "The repository is").press("a")
    screen.sees("New session", "Prompt").type("Fix the login").press("ctrl+g")
    screen.until(here.exists, "git at its work")
    if isinstance(death, str):
        screen.press(death)
    else:
        os.killpg(screen.pid, death)  # as a terminal does to all that run in it
    screen.sees("What is begun comes to its end first")
    go.touch()
    assert screen.ended() == (0 if isinstance(death, str) else 128 + death)
    (session,) = bench.engine.store.sessions.all()
    assert Path(session.worktree_path, "README.md").read_text() == "# A project\n"
    assert git(Path(session.worktree_path), "status", "--porcelain") == ""
    assert bench.settled(session).prompt == "Fix the login"


def test_not_even_a_killed_app_leaves_half_a_worktree(bench: Bench, terminal: Open) -> None:
    here, go = bench.flag("here"), bench.flag("go")
    slow(bench.repo, here, go)
    screen = terminal(size=(100, 30))
    screen.sees("a begins the first session", "The repository is").press("a")
    screen.sees("New session", "Prompt").type("Fix the login").press("ctrl+g")
    screen.until(here.exists, "git at its work")
    screen.kill()
    go.touch()
    (session,) = until(bench.engine.store.sessions.all, "the session")
    assert Path(session.worktree_path, "README.md").read_text() == "# A project\n"


def slow(repo: Path, here: Path, go: Path) -> None:
    """git holds in the middle of each checkout until `go` is there."""
    (repo / ".gitattributes").write_text("README.md filter=hold\n")
    git(repo, "config", "filter.hold.clean", "cat")
    git(repo, "config", "filter.hold.smudge", f"touch '{here}'; while [ ! -e '{go}' ]; do sleep 0.02; done; cat")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "Slow")
