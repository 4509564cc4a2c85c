"""A script run by hand from a screen: its output comes live, it ends when asked, it outlives who started it."""

from pathlib import Path

import pytest

from ampsm_engine.engine import scripts
from ampsm_engine.engine.scripts import ScriptOutput
from ampsm_engine.errors import Refused
from tests.waiting import until
from tests.worker.bench import Bench

SECRET = "sgamp_user_0123456789abcdef0123456789abcdef"


def to_its_end(bench: Bench, run: str) -> tuple[str, ScriptOutput]:
    text, offset, last = "", 0, ScriptOutput("", 0, running=True)

    def ended() -> bool:
        nonlocal text, offset, last
        last = scripts.read_output(bench.engine, run, offset)
        text, offset = text + last.text, last.offset
        return not last.running

    until(ended, "the script to end")
    return text, last


def test_output_result_and_fact_arrive(bench: Bench) -> None:
    session = bench.new(None, name="x", script="echo one; echo two; exit 3")
    text, last = to_its_end(bench, scripts.start(bench.engine, session.id))
    assert text == "one\ntwo\n"
    assert (last.exit_code, last.stopped, last.timed_out) == (3, False, False)
    assert "exit code 3" in bench.fact(session, "tested")


def test_a_second_one_is_refused_and_the_first_can_be_stopped(bench: Bench, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    session = bench.new(
        None, name="x", script=f"trap 'touch {ended}; exit 1' TERM; echo begun; while :; do sleep 0.1; done"
    )
    run = scripts.start(bench.engine, session.id)
    until(lambda: scripts.read_output(bench.engine, run).text == "begun\n", "its first line")
    with pytest.raises(Refused):
        scripts.start(bench.engine, session.id)
    assert scripts.stop(bench.engine, run)
    _, last = to_its_end(bench, run)
    assert last.stopped
    assert ended.exists()
    assert "tested" not in bench.facts(session), "what was stopped says nothing about the work"
    assert not scripts.stop(bench.engine, run)


def test_stopped_before_it_could_begin_it_still_says_so(bench: Bench) -> None:
    session = bench.new(None, name="x", script="sleep 600")
    run = scripts.start(bench.engine, session.id)
    assert scripts.stop(bench.engine, run)
    _, last = to_its_end(bench, run)
    assert last.stopped


def test_what_is_shown_is_redacted_and_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "MOST_AT_ONCE", 1 << 15)
    session = bench.new(None, name="x", script=f"echo {SECRET[:6]}''{SECRET[6:]}; seq 1 300000")
    text, last = to_its_end(bench, scripts.start(bench.engine, session.id))
    assert SECRET not in text
    assert len(text) <= scripts.MOST_SHOWN + 300
    assert "script.log" in text
    assert last.exit_code == 0


def test_without_a_script_nothing_starts(bench: Bench) -> None:
    session = bench.new(None, name="x")
    with pytest.raises(Refused, match="no script"):
        scripts.start(bench.engine, session.id)
