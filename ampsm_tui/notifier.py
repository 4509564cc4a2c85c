"""Notifying a person of what happened while they look elsewhere: gathered for a moment, then shown in this terminal.

On a desktop the worker notifies, app or no app; here it is the terminal, and tmux's status bar is kept true. A
terminal that understands it gets the board as records of the Program Status Protocol (OSC 7501), one of the program and
one of each session: redacted, made inert and bounded, in base64, so that none ends a sequence, and none begins one.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from textual.app import App

from ampsm_engine import known_terminals, labels, notifications, redact, tmux, viewer_lock
from ampsm_engine.amp.failures import failure_named
from ampsm_engine.config import Settings
from ampsm_engine.home import Home
from ampsm_engine.model import Board, BoardRow
from ampsm_engine.notifications import News, Notification
from ampsm_engine.plain_text import plural
from ampsm_tui import terminal
from ampsm_tui.ask import run_while_open
from ampsm_tui.clean import one_line
from ampsm_tui.delayed_call import call_after
from ampsm_tui.driver.status_records import StatusRecords, may_ask

GATHERING = 0.7
"""Seconds in which further news join the first: several at once are one notification."""


class Notifier:
    """Notifies for one app. `take_board` takes every change; nothing is done when nothing has changed."""

    def __init__(
        self,
        app: App[Any],
        environ: Mapping[str, str],
        home: Home | None,
        *,
        settings: Callable[[], Settings],
        write: Callable[[str], None],
        status: StatusRecords | None = None,
    ) -> None:
        self._app = app
        self._environ = environ
        self._home = home
        self._viewed: str | None = None
        self._viewer: viewer_lock.ViewerLock | None = None
        self._settings = settings
        self._write = write
        self._status = status
        """What the terminal holds of the sessions; None where there is no terminal of ours."""
        self._news: list[News] = []
        self._number = 0
        self._wanted: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._is_publishing = False
        self._status_bar: tmux.StatusBarEntry | None = None
        if status is not None and environ.get("TMUX"):
            run_while_open(app, self._ask_through_tmux(status), group="notifying")

    async def _ask_through_tmux(self, status: StatusRecords) -> None:
        """Ask the terminal around tmux about the status, where it gets the question and we its answer."""
        around = await asyncio.to_thread(tmux.query, self._environ)
        is_passed_on = around is not None and around.passes_notifications and may_ask({"TERM": around.client_name})
        if is_passed_on and await asyncio.to_thread(tmux.has_cursor, self._environ):
            status.ask_through(partial(terminal.wrap_for_multiplexer, inside="tmux"))

    def update_viewed(self) -> None:
        """Find out which session the person here has before them, be it below a dialog; none while they are away."""
        viewed: str | None = None
        for screen in reversed(self._app.screen_stack if self._app.app_focus else ()):
            found: object = getattr(screen, "session_id", None)
            viewed = found if isinstance(found, str) else None
            if viewed or not screen.is_modal:
                break
        self._hold_viewer_lock(viewed)

    def take_focus(self) -> None:
        """Take that the person here came back or went away: what is viewed, and what tmux dropped meanwhile."""
        self.update_viewed()
        if self._status is not None and self._app.app_focus:
            self._status.show_what_was_dropped()

    def _hold_viewer_lock(self, session_id: str | None) -> None:
        """Hold the lock that says that a session is viewed: no app or worker then notifies of it."""
        if session_id == self._viewed:
            return
        if self._viewer:
            self._viewer.end()
        self._viewed = session_id
        self._viewer = viewer_lock.hold(self._home, session_id) if self._home and session_id else None

    def take_board(self, before: Board | None, after: Board) -> None:
        """Take a change of the board, and notify of it soon."""
        if self._status is not None:
            self._status.show(partial(records, after))
        fresh = notifications.news(before, after, self._settings(), looked_at=self._viewed)
        if fresh and not self._news:
            call_after(self._app, GATHERING, self._notify)
        self._news += fresh
        if self._environ.get("TMUX"):
            self._wanted = terminal.status_options(after)
            if self._wanted != self._shown and not self._is_publishing:
                self._is_publishing = True
                run_while_open(self._app, self._publish_status(), group="notifying")

    def close(self) -> None:
        """View nothing any more, and take our entry out of tmux's status bar: the app has ended."""
        self._hold_viewer_lock(None)
        if self._status_bar is not None:
            self._status_bar.end()

    def _terminal(self) -> known_terminals.Terminal:
        """Asked anew each time: tmux may have been attached from another terminal since."""
        chosen = self._settings().text("notify.terminal")
        return known_terminals.identify(self._environ, tmux.query(self._environ), chosen=chosen)

    def _notify(self) -> None:
        notification = notifications.combined(self._news)
        self._news = []
        desktop = self._settings().switch("notify.desktop") and known_terminals.has_desktop(self._environ)
        if notification and not desktop and self._settings().text("notify.terminal") != "off":
            run_while_open(self._app, self._write_notification(notification), group="notifying")

    async def _write_notification(self, notification: Notification) -> None:
        here = await asyncio.to_thread(self._terminal)
        self._number += 1
        self._write(terminal.notification_sequence(here, notification.title, notification.body, self._number))

    async def _publish_status(self) -> None:
        while changes := terminal.changed_options(self._shown, self._wanted):
            self._shown = dict(self._wanted)
            if self._status_bar is None and self._home is not None:
                self._status_bar = await asyncio.to_thread(
                    tmux.show_options, self._environ, self._home, terminal.OPTIONS
                )
            await asyncio.to_thread(tmux.publish, self._environ, changes)
        self._is_publishing = False


APP = "ampsm"

MOST_SESSIONS = 60
"""Every terminal that understands the protocol holds 64 records."""

TITLE_BYTES = 192
MESSAGE_BYTES = 320
"""UTF-8 before base64; the protocol takes 192 and 2,048."""

_STATES = {"running": "working", "queued": "working", "awaiting-input": "blocked"}
"""The protocol's word for a state, by ours; `idle`, `done` and `error` are its own words, too."""

_ORDER = ("blocked", "error", "working", "done", "idle")
"""Which sessions have a record where there are too many."""


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
    """What a session waits for, as the protocol calls it."""
    return failure_named(row.current.failure if row.current else None).needs or "question"


def _root(rows: list[BoardRow]) -> str:
    """The record of the program: at work while any session is, else in the state of the most urgent one."""
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
