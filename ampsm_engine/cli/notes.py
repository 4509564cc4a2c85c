"""What the columns of an iteration do not say: work left uncommitted, files left out, a script that took too long.

It stands in the facts of that iteration (`store.notes_of`). Pure; prints nothing.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ampsm_engine.model import Fact, Iteration, ScriptResult

Notes = Mapping[str, Sequence[Fact]]
"""Facts by iteration."""

NONE: Notes = MappingProxyType({})

MOST = 5
"""Notes of one kind that a person is shown."""

_UNCOMMITTED = frozenset({"not-committed", "lost-worktree"})
_SERIOUS = _UNCOMMITTED | {"trouble", "not-redacted", "context", "outside"}
_LABELS = {
    "not-committed": "not committed: ",
    "left-out": "left out of the commit: ",
    "rubbish": "rarely belongs in a history: ",
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
    """The entry of the history with the reason, where the exit code alone may mislead."""
    if iteration.test_exit_code not in _NOT_THE_SCRIPTS:
        return []
    return [fact for fact in facts if fact.kind == "tested"][-1:]


def note_documents(iteration: Iteration, facts: Sequence[Fact]) -> list[dict[str, str]]:
    """The notes as JSON."""
    kept = [fact for fact in facts if fact.kind != "tested"] + _script_fact(iteration, facts)
    return [{"kind": fact.kind, "text": fact.text} for fact in kept]
