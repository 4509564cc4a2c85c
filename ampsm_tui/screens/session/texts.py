"""What the session screen tells of an iteration that has ended, and of the files of a commit. Pure."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ampsm_engine import wording
from ampsm_engine.model import Iteration, Outcome, ScriptResult, State, Tally
from ampsm_engine.naming import plural
from ampsm_tui.clean import fit, many_lines, one_line

if TYPE_CHECKING:
    from ampsm_engine.engine.history import FileChange

_LETTERS = {"added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T"}
_MARKS = {Outcome.DONE: "✓", Outcome.FAILED: "✗", Outcome.CRASHED: "✗", Outcome.STOPPED: "◆"}


def files_text(files: Sequence["FileChange"]) -> str:
    """A line for each file of a commit: what became of it, lines added and removed, its path."""
    if not files:
        return "It changes no file."
    lines = []
    for file in files:
        counts = "binary" if file.binary else f"+{file.additions or 0} -{file.deletions or 0}"
        moved = f"{one_line(file.old_path)} → " if file.old_path else ""
        lines.append(f"{_LETTERS.get(file.kind, '?')}  {fit(counts, 11)} {moved}{one_line(file.path)}")
    total = plural(len(files), "file")
    added, removed = sum(file.additions or 0 for file in files), sum(file.deletions or 0 for file in files)
    return "\n".join([*lines, "", f"{total}, +{added} -{removed}"])


def ending_text(iteration: Iteration) -> str:
    """How an iteration ended, or that it waits; the first sign of a line says how bad it is. Empty while amp works."""
    if iteration.state is State.QUEUED:
        return "◆ waits for its turn"
    if iteration.state is not State.SETTLED:
        return ""
    return "\n".join(_ending_lines(iteration))


def _ending_lines(iteration: Iteration) -> Iterator[str]:
    outcome = iteration.outcome or Outcome.CRASHED
    words = [f"{_MARKS[outcome]} {outcome.value}"]
    if iteration.duration_ms is not None:
        words.append(f"in {wording.duration(iteration.duration_ms)}")
    if iteration.attempts > 1:
        words.append(f"at the {_ordinal(iteration.attempts)} attempt")
    yield " ".join(words)
    if iteration.error:
        yield f"✗ {many_lines(iteration.error, 2_000).strip()}"
    if iteration.hint:
        yield f"  {many_lines(iteration.hint, 500).strip()}"
    if iteration.tally.token_usage is not None:
        yield f"  {_tokens_text(iteration.tally)}"
    yield from _work_lines(iteration, outcome)


def _work_lines(iteration: Iteration, outcome: Outcome) -> Iterator[str]:
    """What came of it in the repository."""
    if iteration.commit_sha:
        files = iteration.changed_files
        yield f"  commit {iteration.commit_sha[:8]}, {plural(files, 'file')}"
    elif outcome is Outcome.DONE:
        yield "  nothing was changed"
    if iteration.test_result is ScriptResult.PASS:
        yield "✓ the script passed"
    elif iteration.test_result is ScriptResult.FAIL:
        yield f"✗ the script failed with exit code {iteration.test_exit_code}"


def _tokens_text(tally: Tally) -> str:
    """Tokens and turns: `12.3k tokens (1.2k in, 3.4k out, 7.7k from cache), 4 turns`."""
    parts = [
        (tally.input_tokens, "in"),
        (tally.output_tokens, "out"),
        (tally.cache_creation_tokens, "to cache"),
        (tally.cache_read_tokens, "from cache"),
    ]
    known = ", ".join(f"{wording.count(number)} {word}" for number, word in parts if number)
    total = f"{wording.count(tally.token_usage)} tokens" + (f" ({known})" if known else "")
    return f"{total}, {plural(tally.turns, 'turn')}"


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
