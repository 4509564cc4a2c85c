"""The script run by hand: shown while it runs, recorded with the last iteration, no secret shown."""

import os
from pathlib import Path

import pytest

from ampsm_engine.engine import iterations, scripts
from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.model import ScriptResult, Status
from tests.waiting import until
from tests.worker.bench import Bench

ARMOUR = "-----{} OPENSSH PRIVATE " + "KEY-----"


def test_the_script_by_hand_is_recorded_and_changes_the_status(bench: Bench) -> None:
    bench.scenario({"create_file": "hello.txt", "content": "x"}, {"say": "Added the file."})
    session = bench.new(script="echo checked; test -e fixed")
    bench.settled(session)
    assert bench.now(session).status is Status.AWAITING_INPUT
    (bench.repo / ".worktrees" / session.id / "fixed").touch()
    shown: list[bytes] = []
    ran = scripts.run_script(bench.engine, session.id, shown.append)
    assert (ran.exit_code, ran.result, b"".join(shown)) == (0, ScriptResult.PASS, b"checked\n")
    assert bench.last(session).test_result is ScriptResult.PASS
    assert bench.now(session).status is Status.IDLE


def test_a_private_key_that_is_printed_slowly_is_not_shown(bench: Bench) -> None:
    go = bench.flag("go")
    begin, end = ARMOUR.format("BEGIN"), ARMOUR.format("END")
    session = bench.new(
        None,
        name="x",
        script=f"echo one; echo '{begin}'; echo b3BlbnNzaC1rZXktdjE; touch {go}; sleep 0.2; echo '{end}'; echo two",
    )
    shown: list[bytes] = []
    scripts.run_script(bench.engine, session.id, shown.append)
    text = b"".join(shown)
    assert b"b3BlbnNzaC1rZXktdjE" not in text
    assert text.startswith(b"one\n")
    assert text.endswith(b"two\n")


def test_with_a_git_that_is_too_old_nothing_is_queued(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = bench.new(None, name="x")
    old = tmp_path / "old" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.30.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    with pytest.raises(Unfit, match="too old"):
        bench.iterate(session)
    assert bench.engine.store.iterations.of(session.id) == ()


def test_a_script_is_not_run_beside_amp(bench: Bench) -> None:
    bench.scenario({"touch": str(bench.flag("on"))}, {"wait_for": str(bench.flag("go"))}, {"say": "Nothing changed."})
    session = bench.new(script="true")
    until(bench.flag("on").exists)
    with pytest.raises(Refused):
        scripts.run_script(bench.engine, session.id, print)
    with pytest.raises(Failed):
        iterations.wait(bench.engine, [session.id], timeout=0)
    bench.flag("go").touch()
    bench.settled(session)


def test_a_session_without_a_script_is_refused(bench: Bench) -> None:
    session = bench.new(None, name="x")
    with pytest.raises(Refused, match="no script"):
        scripts.run_script(bench.engine, session.id, print)


def test_nothing_of_a_script_by_hand_is_left_running(bench: Bench) -> None:
    session = bench.new(None, name="x", script="nohup sleep 4246 > /dev/null 2>&1 & echo ok")
    assert scripts.run_script(bench.engine, session.id, lambda _: None).exit_code == 0
    bench.quiet()
