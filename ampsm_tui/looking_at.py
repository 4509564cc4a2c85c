"""What a review compares, as far as it can be named without asking the engine."""

from pathlib import Path

from ampsm_engine.differ.protocol import Request
from ampsm_engine.model import Session
from ampsm_engine.review.values import LOOKED, WHOLE, Ends
from ampsm_engine.store.store import Store


def request_of(ends: Ends, *, ignores_whitespace: bool = False, new: str | None = None) -> Request:
    """To be compared; `new` in the place of a worktree that has to be written down first."""
    return Request(ends.worktree, ends.repo_root, ends.old, ends.new or new, ignores_whitespace)


def default_range(store: Store, session: Session) -> str:
    """What changed since one looked, once something was viewed; else everything."""
    return LOOKED if store.reviews.looked(session.id) is not None and store.reviews.viewed(session.id) else WHOLE


def ends_of(session: Session, range_: str) -> Ends | None:
    """What the diff process can name for itself; None when the engine has to be asked."""
    old = {WHOLE: f"{session.base_branch}...{session.branch_name}", LOOKED: f"refs/ampsm/looked/{session.id}"}
    if range_ not in old or not Path(session.worktree_path).is_dir():
        return None
    label = "the whole session" if range_ == WHOLE else "since you looked"
    return Ends(session.worktree_path, session.repo_root, old[range_], None, range_, label)
