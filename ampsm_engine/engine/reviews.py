"""What of a session can be reviewed (its ranges), and which of its hunks and files are marked as viewed.

A range is a word: `whole`, `looked`, `uncommitted`, `iteration:3`, `points:OLD..NEW` (without NEW: the worktree),
`against:SESSION` (from the branch of another session of the same repository).
"""

import os
from collections.abc import Collection
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.context import Engine
from ampsm_engine.engine import views
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import history, pinned_refs, repository
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Session, State
from ampsm_engine.naming import session_name
from ampsm_engine.review.annotations import LOOKED, WHOLE, Ends, Marks

UNCOMMITTED = "uncommitted"
AGAINST = "against"


@dataclass(frozen=True, slots=True)
class RangeChoice:
    """A range that can be chosen, with its label."""

    range: str
    label: str
    detail: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A moment of the session: a commit, or, without a revision, the worktree as it is now."""

    rev: str
    label: str
    time: str


def choices(engine: Engine, session_id: str) -> tuple[RangeChoice, ...]:
    """The ranges of a session; `looked` is the default once something was marked as viewed."""
    store = engine.store
    session = store.sessions.get(session_id)
    place = views.place_of(session)
    looked = store.reviews.looked_tree(session_id)
    again = looked is not None and pinned_refs.looked(place, session_id) == looked.tree
    found = [RangeChoice(WHOLE, "the whole session", f"since {session.base_branch}")]
    if looked is not None and again:
        found.insert(
            0, RangeChoice(LOOKED, "since you looked", looked.looked_at, bool(store.reviews.viewed(session_id)))
        )
    if place == Path(session.worktree_path):
        found.append(RangeChoice(UNCOMMITTED, "not committed"))
    began = [one for one in reversed(store.iterations.of(session_id)) if one.state is not State.QUEUED]
    found += [
        RangeChoice(f"iteration:{one.number}", f"iteration {one.number}", session_name(one.prompt)) for one in began
    ]
    if not found[0].is_default:
        whole = next(index for index, choice in enumerate(found) if choice.range == WHOLE)
        found[whole] = RangeChoice(WHOLE, found[whole].label, found[whole].detail, is_default=True)
    return tuple(found)


def points(engine: Engine, session_id: str) -> tuple[Point, ...]:
    """The points of the timeline, oldest first: where the session began, its commits, the worktree as it is."""
    session = engine.store.sessions.get(session_id)
    place = views.place_of(session)
    base = Point(session.base_commit, f"{session.base_branch}, where it began", session.created_at)
    commits = history.since(place, session.base_commit, session.branch_name)
    made = [Point(one.sha, redact.text(one.subject), one.time) for one in reversed(commits)]
    there = [Point("", "the worktree as it is", "")] if place == Path(session.worktree_path) else []
    return (*([base] if session.base_commit else []), *made, *there)


def resolve(engine: Engine, session_id: str, range_: str = WHOLE, *, looked: str | None = None) -> Ends:
    """The two ends of a range as of now; NotFound or Refused when it has none.

    `looked`: the tree that the range `looked` begins with, "" where there is none; None: the one that was kept last.
    """
    session = engine.store.sessions.get(session_id)
    place = views.place_of(session)
    kind, _, rest = range_.partition(":")
    if kind == WHOLE:
        old, new, label = *_whole(place, session), "the whole session"
    elif kind == UNCOMMITTED:
        _need_worktree(place, session)
        old, new, label = _commit(place, "HEAD"), None, "not committed"
    elif kind == LOOKED:
        old, new, label = _looked_tree(place, session, looked), _now(place, session), "since you looked"
    elif kind == "iteration" and rest.isdecimal():
        first, last = views.ends_of(engine, session, int(rest))
        old, new, label = _commit(place, first), last and _commit(place, last), f"iteration {rest}"
    elif kind == AGAINST:
        old, label = _tip_of_other(engine, session, rest)
        new = _now(place, session)
    elif kind == "points" and ".." in rest:
        first, _, last = rest.partition("..")
        old = _commit(place, first or session.base_commit)
        new = _commit(place, last) if last else _now(place, session)
        label = f"commit {last[:12]}" if last and first == f"{last}^" else f"{first[:12]}..{last[:12]}"
    else:
        message = f"There is no range {range_[:80]!r}."
        raise NotFound(message, "whole, looked, uncommitted, iteration:N, points:OLD..NEW or against:SESSION")
    return Ends(str(place), session.repo_root, old, new, range_, label)


def _whole(place: Path, session: Session) -> tuple[str, str | None]:
    start = views.start_of(place, session, views.base_now(place, session))
    return _commit(place, start), _now(place, session)


def _tip_of_other(engine: Engine, session: Session, reference: str) -> tuple[str, str]:
    """The commit of another session's branch, and a label that names it; Refused across repositories."""
    other = engine.store.sessions.get(reference)
    if other.repo_root != session.repo_root:
        message = f"{other.name} is in {other.repo_root}, {session.name} in {session.repo_root}."
        raise Refused(message, "Only sessions of one repository have a diff between them.")
    return _commit(Path(session.repo_root), other.branch_name), f"against {other.name}"


def _looked_tree(place: Path, session: Session, looked: str | None) -> str:
    tree = pinned_refs.looked(place, session.id) if looked is None else pinned_refs.tree_of(place, looked)
    if tree is None:
        raise Refused(f"You have not looked at {session.name} yet.", f"ampsm review {session.id}")
    return tree


def _now(place: Path, session: Session) -> str | None:
    """The new end of a diff: None for the worktree, the commit of the branch when the worktree is gone."""
    return None if place == Path(session.worktree_path) else _commit(place, session.branch_name)


def _need_worktree(place: Path, session: Session) -> None:
    if place != Path(session.worktree_path):
        raise Refused(f"The worktree of session {session.name} is gone: {session.worktree_path}.", "ampsm repair")


def _commit(place: Path, revision: str) -> str:
    """The commit of a revision, else the tree that it names."""
    try:
        return repository.resolve(place, revision)
    except NotFound:
        tree = pinned_refs.tree_of(place, revision)
        if tree is None:
            raise
        return tree


def viewed_marks(engine: Engine, session_id: str) -> Marks:
    """The viewed marks of a session. A mark whose path is gone holds for its content under any path."""
    store = engine.store
    keys = store.reviews.viewed(session_id)
    worktree = Path(store.sessions.get(session_id).worktree_path)
    if not worktree.is_dir():
        return Marks(keys)
    gone = {path for path in {path for path, _ in keys} if not os.path.lexists(worktree / path)}
    return Marks(keys, frozenset(key for path, key in keys if path in gone))


def mark_viewed(engine: Engine, session_id: str, pairs: Collection[tuple[str, str]], viewed: bool) -> Marks:
    """Set or clear the viewed mark of hunks and files (pairs of path and content key); the session's marks then."""
    engine.store.reviews.mark_viewed(session_id, pairs, viewed=viewed)
    return viewed_marks(engine, session_id)


def keep_looked_tree(engine: Engine, session_id: str, tree: str, objects: str | None = None) -> None:
    """Store the tree that was reviewed, for the range `looked`; `objects`: a folder with what the repository lacks.

    Refused when an object of the tree is in neither.
    """
    session = engine.store.sessions.get(session_id)
    pinned_refs.keep_looked(views.place_of(session), session.id, tree, Path(objects) if objects else None)
    engine.store.reviews.set_looked_tree(session.id, tree)
