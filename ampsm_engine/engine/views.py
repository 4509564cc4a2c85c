"""Read-only views: a session with its changes, a diff, a transcript, the counts."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine import labels, redact, session_problems
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, NotFound, Refused, Unfit
from ampsm_engine.git import changes, program, repository, worktree_preparation
from ampsm_engine.git.entities import FileChange
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Fact, Iteration, Session, State
from ampsm_engine.store.reviews import CommentCounts

if TYPE_CHECKING:
    from ampsm_engine.amp.events import Event


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session with its iterations and, while its worktree is there, its changes against the base."""

    session: Session
    iterations: tuple[Iteration, ...]
    facts: tuple[Fact, ...]
    ahead: int | None = None
    behind: int | None = None
    files: tuple[FileChange, ...] | None = None
    trouble: str | None = None
    """Why there are no changes to show."""
    lacking: tuple[str, ...] = ()
    """What the worktree does not have of the main one, without a word from git: hooks, submodules."""
    is_base_gone: bool = False
    """Whether the base is no branch any more: the numbers then count from where the session began."""
    comments: CommentCounts | None = None
    """How the comments of its review stand."""
    cost_micros: int | None = None
    """What its threads cost by amp's own figure, in millionths of a dollar; None where amp did not say."""


@dataclass(frozen=True, slots=True)
class SessionDiff:
    """The diff between two points, read when it is asked for. `new` is None for the worktree as it is now."""

    place: Path
    """Where git is run."""
    old: str
    new: str | None
    folder: str = ""
    """The folder that the session is about, to which `patch` is confined; empty for all of the repository."""

    def files(self) -> tuple[FileChange, ...]:
        """All files that differ; NotFound for a revision that is none."""
        return changes.files(self.place, self.old, self.new)

    def is_within(self, change: FileChange) -> bool:
        """Whether a file is one of the folder's, or was before it was moved."""
        names = (change.path, change.old_path or "")
        return not self.folder or any(name.startswith(f"{self.folder}/") for name in names)

    def patch(self) -> "Generator[bytes, None, None]":
        """The patch as git makes it, in parts of any size; errors as `files`. To be closed before its end."""
        return changes.patch_parts(self.place, self.old, self.new, self.folder)


def show(engine: Engine, session: Session) -> SessionView:
    """A session with its iterations, its history and its changes."""
    store = engine.store
    iterations = store.iterations.of(session.id)
    facts = store.facts.read(session_id=session.id)
    cost, comments = store.costs.of_session(session.id), store.reviews.counts(session.id)
    worktree = Path(session.worktree_path)
    try:
        with program.limited():
            place = place_of(session)
            base, tip, is_gone = _ends_now(place, session)
            if is_gone and (followed := _followed(engine, session)) is not None:
                session, (base, tip, is_gone) = followed, _ends_now(place, followed)
            old = start_of(place, session, base, tip)
            files = changes.files(place, old, None if worktree.is_dir() else session.branch_name)
            ahead, behind = changes.ahead_behind(place, tip, base)
            lacking = worktree_preparation.missing_parts(worktree, Path(session.repo_root)) if worktree.is_dir() else ()
    except AmpsmError as reason:
        trouble = _lost_branch(session) or str(reason)
        return SessionView(session, iterations, facts, trouble=trouble, comments=comments, cost_micros=cost)
    view = SessionView(session, iterations, facts, ahead, behind, files, lacking=lacking, is_base_gone=is_gone)
    return replace(view, comments=comments, cost_micros=cost)


def _followed(engine: Engine, session: Session) -> Session | None:
    """The session with a base that was renamed; None where its base is gone."""
    from ampsm_engine.merging import session_branches

    followed = session_branches.follow(engine.store, session)
    return followed if followed.base_branch != session.base_branch else None


def _lost_branch(session: Session) -> str:
    """A sentence about a branch that is damaged or was deleted, and whose commits are kept; empty for other reasons."""
    from ampsm_engine.git import pinned_refs

    root = Path(session.repo_root)
    with contextlib.suppress(AmpsmError):
        seen = pinned_refs.tip(root, session.id)
        if repository.branch_tip(root, session.branch_name) is None and seen:
            try:
                repository.refuse_damaged(root, f"{repository.BRANCHES}{session.branch_name}", seen=seen)
            except Unfit as damaged:
                return f"{damaged.message} To have it back as it was seen last: {damaged.hint}"
            kept = f"{pinned_refs.TIP}/{session.id}"
            return f"Its branch was deleted; its commits are kept as {kept}: ampsm repair --apply makes it again."
    return ""


def _ends_now(place: Path, session: Session) -> tuple[str, str, bool]:
    """The commits of base and branch, and whether the base's branch is gone: then where the session started from."""
    is_gone = False
    try:
        base, tip = repository.resolve_all(place, session.base_branch, session.branch_name)
    except NotFound:
        now = base_now(place, session)
        base, tip = repository.resolve_all(place, now, session.branch_name)
        is_gone = now != session.base_branch
    return base, tip, is_gone


def place_of(session: Session) -> Path:
    """The folder to run git in for a session: its worktree, else its repository; NotFound when both are gone."""
    root, worktree = Path(session.repo_root), Path(session.worktree_path)
    if not root.is_dir():
        message = f"The repository {root} of session {session.name} is gone."
        raise NotFound(message, f"Moved: ampsm repair --repo NEWPLACE; else bring it back, or: ampsm rm {session.id}")
    return worktree if worktree.is_dir() else root


def start_of(place: Path, session: Session, base: str, tip: str = "") -> str:
    """The commit that a session's changes begin at: where its branch left its base, or later, where it began itself.

    The two differ where it began on a branch that was there already, or was given another base.
    """
    tip, began = tip or session.branch_name, session.base_commit
    common = changes.merge_base(place, base, tip)
    if not common or not began or common == began:
        return common or began
    tip = repository.resolve(place, tip)
    is_later = repository.is_ancestor(place, common, began) and repository.is_ancestor(place, began, tip)
    return began if is_later else common


def base_now(place: Path, session: Session) -> str:
    """The base as it is now, else, when its branch is gone, the commit that the session started from."""
    return session.base_branch if repository.resolves(place, session.base_branch) else session.base_commit


def diff(
    engine: Engine,
    session_id: str,
    *,
    iteration: int | None = None,
    old: str | None = None,
    new: str | None = None,
    uncommitted: bool = False,
) -> SessionDiff:
    """The whole session against its base, one iteration, two points, or what is not committed."""
    session = engine.store.sessions.get(session_id)
    worktree = Path(session.worktree_path)
    place = place_of(session)
    if iteration is not None:
        old, new = ends_of(engine, session, iteration)
    elif uncommitted:
        session_problems.check_worktree(session)
        old, new = "HEAD", None
    elif old is None and new is None:
        base = base_now(place, session)
        old = start_of(place, session, base)
        new = None if place == worktree else session.branch_name
    else:
        old = old or session.base_commit
    return SessionDiff(place, old, new, session.folder)


def ends_of(engine: Engine, session: Session, number: int) -> tuple[str, str | None]:
    """The two ends of an iteration; None for the worktree while it runs. Refused before it has begun."""
    found = find_iteration(engine, session, number)
    if found.state is State.QUEUED:
        message = f"Iteration {number} of {session.name} has not begun."
        raise Refused(message, f"ampsm wait {session.id}")
    start = found.start_sha or session.base_commit
    if found.state is State.SETTLED:
        return start, found.commit_sha or start
    from ampsm_engine.git import hand_edits  # all that commits, for a diff of what runs

    # A person's edits that stay uncommitted beside amp's are no part of the iteration.
    return hand_edits.before(place_of(session), session.id, found.id) or start, None


def find_iteration(engine: Engine, session: Session, number: int | None = None) -> Iteration:
    """An iteration of a session: that number, else the newest one that began, else the newest; NotFound."""
    iterations = engine.store.iterations.of(session.id)
    if number is not None:
        for iteration in iterations:
            if iteration.number == number:
                return iteration
        message = f"Session {session.name} has no iteration {number}."
        raise NotFound(message, f"ampsm show {session.id}")
    if not iterations:
        message = f"Session {session.name} has no iteration yet."
        raise NotFound(message, f'ampsm iterate {session.id} "PROMPT"')
    began = [iteration for iteration in iterations if iteration.attempts or iteration.start_time]
    return (began or list(iterations))[-1]


def follow_log(
    engine: Engine, iteration_id: str, trouble: Callable[[AmpsmError], None] | None = None
) -> "Iterator[Event | None]":
    """The events of an iteration as amp writes them, until it is settled; texts are redacted.

    None means that there is nothing new yet: the caller pauses. With `trouble`, which gets the reason, an unreadable
    store is waited for.
    """
    from ampsm_engine.amp import transcript

    store = engine.store
    if trouble is not None:
        store.retry_reads(trouble)
    seen = -1
    live = True

    def alive() -> bool:
        nonlocal seen, live
        if live and (now := store.data_version()) != seen:
            seen = now
            live = store.iterations.get(iteration_id).state is not State.SETTLED
        return live

    return transcript.follow(engine.home.iteration(iteration_id).stream, alive=alive, redact=redact.text)


def status(engine: Engine) -> dict[str, int]:
    """The counts of a status bar, as `labels.status_counts`."""
    return labels.status_counts(engine.store.sessions.board().rows)
