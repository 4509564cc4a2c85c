"""Acting on the changes that a diff shows: a hunk is rejected and brought back, staged, committed by hand."""

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.marks import UNCOMMITTED
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.layout import Row, RowKind

if TYPE_CHECKING:
    from ampsm_engine.git.hunk_changes import StagedChanges


class ReviewChanges:
    """Changes the worktree, the index and the branch of the session; `reopen` shows what they are then."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, reopen: Callable[[], object]) -> None:
        self._screen = screen
        self._pane = pane
        self._reopen = reopen
        self._staged: StagedChanges | None = None

    def reject(self) -> None:
        """Ask for a reason, and take back the hunk under the cursor, or, on its head, all changes of the file."""
        found = self._patch()
        if found is None:
            return
        _, file, patch = found
        from ampsm_engine.engine import hunk_actions
        from ampsm_tui.screens.text_dialogs import LineScreen

        async def reject(text: str) -> None:
            made = await ask(
                hunk_actions.reject,
                app_of(self._screen).engine,
                self._pane.session.id,
                file.path,
                patch,
                reason=text.strip() or None,
                old_path=file.old_path,
                range_=self._pane.range,
            )
            note = getattr(made, "note", "")
            app_of(self._screen).show_toast(f"Rejected; u brings it back{'. ' + note if note else ''}")
            self._reopen()

        what = "this hunk" if patch is not None else "all changes"
        note = "Enter takes it back. What you write here is told to amp with your comments; it may stay empty."
        screen = LineScreen(
            f"Reject {what} of {file.path}",
            reject,
            owner=self._pane.session.id,
            purpose=f"reject {file.path} {zlib.crc32(patch or b''):x}",
            note=note,
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen)

    async def undo_reject(self) -> None:
        """Bring back what was rejected last."""
        from ampsm_engine.engine import hunk_actions

        made = await ask(hunk_actions.undo_last, app_of(self._screen).engine, self._pane.session.id)
        app_of(self._screen).show_toast(f"It is back in {made.path}")
        self._reopen()

    async def toggle_staged(self) -> None:
        """Stage what is under the cursor, or take it out of the index again: of what is not committed."""
        if self._pane.range != UNCOMMITTED:
            app_of(self._screen).show_toast("Only what is not committed is staged; f shows it")
            return
        found, reading = self._patch(), self._pane.reading
        if found is None or reading is None:
            return
        row, file, patch = found
        from ampsm_engine.engine import hunk_actions

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        staged: StagedChanges = await ask(hunk_actions.staged, engine, session_id)
        hunk = reading.document.hunk_of(row)
        if patch is None or hunk is None:
            is_in = staged.has_all(file.path, file.old_path)
        else:
            is_in = staged.has(file.path, reading.staged_keys(row.file)[hunk], file.old_path)
        verb = hunk_actions.unstage if is_in else hunk_actions.stage
        self._take_staged(await ask(verb, engine, session_id, file.path, patch, old_path=file.old_path))

    def mark_staged(self, reading: DiffReading) -> None:
        """Let a reading of what is not committed, which is about to be shown, tell what of it is staged."""
        if self._pane.range == UNCOMMITTED:
            reading.staged = self._staged
            run_while_open(self._screen, self._ask_staged())
        elif self._staged is not None:
            self._staged, self._pane.staging_status = None, ""

    def commit(self) -> None:
        """Ask for a message, and commit what is staged."""
        from ampsm_engine.engine import hunk_actions
        from ampsm_tui.screens.text_dialogs import KeptTextScreen

        async def commit(text: str) -> None:
            message = text.strip() + "\n"
            sha = await ask(hunk_actions.commit_staged, app_of(self._screen).engine, self._pane.session.id, message)
            app_of(self._screen).show_toast(f"Committed as {sha[:8]}")
            self._reopen()

        note = "What is staged is committed, as yours."
        screen = KeptTextScreen(
            "Commit message",
            commit,
            owner=self._pane.session.id,
            purpose="commit message",
            note=note,
            may_be_empty=False,
        )
        self._screen.app.push_screen(screen)

    def _patch(self) -> tuple[Row, File, bytes | None] | None:
        """The hunk under the cursor as a patch; None as the patch stands for the whole file."""
        row, reading = self._pane.row, self._pane.reading
        if row is None or reading is None:
            return None
        file, hunk = reading.document.files[row.file], reading.document.hunk_of(row)
        if file.body is None:
            return None
        if row.kind is RowKind.HEAD or hunk is None:
            return row, file, None
        patch = self._pane.exact_hunk(file, hunk)
        return (row, file, patch) if patch is not None else None

    async def _ask_staged(self) -> None:
        from ampsm_engine.engine import hunk_actions

        self._take_staged(await ask(hunk_actions.staged, app_of(self._screen).engine, self._pane.session.id))

    def _take_staged(self, staged: "StagedChanges | None") -> None:
        reading = self._pane.reading
        if staged is None or self._pane.range != UNCOMMITTED or reading is None:
            return
        self._staged = staged
        reading.set_staged(staged)
        count = sum(bool(file.staged) and not file.is_gone for file in reading.document.files)
        self._pane.staging_status = f"{plural(count, 'file')} staged, ^g commits" if count else ""
        self._pane.update_counts()
