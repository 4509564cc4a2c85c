"""Variants of one prompt from the form of a new session: a run of its own."""

from typing import TYPE_CHECKING

from ampsm_engine.batch import runs
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.engine import drafts

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.engine.drafts import SessionDraft
    from ampsm_engine.model import Batch


def begin_variants(engine: "Engine", draft: "SessionDraft") -> "Batch":
    """Begin a run of each mode of a draft, as often as it has copies; errors as `runs.fan_out` and `drafts.check`."""
    spec = ItemSpec(
        repo=str(drafts.folder(draft.repo)),
        prompt=draft.prompt,
        name=draft.name,
        base_branch=draft.base or None,
        script_command=draft.script or None,
    )
    modes = [mode for mode in draft.modes if mode]
    return runs.fan_out(engine, spec, modes=modes, copies=drafts.copies_of(draft.copies))
