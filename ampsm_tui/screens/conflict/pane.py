"""The open conflict as it is shown: its files, and the file and the hunk that are looked at.

The files are the truth: what another program resolves in the worktree is seen here, too.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from ampsm_engine.diff import encodings
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import BoardRow, Session
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.hints import begin_sentence, key_name, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets import conflict_lines
from ampsm_tui.widgets.conflict_lines import SideNames
from ampsm_tui.widgets.merge_lines import MergeHead
from ampsm_tui.widgets.text_view import PieceLine, TextView

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.outcomes import ConflictHunk, OpenFile
    from ampsm_engine.merging.open_conflict import Conflicts, SideWords

MOST_READ = 4 << 20
"""Bytes of a file whose lines are shown around its conflicts."""


COARSE = 20_000_000
"""Nanoseconds by which the times of files may lag behind the clock: kernels stamp them once a tick."""


class ConflictPane:
    """The widgets of a conflict and what they show; the parts of the screen work on it."""

    def __init__(self, screen: AppScreen[object], session: Session) -> None:
        self.session = session
        self.state: Conflicts | None = None
        self.path = ""
        """The file that is looked at."""
        self.at = 0
        """The hunk of it that is looked at, from 0."""
        self.changing = asyncio.Lock()
        """Held by what changes something: keys that are typed ahead wait for what they are about."""
        self.head = MergeHead()
        self.status = Static("", id="status")
        self.files = TextView(id="files")
        self.files.can_focus = False
        self.text = TextView(id="text")
        self._screen = screen
        self._around: Sequence[str] = ()
        self._encoding = ""
        """What the file is in; empty for UTF-8."""
        self._places: Sequence[tuple[int, int]] = ()
        self._seen: object = None
        self._worded: Sequence[ConflictHunk] = ()
        """The hunks whose changed words are asked for."""
        self._words: Sequence[tuple[SideWords, SideWords]] = ()
        """The changed words of both sides of each of `_worded`; empty until they are here."""

    @property
    def sides(self) -> SideNames:
        """The names of base and session."""
        merge = self.state.merge if self.state else None
        return SideNames((merge.target if merge else "") or self.session.base_branch, self.session.name)

    @property
    def file(self) -> "OpenFile | None":
        """The open file that is looked at; None for a resolved one."""
        return next((file for file in self.state.files if file.path == self.path), None) if self.state else None

    @property
    def is_edited(self) -> bool:
        """Whether the file that is looked at was changed after it was resolved."""
        return self.state is not None and self.path in self.state.edited

    @property
    def is_amp_at_work(self) -> bool:
        """Whether amp resolves the conflict now: nothing may be chosen by hand meanwhile."""
        return self.state is not None and self.state.at_work

    @property
    def paths(self) -> tuple[str, ...]:
        """All files of the conflict, as they are listed: resolved or not, each keeps its place."""
        state = self.state
        return tuple(sorted((*(file.path for file in state.files), *state.resolved))) if state else ()

    @property
    def row(self) -> BoardRow | None:
        """The session's row of the board."""
        board = app_of(self._screen).board
        return next((row for row in board.rows if row.session.id == self.session.id), None) if board else None

    async def load(self) -> None:
        """Ask for the conflict as it is now, and show it; where there is none, show why."""
        from ampsm_engine.merging import open_conflict

        began = time.time_ns()
        try:
            state = await ask(open_conflict.conflicts, app_of(self._screen).engine, self.session.id)
        except asyncio.CancelledError:
            self._seen = None
            raise
        except AmpsmError as error:
            if self.state is not None:
                show_error(self._screen, error)
            else:
                self.text.show_error(error)
        else:
            await self.take(state)
            if self._is_newer_than(began - COARSE):
                self._seen = None  # the file was written to while it was read: it is looked at again

    async def take(self, state: "Conflicts") -> None:
        """Show the conflict as it is now; the file that is looked at stays while it is in the conflict."""
        is_next = self.state is not None and self.state.number != state.number
        self.state = state
        if is_next or self.path not in self.paths:
            self.path, self.at = next((file.path for file in state.files), next(iter(self.paths), "")), 0
        file = self.file
        self.at = max(0, min(self.at, len(file.hunks) - 1)) if file else 0
        self._around, self._encoding = await self._read_file(Path(state.worktree)) if file else ((), "")
        if file is None or file.hunks != self._worded:
            self._worded, self._words = file.hunks if file else (), ()
        self._seen = self.file_times()
        self.show()
        if file is not None and file.hunks and not self._words:
            run_while_open(self._screen, self._fetch_words(file), group="words", exclusive=True)

    async def _read_file(self, worktree: Path) -> tuple[Sequence[str], str]:
        """The lines of the file that is looked at, and what they are in, as a review has it."""
        content = await asyncio.to_thread(_content_of, worktree / self.path)
        if not content:
            return (), ""
        if encodings.is_utf8(content):
            return _split(content.decode()), ""
        from ampsm_engine.merging import open_conflict

        text, encoding = await ask(open_conflict.readable_file, worktree, self.path)
        return _split(text), encoding

    async def _fetch_words(self, file: "OpenFile") -> None:
        """Ask which words the sides changed: they are marked when they are known."""
        from ampsm_engine.merging import open_conflict

        words = await ask(open_conflict.changed_words, file.hunks)
        if words and file.hunks == self._worded and self.state is not None:
            self._words = words
            self._show_file(self.state)

    def show(self) -> None:
        """Show files, conflict and status as they are known now."""
        self.head.show("Conflicts", self.session.name, self.sides.ours, self.session.branch_name)
        state = self.state
        if state is None:
            return
        self._screen.refresh_bindings()
        self.status.update(Content(self._status(state)))
        paths, path = self.paths, self.path
        self.files.show_lines(lambda width: conflict_lines.files(paths, state.files, path, width, marked=state.marked))
        if not state.at_work:
            self._show_file(state)

    def _show_file(self, state: "Conflicts") -> None:
        sides, path, at, around, file = self.sides, self.path, self.at, self._around, self.file
        is_edited, words, encoding = self.is_edited, self._words, self._encoding
        keys = partial(key_name, self._screen)

        def lines(width: int) -> Sequence[PieceLine]:
            if file is None:
                left = len(state.files) + len(state.marked)
                is_marked = path in state.marked
                return conflict_lines.resolved(path, left, width, keys, is_edited=is_edited, is_marked=is_marked)
            if not file.hunks:
                return conflict_lines.choices(file, sides, width, keys)
            found = conflict_lines.hunks(file, around, sides, at, width, keys=keys, words=words, encoding=encoding)
            self._places = found.hunks
            return found.lines

        self.text.show_lines(lines)
        if file is not None and at < len(self._places):
            self.text.reveal(*self._places[at])

    def _status(self, state: "Conflicts") -> str:
        if state.at_work:
            current = self.row.current if self.row else None
            activity = f": {one_line(current.activity, 200)}" if current and current.activity else ""
            leaves = begin_sentence(with_keys(self._screen, "{back} leaves; it goes on."))
            return f"amp is at it{activity}. {leaves}"
        whole = len(state.files) + len(state.resolved)
        base = f"{one_line(self.sides.ours, 80)} is untouched"
        left = len(state.files) + len(state.marked)
        parts = [f"{left} of {plural(whole, 'file')} open", base]
        if len(self.paths) > 1:
            parts.insert(0, f"{self.paths.index(self.path) + 1}/{whole} {one_line(self.path, 60)}")
        elif self.path:
            parts.insert(0, one_line(self.path, 80))
        if state.number > 1:
            parts.append(f"conflict {state.number} of this {state.merge.kind}")
        if state.needs_review:
            parts.append(f"amp's resolution waits for you: {key_name(self._screen, 'conflict.review')}")
        return "  ·  ".join(parts)

    def go(self, path: str, at: int = 0) -> None:
        """Look at a hunk of a file."""
        self.path, self.at = path, at
        if self.state is not None:
            run_while_open(self._screen, self.take(self.state), group="conflict", exclusive=True)

    def go_next_open(self) -> None:
        """Look at the next conflict that is open, in this file or in another."""
        file = self.file
        if file is not None and self.at + 1 < len(file.hunks):
            self.go(self.path, self.at + 1)
            return
        open_paths = sorted(one.path for one in self.state.files) if self.state else []
        if not open_paths:
            app_of(self._screen).show_toast(
                with_keys(self._screen, "Nothing is open any more: {conflict.continue} continues")
            )
            return
        after = [path for path in self.paths if path > self.path and path in open_paths]
        self.go((after or open_paths)[0])

    def go_hunk(self, way: int) -> None:
        """Look at the conflict after or before this one, over the ends of files."""
        file = self.file
        if file is not None and 0 <= self.at + way < len(file.hunks):
            self.go(self.path, self.at + way)
        else:
            self.go_file(way)

    def go_file(self, way: int) -> None:
        """Look at the file after or before this one."""
        paths = self.paths
        if self.path in paths and 0 <= paths.index(self.path) + way < len(paths):
            self.go(paths[paths.index(self.path) + way])

    def reload_changed(self) -> None:
        """Load the conflict anew where another program has changed its files, an editor or git add."""
        if self.state is None or self.changing.locked() or not self._screen.is_active:
            return
        times = self.file_times()
        if times != self._seen:
            self._seen = times
            run_while_open(self._screen, self.load(), group="conflict", exclusive=True)

    def file_times(self) -> tuple[tuple[int, int], ...]:
        """Changes with the index of the worktree and with the file that is looked at."""
        if self.state is None:
            return ()
        worktree = Path(self.state.worktree)
        return _changed_at(_index_of(worktree)), _changed_at(worktree / self.path)

    def _is_newer_than(self, moment: int) -> bool:
        return any(changed >= moment for changed, _ in self.file_times())


def _index_of(worktree: Path) -> Path:
    """The index of a linked worktree."""
    try:
        text = (worktree / ".git").read_text("utf-8", "surrogateescape")
    except OSError:
        return worktree
    return Path(text.removeprefix("gitdir: ").rstrip("\n")) / "index"


def _changed_at(path: Path) -> tuple[int, int]:
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _split(text: str) -> Sequence[str]:
    return text.removesuffix("\n").split("\n") if text else ()


def _content_of(path: Path) -> bytes:
    """The content of a file, where it is one and not too long; else nothing."""
    try:
        if path.is_symlink() or not path.is_file():
            return b""
        with path.open("rb") as file:
            content = file.read(MOST_READ + 1)
    except (OSError, ValueError):
        return b""
    return content if len(content) <= MOST_READ else b""
