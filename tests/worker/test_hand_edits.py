"""What a person left uncommitted before amp began never becomes amp's commit."""

import os
from pathlib import Path

import pytest

from ampsm_engine.engine import sessions
from ampsm_engine.model import Iteration, Outcome, Session, Status
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench

pytestmark = pytest.mark.usefixtures("workers_here")

WRITE = {"create_file": "amps.txt", "content": "amp\n"}
DONE = {"say": "Wrote the file of amp's own."}
LINES = "".join(f"line {number}\n" for number in range(1, 13))


def at(session: Session) -> Path:
    return Path(session.worktree_path)


def files_of(session: Session, commit: str) -> list[str]:
    return git(at(session), "show", "--format=", "--name-only", commit).split()


def commits(session: Session) -> list[str]:
    """The subjects beyond the base, oldest first."""
    return git(at(session), "log", "--reverse", "--format=%s", "main..HEAD").splitlines()


def only_amps(session: Session, iteration: Iteration, *files: str) -> None:
    """The iteration's own diff is amp's alone."""
    assert iteration.commit_sha
    changed = git(at(session), "diff", "--name-only", f"{iteration.start_sha}..{iteration.commit_sha}").split()
    assert sorted(changed) == sorted(files)
    assert iteration.changed_files == len(files)


@pytest.fixture
def lined(bench: Bench) -> Session:
    """A session with a file of twelve lines."""
    (bench.repo / "notes.txt").write_text(LINES)
    git(bench.repo, "add", "-A")
    git(bench.repo, "commit", "-q", "-m", "Notes")
    bench.scenario(WRITE, DONE)
    return bench.new(None)


def edited(text: str, **lines: str) -> str:
    """Some of the lines changed: `edited(LINES, _3="three")`."""
    return "".join(f"{lines.get(f'_{number}', f'line {number}')}\n" for number in range(1, 13))


def test_edits_before_an_iteration_become_a_commit_by_hand(bench: Bench, lined: Session) -> None:
    (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
    (at(lined) / "new.txt").write_text("mine, too\n")
    (at(lined) / ".env").write_text("TOKEN=x\n")
    bench.iterate(lined)
    last = bench.settled(lined)
    assert commits(lined) == ["Edits by hand", "amp: wrote the file of amp's own"]
    assert files_of(lined, "HEAD~1") == ["new.txt", "notes.txt"]
    assert git(at(lined), "log", "-1", "--format=%an %cn", "HEAD~1").strip() == "Some Body Some Body"
    assert git(at(lined), "log", "-1", "--format=%(trailers)", "HEAD~1").strip() == ""
    only_amps(lined, last, "amps.txt")
    assert git(at(lined), "status", "--porcelain").split() == ["??", ".env"]
    assert "new.txt" in bench.fact(lined, "committed-by-hand")


def test_adopting_a_dirty_worktree(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    git(bench.repo, "worktree", "add", "-q", "-b", "feature", str(elsewhere))
    (elsewhere / "app.py").write_text("mine\n")
    git(elsewhere, "add", "app.py")
    (elsewhere / "app.py").write_text("mine\nand not staged\n")
    session = sessions.adopt(bench.engine, elsewhere)
    bench.scenario(WRITE, DONE)
    bench.iterate(session)
    last = bench.settled(session)
    only_amps(session, last, "amps.txt")
    assert last.commit_sha == git(elsewhere, "rev-parse", "feature").strip()
    assert git(elsewhere, "show", "HEAD~1:app.py") == "mine\nand not staged\n"
    assert git(elsewhere, "status", "--porcelain") == ""


def test_what_amp_left_is_not_a_persons(bench: Bench, lined: Session) -> None:
    """A hook refuses amp's commit; a person edits beside it; the next iteration keeps the two apart."""
    hook = bench.repo / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    bench.iterate(lined)
    assert bench.settled(lined).commit_sha is None
    hook.unlink()
    (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
    bench.scenario({"create_file": "second.txt", "content": "2"}, DONE)
    bench.iterate(lined)
    last = bench.settled(lined)
    assert commits(lined) == ["Edits by hand", "amp: wrote the file of amp's own"]
    assert files_of(lined, "HEAD~1") == ["notes.txt"]
    only_amps(lined, last, "amps.txt", "second.txt")
    bench.iterate(lined)
    bench.settled(lined)
    assert "Edits by hand" not in commits(lined)[2:]


def test_what_a_hook_made_in_a_new_worktree_is_no_persons(bench: Bench) -> None:
    hook = bench.repo / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\necho made > made.txt\n")
    hook.chmod(0o755)
    bench.scenario(WRITE, DONE)
    session = bench.new(None)
    (at(session) / "app.py").write_text("mine\n")
    bench.iterate(session)
    only_amps(session, bench.settled(session), "amps.txt", "made.txt")
    assert files_of(session, "HEAD~1") == ["app.py"]


def test_what_a_dead_attempt_left_is_amps(bench: Bench, lined: Session) -> None:
    bench.scenario(WRITE, {"touch": str(bench.flag("on"))}, {"hang": True})
    first = bench.iterate(lined)
    until(bench.flag("on").exists)
    bench.kill_workers()
    os.kill(bench.amp(first), 9)
    until(bench.sweep, "a worker")
    assert bench.settled(lined).outcome is Outcome.CRASHED
    only_amps(lined, bench.last(lined), "amps.txt")
    bench.scenario({"create_file": "second.txt", "content": "2"}, DONE)
    bench.iterate(lined)
    only_amps(lined, bench.settled(lined), "second.txt")
    assert "committed-by-hand" not in bench.facts(lined)


def test_a_hook_that_wants_its_own_wording_takes_edits_by_hand_too(bench: Bench, lined: Session) -> None:
    hook = bench.repo / ".git" / "hooks" / "commit-msg"
    hook.write_text("#!/bin/sh\ngrep -q '^chore: [a-z]' \"$1\" || { echo 'type may not be empty'; exit 1; }\n")
    hook.chmod(0o755)
    bench.configure(commit__subject="chore: {subject}")
    (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
    bench.iterate(lined)
    bench.settled(lined)
    assert commits(lined) == ["chore: edits by hand", "chore: wrote the file of amp's own"]


def test_an_amp_that_never_began_commits_nothing(bench: Bench, lined: Session) -> None:
    (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
    bench.iterate(lined, launch_worker=False)
    (bench.folder / "amp").unlink()
    bench.sweep()
    last = bench.settled(lined)
    assert (last.outcome, last.failure) == (Outcome.FAILED, "not-installed")
    assert last.hint
    assert commits(lined) == ["Edits by hand"]
    assert bench.last(lined).commit_sha is None


class TestLeft:
    """They stay uncommitted where a setting says so."""

    @pytest.fixture(autouse=True)
    def leave(self, bench: Bench) -> None:
        bench.configure(commit__hand_edits="leave")

    def test_in_one_file_with_amps(self, bench: Bench, lined: Session) -> None:
        (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
        (at(lined) / "new.txt").write_text("mine, too\n")
        git(at(lined), "add", "new.txt")
        bench.scenario({"shell": "sed -i 's/line 11/amps/' notes.txt"}, WRITE, DONE)
        bench.iterate(lined)
        last = bench.settled(lined)
        only_amps(lined, last, "amps.txt", "notes.txt")
        assert git(at(lined), "show", "HEAD:notes.txt") == edited(LINES, _11="amps")
        assert (at(lined) / "notes.txt").read_text() == edited(LINES, _3="mine", _11="amps")
        assert git(at(lined), "diff", "HEAD", "--name-only").split() == ["new.txt", "notes.txt"]
        assert bench.now(lined).status is Status.IDLE
        bench.scenario({"create_file": "second.txt", "content": "2"}, DONE)
        bench.iterate(lined)
        only_amps(lined, bench.settled(lined), "second.txt")
        assert (at(lined) / "new.txt").read_text() == "mine, too\n"

    def test_in_one_line_with_amps_is_told(self, bench: Bench, lined: Session) -> None:
        (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
        bench.scenario({"shell": "sed -i 's/mine/mine and amps/' notes.txt"}, DONE)
        bench.iterate(lined)
        only_amps(lined, bench.settled(lined), "notes.txt")
        told = [fact.text for fact in bench.engine.store.facts.read(session_id=lined.id) if fact.kind == "hand-edits"]
        assert "could not be told from amp's" in told[-1]
        assert "notes.txt" in told[-1]

    def test_amps_own_commit_that_takes_them_along_is_told(self, bench: Bench, lined: Session) -> None:
        (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
        bench.scenario(WRITE, {"commit": "feat: all of it"}, DONE)
        bench.iterate(lined)
        bench.settled(lined)
        told = [fact.text for fact in bench.engine.store.facts.read(session_id=lined.id) if fact.kind == "hand-edits"]
        assert "could not be told from amp's" in told[-1]


def test_edits_that_a_hook_refuses_stay_uncommitted(bench: Bench, lined: Session) -> None:
    hook = bench.repo / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nif git diff --cached --name-only | grep -q notes; then echo no notes; exit 1; fi\n")
    hook.chmod(0o755)
    (at(lined) / "notes.txt").write_text(edited(LINES, _3="mine"))
    bench.iterate(lined)
    only_amps(lined, bench.settled(lined), "amps.txt")
    assert "no notes" in bench.fact(lined, "hand-edits")
    assert git(at(lined), "diff", "--name-only").split() == ["notes.txt"]
