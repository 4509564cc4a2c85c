"""What a person left uncommitted in a session's worktree: told apart from amp's work before amp begins and after it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from ampsm_engine import plain_text
from ampsm_engine.config import Settings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import hand_edits
from ampsm_engine.git.hand_edits import HandEdits
from ampsm_engine.model import Iteration, Session
from ampsm_engine.store import Store


def take(store: Store, settings: Settings, session: Session, iteration: Iteration) -> None:
    """Commit a person's uncommitted edits by hand, or hold them apart from the iteration's commit; facts say which.

    While a conflict of a merge lies in the worktree, nothing is taken.
    """
    if store.merges.open_of(session.id) is not None:
        return
    found = hand_edits.take(
        Path(session.worktree_path),
        session.id,
        iteration.id,
        branch=session.branch_name,
        message=("Edits by hand", f"Uncommitted in the worktree when iteration {iteration.number} began."),
        hooks=settings.switch("commit.hooks"),
        apart=settings.text("commit.hand-edits") == "leave",
    )
    for kind, text in _facts(found) if found else ():
        store.facts.add(kind, text, session_id=session.id, iteration_id=iteration.id)


def _facts(found: HandEdits) -> list[tuple[str, str]]:
    told = []
    if found.commit:
        text = (
            f"{found.commit[:12]} commits what was edited by hand before amp began: {plain_text.list_some(found.paths)}"
        )
        told.append(("committed-by-hand", text))
    elif found.paths:
        text = f"edited by hand before amp began, and still not committed: {plain_text.list_some(found.paths)}"
        told.append(("hand-edits", f"{text}. {found.refused}" if found.refused else text))
    if found.mixed:
        told.append(("hand-edits", mixed_text(found.mixed)))
    return told


def mixed_text(paths: Sequence[str]) -> str:
    """Files in which amp's commit has a person's edits as well."""
    return f"edits by hand could not be told from amp's, whose commit holds them too: {plain_text.list_some(paths)}"


def note_left(session: Session, iteration: Iteration) -> None:
    """Note what the iteration leaves uncommitted, so that the next one does not take it for a person's."""
    worktree = Path(session.worktree_path)
    if not worktree.is_dir() or not iteration.attempts:
        return
    try:
        hand_edits.note_left(worktree, session.id, iteration.id)
    except (AmpsmError, OSError):
        with contextlib.suppress(AmpsmError, OSError):
            hand_edits.note_unknown(worktree, session.id)
