"""What happened in a session: who made which commit, what each changed, and that a broken repository hides nothing else."""

from pathlib import Path

import pytest

from ampsm_engine.engine import history, scripts
from ampsm_engine.engine.history import Maker
from ampsm_engine.errors import NotFound
from tests.conftest import git
from tests.worker.bench import Bench

SECRET = "sk-ant-api03-" + "aB3" * 31 + "-AA"


def test_commits_say_who_made_them(bench: Bench) -> None:
    bench.scenario({"create_file": "one.py", "content": "1\n"}, {"say": "Added one"})
    session = bench.new("Add one")
    settled = bench.settled(session)
    worktree = Path(session.worktree_path)
    (worktree / "two.py").write_text("2\n3\n")
    git(worktree, "add", "-A")
    git(worktree, "commit", "-qm", f"By hand {SECRET}")
    git(worktree, "commit", "-q", "--allow-empty", "-m", "By amp\n\nAmp-Thread-ID: https://ampcode.com/threads/T-1")
    told = history.timeline(bench.engine, session.id)
    assert [commit.by for commit in told.commits] == [Maker.AMP, Maker.HAND, Maker.AMPSM]
    assert told.commits[2].iteration_id == settled.id
    assert told.commits[2].sha == settled.commit_sha
    assert SECRET not in told.commits[1].subject
    assert [one.id for one in told.iterations] == [settled.id]
    assert "committed" in [fact.kind for fact in told.facts]
    assert Path(told.reflog).is_file()
    files = history.commit_files(bench.engine, session.id, told.commits[1].sha)
    assert [(file.path, file.additions) for file in files] == [("two.py", 2)]
    assert history.commit_files(bench.engine, session.id, told.commits[0].sha) == ()


def test_a_first_commit_has_files_too(bench: Bench) -> None:
    session = bench.new(None)
    first = git(bench.repo, "rev-list", "--max-parents=0", "HEAD").strip()
    assert {file.path for file in history.commit_files(bench.engine, session.id, first)} == {"README.md", "app.py"}


@pytest.mark.parametrize("sha", ["HEAD", "--output=/tmp/x", "0" * 40, "", "c0ffee"])
def test_what_is_no_commit_is_not_found(bench: Bench, sha: str) -> None:
    session = bench.new(None)
    with pytest.raises(NotFound):
        history.commit_files(bench.engine, session.id, sha)


def test_without_its_branch_a_session_still_has_a_history(bench: Bench) -> None:
    session = bench.new(None)
    git(bench.repo, "worktree", "remove", "--force", session.worktree_path)
    git(bench.repo, "branch", "-D", session.branch_name)
    told = history.timeline(bench.engine, session.id)
    assert told.trouble
    assert told.commits == ()
    assert told.facts


def test_a_scripts_output_is_redacted(bench: Bench) -> None:
    bench.scenario({"say": "Done"})
    session = bench.new(
        "Do it", script=f"echo one; echo {SECRET[:6]}''{SECRET[6:]}; printf '\\033[31mred\\033[0m'; exit 3"
    )
    settled = bench.settled(session)
    said = history.script_output(bench.engine, settled.id)
    assert said.startswith("one\n")
    assert SECRET not in said
    assert said.endswith("red")
    assert history.script_output(bench.engine, "nobody") == ""


def test_prompts_of_this_session_come_first(bench: Bench) -> None:
    other, mine = bench.new(None, name="theirs"), bench.new(None, name="mine")
    for session, prompt in ((other, "Theirs"), (mine, "Mine"), (mine, "Mine again"), (mine, "Mine")):
        bench.iterate(session, prompt, launch_worker=False)
    assert history.prompts(bench.engine, mine.id) == ("Mine", "Mine again", "Theirs")
    assert history.prompts(bench.engine, mine.id, most=1) == ("Mine",)


def test_each_run_of_the_script_keeps_its_output(bench: Bench) -> None:
    """A stopped run has no fact, and takes no other one's place."""
    session = bench.new(None, script="echo x >> n; wc -l < n; test ! -e hold || sleep 600")
    hold, seen = Path(session.worktree_path) / "hold", bytearray()
    for _ in range(2):
        scripts.run_script(bench.engine, session.id, lambda _: None)
    hold.touch()
    scripts.run_script(bench.engine, session.id, seen.extend, stop=lambda: b"3" in seen)
    hold.unlink()
    scripts.run_script(bench.engine, session.id, lambda _: None)
    told = [one.number for one in bench.engine.store.facts.read(session_id=session.id) if one.kind == "tested"]
    assert [history.script_output(bench.engine, session.id, number).strip() for number in told] == ["1", "2", "4"]
    assert history.script_output(bench.engine, session.id).strip() == "4"
