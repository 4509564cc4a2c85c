"""Resolving by hand: a side, both, as it lies there, by an editor; and each of it taken back."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Session
from ampsm_tui import suspend
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.screens.conflict_state import ShownConflict

if TYPE_CHECKING:
    from ampsm_engine.merging.open_conflict import Resolution

_AT_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "micro", "joe", "ne", "kak", "mg"}
)
"""Editors that take `+LINE FILE`."""


class Resolving(ShownConflict):
    """The conflict screen's keys that resolve: take a side, edit, undo, go to the next."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._made: dict[str, list[Resolution]] = {}
        """What was chosen for each file, in this order, since it was laid out."""

    def action_take(self, choice: str) -> None:
        """Resolve the hunk, or the file that has none, by a side or both."""
        run_while_open(self, self._take(choice))

    def action_whole(self, choice: str) -> None:
        """Resolve the whole file."""
        run_while_open(self, self._take(choice, whole=True))

    async def _take(self, choice: str, *, whole: bool = False) -> None:
        async with self.changing:
            file = self.file
            if choice == "edited" and self.path:
                await self._take_as_it_lies()
                return
            if file is None:
                raise Refused("This file is resolved already.", "z takes that back; Enter goes to what is open.")
            by_hunk = bool(file.hunks) and not whole
            resolution = {file.hunks[self.at].number: choice} if by_hunk else choice
            await self._resolve(file.path, resolution)  # type: ignore[arg-type]

    async def _take_as_it_lies(self) -> None:
        """Resolve the file as it lies there; what looks like conflict markers in it is asked about."""
        from ampsm_engine.merging.open_conflict import MarkersLeft
        from ampsm_tui.screens.confirm import ConfirmScreen

        path = self.path

        def answered(answer: bool | None) -> None:
            if answer:
                run_while_open(self, self._resolve(path, "meant"))

        try:
            await self._resolve(path, "edited")
        except MarkersLeft as left:
            self.app.push_screen(ConfirmScreen("Are these lines meant?", left.message, yes="They are"), answered)

    async def _resolve(self, path: str, resolution: "Resolution") -> None:
        from ampsm_engine.merging import open_conflict

        state = await ask(open_conflict.resolve, app_of(self).engine, self.session_id, path, resolution)
        self._made.setdefault(path, []).append(resolution)
        await self.take(state)

    def forget_choices(self) -> None:
        """Another conflict lies there now."""
        self._made.clear()

    def action_undo_choice(self) -> None:
        """Take the last choice for this file back."""
        made = self._made.get(self.path, [])
        if not self.path:
            return
        if made and "edited" not in made:
            run_while_open(self, self._undo_choice())
            return
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                run_while_open(self, self._undo_choice())

        sentence = "It is put back as it was laid out; what was edited in it is lost."
        self.app.push_screen(ConfirmScreen(f"Put {self.path} back into conflict?", sentence, yes="Back"), answered)

    async def _undo_choice(self) -> None:
        """Lay the file out again, and make the choices before the last one again."""
        from ampsm_engine.merging import open_conflict

        async with self.changing:
            path, engine = self.path, app_of(self).engine
            made = self._made.pop(path, [])
            state = await ask(open_conflict.reopen, engine, self.session_id, path)
            before = [] if "edited" in made else made[:-1]
            for resolution in before:
                state = await ask(open_conflict.resolve, engine, self.session_id, path, resolution)
            self._made[path] = list(before)
            await self.take(state)

    def action_edit(self) -> None:
        """The editor, at the conflict."""
        state, file = self.state, self.file
        if state is None or not self.path:
            return
        worktree = Path(state.worktree)
        line = file.hunks[self.at].line if file and file.hunks else 1
        before = self._marks()
        try:
            command = suspend.command_of(os.environ, ("VISUAL", "EDITOR"), "vim")
            at = [f"+{line}"] if Path(command[0]).name in _AT_LINE else []
            name = str(worktree / self.path)  # a whole path: no name is taken for an option
            suspend.run_in_terminal(self.app, [*command, *at, name], worktree)
        except AmpsmError as refusal:
            show_error(self, refusal)
        run_while_open(self, self._after_edit(was_touched=self._marks() != before))

    async def _after_edit(self, *, was_touched: bool) -> None:
        """A file that lost its last marker in the editor is resolved."""
        async with self.changing:
            was_open = self.file is not None and bool(self.file.markers)
            was_resolved = self.file is None
            if was_touched:
                self._made.setdefault(self.path, []).append("edited")
            await self.load()
            file = self.file
            if was_touched and was_open and file is not None and not file.markers:
                await self._resolve(file.path, "edited")
            elif was_touched and was_resolved and self.is_edited:
                await self._resolve(self.path, "edited")  # else it would not be in the merge

    # Going from one to the next.

    def action_next(self) -> None:
        """To the next conflict that is open, in this file or in another."""
        file = self.file
        if file is not None and self.at + 1 < len(file.hunks):
            self.go(self.path, self.at + 1)
            return
        open_paths = sorted(one.path for one in self.state.files) if self.state else []
        if not open_paths:
            app_of(self).show_toast("Nothing is open any more: c continues")
            return
        after = [path for path in self.paths if path > self.path and path in open_paths]
        self.go((after or open_paths)[0])

    def action_hunk(self, way: int) -> None:
        """To the conflict after or before this one, over the ends of files."""
        file = self.file
        if file is not None and 0 <= self.at + way < len(file.hunks):
            self.go(self.path, self.at + way)
        else:
            self.action_file(way)

    def action_file(self, way: int) -> None:
        """To the file after or before this one."""
        paths = self.paths
        if self.path in paths and 0 <= paths.index(self.path) + way < len(paths):
            self.go(paths[paths.index(self.path) + way])
