"""What follows from how an iteration ended: steps in their order, waits as told, retries as allowed."""

from datetime import UTC, datetime

import pytest

from ampsm_engine.batch import progress
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.model import BatchTry, ItemState, Iteration, Outcome, ScriptResult, State, Status, TryKind

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SPEC = ItemSpec(repo="/r", prompt="Go", script_command="make test", follow_up_prompts=("Then", "Last"), retries=2)


def ended(outcome: Outcome = Outcome.DONE, **columns: object) -> Iteration:
    return Iteration("i", "s", 1, "Go", State.SETTLED, "2026", outcome=outcome, **columns)


def after(step: str, iteration: Iteration, *tries: str, spec: ItemSpec = SPEC) -> progress.Verdict:
    before = [BatchTry("b-1", number, TryKind.PROMPT, "2026", outcome=tried) for number, tried in enumerate(tries, 1)]
    return progress.after_iteration(spec, step, iteration, before, Status.IDLE, retry_delay=10.0)


PASSED = ended(test_result=ScriptResult.PASS)
FAILED = ended(test_result=ScriptResult.FAIL, test_exit_code=2)


def test_an_item_goes_through_its_steps_in_their_order() -> None:
    merged = ItemSpec(
        **{**{name: getattr(SPEC, name) for name in ItemSpec.__dataclass_fields__}, "merge_on_pass": True}
    )
    steps = ["prompt"]
    while steps[-1] != "merge":
        judged = progress.is_judged(merged, steps[-1])
        verdict = after(steps[-1], PASSED if judged else ended(), spec=merged)
        assert (verdict.outcome, verdict.state) == ("pass", ItemState.RUNNING)
        steps.append(verdict.step)
    assert steps == ["prompt", "follow-up 1", "follow-up 2", "merge"]
    assert after("follow-up 2", PASSED).state is ItemState.SUCCESS


def test_a_failing_script_goes_back_to_amp_as_often_as_the_item_says() -> None:
    assert after("follow-up 2", FAILED).state is ItemState.FAIL
    most = ItemSpec("/r", "Go", script_command="x", max_iterations=3)
    assert [after(step, FAILED, spec=most).step for step in ("prompt", "fix 1")] == ["fix 1", "fix 2"]
    last = after("fix 2", FAILED, spec=most)
    assert (last.state, last.reason) == (
        ItemState.FAIL, "The script failed with exit code 2. 3 runs of amp did not make it pass.",
    )  # fmt: skip
    told = ItemSpec("/r", "Go", script_command="x", follow_up_on_failure="It said {output} ({exitCode}).")
    assert progress.prompt_of(told, "fix 1", "no {script}", 2) == "It said no {script} (2)."
    assert "no way" in progress.prompt_of(ItemSpec("/r", "Go", follow_up_on_failure="Mend."), "fix 1", "no way", 2)


def test_what_may_pass_is_tried_again_for_longer_and_longer_and_then_ends() -> None:
    crash = ended(Outcome.CRASHED, failure="vanished", error="gone")
    assert [after("prompt", crash, *["error"] * tried).delay for tried in (0, 1)] == [10.0, 20.0]
    assert after("prompt", crash, "error", "lost", "error").state is ItemState.ERROR
    assert after("prompt", crash, "error", "error", "pass").state is ItemState.QUEUED, "at another step"
    assert after("prompt", ended(Outcome.FAILED, failure="bad-prompt", error="no")).state is ItemState.ERROR
    assert after("prompt", ended(Outcome.FAILED, failure="not-logged-in", error="no")).halts
    assert after("prompt", ended(Outcome.FAILED, failure="timeout", error="no")).state is ItemState.TIMEOUT


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("429 Too Many Requests. retry after 30", 30.0),
        ("Rate limit. Try again in 2 minutes and 5 seconds.", 125.0),
        ("limit reached, resets in 3h 10m", 11_400.0),
        ("retry-after: 12.5", 12.5),
        ("You may go on at 13:30 UTC", 5400.0),
        ("Wait until 11:00 GMT", 23 * 3600.0),
        ("resets at 2026-05-01T12:00:40Z", 40.0),
        ("Model Provider Overloaded Try again in a few seconds.", None),
        ("Out of Credits Add credits to keep using Amp.", None),
        ("Try again in 99999999999 days.", None),
        (f"retry after {'9' * 400} s", None),
        ("resets at 9999-12-31T23:59:59Z", None),
        ("resets at 2026-13-45T99:00:00Z", None),
        ("resets at 2027-01-01T00:00:00+99:99, retry after 30", 30.0),
    ],
)
def test_a_told_time_is_heard(said: str, seconds: float | None) -> None:
    assert progress.requested_delay(said, NOW) == seconds


def test_a_script_whose_time_was_over_says_whose_time_it_was() -> None:
    found = progress.after_failing_script(ItemSpec("/repo", "Go", script_timeout_sec=90), "prompt", 124)
    assert found.reason == (
        "The script failed with exit code 124, which says that its time was over (1m 30s, the plan's scriptTimeout)."
    )
    assert "setting script.timeout" in (progress.after_failing_script(ItemSpec("/r", "Go"), "prompt", 124).reason or "")
    assert "time" not in (progress.after_failing_script(ItemSpec("/r", "Go"), "prompt", 1).reason or "")


def test_a_told_time_that_is_wrong_again_and_again_is_believed_no_longer() -> None:
    limited = ended(Outcome.FAILED, failure="rate-limit", error="429. Try again in 0 seconds.")
    found = [after("prompt", limited, *["waits"] * waited).delay for waited in (0, 2, 3, 5000)]
    assert found == [0.0, 0.0, 80.0, 3600.0]


def test_where_no_time_is_told_the_run_waits_for_longer_and_longer() -> None:
    limited = ended(Outcome.FAILED, failure="rate-limit", error="429")
    found = [after("prompt", limited, *["waits"] * waited) for waited in (0, 1, 20)]
    assert [(one.waits, one.state, one.delay) for one in found] == [
        (True, ItemState.QUEUED, 10.0), (True, ItemState.QUEUED, 20.0), (True, ItemState.QUEUED, 3600.0)
    ]  # fmt: skip
    assert after("prompt", ended(Outcome.FAILED, failure="no-credit", error="402")).delay == 300.0
