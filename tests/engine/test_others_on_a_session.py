"""What others do to a session's branch, worktree and thread: amp's runners, its orbs, and a cleaning hand."""

from pathlib import Path

import pytest

from ampsm_engine.engine import doctor, repair, session_trash, sessions, views
from ampsm_engine.errors import Refused
from ampsm_engine.model import Outcome
from tests.conftest import git
from tests.worker.bench import Bench

THREAD = "T-0199f0a1-1111-4222-8333-444455556666"


def of_a_runner(repo: Path, name: str) -> Path:
    """A worktree as a runner of amp's makes it: beside the repository, on a branch of its name."""
    place = repo.with_name(f"{repo.name}-{name}")
    head = git(repo, "rev-parse", "--verify", "HEAD").strip()
    git(repo, "worktree", "add", "-b", name, "--", str(place), head)
    return place


def cleaned_up(repo: Path, worktree: str, branch: str) -> None:
    """What a cleaning hand does, and git when it sweeps next."""
    git(repo, "worktree", "remove", "--force", "--", worktree)
    git(repo, "branch", "-D", "--", branch)
    git(repo, "reflog", "expire", "--expire=now", "--all")
    git(repo, "gc", "--quiet", "--prune=now")


def worked(bench: Bench) -> tuple[str, str]:
    """The id of a session in which amp wrote a file, and the commit that it made."""
    bench.scenario({"create_file": "made.txt", "content": "by amp\n"}, {"say": "Made it."})
    session = bench.new(name="cleaned")
    assert bench.settled(session).outcome is Outcome.DONE
    return session.id, git(bench.repo, "rev-parse", session.branch_name).strip()


def test_a_branch_that_somebody_deleted_is_kept_told_and_made_again(bench: Bench) -> None:
    session_id, commit = worked(bench)
    session = bench.engine.store.sessions.get(session_id)
    cleaned_up(bench.repo, session.worktree_path, session.branch_name)
    kept = f"refs/ampsm/tip/{session_id}"
    assert kept in (views.show(bench.engine, session).trouble or "")
    (found,) = repair.find_disagreements(bench.engine)
    assert kept in found.text
    assert "ampsm repair --apply" in found.action
    assert [one.mended for one in repair.find_disagreements(bench.engine, apply=True)] == [True]
    assert git(bench.repo, "rev-parse", session.branch_name).strip() == commit
    assert Path(session.worktree_path, "made.txt").read_text() == "by amp\n"
    assert repair.find_disagreements(bench.engine) == ()
    session_trash.remove(bench.engine, session_id)
    session_trash.purge(bench.engine, session_id)
    assert git(bench.repo, "for-each-ref", "refs/ampsm/") == ""


def test_a_branch_deleted_under_its_worktree_is_made_again_and_nothing_in_the_worktree_is_touched(bench: Bench) -> None:
    session_id, commit = worked(bench)
    session = bench.engine.store.sessions.get(session_id)
    git(Path(session.worktree_path), "commit", "--quiet", "--allow-empty", "-m", "by hand")  # after all that we kept
    commit = git(Path(session.worktree_path), "rev-parse", "HEAD").strip()
    Path(session.worktree_path, "loose.txt").write_text("by hand\n")
    git(bench.repo, "update-ref", "-d", f"refs/heads/{session.branch_name}")
    git(bench.repo, "gc", "--quiet", "--prune=now")
    (found,) = repair.find_disagreements(bench.engine, apply=True)
    assert found.mended
    assert "was deleted" in found.text
    assert git(bench.repo, "rev-parse", session.branch_name).strip() == commit
    assert git(Path(session.worktree_path), "status", "--porcelain").strip() == "?? loose.txt"


def test_a_session_in_the_trash_without_branch_and_worktree_comes_back_from_what_is_kept(bench: Bench) -> None:
    session_id, commit = worked(bench)
    session = bench.engine.store.sessions.get(session_id)
    cleaned_up(bench.repo, session.worktree_path, session.branch_name)
    session_trash.remove(bench.engine, session_id)
    session_trash.restore(bench.engine, session_id)
    assert git(Path(session.worktree_path), "rev-parse", "HEAD").strip() == commit


def test_a_worktree_of_amps_runner_is_taken_in_with_its_thread_and_survives_the_runners_cleaning(bench: Bench) -> None:
    place = of_a_runner(bench.repo, "fix-login")
    session = sessions.adopt(bench.engine, place, thread=f"https://ampcode.com/threads/{THREAD}")
    assert (session.branch_name, session.base_branch, session.thread_id) == ("fix-login", "main", THREAD)
    with pytest.raises(Refused, match="goes on with thread"):
        sessions.adopt(bench.engine, of_a_runner(bench.repo, "other"), thread=THREAD)
    session_trash.remove(bench.engine, session.id)
    twin = sessions.adopt(bench.engine, of_a_runner(bench.repo, "twin"), thread=THREAD)
    back = session_trash.restore(bench.engine, session.id)
    assert f"its thread is that of session {twin.name}" in session_trash.restore_note(bench.engine, back)
    cleaned_up(bench.repo, str(place), "fix-login")
    assert any(one.mended for one in repair.find_disagreements(bench.engine, apply=True))
    assert git(place, "symbolic-ref", "--short", "HEAD").strip() == "fix-login"


def test_the_thread_of_a_removed_session_is_archived_where_the_settings_ask_for_it(bench: Bench) -> None:
    session_id, _ = worked(bench)
    bench.configure(amp__archive="true")
    assert session_trash.remove(bench.engine, session_id).not_archived == ""
    back = session_trash.restore(bench.engine, session_id)
    assert "is archived" in bench.fact(back, "thread")
    bench.iterate(back)
    assert bench.settled(back).outcome is Outcome.DONE  # a message makes it active again


def test_an_amp_that_does_not_archive_keeps_nothing_from_the_trash(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, _ = worked(bench)
    bench.configure(amp__archive="true")
    monkeypatch.setenv("AMPSM_SCRIPTED_LOGGED_OUT", "1")
    assert "is not archived: amp refused it" in session_trash.remove(bench.engine, session_id).not_archived
    session_trash.restore(bench.engine, session_id)
    monkeypatch.setenv("AMP_CLI_PATH", str(bench.folder / "missing"))
    assert "is not archived" in session_trash.remove(bench.engine, session_id).not_archived
    assert bench.engine.store.sessions.get(session_id).trashed_at


def test_the_doctor_says_which_modes_there_are_and_which_setting_names_none(bench: Bench) -> None:
    def found() -> doctor.Check:
        return next(one for one in doctor.check_machine(bench.engine) if one.name == "modes")

    assert (found().ok, found().text) == (True, "low, medium, high, ultra")
    bench.configure(amp__mode="smart")
    assert found().ok is None
    assert "amp.mode is smart" in found().text
