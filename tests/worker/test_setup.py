"""The setup command of a new worktree: before amp, apart from amp's work, stopped, killed, told when it fails."""

import os
import signal
from pathlib import Path

import pytest

from ampsm_engine.engine import iterations, scripts, sessions, setup
from ampsm_engine.model import Outcome, SetupState, State, Status
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_engine.worker import agent_context
from ampsm_engine.worker.iteration import longest_wait
from tests.conftest import git
from tests.waiting import until
from tests.worker.bench import Bench, marked
from tests.worker.conftest import bench

__all__ = ["bench"]


def command(bench: Bench, text: str) -> None:
    git(bench.repo, "config", "--global", "ampsm.setup", text)


def test_it_runs_before_amp_and_what_it_leaves_is_no_part_of_amps_iteration(bench: Bench) -> None:
    git(bench.repo, "config", "core.excludesFile", bench.folder / "ignore")
    (bench.folder / "ignore").write_text("node_modules/\n")
    command(bench, "mkdir node_modules && echo dep > node_modules/dep && echo lock > lock.json && echo installed")
    bench.scenario({"create_file": "new.txt", "content": "amp\n"}, {"say": "Done."})
    session = bench.new()
    done = bench.settled(session)
    worktree = Path(session.worktree_path)
    assert (done.outcome, (worktree / "node_modules" / "dep").read_text()) == (Outcome.DONE, "dep\n")
    assert git(worktree, "diff", "--name-only", f"{done.start_sha}..{done.commit_sha}").split() == ["new.txt"]
    assert git(worktree, "diff", "--name-only", f"{session.base_commit}..{done.start_sha}").split() == ["lock.json"]
    assert "changed by the setup command" in bench.fact(session, "committed-by-hand")
    assert bench.engine.home.iteration(done.id).setup_output.read_text() == "installed\n"
    assert bench.fact(session, SetupState.PASSED).startswith("the setup command passed after ")
    assert "the setup command passed" in (worktree / "AGENT_CONTEXT" / "SESSION.md").read_text()
    bench.iterate(session)
    bench.settled(session)
    assert bench.facts(session).count("setup-started") == 1


def test_packages_that_it_leaves_where_git_does_not_ignore_them_are_told(bench: Bench) -> None:
    command(bench, "mkdir -p node_modules/a && echo dep > node_modules/a/dep.js")
    bench.scenario({"say": "Done."})
    session = bench.new()
    done = bench.settled(session)
    assert done.outcome is Outcome.DONE
    assert "node_modules" in bench.fact(session, "rubbish")


def test_a_failure_leaves_amp_unstarted_until_it_passes_or_a_person_goes_on_without(bench: Bench) -> None:
    command(bench, f"echo 'no registry'; test -e {bench.flag('there')}")
    bench.scenario({"say": "Done."})
    session = bench.new()
    failed = bench.settled(session)
    assert (failed.outcome, failed.failure, failed.attempts) == (Outcome.FAILED, "setup", 0)
    assert failed.error == "The setup command failed with exit code 1; amp was not started. It said: no registry"
    assert bench.now(session).status is Status.ERROR
    assert iterations.last_prompt(bench.engine, session.id) == "Do it"

    said: list[bytes] = []
    assert setup.run(bench.engine, session.id, said.append).exit_code == 1
    assert b"".join(said) == b"no registry\n"
    setup.skip(bench.engine, session.id)
    assert bench.now(session).status is Status.IDLE
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.DONE

    bench.flag("there").touch()
    assert setup.run(bench.engine, session.id, said.append).exit_code == 0
    assert bench.engine.store.facts.setup_state(session.id) is SetupState.PASSED


def test_a_stop_ends_it_with_all_that_it_started_and_it_runs_again_the_next_time(bench: Bench) -> None:
    command(bench, f"test -e {bench.flag('again')} || {{ touch {bench.flag('begun')}; sleep 600 & sleep 600; }}")
    bench.scenario({"say": "Done."})
    session = bench.new()
    until(bench.flag("begun").exists, "the setup to begin")
    until(lambda: "setting up" in (bench.last(session).activity or ""), "the list to say so")
    iterations.stop(bench.engine, session.id)
    stopped = bench.settled(session)
    assert (stopped.outcome, stopped.attempts) == (Outcome.STOPPED, 0)
    assert marked("AMPSM_RUN_ID", stopped.id) == []
    bench.flag("again").touch()
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.DONE
    assert bench.facts(session).count("setup-started") == 2


def test_killed_with_its_worker_it_is_ended_and_run_once_more_from_its_beginning(bench: Bench) -> None:
    command(bench, f"echo begun >> {bench.flag('begun')}; test $(wc -l < {bench.flag('begun')}) = 2 || sleep 600")
    bench.scenario({"say": "Done."})
    session = bench.new()
    until(bench.flag("begun").exists, "the setup to begin")
    bench.kill_workers()
    bench.sweep()
    done = bench.settled(session)
    assert (done.outcome, bench.flag("begun").read_text()) == (Outcome.DONE, "begun\nbegun\n")
    assert marked("AMPSM_RUN_ID", done.id) == []


def test_killed_with_its_worker_it_is_ended_by_a_stop_as_well(bench: Bench) -> None:
    command(bench, f"touch {bench.flag('begun')}; sleep 600")
    bench.scenario({"say": "Done."})
    session = bench.new()
    until(bench.flag("begun").exists, "the setup to begin")
    bench.kill_workers()
    iterations.stop(bench.engine, session.id)
    stopped = bench.settled(session)
    assert (stopped.outcome, marked("AMPSM_RUN_ID", stopped.id)) == (Outcome.STOPPED, [])


@pytest.mark.parametrize("kind", ["setup", "script"])
def test_amp_does_not_begin_beside_one_by_hand_whose_program_was_killed(bench: Bench, kind: str) -> None:
    bench.scenario({"say": "Done."})
    session = bench.new(None)
    once = f"test -e {bench.flag('begun')} || {{ touch {bench.flag('begun')}; sleep 600; }}"
    if kind == "setup":
        command(bench, once)
    else:
        sessions.edit(bench.engine, session.id, script=once)
    child = os.fork()
    if not child:
        (setup.run if kind == "setup" else scripts.run_script)(bench.engine, session.id, lambda _: None)
        os._exit(0)
    until(bench.flag("begun").exists, f"the {kind} to begin")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert marked("AMPSM_RUN_ID", f"{kind}-{session.id}")
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.DONE
    assert marked("AMPSM_RUN_ID", f"{kind}-{session.id}") == []


def test_a_creation_that_was_killed_does_not_forget_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    command(bench, "echo ready > ready.txt")
    child = os.fork()
    if not child:
        monkeypatch.setattr(agent_context, "write_files", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        bench.new(None)
    os.waitpid(child, 0)
    (session,) = bench.engine.store.sessions.all()
    bench.scenario({"say": "Done."})
    bench.iterate(session)
    assert bench.settled(session).outcome is Outcome.DONE
    assert (Path(session.worktree_path) / "ready.txt").exists()


def test_one_that_takes_its_worker_along_each_time_is_given_up(bench: Bench) -> None:
    command(bench, "kill -9 $PPID")
    session = bench.new()
    until(lambda: bench.sweep() is not None and bench.last(session).state is State.SETTLED, "it to be given up")
    assert "its worker was killed each time" in (bench.last(session).error or "")
    assert bench.facts(session).count("setup-started") == 3


def test_a_command_of_the_repository_that_lost_its_trust_is_not_run(bench: Bench) -> None:
    (bench.repo / ".ampsm.toml").write_text(f'setup = "touch {bench.flag("ran")}"\n')
    git(bench.repo, "add", ".ampsm.toml")
    git(bench.repo, "commit", "-q", "-m", "Set up")
    with pytest.raises(UntrustedCommand) as asked:
        bench.new()
    assert bench.engine.store.sessions.all() == ()
    setup.trust(bench.engine, asked.value.root, asked.value.command)
    session = bench.new(None)
    assert setup.forget(bench.engine, bench.repo) == 1
    bench.iterate(session)
    failed = bench.settled(session)
    assert (failed.failure, bench.flag("ran").exists()) == ("setup", False)
    assert failed.hint == f"ampsm trust --repo {bench.repo} --base {session.base_commit[:12]}"


def test_it_runs_in_the_folder_whose_file_names_it(bench: Bench) -> None:
    for folder in ("web", "web/deep"):
        (bench.repo / folder).mkdir()
        (bench.repo / folder / "kept.txt").write_text("kept\n")
    (bench.repo / "web" / ".ampsm.toml").write_text('setup = "pwd"\n')
    git(bench.repo, "add", "--all")
    git(bench.repo, "commit", "-q", "-m", "Set up")
    setup.trust(bench.engine, str(bench.repo), "pwd")
    bench.scenario({"say": "Done."})
    session = bench.new(folder="web/deep")
    done = bench.settled(session)
    where = Path(session.worktree_path) / "web"
    assert bench.engine.home.iteration(done.id).setup_output.read_text() == f"{where}\n"
    assert bench.fact(session, SetupState.WAITS) == "before amp begins, this is run in web: pwd"


def test_amp_waits_for_a_setup_by_hand_for_as_long_as_that_may_take(bench: Bench) -> None:
    bench.configure(setup__timeout=7200)
    assert longest_wait(bench.engine.settings) > 7200
    bench.configure(setup__timeout=0)
    assert longest_wait(bench.engine.settings) == float("inf")
