"""What happened in a session: its iterations, its commits and who made them, and its facts.

Nothing is changed here. Texts from outside the store are redacted.
"""

import re
from enum import StrEnum
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.amp import transcript
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, NotFound
from ampsm_engine.git import branch_files
from ampsm_engine.git import history as log
from ampsm_engine.git.entities import FileChange as FileChange  # noqa: PLC0414 - part of this module's face
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Fact, Iteration, Session

SCRIPT_TAIL = 256 * 1024
"""Bytes of a script's output that a screen shows: its end says how it went."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Maker(StrEnum):
    """By whom a commit was made."""

    AMPSM = "ampsm"
    """An iteration's work, committed when it ended."""
    AMP = "amp"
    """A commit that amp itself made."""
    REVIEW = "review"
    """A change that was rejected in a review, or the undoing of that; ampsm made the commit."""
    HAND = "hand"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the session's branch. The time is ISO 8601 with its zone."""

    sha: str
    subject: str
    author: str
    time: str
    by: Maker
    iteration_id: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All that happened in a session; iterations by number, commits newest first, facts oldest first."""

    session: Session
    iterations: tuple[Iteration, ...]
    commits: tuple[Commit, ...]
    facts: tuple[Fact, ...]
    trouble: str | None = None
    """Why there are no commits to show."""
    reflog: str = ""
    """The file that git appends to whenever the branch moves; empty when there is none."""


def timeline(engine: Engine, session_id: str) -> History:
    """All that happened in a session; NotFound. An unreadable repository is `trouble`, not raised."""
    store = engine.store
    session = store.sessions.get(session_id)
    iterations, facts = store.iterations.of(session_id), store.facts.read(session_id=session_id)
    try:
        place = _place(session)
        commits = tuple(
            Commit(
                sha=one.sha,
                subject=redact.text(one.subject),
                author=redact.text(one.author),
                time=one.time,
                by=_maker(one),
                iteration_id=one.iteration,
            )
            for one in log.since(place, session.base_commit, session.branch_name)
        )
        reflog = branch_files.branch_log(place, session.branch_name)
    except AmpsmError as reason:
        return History(session, iterations, (), facts, trouble=str(reason))
    return History(session, iterations, commits, facts, reflog=str(reflog))


def _maker(one: log.LoggedCommit) -> Maker:
    if one.review:
        return Maker.REVIEW
    return Maker.AMPSM if one.iteration else Maker.AMP if one.thread else Maker.HAND


def commit_files(engine: Engine, session_id: str, sha: str) -> tuple[FileChange, ...]:
    """What one commit changed; NotFound when there is no such commit."""
    if not _SHA.fullmatch(sha):
        raise NotFound(f"There is no commit {sha[:80]!r}.", f"ampsm show {session_id}")
    return log.files_of(_place(engine.store.sessions.get(session_id)), sha)


def script_output(engine: Engine, iteration_id: str, fact: int = 0) -> str:
    """The end of what the session's script printed for an iteration, redacted.

    `fact` is the number of the history entry of that run; without it, the last run.
    """
    run = engine.home.iteration(iteration_id)
    kept = run.script_output_of(fact)
    return redact.text(transcript.tail(kept if kept.exists() else run.script_output, SCRIPT_TAIL))


def setup_output(engine: Engine, run_id: str) -> str:
    """The end of what the setup command printed that ran last in a run directory, redacted."""
    return redact.text(transcript.tail(engine.home.iteration(run_id).setup_output, SCRIPT_TAIL))


def prompts(engine: Engine, session_id: str, most: int = 60) -> tuple[str, ...]:
    """What was asked before, each once: this session's prompts newest first, then those of the newest sessions."""
    store = engine.store
    others = [session.id for session in store.sessions.all()[:20] if session.id != session_id]
    found: dict[str, None] = {}
    for iterations in store.iterations.of_sessions([session_id, *others]).values():
        found.update(dict.fromkeys(iteration.prompt for iteration in reversed(iterations)))
    return tuple(found)[:most]


def _place(session: Session) -> Path:
    worktree = Path(session.worktree_path)
    return worktree if worktree.is_dir() else Path(session.repo_root)
