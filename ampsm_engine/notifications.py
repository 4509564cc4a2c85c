"""Which notification a change between two boards makes: what ended, what needs the user, and several in one.

Pure. Who tells it, and where, is not known here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum

from ampsm_engine.config import Settings
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import Board, BoardRow, Fact, Iteration, Outcome, ScriptResult, State, Status
from ampsm_engine.plain_text import plural

TITLE_LENGTH = 80
BODY_LENGTH = 240
"""Characters: a notification is read at a glance."""

NAMED = 4
"""Sessions that a notification about several names."""


class NotificationKind(StrEnum):
    """What a notification is about, the most urgent first. Each has a setting `notify.<kind>`."""

    ERROR = "error"
    CONFLICT = "conflict"
    NEEDS_INPUT = "needs-input"
    TESTS_FAILED = "tests-failed"
    FINISHED = "finished"


WORDS = {
    NotificationKind.ERROR: "error",
    NotificationKind.CONFLICT: "conflict",
    NotificationKind.NEEDS_INPUT: "needs you",
    NotificationKind.TESTS_FAILED: "tests failed",
    NotificationKind.FINISHED: "finished",
}
"""How each kind reads in a notification."""

_REASONS = ("not-committed", "lost-worktree", "resolution", "trouble", "branch")
"""Kinds of facts of an iteration that say why a person is needed, the weightiest first."""

_FAILURES = frozenset({"failed", "crashed"})
_ENDINGS = _FAILURES | {"finished", "stopped"}
_SILENT = "silent"
"""Kinds of facts that the worker writes."""
_CONFLICTED = frozenset({"conflicted", "resolution"})
"""The kinds of the facts that a merge writes which stops at conflicts, and amp's end at resolving them."""


@dataclass(frozen=True, slots=True)
class News:
    """An event of a session that a user may want a notification of."""

    kind: NotificationKind
    session_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What is shown: one thing, or several in one. It holds foreign text; who shows it makes it inert."""

    kind: NotificationKind
    title: str
    body: str


def wanted(settings: Settings, kind: NotificationKind) -> bool:
    """Whether the settings ask for this kind."""
    return settings.switch(f"notify.{kind.value}")


def kind_of(outcome: Outcome | None, script: ScriptResult | None, status: Status) -> NotificationKind | None:
    """The kind of notification for an iteration's end; None when the user stopped it."""
    if outcome in (Outcome.FAILED, Outcome.CRASHED):
        return NotificationKind.ERROR
    if script is ScriptResult.FAIL:
        return NotificationKind.TESTS_FAILED
    if status is Status.AWAITING_INPUT:
        return NotificationKind.NEEDS_INPUT
    return NotificationKind.FINISHED if outcome is Outcome.DONE else None


def news(before: Board | None, after: Board, settings: Settings, *, looked_at: str | None = None) -> tuple[News, ...]:
    """The wanted events between two boards; `looked_at` is the session that the user sees already.

    An error comes at once, all else when the session is idle: not while a follow-up is queued or runs. Boards in
    between may be missed; then only what is still true comes.
    """
    if before is None:
        return ()
    last = before.facts[-1].number if before.facts else 0
    fresh: dict[str, list[Fact]] = {}
    for fact in after.facts:
        if fact.number > last and fact.session_id is not None:
            fresh.setdefault(fact.session_id, []).append(fact)
    old = {row.session.id: row for row in before.rows}
    found = (_of(old.get(row.session.id), row, fresh.get(row.session.id, ())) for row in after.rows)
    return tuple(one for one in found if one and one.session_id != looked_at and wanted(settings, one.kind))


def _of(old: BoardRow | None, row: BoardRow, fresh: Collection[Fact]) -> News | None:
    kind: NotificationKind | None = None
    text = ""
    failures = [fact.text for fact in fresh if fact.kind in _FAILURES]
    silences = [fact.text for fact in fresh if fact.kind == _SILENT]
    if row.current is not None and _has_ended(old, row.current, fresh):
        kind = kind_of(row.current.outcome, row.current.test_result, row.session.status)
        text = ending(row.current, row.session.status, fresh)
    conflicts = [fact.text for fact in fresh if fact.kind in _CONFLICTED]
    if conflicts and kind is not NotificationKind.ERROR:
        kind, text = NotificationKind.CONFLICT, conflicts[-1]
    if failures and kind is not NotificationKind.ERROR:
        kind, text = NotificationKind.ERROR, failures[-1]
    elif kind is not NotificationKind.ERROR and row.queued:
        kind = None
    if kind is None and silences and row.session.status is Status.RUNNING:
        kind, text = NotificationKind.NEEDS_INPUT, silences[-1]
    return News(kind, row.session.id, row.session.name, text) if kind else None


def _has_ended(old: BoardRow | None, now: Iteration, fresh: Iterable[Fact]) -> bool:
    """Whether this iteration has ended, or its script has failed, since the old row."""
    if now.state is not State.SETTLED:
        return False
    if old is None:  # new, or back from the trash with an end that is long known
        return any(fact.iteration_id == now.id and fact.kind in _ENDINGS for fact in fresh)
    was = old.current
    if was is None or was.id != now.id or was.state is not State.SETTLED:
        return True
    return now.test_result is ScriptResult.FAIL is not was.test_result


def ending(now: Iteration, status: Status, facts: Iterable[Fact]) -> str:
    """A line about an end: the reason where there is one, else what changed. `status` is the session's now."""
    if now.error:
        return now.error
    texts = {fact.kind: fact.text for fact in facts if fact.iteration_id in (now.id, None)}
    if now.test_result is ScriptResult.FAIL:
        code = f" with exit code {now.test_exit_code}" if now.test_exit_code is not None else ""
        return texts.get("tested", f"the script failed{code}")
    reasons = [texts[kind] for kind in _REASONS if kind in texts] if status is Status.AWAITING_INPUT else []
    if reasons:
        return reasons[0]
    files = f"{plural(now.changed_files, 'file')} changed" if now.changed_files else "no changes"
    return f"{files}, the script passed" if now.test_result is ScriptResult.PASS else files


def silence(seconds: float, session_id: str) -> str:
    """The text of a notification that amp has been silent for so many seconds."""
    minutes = int(seconds / 60)
    count, unit = (minutes, "minute") if minutes else (int(seconds), "second")
    return f"amp has said nothing for {plural(count, unit)}; ampsm stop {session_id} ends it"


def conflict(name: str, target: str, files: str) -> str:
    """The text of a notification that a merge stopped at conflicts; `files`: how many, and which."""
    return f"{name} and {target} conflict in {files}"


def example(kind: NotificationKind) -> Notification:
    """An example of a kind of notification, for trying out where it arrives."""
    name, at = "Try it out", "2026-01-01T00:00:00.000Z"
    done = Iteration("", "", 1, "", State.SETTLED, at, outcome=Outcome.DONE, changed_files=3)
    texts = {
        NotificationKind.FINISHED: ending(replace(done, test_result=ScriptResult.PASS), Status.IDLE, ()),
        NotificationKind.NEEDS_INPUT: silence(600, name),
        NotificationKind.TESTS_FAILED: ending(
            replace(done, test_result=ScriptResult.FAIL, test_exit_code=1), Status.IDLE, ()
        ),
        NotificationKind.CONFLICT: conflict(name, "main", "2 files: app.py and cart.py"),
        NotificationKind.ERROR: ending(replace(done, error="amp is out of credits"), Status.ERROR, ()),
    }
    shown = combined([News(kind, "", name, texts[kind])])
    return shown or Notification(kind, name, texts[kind])


def combined(items: Iterable[News]) -> Notification | None:
    """One notification for many events, None for none; of each session the most urgent counts, then the latest."""
    urgency = {kind: place for place, kind in enumerate(NotificationKind)}
    kept: dict[str, News] = {}
    for one in items:
        if one.session_id not in kept or urgency[one.kind] <= urgency[kept[one.session_id].kind]:
            kept[one.session_id] = one
    if not kept:
        return None
    by_urgency = sorted(kept.values(), key=lambda one: urgency[one.kind])
    first = by_urgency[0]
    if len(by_urgency) == 1:
        word = WORDS[first.kind]
        title = f"{_cut(first.name, TITLE_LENGTH - len(word) - 2)}: {word}"
        return Notification(first.kind, title, _cut(first.text, BODY_LENGTH))
    counts = Counter(one.kind for one in by_urgency)
    title = f"{len(by_urgency)} sessions: " + ", ".join(f"{counts[kind]} {WORDS[kind]}" for kind in counts)
    return Notification(first.kind, title, _cut(", ".join(_named(by_urgency)), BODY_LENGTH))


def _named(items: Collection[News]) -> Iterator[str]:
    for number, one in enumerate(items):
        if number == NAMED:
            yield f"and {len(items) - NAMED} more"
            return
        yield f"{_cut(one.name, BODY_LENGTH // (NAMED + 1))} ({WORDS[one.kind]})"


def _cut(text: str, room: int) -> str:
    line = " ".join(text[: 4 * room].split())
    return line if len(line) <= room else line[: room - 1].rstrip() + "…"
