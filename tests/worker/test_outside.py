"""What happens outside of a session's worktree while its amp runs is told, marked, and known to `rm` and `repair`."""

from pathlib import Path

import pytest

from ampsm_engine import templates
from ampsm_engine.engine import repair, session_trash, sessions
from ampsm_engine.git import repository, repository_state
from ampsm_engine.merging import operations, scratch
from ampsm_engine.merging.results import Options
from ampsm_engine.worker import outside as watching
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench

pytestmark = pytest.mark.usefixtures("workers_here")

DONE = {"say": "Done."}
ELSEWHERE = (
    "cd ../.. && echo x > new.txt && git add new.txt && git commit -qm 'Taken over' && echo y > left.txt"
    " && git worktree add -q -b feature-x ../feature-x && echo z > ../feature-x/z.txt && git branch -q -D release"
)


def outside(bench: Bench, session: object, kind: str = "outside") -> list[str]:
    return [fact.text for fact in bench.engine.store.facts.read(session_id=session.id) if fact.kind == kind]


def test_what_amp_does_elsewhere_is_told_marked_and_known_until_it_is_seen(bench: Bench) -> None:
    git(bench.repo, "branch", "release")
    old = git(bench.repo, "rev-parse", "main").strip()
    bench.scenario({"create_file": "hello.txt", "content": "hello\n"}, {"shell": ELSEWHERE}, DONE)
    session = bench.new()
    assert bench.settled(session).changed_files == 1
    new = git(bench.repo, "rev-parse", "main").strip()
    told = outside(bench, session)
    begins = "changed while iteration 1 ran: "
    assert all(text.startswith(begins) for text in told)
    moved = f'branch main moved {old[:12]}..{new[:12]} (1 commit by Some Body: "Taken over"). '
    assert any(text.startswith(begins + moved) for text in told), told
    for words in ("branch release is gone", "1 file (left.txt)", "with 1 uncommitted file (z.txt)"):
        assert any(words in text for text in told), words
    assert len(told) == 4
    assert outside(bench, session, "meanwhile")[0].startswith(f"{begins}branch feature-x was made at")
    assert bench.now(session).outside == "branch main moved, branch release gone, worktree feature-x made and 1 more"
    assert not bench.engine.home.iteration(bench.last(session).id).before.exists()

    bench.scenario(DONE)
    git(bench.repo, "branch", "release", old)
    bench.iterate(session)
    bench.settled(session)
    assert len(outside(bench, session)) == 4, "what was there before is not told again"
    assert "release" not in (bench.now(session).outside or "")
    findings = [one for one in repair.find_disagreements(bench.engine, apply=True) if one.kind == "outside"]
    assert len(findings) == 3
    assert any("feature-x" in one.text and "ampsm adopt" in one.action for one in findings)
    assert "z.txt" in session_trash.describe_loss(bench.engine, session.id)
    sessions.edit(bench.engine, session.id, seen=True)
    assert bench.now(session).outside is None
    assert repair.find_disagreements(bench.engine) == ()

    bench.scenario({"shell": "git tag v1"}, DONE)
    bench.iterate(session)
    bench.settled(session)
    (found,) = [one for one in repair.find_disagreements(bench.engine) if one.kind == "outside"]
    assert "v1" in found.text, "what was seen is not told again with what comes later"
    sessions.edit(bench.engine, session.id, seen=True)
    assert session_trash.remove(bench.engine, session.id).outside == ()


def test_a_stash_that_amp_clears_can_be_had_back(bench: Bench) -> None:
    (bench.repo / "app.py").write_text("stashed\n")
    git(bench.repo, "stash", "push", "-q", "-m", "for later")
    entry = git(bench.repo, "rev-parse", "stash@{0}").strip()
    bench.scenario({"shell": "git stash clear; git gc -q --prune=now"}, DONE)
    session = bench.new()
    bench.settled(session)
    (told,) = outside(bench, session)
    assert 'the entry "On main: for later" of the stash is gone' in told
    assert git(bench.repo, "show", f"{entry}:app.py") == "stashed\n"


def test_what_ampsm_does_for_other_sessions_is_not_blamed_on_amp(bench: Bench) -> None:
    bench.scenario({"create_file": "one.txt", "content": "1\n"}, DONE)
    merged, trashed = bench.new("One"), bench.new("Two")
    bench.settled(merged)
    bench.settled(trashed)
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"shell": "git tag v1"}, DONE)
    session = bench.new("Wait")
    until(lambda: bench.last(session).attempts, "amp to start")
    bench.engine.store.facts.add("checked", "x", session_id=merged.id)
    operations.merge(bench.engine, merged.id, Options(kind="merge", message="Take one"))
    session_trash.remove(bench.engine, trashed.id)
    bench.new(None, name="another")
    with scratch.scratch_worktree(bench.engine.home, repository.around(bench.repo), templates.WORKTREE) as judging:
        judging.show("main")
        bench.flag("go").touch()
        bench.settled(session)
    assert [text.partition(" was")[0] for text in outside(bench, session)] == ["changed while iteration 1 ran: tag v1"]


def test_a_workers_death_between_before_and_after_loses_nothing(bench: Bench) -> None:
    bench.scenario({"wait_for": str(bench.flag("go"))}, {"shell": "git tag v1"}, DONE)
    session = bench.new()
    amp = bench.amp(bench.last(session))
    assert amp
    bench.kill_workers()
    bench.flag("go").touch()
    until(lambda: "v1" in git(bench.repo, "tag"), "amp to act")
    bench.sweep()
    bench.settled(session)
    assert len(outside(bench, session)) == 1
    assert bench.now(session).outside == "tag v1 made"


def test_a_branch_that_moved_under_the_users_checkout_is_told_with_what_the_next_commit_does(bench: Bench) -> None:
    bench.scenario({"shell": "echo 1 > a; git add a; git commit -qm A; git update-ref refs/heads/main HEAD"}, DONE)
    session = bench.new()
    bench.settled(session)
    (told,) = outside(bench, session)
    assert "your checkout has that branch checked out, and its files stayed as they were" in told
    assert "the next commit there would undo this in 1 file (a)" in told


def test_a_repository_that_cannot_be_read_is_no_reason_not_to_run(bench: Bench) -> None:
    bench.scenario({"create_file": "one.txt", "content": "1\n"}, {"shell": "printf '[' >> ../../.git/config"}, DONE)
    config = bench.repo / ".git" / "config"
    sound = config.read_text()
    session = bench.new()
    last = bench.settled(session)
    config.write_text(sound)
    assert last.end_time
    assert "what changed outside of the worktree while amp ran is not known" in bench.fact(session, "note")
    assert (Path(session.worktree_path) / "one.txt").exists()


def test_what_another_session_does_while_the_state_is_written_down_is_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, session = bench.new(None, name="other"), bench.new(None, name="this")
    iteration = bench.iterate(session, launch_worker=False)
    home, store, read = bench.engine.home, bench.engine.store, repository_state.read

    def read_and_act(root: Path) -> repository_state.RepositoryState:
        state = read(root)
        git(Path(other.worktree_path), "commit", "-q", "--allow-empty", "-m", "amp: something")
        store.facts.add("committed", "it has committed", session_id=other.id)
        return state

    with monkeypatch.context() as patch:
        patch.setattr(repository_state, "read", read_and_act)
        watching.watch(store, session, home.iteration(iteration.id))
    assert watching.facts(home, store, session, iteration) == []
