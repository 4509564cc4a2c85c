"""What the session screen shows: the timeline, and beside it a transcript or what an entry of the timeline opens."""

from datetime import datetime

from textual.widgets import ContentSwitcher

from ampsm_engine.model import BoardRow, Iteration, State
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.clean import many_lines
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.session.history import SessionHistory
from ampsm_tui.screens.session.texts import ending_text, files_text
from ampsm_tui.widgets.timeline import EntryKind, Timeline, TimelineEntry, timeline_entries
from ampsm_tui.widgets.transcript.block_view import BlockView
from ampsm_tui.widgets.transcript.blocks import Block, BlockKind
from ampsm_tui.widgets.transcript.view import ShownIteration, TranscriptPane


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
            stream = app_of(self._screen).engine.home.run(iteration.id).stream
            self.transcript.view.show(
                ShownIteration(
                    key=iteration.id,
                    stream=stream,
                    prompt=iteration.prompt,
                    worktree=row.session.worktree_path,
                    is_live=iteration.state is not State.SETTLED,
                    ending=ending_text(iteration),
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
        """Out of a search or a text; False when there was neither."""
        if self.transcript.leave_search():
            return True
        if self.switcher.current == "reader":
            self._turn_to("transcript")
            return True
        return False

    def _open_review(self, range_: str) -> None:
        if self._history.row is not None:
            app_of(self._screen).open_review(self._history.row.session, range_)

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
            self._read(f"{entry.title}\n{entry.detail}", files_text(files or ()))
        else:
            output = await ask(history.script_output, engine, entry.subject, entry.number)
            self._read(entry.title, output or "", end=True)

    def _read(self, title: str, text: str, *, end: bool = False) -> None:
        self._turn_to("reader")
        self._screen.call_after_refresh(self.reader.read, title, text, end=end)

    def _turn_to(self, what: str) -> None:
        self.switcher.current = what
        self.focus()
