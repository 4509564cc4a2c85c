"""The status bar's own way in answers exactly as the whole command does, and leaves to it what it cannot do."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from ampsm_engine.cli import tmux_status
from ampsm_engine.cli.tmux_status import count_sessions
from ampsm_engine.model import Outcome, State, Status
from tests.cli.conftest import Ampsm, Shelf, program


@pytest.fixture
def some(shelf: Shelf) -> Shelf:
    shelf.session("idle")
    failed = shelf.session("failed")
    shelf.iteration(failed, outcome=Outcome.FAILED, status=Status.ERROR, error="no credit")
    running = shelf.session("running")
    shelf.iteration(running, State.RUNNING)
    shelf.iteration(running, State.QUEUED)
    trashed = shelf.session("trashed")
    shelf.iteration(trashed, State.QUEUED)
    shelf.engine.store.sessions.update(trashed.id, trashed_at="2026-09-01T10:00:00.000Z")
    return shelf


def test_it_says_what_the_whole_command_says(ampsm: Ampsm, some: Shelf, tmp_path: Path) -> None:
    whole = ampsm("status", "--tmux").out
    with (tmp_path / "out").open("w", encoding="utf-8") as out, contextlib.redirect_stdout(out):
        assert tmux_status.print_status_line()
    assert (tmp_path / "out").read_text() == whole == "●1 ✗1\n"
    done = program("status", "--tmux")
    assert done.communicate()[0].decode() == whole


def test_without_a_database_it_is_empty_and_makes_nothing(
    hermetic: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert tmux_status.print_status_line()
    assert capfdbinary.readouterr().out == b"\n"
    assert not (hermetic / "ampsm").exists()


def test_what_cannot_be_read_is_left_to_the_whole_command(tmp_path: Path, some: Shelf) -> None:
    sqlite3.connect(tmp_path / "other.sqlite").close()
    assert count_sessions(tmp_path / "other.sqlite") is None
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 1000)
    assert count_sessions(tmp_path / "broken.sqlite") is None
    assert count_sessions(tmp_path) is None
