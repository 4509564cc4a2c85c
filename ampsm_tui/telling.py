"""Telling a person what happened while they look elsewhere: gathered for a moment, told once, in this terminal.

On a desktop the worker tells, app or no app; here speaks the terminal, and tmux's status bar is kept true.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from textual.app import App

from ampsm_engine import notices, terminals, tmux, viewer_lock
from ampsm_engine.config import Settings
from ampsm_engine.home import Home
from ampsm_engine.model import Board
from ampsm_engine.notices import News, Notice
from ampsm_tui import terminal

GATHERING = 0.7
"""Seconds in which further news join the first: several at once are told in one."""


class Teller:
    """One app's voice. `saw` takes every change of the board; nothing is done when nothing has changed."""

    def __init__(
        self,
        app: App[Any],
        environ: Mapping[str, str],
        home: Home | None,
        *,
        settings: Callable[[], Settings],
        write: Callable[[str], None],
    ) -> None:
        self._app = app
        self._environ = environ
        self._home = home
        self._looked_at: str | None = None
        self._look: viewer_lock.ViewerLock | None = None
        self._settings = settings
        self._write = write
        self._news: list[News] = []
        self._told = 0
        self._wanted: dict[str, str] = {}
        self._shown: dict[str, str] = {}
        self._showing = False
        self._part: tmux.StatusBarEntry | None = None

    def look(self) -> None:
        """Find out what the person here has before them, be it below a dialog; nothing while they are away."""
        shown: str | None = None
        for screen in reversed(self._app.screen_stack if self._app.app_focus else ()):
            found: object = getattr(screen, "session_id", None)
            shown = found if isinstance(found, str) else None
            if shown or not screen.is_modal:
                break
        self._looks_at(shown)

    def _looks_at(self, session_id: str | None) -> None:
        """Of this session nobody needs to tell them, here or elsewhere."""
        if session_id == self._looked_at:
            return
        if self._look:
            self._look.end()
        self._looked_at = session_id
        self._look = viewer_lock.hold(self._home, session_id) if self._home and session_id else None

    def saw(self, before: Board | None, after: Board) -> None:
        """Take a change; what it brings is told soon."""
        fresh = notices.news(before, after, self._settings(), looked_at=self._looked_at)
        if fresh and not self._news:
            self._app.set_timer(GATHERING, self._tell)
        self._news += fresh
        if self._environ.get("TMUX"):
            self._wanted = terminal.counts(after)
            if self._wanted != self._shown and not self._showing:
                self._showing = True
                self._app.run_worker(self._show(), group="telling")

    def leave(self) -> None:
        """Look away, and show nothing in tmux's status bar any more: the app has ended."""
        self._looks_at(None)
        if self._part is not None:
            self._part.end()

    def _terminal(self) -> terminals.Terminal:
        """Asked anew each time: tmux may have been attached from another terminal since."""
        chosen = self._settings().text("notify.terminal")
        return terminals.known(self._environ, tmux.around(self._environ), chosen=chosen)

    def _tell(self) -> None:
        notice = notices.notice(self._news)
        self._news = []
        desktop = self._settings().switch("notify.desktop") and terminals.has_desktop(self._environ)
        if notice and not desktop and self._settings().text("notify.terminal") != "off":
            self._app.run_worker(self._say(notice), group="telling")

    async def _say(self, notice: Notice) -> None:
        here = await asyncio.to_thread(self._terminal)
        self._told += 1
        self._write(terminal.telling(here, notice.title, notice.body, self._told))

    async def _show(self) -> None:
        while changes := terminal.changed(self._shown, self._wanted):
            self._shown = dict(self._wanted)
            if self._part is None and self._home is not None:
                self._part = await asyncio.to_thread(tmux.begin_showing, self._environ, self._home, terminal.OPTIONS)
            await asyncio.to_thread(tmux.publish, self._environ, changes)
        self._showing = False
