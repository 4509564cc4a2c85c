"""How an iteration reads: its end in a sentence, what to do next, and its notes. Pure; prints nothing.

Notes are facts of the iteration (`store.facts.notes_of`) that its columns do not have: work left uncommitted, files
left out, a script that took too long.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ampsm_engine import labels
from ampsm_engine.cli.output import one_line
from ampsm_engine.model import Fact, Iteration, Outcome, ScriptResult
from ampsm_engine.plain_text import plural

Notes = Mapping[str, Sequence[Fact]]
"""Facts by the id of the iteration that they belong to."""

NONE: Notes = MappingProxyType({})

MOST = 5
"""Notes of one kind that a person is shown."""

_UNCOMMITTED = frozenset({"not-committed", "lost-worktree"})
_SERIOUS = _UNCOMMITTED | {"trouble", "not-redacted", "context", "outside"}
_LABELS = {
    "not-committed": "not committed: ",
    "left-out": f"{labels.kind_text('left-out')}: ",
    "rubbish": "rarely belongs in a history: ",
    "reject-refused": f"{labels.kind_text('reject-refused')}: ",
}

_NOT_THE_SCRIPTS = frozenset({124, 127})
"""Exit codes that ampsm gives, too: its time was over, or it could not be started."""


def is_uncommitted(facts: Sequence[Fact]) -> bool:
    """Whether something of the iteration's work is in no commit although it should be."""
    return any(fact.kind in _UNCOMMITTED for fact in facts)


def sentences(facts: Sequence[Fact]) -> list[tuple[bool, str]]:
    """Each note as a text (it may have several lines), and whether it is serious."""
    found: list[tuple[bool, str]] = []
    for kind in dict.fromkeys(fact.kind for fact in facts if fact.kind != "tested"):
        texts = [fact.text.strip() for fact in facts if fact.kind == kind]
        found += [(kind in _SERIOUS, f"{_LABELS.get(kind, '')}{text}") for text in texts[:MOST]]
        if len(texts) > MOST:
            found.append((kind in _SERIOUS, f"{_LABELS.get(kind, '')}and {len(texts) - MOST} more: ampsm events"))
    return found


def script_text(iteration: Iteration, facts: Sequence[Fact]) -> str:
    """How the script of an iteration went, in a few words; empty when none ran."""
    if iteration.test_result is None:
        return ""
    if iteration.test_result is ScriptResult.PASS:
        return "script passed"
    why = _script_fact(iteration, facts)
    if why:
        return why[0].text.strip().removeprefix("the ").removeprefix("The ").rstrip(".")
    return f"script failed with exit code {iteration.test_exit_code}"


def _script_fact(iteration: Iteration, facts: Sequence[Fact]) -> list[Fact]:
    """The fact with the reason, where the exit code alone may mislead."""
    if iteration.test_exit_code not in _NOT_THE_SCRIPTS:
        return []
    return [fact for fact in facts if fact.kind == "tested"][-1:]


def note_documents(iteration: Iteration, facts: Sequence[Fact]) -> list[dict[str, str]]:
    """The notes as JSON."""
    kept = [fact for fact in facts if fact.kind != "tested"] + _script_fact(iteration, facts)
    return [{"kind": fact.kind, "text": fact.text} for fact in kept]


def end_text(iteration: Iteration, facts: Sequence[Fact] = ()) -> str:
    """How an iteration ended, in one sentence; `facts` are its notes."""
    word = iteration.outcome.value if iteration.outcome else iteration.state.value
    parts = [f"iteration {iteration.number} {word}"]
    uncommitted = is_uncommitted(facts)
    if iteration.error:
        parts.append(one_line(labels.key_line(iteration.error)))
    if iteration.commit_sha:
        changed = plural(iteration.changed_files, "file")
        parts.append(f"commit {iteration.commit_sha[:12]}, {changed}")
    if uncommitted:
        parts.append("not all of it committed" if iteration.commit_sha else "not committed")
    elif iteration.outcome is Outcome.DONE and not iteration.commit_sha:
        parts.append("no commit")
    if iteration.test_result is not None:
        parts.append(script_text(iteration, facts))
    if iteration.duration_ms is not None:
        parts.append(labels.duration(iteration.duration_ms))
    return "; ".join(parts)


def end_hint(iteration: Iteration, facts: Sequence[Fact] = ()) -> str:
    """What to do next after an iteration has ended."""
    if iteration.hint:
        return one_line(iteration.hint)
    if any(fact.kind == "lost-worktree" for fact in facts):
        return "ampsm repair"
    if is_uncommitted(facts):
        return f"ampsm diff {iteration.session_id} --uncommitted"
    if iteration.test_result is ScriptResult.FAIL:
        return f"ampsm iterate {iteration.session_id} 'The check failed, please fix it'"
    return f"ampsm diff {iteration.session_id}" if iteration.commit_sha else f"ampsm log {iteration.session_id}"
