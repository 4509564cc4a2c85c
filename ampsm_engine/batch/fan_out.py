"""Variants of one prompt: a run of its own, made of the form of a new session."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ampsm_engine.batch import runs
from ampsm_engine.batch.values import ItemSpec, Plan, PlannedItem
from ampsm_engine.engine import drafts
from ampsm_engine.git import repository
from ampsm_engine.naming import session_name
from ampsm_engine.plain_text import printable

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.engine.drafts import SessionDraft
    from ampsm_engine.model import Batch


def begin_variants(engine: "Engine", draft: "SessionDraft") -> "Batch":
    """Begin a run of each mode of a draft, as often as it has copies; the run.

    Errors as `runs.start`, and those of `drafts.check` for the repository and the copies.
    """
    return runs.start(engine, plan_of(draft))


def plan_of(draft: "SessionDraft") -> Plan:
    """The plan that a draft comes to: its variants, by mode, then by copy."""
    root = str(repository.locate(drafts.folder(draft.repo)).root)
    name = printable(draft.name) or session_name(draft.prompt)
    spec = ItemSpec(repo=root, prompt=draft.prompt, base_branch=draft.base or None, script_command=draft.script or None)
    copies = drafts.copies_of(draft.copies)
    items = []
    for mode in draft.modes:
        for copy in range(1, copies + 1):
            differs = ", ".join(filter(None, (mode, f"#{copy}" if copies > 1 else "")))
            called = f"{name} ({differs})" if differs else name
            items.append(PlannedItem(replace(spec, name=called, model=mode or None), line=0, variant_of=1))
    return Plan(items=tuple(items), name=name)
