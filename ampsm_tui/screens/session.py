"""One session: its timeline, the transcript of an iteration, what waits, and the box for a follow-up.

It is given the board. What else it shows is asked for again whenever the board says that something has changed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.reactive import var
from textual.widgets import ContentSwitcher, Static

from ampsm_engine import labels
from ampsm_engine.model import Board, BoardRow, Iteration, Outcome, ScriptResult, Session, State, Tally
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, asking
from ampsm_tui.bindings import bind
from ampsm_tui.clean import fit, many_lines, one_line
from ampsm_tui.screens.following_up import FollowingUp
from ampsm_tui.widgets.block_cursor import BlockCursor
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.prompt_box import PromptBox
from ampsm_tui.widgets.queue import Queue
from ampsm_tui.widgets.session_head import SessionHead
from ampsm_tui.widgets.stale_notice import StaleNotice
from ampsm_tui.widgets.timeline import Timeline
from ampsm_tui.widgets.timeline_entries import EntryKind, TimelineEntry, entries
from ampsm_tui.widgets.transcript import ShownIteration
from ampsm_tui.widgets.transcript_blocks import Block, BlockKind
from ampsm_tui.widgets.transcript_layout import TranscriptLayout
from ampsm_tui.widgets.transcript_pane import TranscriptPane

if TYPE_CHECKING:
    from ampsm_engine.engine.history import FileChange, History

REFLOG_TICK = 1.0
"""Seconds between two looks at whether the branch has moved by hand; a look is one question to the file system."""

IDLE_BOX = "m writes a follow-up"
BUSY_BOX = "m queues a follow-up"

_LETTERS = {"added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T"}
_MARKS = {Outcome.DONE: "✓", Outcome.FAILED: "✗", Outcome.CRASHED: "✗", Outcome.STOPPED: "◆"}


class Reader(BlockCursor):
    """Something to read beside the timeline: a commit's files, a script's output, notes; nothing live."""

    def read(self, title: str, text: str, *, end: bool = False) -> None:
        """Show a text below its title; `end`: its end first."""
        self.dress()
        self._layout = TranscriptLayout(self._painter.paint, self._room)
        self._layout.insert(
            0, [Block(BlockKind.PROMPT, many_lines(title)), Block(BlockKind.PLAIN, many_lines(text) or "(nothing)")]
        )
        # Not left to the moment of the focus: that may come before the text or after it.
        self._cursor = self.blocks[-1 if end else 0]
        self._stand(is_following=end, new_below=0)
        self._adjust(None if end else (self.blocks[0], 0))


class SessionScreen(FollowingUp):
    """The screen of one session."""

    CSS_PATH = "session.tcss"
    TITLE = "session"
    PURPOSE = (
        "On one side what has happened in this session, on the other what amp said and did.",
        "It follows the end while amp works, and holds still once you scroll up.",
        "What you write at the bottom is amp's next prompt; it waits while amp works.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.timeline", "timeline", "Timeline"),
        bind("back", "back", "Back"),
    ]

    board: var[Board | None] = var(None, init=False)
    _gone = False
    """The session is gone, and this screen is about to be; below a dialog it is not yet."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self._row: BoardRow | None = None
        self._history: History | None = None
        self._seen: object = None
        self._chosen = ""
        self._reflog: tuple[str, float] = ("", 0.0)

    def compose(self) -> ComposeResult:
        """Head, timeline beside or above the transcript, queue, prompt, keys."""
        yield SessionHead()
        yield StaleNotice()
        with Container(id="body"):
            yield Timeline()
            with ContentSwitcher(id="reading", initial="transcript"):
                yield TranscriptPane(id="transcript")
                yield Reader(id="reader")
        with Vertical(id="foot"):
            yield Queue()
            yield Static("", id="writing", markup=False)
            yield PromptBox()
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known, and ask for the rest."""
        self.begin_box()
        self.query_one("#foot").set_class(app_of(self).read_only, "-watching")
        self.query_one(TranscriptPane).transcript.focus()
        self._take()
        self.set_interval(REFLOG_TICK, self._look_at_reflog)

    def leave_box(self) -> None:
        """Back to the transcript."""
        self.query_one(TranscriptPane).transcript.focus()

    def was_sent(self) -> None:
        """The newest iteration is the one to look at."""
        self._chosen = ""

    def selected_sessions(self) -> list[Session]:
        """The session of this screen."""
        return [self._row.session] if self._row else []

    # What is shown.

    def on_screen_resume(self) -> None:
        """What changed while something else was in front."""
        self._take()

    def watch_board(self) -> None:
        """Something has changed somewhere."""
        if self.is_mounted:
            self._take()

    def _take(self) -> None:
        board = self.board
        row = next((one for one in board.rows if one.session.id == self.session_id), None) if board else None
        if row is None:
            if board is not None and self._row is not None and self.is_active and not self._gone:
                self._gone = True
                self.app.pop_screen()
            return
        self._row = row
        current = row.current
        facts = [fact.number for fact in board.facts if fact.session_id == self.session_id] if board else []
        seen = (row.session, row.iterations, row.queued, current and (current.id, current.state), facts[-1:])
        if seen != self._seen:
            self._seen = seen
            self._ask_history()
        self._show()

    @asking
    async def _ask_history(self) -> None:
        """What happened, from the side process; the newest answer counts."""
        from ampsm_engine.engine import history

        seen = self._seen
        answer = await ask(history.timeline, app_of(self).engine, self.session_id)
        if seen == self._seen and answer is not None:
            self._history = answer
            self._reflog = (answer.reflog, _changed_at(answer.reflog))
            self._show()

    def _look_at_reflog(self) -> None:
        """Somebody commits by hand."""
        path, then = self._reflog
        if path and (now := _changed_at(path)) != then:
            self._reflog = (path, now)
            self._ask_history()

    def _show(self) -> None:
        row = self._row
        if row is None:
            return
        at = app_of(self).clock()
        self.query_one(SessionHead).show(row, at)
        iteration = self._shown_iteration()
        if iteration is not None:
            self.query_one(TranscriptPane).transcript.show(self._showing(row.session, iteration))
        if self._history is not None:
            told = entries(self._history, row.current, iteration.id if iteration else "")
            self.query_one(Timeline).show(told, at)
            self.query_one(Queue).show([one for one in self._iterations() if one.state is State.QUEUED])
        is_busy = bool(row.queued) or (row.current is not None and row.current.state is not State.SETTLED)
        self.query_one(PromptBox).placeholder = BUSY_BOX if is_busy else IDLE_BOX

    def _iterations(self) -> tuple[Iteration, ...]:
        known = self._history.iterations if self._history else ()
        current = self._row.current if self._row else None
        return tuple(current if current and one.id == current.id else one for one in known)

    def _shown_iteration(self) -> Iteration | None:
        """The chosen one, else the one that the board calls current."""
        chosen = next((one for one in self._iterations() if one.id == self._chosen), None)
        return chosen or (self._row.current if self._row else None)

    def _showing(self, session: Session, iteration: Iteration) -> ShownIteration:
        return ShownIteration(
            key=iteration.id,
            stream=app_of(self).engine.home.run(iteration.id).stream,
            prompt=iteration.prompt,
            worktree=session.worktree_path,
            is_live=iteration.state is not State.SETTLED,
            ending=_ending(iteration),
        )

    # The timeline opens things.

    @on(Timeline.Opened)
    def _open(self, message: Timeline.Opened) -> None:
        entry = message.entry
        is_read = entry.is_current and self.query_one(ContentSwitcher).current == "transcript"
        if is_read and (range_ := self._range_of(entry)):
            self._review(range_)
        elif entry.kind is EntryKind.ITERATION:
            current = self._row.current if self._row else None
            self._chosen = "" if current and current.id == entry.subject else entry.subject
            self._show()
            self._turn_to("transcript")
        elif entry.kind in (EntryKind.NOTES, EntryKind.FACT):
            self._read("Notes" if entry.kind is EntryKind.NOTES else entry.title, entry.subject)
        else:
            self._open_answer(entry)

    def review_selected(self) -> None:
        """Read what the session changed; in the timeline, what the iteration or the commit under the cursor did."""
        timeline = self.query_one(Timeline)
        entry = timeline.entry if timeline.has_focus else None
        self._review(self._range_of(entry) if entry else "")

    def _review(self, range_: str) -> None:
        if self._row is not None:
            app_of(self).open_review(self._row.session, range_)

    def _range_of(self, entry: TimelineEntry) -> str:
        """What an entry changed, as a range; nothing for one that has changed nothing."""
        if entry.kind is EntryKind.COMMIT:
            return f"points:{entry.subject}^..{entry.subject}"
        found = next((one for one in self._iterations() if one.id == entry.subject), None)
        has_begun = entry.kind is EntryKind.ITERATION and found is not None and found.state is not State.QUEUED
        return f"iteration:{found.number}" if found is not None and has_begun else ""

    @asking
    async def _open_answer(self, entry: TimelineEntry) -> None:
        from ampsm_engine.engine import history

        engine = app_of(self).engine
        if entry.kind is EntryKind.COMMIT:
            files = await ask(history.commit_files, engine, self.session_id, entry.subject)
            self._read(f"{entry.title}\n{entry.detail}", _files_told(files or ()))
        else:
            said = await ask(history.script_output, engine, entry.subject, entry.number)
            self._read(entry.title, said or "", end=True)

    def _read(self, title: str, text: str, *, end: bool = False) -> None:
        self._turn_to("reader")
        self.call_after_refresh(self.query_one(Reader).read, title, text, end=end)

    def _turn_to(self, what: str) -> None:
        self.query_one(ContentSwitcher).current = what
        self.remove_class("-timeline")
        shown = self.query_one(Reader) if what == "reader" else self.query_one(TranscriptPane).transcript
        shown.focus()

    # Moving about.

    def action_timeline(self) -> None:
        """Into the timeline, which comes out where there was no room for it; from there back."""
        timeline = self.query_one(Timeline)
        if timeline.has_focus:
            self.remove_class("-timeline")
            self.leave_box()
        else:
            self.add_class("-timeline")
            timeline.focus()

    def action_back(self) -> None:
        """Out of what is open, and at last to the list."""
        if self.query_one(TranscriptPane).leave():
            return
        if self.query_one(ContentSwitcher).current == "reader":
            self._turn_to("transcript")
            return
        if self.query_one(Timeline).has_focus or self.query_one(Queue).has_focus:
            self.remove_class("-timeline")
            self.leave_box()
            return
        self.app.pop_screen()


def _changed_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except OSError:
        return 0.0


def _files_told(files: Sequence["FileChange"]) -> str:
    """A line for each file of a commit: what became of it, lines added and removed, its path."""
    if not files:
        return "It changes no file."
    lines = []
    for file in files:
        counts = "binary" if file.binary else f"+{file.additions or 0} -{file.deletions or 0}"
        moved = f"{one_line(file.old_path)} → " if file.old_path else ""
        lines.append(f"{_LETTERS.get(file.kind, '?')}  {fit(counts, 11)} {moved}{one_line(file.path)}")
    total = plural(len(files), "file")
    added, removed = sum(file.additions or 0 for file in files), sum(file.deletions or 0 for file in files)
    return "\n".join([*lines, "", f"{total}, +{added} -{removed}"])


def _ending(iteration: Iteration) -> str:
    """How an iteration ended, or that it waits; the first sign of a line says how bad it is. Empty while amp works."""
    if iteration.state is State.QUEUED:
        return "◆ waits for its turn"
    if iteration.state is not State.SETTLED:
        return ""
    return "\n".join(_ending_lines(iteration))


def _ending_lines(iteration: Iteration) -> Iterator[str]:
    outcome = iteration.outcome or Outcome.CRASHED
    told = [f"{_MARKS[outcome]} {outcome.value}"]
    if iteration.duration_ms is not None:
        told.append(f"in {labels.duration(iteration.duration_ms)}")
    if iteration.attempts > 1:
        told.append(f"at the {_ordinal(iteration.attempts)} attempt")
    yield " ".join(told)
    if iteration.error:
        yield f"✗ {many_lines(iteration.error, 2_000).strip()}"
    if iteration.hint:
        yield f"  {many_lines(iteration.hint, 500).strip()}"
    if iteration.tally.token_usage is not None:
        yield f"  {_tokens_told(iteration.tally)}"
    yield from _work_lines(iteration, outcome)


def _work_lines(iteration: Iteration, outcome: Outcome) -> Iterator[str]:
    """What came of it in the repository."""
    if iteration.commit_sha:
        files = iteration.changed_files
        yield f"  commit {iteration.commit_sha[:8]}, {plural(files, 'file')}"
    elif outcome is Outcome.DONE:
        yield "  nothing was changed"
    if iteration.test_result is ScriptResult.PASS:
        yield "✓ the script passed"
    elif iteration.test_result is ScriptResult.FAIL:
        yield f"✗ the script failed with exit code {iteration.test_exit_code}"


def _tokens_told(tally: Tally) -> str:
    """Tokens and turns: `12.3k tokens (1.2k in, 3.4k out, 7.7k from cache), 4 turns`."""
    parts = [
        (tally.input_tokens, "in"),
        (tally.output_tokens, "out"),
        (tally.cache_creation_tokens, "to cache"),
        (tally.cache_read_tokens, "from cache"),
    ]
    known = ", ".join(f"{labels.count(number)} {word}" for number, word in parts if number)
    told = f"{labels.count(tally.token_usage)} tokens" + (f" ({known})" if known else "")
    return f"{told}, {plural(tally.turns, 'turn')}"


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
