"""What the session screen shows: the timeline, and beside it a transcript or what an entry of the timeline opens.

The history behind it is asked for again when the board's row has changed, or the branch has a commit by hand.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets import ContentSwitcher

from ampsm_engine import labels
from ampsm_engine.model import Board, BoardRow, Iteration, Outcome, ScriptResult, State, Tally
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import SHOWN
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.clean import fit, many_lines, one_line
from ampsm_tui.hints import in_app
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.timeline import EntryKind, Timeline, TimelineEntry, iteration_word, timeline_entries
from ampsm_tui.widgets.transcript.block_view import BlockView
from ampsm_tui.widgets.transcript.blocks import Block, BlockKind
from ampsm_tui.widgets.transcript.view import ShownIteration, TranscriptPane

if TYPE_CHECKING:
    from ampsm_engine.engine.history import FileChange, History


class SessionHistory:
    """The board's row of one session, and its history; `show` is called when there is a new history."""

    def __init__(self, screen: AppScreen[None], session_id: str, show: Callable[[], None]) -> None:
        self.row: BoardRow | None = None
        self.answer: History | None = None
        self._screen = screen
        self.session_id = session_id
        self._show = show
        self._seen: object = None
        self._reflog: tuple[str, float] = ("", 0.0)

    @property
    def current(self) -> Iteration | None:
        """The iteration that the board calls current."""
        return self.row.current if self.row else None

    @property
    def iterations(self) -> tuple[Iteration, ...]:
        """All iterations that are known, the current one as the board has it."""
        known = self.answer.iterations if self.answer else ()
        current = self.current
        return tuple(current if current and one.id == current.id else one for one in known)

    @property
    def is_busy(self) -> bool:
        """Whether an iteration runs or waits in the queue."""
        is_queued = self.row is not None and bool(self.row.queued)
        return is_queued or (self.current is not None and self.current.state is not State.SETTLED)

    def take_board(self, board: Board) -> bool:
        """Take the session's row, and ask for the history where that may be another; False without a row."""
        row = next((one for one in board.rows if one.session.id == self.session_id), None)
        if row is None:
            return False
        self.row = row
        current = row.current
        facts = [fact.number for fact in board.facts if fact.session_id == self.session_id]
        seen = (row.session, row.iterations, row.queued, current and (current.id, current.state), facts[-1:])
        if seen != self._seen:
            self._seen = seen
            run_while_open(self._screen, self._ask())
        return True

    async def _ask(self) -> None:
        """Ask for the history and show it, unless a newer question was asked meanwhile."""
        from ampsm_engine.engine import history

        seen = self._seen
        answer = await ask(history.timeline, app_of(self._screen).engine, self.session_id)
        if seen == self._seen and answer is not None:
            self.answer = answer
            self._reflog = (answer.reflog, _modified_at(answer.reflog))
            self._show()

    def check_reflog(self) -> None:
        """Ask for the history when the branch has moved without the board's knowing."""
        path, before = self._reflog
        if path and (now := _modified_at(path)) != before:
            self._reflog = (path, now)
            run_while_open(self._screen, self._ask())


def _modified_at(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except OSError:
        return 0.0


_LETTERS = {"added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T"}


class TextReader(BlockView):
    """A text to read that does not grow: a commit's files, a script's output, notes."""

    def read(self, title: str, text: str, *, end: bool = False) -> None:
        """Show a text below its title; `end`: its end first."""
        self.make_painter()
        self.viewport.clear()
        blocks = [Block(BlockKind.PROMPT, many_lines(title)), Block(BlockKind.PLAIN, many_lines(text) or "(nothing)")]
        self.viewport.layout.insert(0, blocks)
        # Not left to the moment of the focus: that may come before the text or after it.
        self.cursor = blocks[-1 if end else 0]
        self.viewport.set_status(is_following=end)
        self.viewport.adjust(None if end else (blocks[0], 0))


class SessionContent:
    """The timeline, the transcript and the reader of a session; entries are opened, and left again."""

    def __init__(self, screen: AppScreen[None], history: SessionHistory) -> None:
        self.timeline = Timeline()
        self.transcript = TranscriptPane(id="transcript")
        self.reader = TextReader(id="reader")
        self.switcher = ContentSwitcher(self.transcript, self.reader, id="reading", initial="transcript")
        self._screen = screen
        self._history = history
        self._chosen = ""

    def show(self, row: BoardRow, at: datetime) -> None:
        """Show the timeline, and the transcript of the chosen iteration, as they are at a moment."""
        iteration = self._shown_iteration()
        if iteration is not None:
            stream = app_of(self._screen).engine.home.iteration(iteration.id).stream
            self.transcript.view.show(
                ShownIteration(
                    key=iteration.id,
                    stream=stream,
                    prompt=iteration.prompt,
                    worktree=row.session.worktree_path,
                    is_live=iteration.state is not State.SETTLED,
                    ending=in_app(self._screen, _ending_text(iteration)),
                )
            )
        if self._history.answer is not None:
            shown_id = iteration.id if iteration else ""
            self.timeline.show(timeline_entries(self._history.answer, row.current, shown_id), at)

    def _shown_iteration(self) -> Iteration | None:
        chosen = next((one for one in self._history.iterations if one.id == self._chosen), None)
        return chosen or self._history.current

    def choose_newest(self) -> None:
        """Show the iteration that the board calls current from now on."""
        self._chosen = ""

    def focus(self) -> None:
        """Move the keys into what is read; the timeline goes where there is no room for it."""
        self._screen.remove_class("-timeline")
        (self.reader if self.switcher.current == "reader" else self.transcript.view).focus()

    def toggle_timeline(self) -> None:
        """Move the keys into the timeline, which comes out where there was no room for it; from there back."""
        if self.timeline.has_focus:
            self.focus()
        else:
            self._screen.add_class("-timeline")
            self.timeline.focus()

    def open(self, entry: TimelineEntry) -> None:
        """Show what an entry is about; once more, what the iteration that is shown has changed."""
        is_read = entry.is_current and self.switcher.current == "transcript"
        if is_read and (range_ := self._range_of(entry)):
            self._open_review(range_)
        elif entry.kind is EntryKind.ITERATION:
            current = self._history.current
            self._chosen = "" if current and current.id == entry.subject else entry.subject
            if self._history.row is not None:
                self.show(self._history.row, app_of(self._screen).clock())
            self._turn_to("transcript")
        elif entry.kind in (EntryKind.NOTES, EntryKind.FACT):
            self._read("Notes" if entry.kind is EntryKind.NOTES else entry.title, entry.subject)
        else:
            run_while_open(self._screen, self._open_answer(entry))

    def review(self) -> None:
        """Review the session; from the timeline, what the iteration or the commit under the cursor changed."""
        entry = self.timeline.entry if self.timeline.has_focus else None
        self._open_review(self._range_of(entry) if entry else "")

    def leave(self) -> bool:
        """Leave a search or a text; False when there was neither."""
        if self.transcript.leave_search():
            return True
        if self.switcher.current == "reader":
            self._turn_to("transcript")
            return True
        return False

    def _open_review(self, range_: str) -> None:
        if self._history.row is not None:
            app_of(self._screen).opener.open_review(self._history.row.session, range_)

    def _range_of(self, entry: TimelineEntry) -> str:
        """What an entry changed, as a range; empty for one that has changed nothing."""
        if entry.kind is EntryKind.COMMIT:
            return f"points:{entry.subject}^..{entry.subject}"
        found = next((one for one in self._history.iterations if one.id == entry.subject), None)
        has_begun = entry.kind is EntryKind.ITERATION and found is not None and found.state is not State.QUEUED
        return f"iteration:{found.number}" if found is not None and has_begun else ""

    async def _open_answer(self, entry: TimelineEntry) -> None:
        from ampsm_engine.engine import history

        engine = app_of(self._screen).engine
        if entry.kind is EntryKind.COMMIT:
            files = await ask(history.commit_files, engine, self._history.session_id, entry.subject)
            self._read(f"{entry.title}\n{entry.detail}", _files_text(files or ()))
        elif entry.kind is EntryKind.SETUP:
            output = await ask(history.setup_output, engine, entry.subject)
            self._read(entry.title, output or "", end=True)
        else:
            output = await ask(history.script_output, engine, entry.subject, entry.number)
            self._read(entry.title, output or "", end=True)

    def _read(self, title: str, text: str, *, end: bool = False) -> None:
        self._turn_to("reader")
        self._screen.call_after_refresh(self.reader.read, title, text, end=end)

    def _turn_to(self, what: str) -> None:
        self.switcher.current = what
        self.focus()


def _files_text(files: Sequence["FileChange"]) -> str:
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


def _ending_text(iteration: Iteration) -> str:
    """How an iteration ended, or that it waits; the first sign of a line says how bad it is. Empty while amp works."""
    if iteration.state is State.QUEUED:
        return f"{SHOWN[iteration_word(iteration)].glyph} queued"
    if iteration.state is not State.SETTLED:
        return ""
    return "\n".join(_ending_lines(iteration))


def _ending_lines(iteration: Iteration) -> Iterator[str]:
    outcome = iteration.outcome or Outcome.CRASHED
    words = [f"{SHOWN[iteration_word(iteration)].glyph} {outcome.value}"]
    if iteration.duration_ms is not None:
        words.append(f"in {labels.duration(iteration.duration_ms)}")
    if iteration.attempts > 1:
        words.append(f"at the {_ordinal(iteration.attempts)} attempt")
    yield " ".join(words)
    if iteration.error:
        yield f"✗ {many_lines(iteration.error, 2_000).strip()}"
    if iteration.hint:
        yield f"  {many_lines(iteration.hint, 500).strip()}"
    if iteration.tally.token_usage is not None:
        yield f"  {_tokens_text(iteration.tally)}"
    yield from _work_lines(iteration, outcome)


def _work_lines(iteration: Iteration, outcome: Outcome) -> Iterator[str]:
    """Lines about what an iteration left in the repository."""
    if iteration.commit_sha:
        files = iteration.changed_files
        yield f"  commit {iteration.commit_sha[:8]}, {plural(files, 'file')}"
    elif outcome is Outcome.DONE:
        yield "  nothing was changed"
    if iteration.test_result is ScriptResult.PASS:
        yield "✓ the script passed"
    elif iteration.test_result is ScriptResult.FAIL:
        yield f"✗ the script failed with exit code {iteration.test_exit_code}"


def _tokens_text(tally: Tally) -> str:
    """Tokens and turns: `12.3k tokens (1.2k in, 3.4k out, 7.7k from cache), 4 turns`."""
    parts = [
        (tally.input_tokens, "in"),
        (tally.output_tokens, "out"),
        (tally.cache_creation_tokens, "to cache"),
        (tally.cache_read_tokens, "from cache"),
    ]
    known = ", ".join(f"{labels.count(number)} {word}" for number, word in parts if number)
    total = f"{labels.count(tally.token_usage)} tokens" + (f" ({known})" if known else "")
    return f"{total}, {plural(tally.turns, 'turn')}"


def _ordinal(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
