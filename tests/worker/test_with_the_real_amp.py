"""The whole engine with the real amp program, without account and network: nothing is paid, nothing is lost."""

import pytest

from ampsm_engine.model import Outcome, State, Status
from tests.conftest import git
from tests.real_amp import offline, real_amp
from tests.worker.bench import Bench

__all__ = ["real_amp"]

pytestmark = pytest.mark.real_amp


@pytest.fixture
def real(bench: Bench, real_amp, monkeypatch: pytest.MonkeyPatch, hermetic) -> Bench:
    for name in ("AMP_API_KEY", "AMPSM_SCENARIO"):
        monkeypatch.delenv(name, raising=False)
    for name, value in offline(hermetic).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AMP_CLI_PATH", str(real_amp))
    return bench


def test_not_logged_in_is_said_at_once_and_not_after_five_minutes(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMP_API_KEY", raising=False)
    session = real.new("-x begins with a dash")
    last = real.settled(session)
    assert (last.outcome, last.failure, last.hint) == (Outcome.FAILED, "not-logged-in", "amp login")
    assert real.now(session).status is Status.ERROR
    assert last.duration_ms is not None
    assert last.duration_ms < 60_000
    for path in real.engine.home.iteration(last.id).path.iterdir():
        assert b"authToken=" not in path.read_bytes().replace(b"authToken=[redacted", b"")
    real.quiet()


def test_no_network_is_named_and_nothing_is_changed(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMP_API_KEY", "sgamp_user_01TEST_not_a_real_key")
    session = real.new("Do something")
    last = real.settled(session)
    assert (last.outcome, last.failure, last.state) == (Outcome.FAILED, "offline", State.SETTLED)
    assert last.error
    assert "iterate" in (last.hint or "")
    assert "http://127.0.0.1:9 reached from here" in (last.hint or "")
    assert last.commit_sha is None
    assert git(real.repo, "status", "--porcelain") == ""
    real.quiet()
