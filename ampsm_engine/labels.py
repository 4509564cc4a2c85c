"""How values read to a person: ages, durations, counts, the word of a state.

Pure, without colour and without a screen; glyph and colour of a state stand in `state_styles`.
"""

from collections.abc import Sequence
from datetime import datetime

from ampsm_engine.model import BoardRow, Fact, Iteration, Outcome, ScriptResult, Session, SetupState, State, Status
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import STATES
from ampsm_engine.timestamps import parse

OUTSIDE_MARK = "!"
"""Marks a session outside of whose worktree something changed while its amp ran."""


def thread_address(thread_id: str) -> str:
    """Where a thread of amp's can be read in a browser."""
    return f"https://ampcode.com/threads/{thread_id}"


def age(stamped: str | None, at: datetime) -> str:
    """How long ago, in one unit: `now`, `42s`, `7m`, `3h`, `12d`; `-` for never."""
    if stamped is None:
        return "-"
    seconds = int((at - parse(stamped)).total_seconds())
    if seconds < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def duration(milliseconds: int | None) -> str:
    """A length of time: `0.8s`, `42s`, `7m 05s`, `1h 02m`; `-` when not known."""
    if milliseconds is None:
        return "-"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f}s"
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"


def count(number: int | None) -> str:
    """A count in at most six cells: `999`, `12.3k`, `4.5M`; `-` when not known."""
    if number is None:
        return "-"
    if number < 1_000:
        return str(number)
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)  # pragma: no cover - the loop above covers every number from 1,000 on


def dollars(amount: float) -> str:
    """An amount in dollars: `$12.50`; with more places, up to six, where two would say another amount: `$0.015`."""
    whole, _, places = f"{amount:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{places:0<2}"


def short_count(number: int) -> str:
    """A count in at most four cells: `999`, `9.9k`, `12k`, `4.5M`."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            tenths = number * 10 // size
            return f"{tenths // 10}{unit}" if tenths >= 100 else f"{tenths // 10}.{tenths % 10}{unit}"
    return str(number)


def size(number: int) -> str:
    """A number of bytes: `512 bytes`, `4.1 kB`, `1.2 GB`."""
    for unit, bound in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= bound:
            return f"{number / bound:.1f} {unit}"
    return f"{number} bytes"


def state_word(row: BoardRow) -> str:
    """The one word for a session in a list: `queued` while its next iteration waits, else its status."""
    if row.session.status is not Status.RUNNING and row.queued:
        return "queued"
    return row.session.status.value


def session_names(sessions: Sequence[Session]) -> str:
    """The name of a single session, or how many there are."""
    return sessions[0].name if len(sessions) == 1 else f"{len(sessions)} sessions"


def is_away(row: BoardRow) -> bool:
    """Whether lists leave a session out: it is archived, and no iteration of it runs or waits."""
    return row.session.archived_at is not None and state_word(row) not in ("running", "queued")


def repository_name(session: Session) -> str:
    """The last part of the path of a session's repository."""
    return session.repo_root.rstrip("/").rpartition("/")[2]


def status_counts(rows: Sequence[BoardRow]) -> dict[str, int]:
    """How many sessions are in which state, in the order of `STATES`: each once, by the word that a list has for it."""
    words = [state_word(row) for row in rows if not is_away(row)]
    return {word: words.count(word) for word in STATES}


def outcome_word(outcome: Outcome | None, state: State) -> str:
    """The one word for an iteration: its outcome once there is one, its state before."""
    return outcome.value if outcome else state.value


def activity(row: BoardRow, *, uncommitted: bool | None = None) -> str:
    """What a session does at this moment or, when it is idle, how its last iteration ended.

    `uncommitted`: whether work of that iteration could not be committed; None: as far as the session's status tells.
    """
    current = row.current
    at_rest = "a merge met a conflict" if row.has_conflict else row.session.landed
    instead = at_rest if state_word(row) not in ("running", "queued") else None
    if current is None or instead:
        return instead or (f"at work on {row.session.host}" if row.session.host else "no iteration yet")
    if current.state is State.QUEUED or (current.state is State.SETTLED and row.queued):
        return "waiting for a slot"
    if current.state is State.SETTLING:
        text = current.activity or "committing"
        return f"stopping; {text}" if current.stop_requested_at else text
    if current.state is State.RUNNING:
        if current.stop_requested_at:
            return "stopping"
        return (current.activity or "starting amp").replace(f"{row.session.worktree_path}/", "")
    if uncommitted is None:
        done = current.outcome is Outcome.DONE and current.test_result is not ScriptResult.FAIL
        uncommitted = done and row.session.status is Status.AWAITING_INPUT
    outside = f"; outside its worktree: {row.session.outside}" if row.session.outside else ""
    return outcome_text(current, uncommitted=uncommitted) + outside


_TOLD_BY_TEXT = frozenset({"tested", *SetupState})
"""Kinds of facts whose text alone says what they are."""


_KINDS = {
    "left-out": "not committed",
    "rubbish": "unusual file",
    "stray": "left running",
    "reject-refused": "not rejected",
}
"""The words for kinds of facts and findings whose own name is only for programs."""


def kind_text(kind: str) -> str:
    """What a kind of fact in the history, or of finding before a merge, is called for people; JSON has the kind."""
    return _KINDS.get(kind, kind.replace("-", " "))


def history_text(one: Fact) -> str:
    """An entry of the history: its text, after its kind where the text does not name it."""
    return (
        one.text
        if one.text and (one.kind in one.text or one.kind in _TOLD_BY_TEXT)
        else f"{kind_text(one.kind)}: {one.text}"
        if one.text
        else kind_text(one.kind)
    )


_ADVICE = ("run ", "try ", "check ", "please ", "see ", "hint:")
"""How a line begins, in lower case, that says what to do and not what is wrong."""


def key_line(text: str) -> str:
    """The most telling line of a long message: the last one with a letter or a digit, but for advice at its end."""
    lines = [line.strip() for line in text.splitlines() if any(map(str.isalnum, line))]
    problems = [line for line in lines if not line.lower().startswith(_ADVICE)]
    return (problems or lines or [text.strip()])[-1]


def outcome_text(iteration: Iteration, *, uncommitted: bool = False) -> str:
    """How a settled iteration ended, in a few words."""
    if iteration.outcome is not Outcome.DONE:
        word = iteration.outcome.value if iteration.outcome else "ended"
        return key_line(iteration.error or word) + ", not committed" * uncommitted
    changed = f"{plural(iteration.changed_files, 'file')} changed"
    text = changed if iteration.commit_sha else "not committed" if uncommitted else "no new changes"
    if uncommitted and iteration.commit_sha:
        text += ", not all of it committed"
    if iteration.test_result is ScriptResult.FAIL:
        return f"script failed ({iteration.test_exit_code}), {text}"
    return f"{text}, script passed" if iteration.test_result is ScriptResult.PASS else text
