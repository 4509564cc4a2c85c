"""Resolving a conflict: by hand, by a side, both, as it lies there or in an editor, each undone again; or by amp.

What amp resolves is followed meanwhile, and read before it counts.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.model import Board
from ampsm_tui import suspend
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.conflict.pane import ConflictPane
from ampsm_tui.screens.dialog import confirm

if TYPE_CHECKING:
    from ampsm_engine.merging.open_conflict import Resolution


_AT_LINE = frozenset(
    {"vi", "vim", "nvim", "view", "nano", "pico", "emacs", "emacsclient", "micro", "joe", "ne", "kak", "mg"}
)
"""Editors that take `+LINE FILE`."""


class ConflictChoices:
    """What a person chooses for each file of a conflict."""

    def __init__(self, screen: AppScreen[object], pane: ConflictPane) -> None:
        self._screen = screen
        self._pane = pane
        self._made: dict[str, list[Resolution]] = {}
        """What was chosen for each file, in this order, since it was laid out."""

    def forget(self) -> None:
        """Forget what was chosen, because another conflict lies there now."""
        self._made.clear()

    def take(self, choice: str, *, whole: bool = False) -> None:
        """Resolve the hunk, or the file that has none, by a side or both; with `whole` the file in any case."""
        run_while_open(self._screen, self._take(choice, whole=whole))

    async def _take(self, choice: str, *, whole: bool) -> None:
        pane = self._pane
        async with pane.changing:
            file = pane.file
            if choice == "edited" and pane.path:
                await self._take_as_it_lies()
                return
            if file is None:
                hint = "{conflict.undo} takes that back; {conflict.next} goes to what is open."
                raise Refused("This file is resolved already.", with_keys(self._screen, hint))
            by_hunk = bool(file.hunks) and not whole
            resolution = {file.hunks[pane.at].number: choice} if by_hunk else choice
            await self._resolve(file.path, resolution)  # type: ignore[arg-type]

    async def _take_as_it_lies(self) -> None:
        """Resolve the file as it lies there; what looks like conflict markers in it is asked about."""
        from ampsm_engine.merging.open_conflict import MarkersLeft

        path = self._pane.path
        try:
            await self._resolve(path, "edited")
        except MarkersLeft as left:
            confirm(
                self._screen,
                "Are these lines meant?",
                left.message,
                yes="They are",
                then=lambda: run_while_open(self._screen, self._resolve(path, "meant")),
            )

    async def _resolve(self, path: str, resolution: "Resolution") -> None:
        from ampsm_engine.merging import open_conflict

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        state = await ask(open_conflict.resolve, engine, session_id, path, resolution)
        self._made.setdefault(path, []).append(resolution)
        await self._pane.take(state)

    def undo(self) -> None:
        """Take the last choice for this file back; where that loses what was edited, after a question."""
        path = self._pane.path
        made = self._made.get(path, [])
        if not path:
            return
        if made and "edited" not in made:
            run_while_open(self._screen, self._undo())
            return
        confirm(
            self._screen,
            f"Put {path} back into conflict?",
            "It is put back as it was laid out; what was edited in it is lost.",
            yes="Back",
            then=lambda: run_while_open(self._screen, self._undo()),
        )

    async def _undo(self) -> None:
        """Lay the file out again, and make the choices before the last one again."""
        from ampsm_engine.merging import open_conflict

        pane = self._pane
        async with pane.changing:
            path, engine, session_id = pane.path, app_of(self._screen).engine, pane.session.id
            made = self._made.pop(path, [])
            state = await ask(open_conflict.reopen, engine, session_id, path)
            before = [] if "edited" in made else made[:-1]
            for resolution in before:
                state = await ask(open_conflict.resolve, engine, session_id, path, resolution)
            self._made[path] = list(before)
            await pane.take(state)

    def edit(self) -> None:
        """Open the editor at the conflict."""
        state, path, file = self._pane.state, self._pane.path, self._pane.file
        if state is None or not path:
            return
        worktree = Path(state.worktree)
        line = file.hunks[self._pane.at].line if file and file.hunks else 1
        before = self._pane.file_times()
        try:
            command = suspend.command_of(os.environ, ("VISUAL", "EDITOR"), "vim")
            at = [f"+{line}"] if Path(command[0]).name in _AT_LINE else []
            name = str(worktree / path)  # a whole path: no name is taken for an option
            suspend.run_in_terminal(self._screen.app, [*command, *at, name], worktree)
        except AmpsmError as error:
            show_error(self._screen, error)
        was_touched = self._pane.file_times() != before
        run_while_open(self._screen, self._take_edited(path, was_touched=was_touched))

    async def _take_edited(self, path: str, *, was_touched: bool) -> None:
        """Show what was edited; a file that lost its last marker in the editor is resolved."""
        pane = self._pane
        async with pane.changing:
            was_open = pane.file is not None and bool(pane.file.markers)
            was_resolved = pane.file is None
            if was_touched:
                self._made.setdefault(path, []).append("edited")
            await pane.load()
            file = pane.file
            if was_touched and was_open and file is not None and not file.markers:
                await self._resolve(file.path, "edited")
            elif was_touched and was_resolved and pane.is_edited:
                await self._resolve(pane.path, "edited")  # else it would not be in the merge


class ConflictForAmp:
    """Gives the conflict to amp, and follows what becomes of it."""

    def __init__(self, screen: AppScreen[object], pane: ConflictPane, choices: ConflictChoices) -> None:
        self._screen = screen
        self._pane = pane
        self._choices = choices
        self._seen: object = None
        """The session's iterations, as they were on the last board."""

    @property
    def needs_review(self) -> bool:
        """Whether a resolution of amp's waits to be read."""
        return self._pane.state is not None and self._pane.state.needs_review

    def give(self) -> None:
        """Ask what amp should know, and have it resolve what is open."""
        from ampsm_engine.engine import merges
        from ampsm_tui.screens.text_dialogs import TextScreen

        session_id = self._pane.session.id

        async def give(text: str) -> None:
            await ask(merges.give_to_amp, app_of(self._screen).engine, session_id, words=text)

        def given(answer: bool | None) -> None:
            if answer:
                self._choices.forget()
                run_while_open(self._screen, self._pane.load())

        screen = TextScreen(
            "Give the conflict to amp; anything it should know?",
            give,
            owner=session_id,
            purpose="words about the conflict",
            note="amp is told what conflicts and with what. Its resolution is shown to you before it counts.",
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen, given)

    def take_board(self, board: Board | None) -> None:
        """Load the conflict anew where amp has begun or ended; while it works, show what it does."""
        row = self._pane.row if board else None
        if row is None:
            return
        current = row.current
        seen = (row.queued, row.iterations, current and (current.id, current.state))
        if seen != self._seen:
            is_first, self._seen = self._seen is None, seen
            if not is_first:
                run_while_open(self._screen, self._load())
        elif self._pane.is_amp_at_work:
            self._pane.show()

    async def _load(self) -> None:
        was_at_work = self._pane.is_amp_at_work
        await self._pane.load()
        if was_at_work:
            self.review()

    def review(self) -> None:
        """Read what amp made of the conflict, where that waits for it."""
        from ampsm_tui.screens.review.resolution import ResolutionScreen

        state, app = self._pane.state, self._screen.app
        if state is None or not state.needs_review or not state.given_tree or isinstance(app.screen, ResolutionScreen):
            return
        screen = ResolutionScreen(self._pane.session, state.given_tree)

        def left(_: None) -> None:
            run_while_open(self._screen, self._take_review(screen.outcome))

        app.push_screen(screen, left)

    async def _take_review(self, outcome: str) -> None:
        await self._pane.load()
        if outcome == "taken":
            app_of(self._screen).show_toast(with_keys(self._screen, "Taken. {conflict.continue} continues"))
        elif outcome == "rejected":
            app_of(self._screen).show_toast("Rejected: the conflict is as amp got it")
