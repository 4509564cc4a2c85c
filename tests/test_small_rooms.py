"""Errors, home, lifecycle and wording: small rooms, each with what would hurt if it broke."""

import os
import pickle
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from ampsm_engine import home, labels, lifecycle, list_memory, timestamps
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.model import BoardRow, Outcome, ScriptResult, Session, State, Status, Tally
from ampsm_engine.state_styles import STATES
from ampsm_engine.worker import locks

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", [NotFound, Refused, Unfit, Failed])
def test_an_error_survives_the_way_between_processes(kind: type[AmpsmError]) -> None:
    error = pickle.loads(pickle.dumps(kind("No.", "ampsm ls")))
    assert (type(error), str(error), error.hint) == (kind, "No.", "ampsm ls")


def test_a_private_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        home.write_private(tmp_path / "f", b"one")
        home.write_private(tmp_path / "f", b"two")
    finally:
        os.umask(before)
    assert (tmp_path / "f").read_bytes() == b"two"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_private_file_is_never_written_through_a_planted_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".f.{os.getpid()}").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        home.write_private(tmp_path / "f", b"evil")
    assert victim.read_text() == "precious"


def test_the_home_is_where_the_environment_says(tmp_path: Path) -> None:
    named = home.home({"AMPSM_HOME": str(tmp_path / "a"), "AMPSM_DB_PATH": str(tmp_path / "b.db")})
    assert (named.root, named.database) == (tmp_path / "a", tmp_path / "b.db")
    default = home.home({"XDG_DATA_HOME": str(tmp_path)})
    assert default.root == tmp_path / "ampsm"
    named.ensure()
    assert named.iterations.stat().st_mode & 0o777 == 0o700


def test_a_settled_iteration_never_moves_again() -> None:
    assert not any(lifecycle.may_follow(State.SETTLED, state) for state in State)
    assert not lifecycle.may_follow(State.QUEUED, State.SETTLING)


def test_amps_error_weighs_more_than_the_scripts() -> None:
    for outcome, script, refused in product(Outcome, [None, *ScriptResult], [False, True]):
        status = lifecycle.status_after(outcome, script, commit_refused=refused)
        if outcome in (Outcome.FAILED, Outcome.CRASHED):
            assert status is Status.ERROR
        elif refused or script is ScriptResult.FAIL:
            assert status is Status.AWAITING_INPUT
        else:
            assert status is Status.IDLE


def test_the_sum_of_tokens_is_unknown_when_nothing_is_known() -> None:
    assert Tally().token_usage is None
    assert Tally(input_tokens=0).token_usage == 0
    assert Tally(1, 2, 3, 4).token_usage == 10


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (-5, "now"), (1, "1s"), (60, "1m"), (3600, "1h"), (86_400 * 9, "9d")]
)
def test_ages(seconds: int, text: str) -> None:
    assert labels.age(timestamps.stamp(AT - timedelta(seconds=seconds)), AT) == text


def test_values_read_well() -> None:
    assert [labels.duration(ms) for ms in (None, 840, 42_000, 425_000, 3_720_000)] == [
        "-",
        "0.8s",
        "42s",
        "7m 05s",
        "1h 02m",
    ]
    amounts = (0, 0.01, 0.015, 0.0000004, 12.5, 1234567.1)
    assert [labels.dollars(one) for one in amounts] == ["$0.00", "$0.01", "$0.015", "$0.00", "$12.50", "$1,234,567.10"]
    assert [labels.count(n) for n in (None, 0, 999, 12_345, 4_500_000)] == ["-", "0", "999", "12.3k", "4.5M"]
    assert timestamps.parse("2026-11-23T12:00:00").tzinfo is UTC
    assert timestamps.stamp(AT) == "2026-11-23T12:00:00.000Z"


def test_a_waiting_session_says_queued() -> None:
    session = Session("i", "n", "", "/r", "main", "b", "/w", Status.IDLE, timestamps.stamp(AT))
    assert labels.state_word(BoardRow(session, 1, 1, None)) == "queued"
    assert labels.state_word(BoardRow(session, 1, 0, None)) == "idle"


def test_a_private_file_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        home.write_private(tmp_path / "f", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_a_home_that_is_a_file_is_unfit(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for named in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Unfit, match=str(named)) as caught:
            home.home({"AMPSM_HOME": str(named)}).ensure()
        assert "AMPSM_HOME" in caught.value.hint


def test_every_state_of_a_session_has_its_glyph_and_colour() -> None:
    assert set(STATES) == {*(status.value for status in Status), "queued"}
    assert len({state.glyph for state in STATES.values()}) == len(STATES), "they differ without colour"


@pytest.mark.parametrize(
    "content", ['{"one": {}}', '{"one": {"listed": [3]}}', '{"one": 3}', '{"one": null}', "[]", "{"]
)
def test_counts_that_cannot_be_read_are_none(tmp_path: Path, content: str) -> None:
    place = home.Home(tmp_path, tmp_path / "db")
    place.cache.mkdir()
    (place.cache / "list-counts.json").write_text(content)
    assert list_memory.counts(place) == {}


def test_free_slots_are_counted_at_once_however_many_are_allowed(tmp_path: Path) -> None:
    """A run asks every moment: it stood still for as long as one by one took."""
    place = home.Home(tmp_path, tmp_path / "db")
    place.slots.mkdir()
    (place.slots / "claim").touch()
    first, second = locks.take_slot(place, 10**20), locks.take_slot(place, 10**20)
    assert first is not None
    assert second is not None
    first.release()
    assert [locks.count_free(place, count) for count in (1, 2, 10**20)] == [1, 1, 10**20 - 1]
    second.release()
