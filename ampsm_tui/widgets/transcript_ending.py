"""How an iteration ended, or that it waits, in lines; the first sign of each says how bad it is. Pure."""

from collections.abc import Iterator

from ampsm_engine import wording
from ampsm_engine.model import Iteration, Outcome, ScriptResult, State, Tally
from ampsm_tui.clean import many_lines

_MARKS = {Outcome.DONE: "✓", Outcome.FAILED: "✗", Outcome.CRASHED: "✗", Outcome.STOPPED: "◆"}


def ending(iteration: Iteration) -> str:
    """The lines below a transcript; empty while amp is at work."""
    if iteration.state is State.QUEUED:
        return "◆ waits for its turn"
    if iteration.state is not State.SETTLED:
        return ""
    return "\n".join(_lines(iteration))


def _lines(iteration: Iteration) -> Iterator[str]:
    outcome = iteration.outcome or Outcome.CRASHED
    told = [f"{_MARKS[outcome]} {outcome.value}"]
    if iteration.duration_ms is not None:
        told.append(f"in {wording.duration(iteration.duration_ms)}")
    if iteration.attempts > 1:
        told.append(f"at the {_ordinal(iteration.attempts)} attempt")
    yield " ".join(told)
    if iteration.error:
        yield f"✗ {many_lines(iteration.error, 2_000).strip()}"
    if iteration.hint:
        yield f"  {many_lines(iteration.hint, 500).strip()}"
    if iteration.tally.token_usage is not None:
        yield f"  {tokens(iteration.tally)}"
    yield from _work(iteration, outcome)


def _work(iteration: Iteration, outcome: Outcome) -> Iterator[str]:
    """What came of it in the repository."""
    if iteration.commit_sha:
        files = iteration.changed_files
        yield f"  commit {iteration.commit_sha[:8]}, {files} file{'s' * (files != 1)}"
    elif outcome is Outcome.DONE:
        yield "  nothing was changed"
    if iteration.test_result is ScriptResult.PASS:
        yield "✓ the script passed"
    elif iteration.test_result is ScriptResult.FAIL:
        yield f"✗ the script failed with exit code {iteration.test_exit_code}"


def tokens(tally: Tally) -> str:
    """Tokens and turns: `12.3k tokens (1.2k in, 3.4k out, 7.7k from cache), 4 turns`."""
    parts = [
        (tally.input_tokens, "in"),
        (tally.output_tokens, "out"),
        (tally.cache_creation_tokens, "to cache"),
        (tally.cache_read_tokens, "from cache"),
    ]
    known = ", ".join(f"{wording.count(number)} {word}" for number, word in parts if number)
    told = f"{wording.count(tally.token_usage)} tokens" + (f" ({known})" if known else "")
    return f"{told}, {tally.turns} turn{'s' * (tally.turns != 1)}"


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
