"""The screen of one session, with its head. All its own keys stand here; its parts do what they stand for."""

from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import var

from ampsm_engine import labels
from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import Board, BoardRow, ScriptResult, Session, State
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import STATES
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.bindings import bind, is_allowed
from ampsm_tui.clean import cells, one_line
from ampsm_tui.screens.actions import SessionActions, SessionActionsScreen
from ampsm_tui.screens.session.content import SessionContent, SessionHistory
from ampsm_tui.screens.session.follow_up import FollowUp
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece, TextLine
from ampsm_tui.widgets.notices import StaleNotice
from ampsm_tui.widgets.prompt_box import PromptBox, QueuedPrompts
from ampsm_tui.widgets.timeline import Timeline


class StateLine(TextLine):
    """A line about a session that may name its state."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-name", "-quiet", *(f"-{word}" for word in STATES)}
    DEFAULT_CSS = """
    StateLine {
        & > .-name { color: $foreground; text-style: bold; }
        & > .-quiet { color: $secondary; }
        & > .-running, & > .-awaiting-input, & > .-error { text-style: bold; }
    }
    """ + state_rules("StateLine")


class SessionHead(Vertical):
    """Name, state, branch; below it what the last iteration came to."""

    DEFAULT_CSS = "SessionHead { height: 2; padding: 0 1; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[BoardRow, datetime] | None = None

    def compose(self) -> ComposeResult:
        """Two lines, filled once the session is known."""
        yield StateLine()
        yield StateLine()

    def on_resize(self) -> None:
        """Say what there is room for now."""
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, row: BoardRow, at: datetime) -> None:
        """Show name, state and branch of a session, and what its last iteration came to."""
        self._shown = (row, at)
        first, second = self.query(StateLine)
        word = labels.state_word(row)
        session = row.session
        first.set_pieces(
            [Piece(f"{STATES[word].glyph} {word}  ", word), Piece(one_line(session.name, 300), "name")],
            [
                Piece(
                    f"  {one_line(labels.repository_name(session), 80)}  {one_line(session.branch_name, 120)}", "quiet"
                )
            ],
        )
        second.set_pieces(_fitting(_standing(row, at), self.size.width - 2))


def _standing(row: BoardRow, at: datetime) -> list[Piece]:
    """What the last iteration came to, the most telling first."""
    current, host = row.current, one_line(row.session.host or "", 60)
    if current is None:
        return [Piece(f"at work on {host}" if host else "nothing has run yet", "quiet")]
    parts = []
    if row.session.outside is not None:
        outside = one_line(row.session.outside, 200)
        parts.append(Piece(f"{labels.OUTSIDE_MARK} outside its worktree: {outside}", "awaiting-input"))
    parts += [Piece(plural(row.iterations, "iteration"), "quiet")]
    if host:
        parts.append(Piece(f"ran on {host}", "quiet"))
    if row.queued:
        parts.append(Piece(f"{row.queued} queued", "quiet"))
    if current.test_result is not None:
        passed = current.test_result is ScriptResult.PASS
        parts.append(Piece("✓ script passes" if passed else "✗ script fails", "done" if passed else "error"))
    if current.tally.token_usage is not None:
        last = "the last " if row.iterations > 1 else ""
        parts.append(Piece(f"{last}{labels.count(current.tally.token_usage)} tokens", "quiet"))
        parts.append(Piece(plural(current.tally.turns, "turn"), "quiet"))
    age = labels.age(current.start_time or current.queued_at, at)
    parts.append(Piece(f"began {'just now' if age == 'now' or age.endswith('s') else age + ' ago'}", "quiet"))
    return parts


def _fitting(parts: list[Piece], room: int) -> list[Piece]:
    """The whole parts that fit into `room` cells, with commas between them; the first in any case."""
    kept = parts[:1]
    room -= cells(parts[0].text)
    for part in parts[1:]:
        room -= cells(part.text) + 2
        if room < 0:
            break
        kept += [Piece(", ", "quiet"), part]
    return kept


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
        """The place of the screen: its session."""
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
        queue, box, writes = self.follow_up.queue, self.follow_up.box, is_allowed(self, "session.message")
        if writes and self.content.timeline.has_focus and queue.can_focus:
            queue.focus()
        elif writes and (self.content.timeline.has_focus or queue.has_focus):
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
