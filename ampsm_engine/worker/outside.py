"""Finds what changed in a repository outside of a session's worktree while its amp ran, by its state before and after.

The state before lies in the run directory, so that any worker that settles it can compare, and so does what came of
it: done again after a worker's death, it is the same. What ampsm itself did meanwhile for other sessions is left out:
their merges, new worktrees, trash. What a person did cannot be told from what amp did, and is told as what it is: a
change while amp ran.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ampsm_engine import timestamps
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.git import outside_changes, pinned_refs, repository, repository_state, worktrees
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.outside_changes import OutsideChange
from ampsm_engine.git.repository_state import RepositoryState, StateDifference
from ampsm_engine.home import Home, IterationDirectory, write_private
from ampsm_engine.lean_dataclass import asdict, dataclass, replace
from ampsm_engine.model import SCRIPT_CHANGED, Iteration, MergeState, Session
from ampsm_engine.plain_text import and_more
from ampsm_engine.store import Store

KIND = "outside"
QUIET = "meanwhile"
"""Kinds of the facts that tell of a change: with a mark, and without."""

MOST = 20
"""Changes that are told one by one."""

NAMED = 3
"""Changes that the mark names."""

_NOT_AN_ACT = frozenset({"checked", SCRIPT_CHANGED, KIND, QUIET})
"""Kinds of facts after which nothing of a session's has changed in its repository."""


def watch(store: Store, session: Session, run: IterationDirectory) -> None:
    """Write down how the repository stands before amp begins; where it cannot be read, that is a fact and no error."""
    try:
        # Before the state: what another session does while that is read must be in one of the two.
        newest = store.facts.read(limit=1)
        known: dict[str, object] = {
            "time": timestamps.now(),
            "fact": newest[-1].number if newest else 0,
            "sessions": [[one.id, one.branch_name, one.worktree_path] for one in _of_repository(store, session)],
        }
        state = repository_state.read(Path(session.repo_root))
        outside_changes.hold_stash(Path(session.repo_root), _kept(session, run.path.name), state)
        known |= {"state": state}
        write_private(run.before, json.dumps(known).encode(), lasting=False)
        run.outside.unlink(missing_ok=True)
    except (AmpsmError, OSError) as reason:
        text = f"what changes outside of the worktree while amp runs will not be known: {reason}"
        store.facts.add("note", text, session_id=session.id, iteration_id=run.path.name)


def facts(home: Home, store: Store, session: Session, iteration: Iteration) -> list[tuple[str, str]]:
    """What changed since `watch`, as facts of the iteration; the session is marked with what is still as it was left.

    The first answer counts: it is written into the run directory.
    """
    run = home.iteration(iteration.id)
    now: RepositoryState | None = None
    try:
        if not run.outside.exists():
            if not run.before.exists():
                return []
            now = repository_state.read(Path(session.repo_root))
            _write(run, _compared(store, session, iteration, json.loads(run.before.read_bytes()), now))
        changes = read(run)
    except (AmpsmError, OSError, ValueError, LookupError) as reason:  # the others: a damaged file
        return [("note", f"what changed outside of the worktree while amp ran is not known: {reason}")]
    _mark(home, store, store.sessions.get(session.id), changes, now)
    return _facts(iteration, changes)


def read(run: IterationDirectory) -> tuple[OutsideChange, ...]:
    """The changes that an iteration's run directory tells of, none when it does not; Failed when it is damaged."""
    try:
        written = json.loads(run.outside.read_bytes())
        parts = [tuple(StateDifference(**part) for part in one.pop("parts")) for one in written]
        return tuple(OutsideChange(parts=own, **one) for own, one in zip(parts, written, strict=True))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as reason:
        message = f"What changed outside of a worktree cannot be read from {run.outside}: {reason}."
        raise Failed(message, f"ls -l {run.outside}") from reason


def remaining(
    home: Home, store: Store, session: Session, now: RepositoryState | None = None
) -> Iterator[tuple[Iteration, OutsideChange]]:
    """The changes of a marked session that are still as its iterations left them, oldest first.

    Failed or NotFound when the repository cannot be read.
    """
    if session.outside is None:
        return
    for iteration in store.iterations.of(session.id):
        for change in read(home.iteration(iteration.id)):
            if change.quiet:
                continue
            now = now or repository_state.read(Path(session.repo_root))
            if any(repository_state.is_as_left(part, now) for part in change.parts):
                yield iteration, change


def forget(home: Home, store: Store, session_id: str) -> None:
    """Delete the mark: the changes have been seen. The facts stay, and the commits that are kept."""
    for iteration in store.iterations.of(session_id):
        home.iteration(iteration.id).outside.unlink(missing_ok=True)
    store.sessions.update(session_id, outside=None)


def sentence(iteration: Iteration, change: OutsideChange) -> str:
    """A change outside of the worktree as a sentence for the history."""
    return f"changed while iteration {iteration.number} ran: {change.text}"


def _kept(session: Session, iteration_id: str) -> str:
    return f"{pinned_refs.OUTSIDE}/{session.id}/{iteration_id}"


def _facts(iteration: Iteration, changes: Sequence[OutsideChange]) -> list[tuple[str, str]]:
    loud = sorted(changes, key=lambda change: change.quiet)
    found = [
        (QUIET if one.quiet else KIND, f"{sentence(iteration, one)}. {one.hint}".rstrip(". ") + ".")
        for one in loud[:MOST]
    ]
    if len(loud) > MOST:
        kind = QUIET if loud[MOST].quiet else KIND
        found.append((kind, f"changed while iteration {iteration.number} ran: {len(loud) - MOST} more things"))
    return found


def _mark(
    home: Home, store: Store, session: Session, changes: Iterable[OutsideChange], now: RepositoryState | None
) -> None:
    labels = [change.label for change in changes if not change.quiet]
    if session.outside is not None:
        try:
            labels = [change.label for _, change in remaining(home, store, session, now)] + labels
        except AmpsmError:
            labels.insert(0, session.outside)
    labels = list(dict.fromkeys(labels))
    marked = ", ".join(labels[:NAMED]) + and_more(len(labels), NAMED) or None
    if marked != session.outside:
        store.sessions.update(session.id, outside=marked)


def _write(run: IterationDirectory, changes: Sequence[OutsideChange]) -> None:
    write_private(run.outside, json.dumps([asdict(change) for change in changes]).encode())


def _compared(
    store: Store, session: Session, iteration: Iteration, known: dict[str, Any], now: RepositoryState
) -> tuple[OutsideChange, ...]:
    before: RepositoryState = known["state"]
    ours = _ours(store, session, known, now)
    parts = [left for part in repository_state.difference(before, now) if (left := ours.left_of(part))]
    place = outside_changes.WatchedSession(
        root=Path(session.repo_root),
        worktree=Path(session.worktree_path),
        branch=session.branch_name,
        thread_id=iteration.thread_id or "",
        kept=_kept(session, iteration.id),
    )
    return outside_changes.explain(place, parts, before, now)


@dataclass(frozen=True, slots=True)
class _Ours:
    """What ampsm did in a repository in the time of one iteration, and what is looked after elsewhere."""

    branches: frozenset[str]
    worktrees: frozenset[str]
    repo: Repo
    in_the_making: frozenset[str]
    """The branches of worktrees that were made for sessions meanwhile, whose rows may not be there yet."""
    moves: tuple[tuple[str, str, str], ...]
    """What merges did: target, commit before, commit after."""
    published: frozenset[str]
    """Commits that merges may have pushed."""

    def left_of(self, part: StateDifference) -> StateDifference | None:
        """The part of a difference that ampsm did not make; None when nothing is left."""
        if part.kind == repository_state.WORKTREE:
            path = Path(part.name)
            in_the_making = part.before is None and bool(worktrees.session_of(self.repo, path))
            is_ours = in_the_making or worktrees.is_scratch(path.name)
            return None if part.name in self.worktrees or is_ours else part
        if part.kind == repository_state.CONFIGURATION:
            names = (f"local branch.{branch}." for branch in self.branches)
            return None if part.name.startswith(tuple(names)) else part
        if part.kind != repository_state.REF:
            return part
        branch = part.name.removeprefix(repository.BRANCHES)
        if branch != part.name:
            is_new = part.before is None and (worktrees.is_session_branch(branch) or branch in self.in_the_making)
            return None if branch in self.branches or is_new else self._without_merges(part, branch)
        return None if part.name.startswith("refs/remotes/") and part.after in self.published else part

    def _without_merges(self, part: StateDifference, branch: str) -> StateDifference | None:
        """A branch's move without the merges at its beginning and at its end."""
        left = [(old, new) for target, old, new in self.moves if target == branch]
        start, end = part.before, part.after
        while start != end and (move := next((one for one in left if one[0] == start or one[1] == end), None)):
            left.remove(move)
            start, end = (move[1], end) if move[0] == start else (start, move[0])
        return None if start == end else replace(part, before=start, after=end)


def _ours(store: Store, session: Session, known: dict[str, Any], now: RepositoryState) -> _Ours:
    """What facts and journal say since `watch`; sessions with an iteration under way look after themselves."""
    root = Path(session.repo_root)
    repo = Repo(root, repository.common_dir(root), root)
    trees = now.get(repository_state.WORKTREE, {})
    new_trees = trees.keys() - known["state"].get(repository_state.WORKTREE, {}).keys()
    acted = {fact.session_id for fact in store.facts.read(after=known["fact"]) if fact.kind not in _NOT_AN_ACT}
    acted |= {one.session_id for one in store.iterations.unsettled()} | set(store.merges.all_open())
    others = [one for one in _of_repository(store, session) if one.id != session.id]
    active = [one for one in others if one.id in acted]
    living = {one.id for one in others}
    purged = [one for one in known["sessions"] if one[0] not in living and one[0] != session.id]
    recent = [one for other in active for one in store.merges.of(other.id) if (one.ended_at or "9") >= known["time"]]
    forth = [(one.target, one.base_before, one.base_after) for one in recent if one.target]
    undone = [one for one in recent if one.state is MergeState.UNDONE]
    back = [(one.target, one.base_after, one.base_before) for one in undone]
    return _Ours(
        branches=frozenset({session.branch_name, *(one.branch_name for one in active), *(one[1] for one in purged)}),
        worktrees=frozenset(
            {session.worktree_path, *(one.worktree_path for one in active), *(one[2] for one in purged)}
        ),
        repo=repo,
        in_the_making=frozenset(trees[path] for path in new_trees if worktrees.session_of(repo, Path(path))),
        moves=tuple(forth + back),
        published=frozenset({commit for one in recent for commit in (one.base_after, one.branch_after) if commit}),
    )


def _of_repository(store: Store, session: Session) -> tuple[Session, ...]:
    root = session.repo_root
    return (*store.sessions.all(repo_root=root), *store.sessions.all(repo_root=root, trashed=True))
