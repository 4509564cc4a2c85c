"""The screen of one session. All its own keys stand here; what they do is done by the parts that the screen owns."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import var

from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import Board, Session, State
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.screens.actions import SessionActions, SessionActionsScreen
from ampsm_tui.screens.session.content import SessionContent
from ampsm_tui.screens.session.follow_up import FollowUp
from ampsm_tui.screens.session.history import SessionHistory
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.prompt_box import PromptBox
from ampsm_tui.widgets.queued_prompts import QueuedPrompts
from ampsm_tui.widgets.session_head import SessionHead
from ampsm_tui.widgets.timeline import Timeline

REFLOG_TICK = 1.0
"""Seconds between two looks at whether the branch has moved by hand; a look is one question to the file system."""


class SessionScreen(SessionActionsScreen):
    """The timeline of a session, the transcript of an iteration, what waits, and the box for a follow-up."""

    CSS_PATH = "session.tcss"
    TITLE = "session"
    PURPOSE = (
        "On one side what has happened in this session, on the other what amp said and did.",
        "It follows the end while amp is running, and holds still once you scroll up.",
        "What you write at the bottom is amp's next prompt; while amp is running, it is queued.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.timeline", "timeline", "Timeline"),
        bind("back", "back", "Back"),
    ]

    board: var[Board | None] = var(None, init=False)

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id
        self._head = SessionHead()
        self.history = SessionHistory(self, session_id, self._show)
        self.content = SessionContent(self, self.history)
        self.follow_up = FollowUp(self, session_id, self.content.choose_newest)
        own = {"message": self.follow_up.write, "review": self.content.review}
        self.actions = SessionActions(self, self._sessions, **own)

    def compose(self) -> ComposeResult:
        """Head, timeline beside or above the transcript, queue, prompt, keys."""
        yield self._head
        yield StaleNotice()
        with Container(id="body"):
            yield self.content.timeline
            yield self.content.switcher
        with Vertical(id="foot", classes="-watching" if app_of(self).read_only else ""):
            yield self.follow_up.queue
            yield self.follow_up.hint
            yield self.follow_up.box
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self.follow_up.restore()
        self.content.focus()
        self._update()
        self.set_interval(REFLOG_TICK, self.history.check_reflog)

    def place(self) -> LastPlace:
        """Where one is: on the screen of this session."""
        return LastPlace("session", self.session_id)

    def _sessions(self) -> list[Session]:
        return [self.history.row.session] if self.history.row else []

    def on_screen_resume(self) -> None:
        """Show what changed while something else was in front."""
        self._update()

    def watch_board(self) -> None:
        """Show what has changed; go when the session is gone."""
        if self.is_mounted:
            self._update()

    def _update(self) -> None:
        if self.board is None:
            return
        if self.history.take_board(self.board):
            self._show()
        elif self.history.row is not None:
            self.dismiss(None)

    def _show(self) -> None:
        row = self.history.row
        if row is None:
            return
        at = app_of(self).clock()
        self._head.show(row, at)
        self.renew_keys()
        self.content.show(row, at)
        queued = [one for one in self.history.iterations if one.state is State.QUEUED]
        self.follow_up.show(queued if self.history.answer else None, is_busy=self.history.is_busy)

    @on(Timeline.Opened)
    def _open(self, message: Timeline.Opened) -> None:
        self.content.open(message.entry)

    @on(PromptBox.Sent)
    def _send(self, message: PromptBox.Sent) -> None:
        run_while_open(self, self.follow_up.send(message.text))

    @on(PromptBox.Changed)
    def _keep_text(self) -> None:
        self.follow_up.keep()

    @on(PromptBox.Left)
    def _leave_box(self) -> None:
        self.follow_up.leave_edit()
        self.content.focus()

    @on(QueuedPrompts.EditWanted)
    def _edit(self, message: QueuedPrompts.EditWanted) -> None:
        run_while_open(self, self.follow_up.edit(message.iteration))

    @on(QueuedPrompts.Dropped)
    def _take_out(self, message: QueuedPrompts.Dropped) -> None:
        run_while_open(self, self.follow_up.take_out(message.iteration))

    def action_timeline(self) -> None:
        """Move the focus from the transcript to the timeline, what is queued, the prompt, and back."""
        queue, box = self.follow_up.queue, self.follow_up.box
        if self.content.timeline.has_focus and queue.can_focus:
            queue.focus()
        elif (self.content.timeline.has_focus or queue.has_focus) and not app_of(self).read_only:
            self.follow_up.write()
        elif box.has_focus or queue.has_focus:
            self.content.focus()
        else:
            self.content.toggle_timeline()

    def action_back(self) -> None:
        """Leave what is open, and at last go to the list."""
        if self.content.leave():
            return
        if self.content.timeline.has_focus or self.follow_up.queue.has_focus:
            self.content.focus()
        else:
            self.dismiss(None)
