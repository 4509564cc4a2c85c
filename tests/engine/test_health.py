"""doctor and repair say what is wrong and what to do; repair removes nothing."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from ampsm_engine.engine import doctor, repair, session_trash, sessions
from ampsm_engine.errors import Refused
from tests.conftest import git
from tests.worker.bench import Bench


def test_a_fit_machine_has_no_failing_check(bench: Bench) -> None:
    checks = doctor.check_machine(bench.engine)
    assert [check.name for check in checks if check.ok is False] == []
    assert {"python", "git", "amp", "login", "store"} <= {check.name for check in checks}


def test_doctor_names_what_is_missing_and_never_shows_a_key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    checks = doctor.check_machine(bench.engine)
    (amp,) = [check for check in checks if check.name == "amp"]
    assert amp.ok is False
    assert amp.hint
    assert "0123456789abcdef" not in repr(checks)


def test_a_lost_worktree_is_found_and_made_again(bench: Bench) -> None:
    session = bench.new(None, name="x")
    (Path(session.worktree_path) / "hello.txt").write_text("one\n")
    git(Path(session.worktree_path), "add", "hello.txt")
    git(Path(session.worktree_path), "commit", "-q", "-m", "Greet")
    shutil.rmtree(session.worktree_path)
    (finding,) = repair.find_disagreements(bench.engine)
    assert finding.kind == "worktree"
    assert not Path(session.worktree_path).exists(), "repair only looks unless it is told to mend"
    (mended,) = repair.find_disagreements(bench.engine, apply=True)
    assert mended.mended
    assert (Path(session.worktree_path) / "hello.txt").read_text() == "one\n"
    assert repair.find_disagreements(bench.engine) == ()


def test_what_took_the_place_of_a_worktree_stays_and_hides_nothing(bench: Bench) -> None:
    taken, lost = bench.new(None, name="taken"), bench.new(None, name="lost")
    for session in (taken, lost):
        shutil.rmtree(session.worktree_path)
    Path(taken.worktree_path).write_text("mine")
    findings = repair.find_disagreements(bench.engine, apply=True)
    assert sorted((finding.mended, "something else" in finding.text) for finding in findings) == [
        (False, True),
        (True, False),
    ]
    assert Path(taken.worktree_path).read_text() == "mine"
    with pytest.raises(Refused):
        session_trash.remove(bench.engine, taken.id)
    assert Path(taken.worktree_path).read_text() == "mine"
    assert bench.engine.store.sessions.get(taken.id).trashed_at is None


def test_orphans_are_found_offered_and_left_alone(bench: Bench) -> None:
    session = bench.new(None, name="forgotten")
    bench.new(None, name="kept")
    bench.engine.store.sessions.remove(session.id)
    before = git(bench.repo, "worktree", "list"), git(bench.repo, "for-each-ref")
    (finding,) = repair.find_disagreements(bench.engine)
    assert session.id in finding.text
    assert "ampsm repair --apply rebuilds it" in finding.action
    shutil.rmtree(Path(session.worktree_path) / "AGENT_CONTEXT")  # nothing says any more that it was a session's
    findings = repair.find_disagreements(bench.engine, apply=True)
    assert any(session.worktree_path in finding.text for finding in findings)
    assert (git(bench.repo, "worktree", "list"), git(bench.repo, "for-each-ref")) == before
    taken = sessions.adopt(bench.engine, Path(session.worktree_path))
    assert taken.branch_name == session.branch_name
    assert repair.find_disagreements(bench.engine) == ()


def test_a_repository_that_vanished_is_said(bench: Bench) -> None:
    bench.new(None, name="x")
    (bench.folder / "far").mkdir()
    shutil.move(bench.repo, bench.folder / "far/moved")
    (finding,) = repair.find_disagreements(bench.engine)
    assert finding.kind == "repository"
    assert str(bench.repo) in finding.text


def broken(bench: Bench) -> dict[str, str]:
    return {
        check.name: f"{check.text} {check.hint}" for check in doctor.check_machine(bench.engine) if check.ok is False
    }


def test_doctor_tells_a_wrong_setting_and_goes_on_with_the_defaults(bench: Bench) -> None:
    bench.engine.config.parent.mkdir(parents=True, exist_ok=True)
    bench.engine.config.write_text("slots = 0\n")
    found = broken(bench)
    assert list(found) == ["configuration"]
    assert "ampsm config set slots 4" in found["configuration"]


def test_doctor_tells_a_newer_and_a_corrupt_database(bench: Bench) -> None:
    bench.engine.store.sessions.all()
    path = bench.engine.home.database
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    assert "999" in broken(bench)["store"]
    path.write_bytes(b"no database at all" * 1000)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    assert "corrupt" in broken(bench)["store"]


def test_doctor_tells_a_home_that_is_full_or_forbidden(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, hint in ((errno.ENOSPC, "df -h"), (errno.EROFS, "ls -ld")):

        def refused(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(doctor, "write_private", refused)
        found = broken(bench)
        assert os.strerror(number) in found["home"]
        assert hint in found["home"]
    assert not list(bench.engine.home.root.glob(".doctor*"))


def test_repair_works_where_the_current_folder_is_gone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.new(None, name="x")
    gone = bench.folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert repair.find_disagreements(bench.engine) == ()


def test_two_things_on_one_key_are_told(bench: Bench) -> None:
    bench.engine.config.parent.mkdir(parents=True, exist_ok=True)
    bench.engine.config.write_text("[keys]\n'session.trash' = 'x'\n")
    (keys,) = [check for check in doctor.check_machine(bench.engine) if check.name == "keys"]
    assert keys.ok is None
    assert "session.stop and session.trash" in keys.text
    assert keys.hint == "ampsm config set keys.session.trash KEY"
