"""What the conflict screen knows and shows: the open conflict, the file and the hunk that are looked at.

The files are the truth: what another program resolves in the worktree is seen here, too.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual.content import Content
from textual.widgets import Static

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Session
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets import conflict_lines, merge_lines
from ampsm_tui.widgets.conflict_lines import SideNames
from ampsm_tui.widgets.text_view import PieceLine, TextView

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.values import OpenFile
    from ampsm_engine.merging.open_conflict import Conflicts

TICK = 1.0
"""Seconds between two looks at whether somebody else resolves; a look is two questions to the file system."""

MOST_READ = 4 << 20
"""Bytes of a file whose lines are shown around its conflicts."""

Mode = Literal["files", "amp"]


class ShownConflict(AppScreen[object]):
    """Loads a conflict and shows where one is in it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.session_id = session.id
        self.mode: Mode = "files"
        self.state: Conflicts | None = None
        self.path = ""
        self.at = 0
        self.changing = asyncio.Lock()
        """Held by what changes something: keys that are typed ahead wait for what they are about."""
        self._around: Sequence[str] = ()
        self._places: Sequence[tuple[int, int]] = ()
        self._seen: object = None

    @property
    def told(self) -> TextView:
        """Where the conflict is shown."""
        return self.query_one("#told", TextView)

    @property
    def sides(self) -> SideNames:
        """What the two sides are called."""
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
    def paths(self) -> tuple[str, ...]:
        """All files of the conflict, as they are listed: resolved or not, each keeps its place."""
        state = self.state
        return tuple(sorted((*(file.path for file in state.files), *state.resolved))) if state else ()

    async def load(self) -> None:
        """Ask how it stands now."""
        from ampsm_engine.merging import open_conflict

        try:
            await self.take(await ask(open_conflict.conflicts, app_of(self).engine, self.session_id))
        except AmpsmError as refusal:
            self.show_trouble(refusal)

    def show_trouble(self, refusal: AmpsmError) -> None:
        """Nothing can be shown: say why."""
        if self.state is not None:
            show_error(self, refusal)
            return

        def lines(width: int) -> list[PieceLine]:
            return [(), *merge_lines.trouble(refusal.message, refusal.hint, width)]

        self.told.show_lines(lines)

    async def take(self, state: "Conflicts") -> None:
        """This is how it stands now."""
        is_next = self.state is not None and self.state.number != state.number
        self.state = state
        if is_next or self.path not in self.paths:
            self.path, self.at = next((file.path for file in state.files), next(iter(self.paths), "")), 0
        file = self.file
        self.at = max(0, min(self.at, len(file.hunks) - 1)) if file else 0
        self._around = await asyncio.to_thread(_lines_of, Path(state.worktree) / self.path) if file else ()
        self._seen = self._marks()
        if state.at_work:
            self.mode = "amp"
        elif self.mode == "amp":
            self.mode = "files"
        self.show()

    def go(self, path: str, at: int = 0) -> None:
        """Look at another file."""
        self.path, self.at = path, at
        if self.state is not None:
            run_while_open(self, self.take(self.state), group="conflict", exclusive=True)

    def show(self) -> None:
        """Say all that is known."""
        state = self.state
        self.refresh_bindings()
        self.query_one("#standing", Static).update(Content(self.standing()))
        if state is None:
            return
        sides, path, at, around, file = self.sides, self.path, self.at, self._around, self.file
        is_edited = self.is_edited
        paths = self.paths

        def listed(width: int) -> list[PieceLine]:
            return conflict_lines.files(paths, state.files, path, width, marked=state.marked)

        self.query_one("#files", TextView).show_lines(listed)
        if self.mode != "files":
            return

        def lines(width: int) -> Sequence[PieceLine]:
            if file is None:
                left = len(state.files) + len(state.marked)
                is_marked = path in state.marked
                return conflict_lines.done(path, left, width, is_edited=is_edited, is_marked=is_marked)
            if not file.hunks:
                return conflict_lines.ways(file, sides, width)
            found = conflict_lines.spread(file, around, sides, at, width)
            self._places = found.hunks
            return found.lines

        self.told.show_lines(lines)
        if file is not None and at < len(self._places):
            self.told.reveal(*self._places[at])

    def standing(self) -> str:
        """One line about how it stands."""
        state = self.state
        if state is None:
            return "looking at the conflict …"
        if state.at_work:
            return f"amp is at it{self.activity()}. Esc leaves; it goes on."
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
            parts.append("amp's resolution waits for you: v")
        return "  ·  ".join(parts)

    def activity(self) -> str:
        """What amp does at this moment, as the board has it."""
        board = app_of(self).board
        row = next((row for row in board.rows if row.session.id == self.session_id), None) if board else None
        current = row.current if row else None
        return f": {one_line(current.activity, 200)}" if current and current.activity else ""

    def look_at_files(self) -> None:
        """Somebody else may resolve it, with an editor and git add."""
        if self.state is not None and not self.changing.locked() and self.is_active and self._marks() != self._seen:
            self._seen = self._marks()
            run_while_open(self, self.load(), group="conflict", exclusive=True)

    def _marks(self) -> object:
        if self.state is None:
            return None
        worktree = Path(self.state.worktree)
        return _changed_at(_index_of(worktree)), _changed_at(worktree / self.path)


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


def _lines_of(path: Path) -> Sequence[str]:
    """The lines of a file, where it is one and not too long."""
    try:
        if path.is_symlink() or not path.is_file():
            return ()
        with path.open("rb") as file:
            content = file.read(MOST_READ + 1)
    except (OSError, ValueError):
        return ()
    return () if len(content) > MOST_READ else content.decode("utf-8", "replace").split("\n")
