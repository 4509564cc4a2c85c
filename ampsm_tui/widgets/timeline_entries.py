"""What a timeline shows: iterations, commits, tests, notes and other facts as entries, newest first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ampsm_engine import labels, timestamps
from ampsm_engine.model import Fact, Iteration, Outcome, State
from ampsm_engine.plain_text import plural
from ampsm_engine.states import STATES
from ampsm_tui.clean import one_line

if TYPE_CHECKING:
    from ampsm_engine.engine.history import Commit, History


class EntryKind(StrEnum):
    """What an entry is about."""

    ITERATION = "iteration"
    COMMIT = "commit"
    TEST = "test"
    NOTES = "notes"
    FACT = "fact"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One entry. `subject` is the id of what it opens."""

    key: str
    kind: EntryKind
    glyph: str
    style: str
    title: str
    detail: str
    time: str
    subject: str = ""
    number: int = 0
    """The later of two at one moment has the higher one."""
    is_current: bool = False
    """Its transcript is the one that is shown."""


_ENDINGS = {Outcome.DONE: "done", Outcome.FAILED: "error", Outcome.CRASHED: "error", Outcome.STOPPED: "idle"}
_SHOWN_ELSEWHERE = frozenset(
    {
        "queued",
        "started",
        "finished",
        "failed",
        "stopped",
        "crashed",
        "committed",
        "thread",
        "dropped",
        "note",
        "tested",
    }
)
_MAKERS = {"ampsm": "", "amp": "by amp", "hand": "by hand", "review": "in review"}


def entries(history: "History", live: Iteration | None = None, shown: str = "") -> tuple[TimelineEntry, ...]:
    """All entries, newest first; `live` is newer than its like in the history, `shown` the iteration on the screen."""
    iterations = {one.id: one for one in history.iterations}
    if live is not None:
        iterations[live.id] = live
    found = [replace(iteration_entry(one), is_current=one.id == shown) for one in iterations.values()]
    found += map(commit_entry, history.commits)
    found += [one for fact in history.facts for one in _of_fact(fact)]
    found.sort(key=_rank, reverse=True)
    notes = history.session.notes
    if notes and notes.strip():
        pinned = TimelineEntry(
            "notes", EntryKind.NOTES, "✎", "note", one_line(notes, 300), "", history.session.created_at, notes
        )
        found.insert(0, pinned)
    return tuple(found)


def _rank(entry: TimelineEntry) -> tuple[bool, datetime, int, int]:
    """What waits is the newest, its commit stands above an iteration, its test above the commit."""
    height = (EntryKind.FACT, EntryKind.ITERATION, EntryKind.COMMIT, EntryKind.TEST, EntryKind.NOTES).index(entry.kind)
    return entry.style == "queued", timestamps.parse(entry.time), height, entry.number


def iteration_entry(iteration: Iteration) -> TimelineEntry:
    """An iteration: what was asked, and how it goes or went."""
    word = _word(iteration)
    return TimelineEntry(
        key=f"iteration {iteration.id}",
        kind=EntryKind.ITERATION,
        glyph=STATES[word].glyph,
        style=word,
        title=f"{iteration.number}  {one_line(iteration.prompt, 300)}",
        detail=_detail(iteration),
        time=iteration.start_time or iteration.queued_at,
        subject=iteration.id,
        number=iteration.number,
    )


def _word(iteration: Iteration) -> str:
    if iteration.state is State.SETTLED:
        return _ENDINGS[iteration.outcome or Outcome.CRASHED]
    return "queued" if iteration.state is State.QUEUED else "running"


def _detail(iteration: Iteration) -> str:
    if iteration.state is State.QUEUED:
        return "queued"
    if iteration.state is State.SETTLING:
        return "committing and testing"
    if iteration.state is State.RUNNING:
        return one_line(iteration.activity or "amp is starting", 300)
    word = iteration.outcome.value if iteration.outcome else "crashed"
    took = "" if iteration.duration_ms is None else f" {labels.duration(iteration.duration_ms)}"
    parts = [word + took, plural(iteration.changed_files, "file")]
    if iteration.tally.token_usage is not None:
        parts.append(f"{labels.count(iteration.tally.token_usage)} tokens")
    return ", ".join(parts)


def commit_entry(commit: "Commit") -> TimelineEntry:
    """A commit, and who made it."""
    by_hand = commit.by.value == "hand"
    detail = " ".join(part for part in (commit.sha[:8], _MAKERS[commit.by.value]) if part)
    return TimelineEntry(
        key=f"commit {commit.sha}",
        kind=EntryKind.COMMIT,
        glyph="+",
        style="hand" if by_hand else "commit",
        title=one_line(commit.subject, 300),
        detail=f"{detail} ({one_line(commit.author, 60)})" if by_hand and commit.author else detail,
        time=commit.time,
        subject=commit.sha,
    )


def _of_fact(fact: Fact) -> Iterator[TimelineEntry]:
    if fact.kind == "tested":
        passed = "passed" in fact.text
        yield TimelineEntry(
            key=f"fact {fact.number}",
            kind=EntryKind.TEST,
            glyph="✓" if passed else "✗",
            style="done" if passed else "error",
            title=one_line(fact.text, 300),
            detail="",
            time=fact.time,
            subject=fact.iteration_id or fact.session_id or "",
            number=fact.number,
        )
    elif fact.kind not in _SHOWN_ELSEWHERE:
        title = one_line(labels.history_text(fact), 1_000)
        glyph = labels.OUTSIDE_MARK if fact.kind == "outside" else "·"
        yield TimelineEntry(f"fact {fact.number}", EntryKind.FACT, glyph, "fact", title, "", fact.time, fact.text)
