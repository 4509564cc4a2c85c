"""The transcript of one iteration: read live from its stream, with its search and the line below it.

It shows its end while that grows, and holds still once it was scrolled up. The end of a stream is read first, then
what comes, then backwards to its beginning: what is little in a thread, what is much in a side process. The file stays
open: when it is replaced (redaction does that), the old one is followed to its end.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from ampsm_engine import redact
from ampsm_engine.amp.events import Event, TooLong
from ampsm_engine.amp.stream import EventReader
from ampsm_engine.errors import AmpsmError, Failed
from ampsm_engine.lean_dataclass import dataclass
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import key_name, with_keys
from ampsm_tui.widgets import collector
from ampsm_tui.widgets.inputs import LineInput
from ampsm_tui.widgets.transcript import slices
from ampsm_tui.widgets.transcript.block_view import BlockView, TranscriptStatus
from ampsm_tui.widgets.transcript.blocks import Block, BlockBuilder, BlockChanges, BlockKind
from ampsm_tui.widgets.transcript.search import TranscriptSearch

FIRST = 32 * 1024
"""Bytes at the end of the file that the first screen is made of."""

SLICE = 192 * 1024
"""Bytes that a side process reads at once: its answer takes a few milliseconds to take over."""

AT_ONCE = 128 * 1024
"""Bytes that a thread reads at once; a longer line goes to the side process."""


class Feed:
    """The events of one file, from the end on and to the beginning. `close` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._start = 0
        self._read = 0
        self._reader = EventReader()

    @property
    def is_complete(self) -> bool:
        """Whether everything before what was read first has been read, too."""
        return self._start == 0

    @property
    def share(self) -> float:
        """How much of the file has been read."""
        return 1 - self._start / self._read if self._read else 1.0

    async def last(self) -> tuple[Event, ...] | None:
        """The events at the end; None while there is no file."""
        if not self._opened():
            return None
        self._read = slices.last_line_end(self._descriptor, os.fstat(self._descriptor).st_size)
        self._start = self._read
        self._reader = EventReader(AT_ONCE, offset=self._read, redact=redact.text)
        return await self.earlier(FIRST)

    async def earlier(self, size: int = SLICE) -> tuple[Event, ...]:
        """The events before those read so far."""
        end = self._start
        start = slices.beginning(self._descriptor, end, size)
        found = await self._between(start, end)
        self._start = start
        return found

    async def later(self) -> tuple[Event, ...]:
        """The events that came since; empty when there are none."""
        try:
            size = os.fstat(self._descriptor).st_size
            if size <= self._read:
                return ()
            located = await asyncio.to_thread(self._new, min(size, self._read + AT_ONCE))
        except OSError as reason:
            raise self._unreadable(reason) from reason
        found: list[Event] = []
        for offset, event in located:
            if isinstance(event, TooLong):
                found += await self._between(max(0, offset - event.bytes - 1), offset)
            else:
                found.append(event)
        return tuple(found)

    def rest(self) -> tuple[Event, ...]:
        """The events of a last line that never got its end."""
        return tuple(slices.shown(self._reader.close()))

    def close(self) -> None:
        """Close the file of the transcript."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> bool:
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            except OSError as reason:
                raise self._unreadable(reason) from reason
        return True

    def _unreadable(self, reason: OSError) -> Failed:
        return Failed(f"The transcript cannot be read: {reason.strerror}.", f"ls -l {self._path}")

    def _new(self, end: int) -> list[tuple[int, Event]]:
        """Read what was added to the file; runs in a thread."""
        data = os.pread(self._descriptor, end - self._read, self._read)
        self._read += len(data)
        return list(_located(self._reader.located(data)))

    async def _between(self, start: int, end: int) -> tuple[Event, ...]:
        if end - start > AT_ONCE:
            try:
                identity = slices.FileIdentity.of(self._descriptor)
                found = await ask(slices.read_path, self._path, identity, start, end)
            except Failed:  # the side process was killed; this one can read as well
                found = None
            if found is not None:
                return found.events
        try:
            return (await asyncio.to_thread(slices.read, self._descriptor, start, end)).events
        except OSError as reason:
            raise self._unreadable(reason) from reason


def _located(found: Iterable[tuple[int, Event]]) -> Iterable[tuple[int, Event]]:
    for offset, event in found:
        for each in slices.shown((event,)):
            yield offset, each


T = TypeVar("T")

POLL = 0.1
"""Seconds between two looks at a file that may grow; a look is one question to the file system."""

MANY = 3_000
"""Blocks that are worth hiding from the garbage collector."""


@dataclass(frozen=True, slots=True)
class ShownIteration:
    """Which iteration a transcript shows: its stream, its prompt, the folder whose paths are short, its ending."""

    key: str
    stream: Path
    prompt: str
    worktree: str = ""
    is_live: bool = False
    ending: str = ""


class TranscriptView(BlockView):
    """The transcript of the iteration that `show` names."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.search = TranscriptSearch(self)
        self._follower = StreamFollower(self)
        self._shown: ShownIteration | None = None

    @property
    def is_live(self) -> bool:
        """Whether amp may still write to what is shown."""
        return self._shown is not None and self._shown.is_live

    def show(self, shown: ShownIteration) -> None:
        """Show an iteration; what is shown already goes on, with its new ending."""
        before, self._shown = self._shown, shown
        if before is not None and (before.key, before.stream) == (shown.key, shown.stream):
            if before != shown:
                self._show_ending(shown)
            return
        collector.take_back()
        self.cursor = None
        self.make_painter()
        self.viewport.clear(is_live=shown.is_live)
        self.search.clear()
        if shown.prompt.strip():
            self.viewport.layout.insert(0, [Block(BlockKind.PROMPT, many_lines(shown.prompt.strip()))])
        self._show_ending(shown)
        self.viewport.adjust(None)
        self._follower.follow(shown)

    def on_unmount(self) -> None:
        """The collector may have the blocks."""
        collector.take_back()

    def make_painter(self) -> None:
        """Paint in the colours of the theme, with the paths of the worktree made short."""
        super().make_painter()
        below = f"{self._shown.worktree}/" if self._shown and self._shown.worktree else "\0"
        self.painter.near = lambda text: text.replace(below, "")
        self.painter.live = self.is_live

    def add(self, changes: BlockChanges, share: float, *, before: bool = False) -> None:
        """Take in blocks behind those that are there, or before them; `share` of the stream has been read."""
        viewport = self.viewport
        anchor = viewport.anchor()
        if changes.new:
            first = 1 if self._shown and self._shown.prompt.strip() else 0
            last = len(self.blocks) - (1 if self.blocks and self.blocks[-1].kind is BlockKind.ENDING else 0)
            viewport.layout.insert(first if before else last, changes.new)
        for block in changes.changed:
            viewport.layout.touch(block)
        new_below = viewport.status.new_below
        if not before and not viewport.status.is_following:
            new_below += len(changes.new)
        viewport.set_status(read=share, new_below=new_below)
        if changes.new or changes.changed:
            is_seen = not before or viewport.status.is_following or bool(changes.changed)
            viewport.adjust(anchor, repaint=is_seen)

    def _show_ending(self, shown: ShownIteration) -> None:
        layout = self.viewport.layout
        anchor = self.viewport.anchor()
        if self.blocks and self.blocks[-1].kind is BlockKind.ENDING:
            layout.remove(len(self.blocks) - 1)
        if shown.ending:
            layout.insert(len(self.blocks), [Block(BlockKind.ENDING, shown.ending)])
        if self.painter.live != shown.is_live:
            self.painter.live = shown.is_live
            for block in self.blocks:
                if block.kind is BlockKind.TOOL and block.answer is None:
                    layout.touch(block)
        self.viewport.set_status(is_live=shown.is_live)
        self.viewport.adjust(anchor)


class StreamFollower:
    """Reads the stream of an iteration into a transcript: its end first, then all before that, then what amp writes."""

    def __init__(self, view: TranscriptView) -> None:
        self._view = view

    def follow(self, shown: ShownIteration) -> None:
        """Follow this iteration, and no other."""
        run_while_open(self._view, self._follow(shown), group="watching", exclusive=True)

    async def _follow(self, shown: ShownIteration) -> None:
        view, feed, builder = self._view, Feed(shown.stream), BlockBuilder(shown.prompt)
        try:
            first = await self._read(feed.last, lambda found: found is not None)
            if first is None:
                return
            with collector.without_full_collections():
                view.add(builder.earlier(first), feed.share, before=True)
                while not feed.is_complete:
                    if new := await feed.later():
                        view.add(builder.later(new), feed.share)
                    view.add(builder.earlier(await feed.earlier()), feed.share, before=True)
            if len(view.blocks) > MANY:
                collector.set_aside()
            while new := await self._read(feed.later, bool):
                view.add(builder.later(new), feed.share)
            view.add(builder.later(feed.rest()), 1.0)
        except AmpsmError as refusal:
            show_error(view, refusal)
        finally:
            feed.close()

    async def _read(self, read: Callable[[], Awaitable[T]], is_enough: Callable[[T], bool]) -> T:
        """Read until there is something, for as long as amp may write; each new reason for a failure is a toast."""
        heard = ""
        while True:
            is_live = self._view.is_live  # asked before reading: what was written before the end is still read
            try:
                found = await read()
            except Failed as reason:
                if not is_live:
                    raise
                if reason.message != heard:
                    heard = reason.message
                    show_error(self._view, reason)
            else:
                if is_enough(found) or not is_live:
                    return found
            await asyncio.sleep(POLL)


class TranscriptPane(Vertical):
    """The transcript of one iteration, its search, and a line that tells the status of both."""

    DEFAULT_CSS = """
    TranscriptPane {
        height: 1fr;
        & > .bar { height: 1; padding: 0 1; color: $secondary; display: none; text-overflow: ellipsis; }
        & > .bar.-shown { display: block; }
        & > Input { height: 1; border: none; padding: 0 1; display: none; background: $panel; }
        &.-searching > Input { display: block; }
        &.-searching > .bar { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.search", "search", "Search"),
        bind("session.next-match", "match(1)"),
        bind("session.match-before", "match(-1)"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.view = TranscriptView()
        self._bar = Static("", classes="bar", markup=False)
        self._input = LineInput(compact=True)

    def compose(self) -> ComposeResult:
        """The transcript, its line, and the search's."""
        yield self.view
        yield self._bar
        yield self._input

    @on(TranscriptView.StatusChanged)
    def _show_status(self, message: TranscriptView.StatusChanged) -> None:
        message.stop()
        line = status_line(message.status, key_name(self, "move.last"))
        self._bar.update(line)
        self._bar.set_class(bool(line), "-shown")

    def action_search(self) -> None:
        """Open the line that a search is typed in."""
        self.add_class("-searching")
        self._input.placeholder = with_keys(self, "search; {back} leaves")
        self._input.value = self.view.status.query
        self._input.select_on_focus = True
        self.screen.set_focus(self._input)  # at once: the next keys may be here already

    def action_match(self, way: int) -> None:
        """Go to the next match, or to the one before; without a search, ask what to search."""
        if self.view.status.query:
            self.view.search.find(self.view.status.query, way, again=True)
        else:
            self.action_search()

    @on(Input.Changed)
    def _find(self, message: Input.Changed) -> None:
        message.stop()
        if self.has_class("-searching"):
            if message.value:
                self.view.search.find(message.value)
            else:
                self.view.search.clear()

    @on(Input.Submitted)
    def _keep_search(self, message: Input.Submitted) -> None:
        message.stop()
        self._close_input()

    def _close_input(self) -> None:
        self.remove_class("-searching")
        self.view.focus()

    def leave_search(self) -> bool:
        """End the search; False when there was none."""
        if self.has_class("-searching") or self.view.status.query:
            self.view.search.clear()
            self._close_input()
            return True
        return False


def status_line(status: TranscriptStatus, to_end: str) -> str:
    """The line below a transcript; empty when there is nothing to tell. `to_end`: the key that goes to its end."""
    parts: list[str] = []
    if status.new_below:
        parts.append(f"{status.new_below} new below, {to_end}")
    elif status.is_live and not status.is_following:
        parts.append(f"holding still, {to_end} follows")
    if status.query:
        query = one_line(status.query, 30)
        found = f"{status.match} of {status.matches}" if status.matches else "is not in here"
        parts.append(f"/{query} {found}")
    if status.read < 1:
        parts.append(f"reading {status.read:.0%}")
    return "  ·  ".join(parts)
