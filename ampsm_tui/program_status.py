"""A board as records of the Program Status Protocol (OSC 7501): one of the program, one of each session.

Pure. Texts are redacted, made inert and bounded, and go out in base64: none ends a sequence, and none begins one.
"""

import base64
from functools import lru_cache

from ampsm_engine import labels, redact
from ampsm_engine.model import Board, BoardRow
from ampsm_engine.plain_text import plural
from ampsm_tui.clean import one_line

APP = "ampsm"

MOST_SESSIONS = 60
"""Every terminal that understands the protocol holds 64 records."""

TITLE_BYTES = 192
MESSAGE_BYTES = 320
"""UTF-8 before base64; the protocol takes 192 and 2,048."""

_STATES = {"running": "working", "queued": "working", "awaiting-input": "blocked"}
"""By the word of a state; `idle`, `done` and `error` are the protocol's own words."""

_ORDER = ("blocked", "error", "working", "done", "idle")
"""Which sessions have a record where there are too many."""

_KINDS = {"not-logged-in": "auth", "bad-key": "auth", "needs-approval": "permission", "tool-refused": "permission"}
"""What a session waits for, by the failure of its last iteration; else it is a question."""


def records(board: Board) -> dict[str, str]:
    """The body of each record by its id; the empty id is that of the program."""
    rows = sorted(board.rows, key=lambda row: _ORDER.index(_state(row)))
    return {"": _root(rows)} | {row.session.id: _child(row) for row in rows[:MOST_SESSIONS]}


def _state(row: BoardRow) -> str:
    word = labels.state_word(row)
    if word == "error" and _kind(row) != "question":
        return "blocked"  # it waits for a person to log in, or to allow something
    return _STATES.get(word, word)


def _kind(row: BoardRow) -> str:
    return _KINDS.get((row.current.failure if row.current else "") or "", "question")


def _root(rows: list[BoardRow]) -> str:
    """At work while any session is; else what the most urgent one says."""
    states = [_state(row) for row in rows]
    state = "working" if "working" in states else next((one for one in _ORDER if one in states), "idle")
    blocked = [row for row in rows if _state(row) == "blocked"]
    parts = [f"state={state}", f"app={APP}"]
    if state == "blocked":
        parts.append(f"kind={_kind(blocked[0])}")
    words = [f"{states.count(one)} {one}" for one in ("working", "blocked", "error") if one in states]
    said = f"{plural(len(rows), 'session')}: {', '.join(words)}" if words else plural(len(rows), "session")
    return ":".join((*parts, f"msg={_encoded(said, MESSAGE_BYTES)}"))


def _child(row: BoardRow) -> str:
    state = _state(row)
    parts = [f"state={state}", f"id={row.session.id}", f"app={APP}"]
    if state == "blocked":
        parts.append(f"kind={_kind(row)}")
    parts.append(f"title={_encoded(row.session.name, TITLE_BYTES)}")
    if state in ("blocked", "error"):  # what a session does would be many reports, and says nothing to who is away
        parts.append(f"msg={_encoded(labels.activity(row), MESSAGE_BYTES)}")
    return ":".join(parts)


@lru_cache(512)
def _encoded(text: str, most: int) -> str:
    shown = "".join(letter for letter in one_line(redact.text(text), most) if letter.isprintable())
    return base64.b64encode(shown.encode()[:most].decode(errors="ignore").encode()).decode()
