"""Acting on the changes that a diff shows: a hunk is rejected and brought back, staged, committed by hand."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural
from ampsm_engine.review.annotations import Rejection, RejectionState
from ampsm_tui import suspend
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.hints import begin_sentence, key_name, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.marks import UNCOMMITTED
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.screens.review.reading import DiffReading
from ampsm_tui.widgets.diff import navigation
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.layout import RowKind

if TYPE_CHECKING:
    from ampsm_engine.git.hunk_changes import StagedChanges


EDIT_NOTE = b"""# What stands here is staged, beside what is staged already; the file itself stays as it is.
# Delete a line with + to leave it out; make a - a blank to keep that line. Write + lines of your own.
# Lines with # are left out. If nothing is left of the change, nothing is staged.
"""


class _Chosen(NamedTuple):
    """What a key acts on: all of a file without a patch, a hunk, or with `rows` lines of the file's whole patch."""

    file: File
    name: str
    patch: bytes | None
    rows: frozenset[int] | None = None
    hunk: int = -1


_WAITING = (RejectionState.QUEUED, RejectionState.DOING)


class ReviewChanges:
    """Changes the worktree, the index and the branch of the session; `reopen` shows what they are then."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, reopen: Callable[[], object]) -> None:
        self._screen = screen
        self._pane = pane
        self._reopen = reopen
        self._staged: StagedChanges | None = None
        self._rejections: tuple[Rejection, ...] = ()

    def reject(self) -> None:
        """Ask for a reason, and take back the selected lines, the hunk under the cursor, or, on its head, the file.

        A hunk or file whose rejection waits for the end of amp's turn is taken out of the queue.
        """
        chosen, reading = self._chosen(), self._pane.reading
        if chosen is None or reading is None:
            return
        file, key = chosen.file, self._hunk_key(reading, chosen)
        waiting = [one for one in self._rejections if one.state is RejectionState.QUEUED]
        queued = next((one.id for one in waiting if (one.path, one.key) == (file.path, key)), None)
        if queued is not None and chosen.rows is None:
            run_while_open(self._screen, self._take_back(queued))
            return
        from ampsm_engine.engine import hunk_actions
        from ampsm_tui.screens.text_dialogs import RejectionScreen

        async def reject(text: str) -> None:
            made = await ask(
                hunk_actions.reject,
                app_of(self._screen).engine,
                self._pane.session.id,
                file.path,
                chosen.patch,
                rows=chosen.rows,
                reason=text.strip() or None,
                old_path=file.old_path,
                range_=self._pane.range,
                queues=True,
                key=key,
            )
            self._end_selection()
            if made.state is RejectionState.QUEUED:
                app_of(self._screen).show_toast(
                    with_keys(
                        self._screen, "amp is at work: it goes when this turn ends. {review.undo} takes that back"
                    )
                )
                self.take((*self._rejections, made))
                return
            done = with_keys(self._screen, "Rejected; {review.undo} brings it back")
            app_of(self._screen).show_toast(f"{done}{'. ' + made.note if made.note else ''}")
            self._reopen()

        does = begin_sentence(with_keys(self._screen, "{text.send} takes it back."))
        note = f"{does} What you write here goes to amp with your comments; it may stay empty."
        screen = RejectionScreen(
            f"Reject {chosen.name} of {file.path}",
            reject,
            owner=self._pane.session.id,
            purpose=f"reject {file.path} {zlib.crc32(chosen.patch or b''):x}",
            note=note,
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen)

    @staticmethod
    def _hunk_key(reading: DiffReading, chosen: "_Chosen") -> str | None:
        """The content key of the chosen hunk, or of that with the first chosen line; None for the whole file."""
        hunk, body = chosen.hunk, chosen.file.body
        if chosen.rows and body is not None:
            hunk = body.hunk_at(min(chosen.rows))
        return reading.keys(reading.document.files.index(chosen.file))[hunk] if hunk >= 0 else None

    async def undo_reject(self) -> None:
        """Bring back what was rejected last."""
        from ampsm_engine.engine import hunk_actions

        try:
            made = await ask(hunk_actions.undo_last, app_of(self._screen).engine, self._pane.session.id)
        except hunk_actions.NothingRejected:
            sentence = "no hunk is rejected; a merge is undone with {session.merge}, then {merge.undo}"
            app_of(self._screen).show_toast(f"Nothing to undo here: {with_keys(self._screen, sentence)}")
            return
        self._report_restored(made)

    async def _take_back(self, rejection_id: str) -> None:
        from ampsm_engine.engine import hunk_actions

        self._report_restored(await ask(hunk_actions.take_back, app_of(self._screen).engine, rejection_id))

    def _report_restored(self, made: Rejection) -> None:
        if made.state is RejectionState.QUEUED:
            app_of(self._screen).show_toast(f"Not rejected: the change in {made.path} stays")
            self.take(tuple(one for one in self._rejections if one.id != made.id))
            return
        app_of(self._screen).show_toast(f"It is back in {made.path}")
        self._reopen()

    def take(self, rejections: tuple[Rejection, ...]) -> None:
        """Show which hunks are rejected when amp's turn ends, and what became of those that waited until now."""
        before, self._rejections = self._rejections, rejections
        waited = {one.id for one in before if one.state in _WAITING}
        for one in rejections:
            if one.id in waited and one.state is RejectionState.REFUSED:
                app_of(self._screen).show_toast(f"Not rejected, it stays: {one.note}")
        if [(one.id, one.state) for one in before] == [(one.id, one.state) for one in rejections]:
            return
        waiting = [one for one in rejections if one.state in _WAITING]
        self._pane.waiting_status = f"{plural(len(waiting), 'rejection')} waiting" if waiting else ""
        if self._pane.reading is not None:
            self._pane.reading.set_rejected(self._waiting_keys())
            self._pane.update_counts()

    def _waiting_keys(self) -> frozenset[tuple[str, str | None]]:
        return frozenset((one.path, one.key) for one in self._rejections if one.state in _WAITING)

    async def toggle_staged(self) -> None:
        """Stage what is selected or under the cursor, or take it out of the index: of what is not committed."""
        if not self._is_staging():
            return
        chosen, reading = self._chosen(), self._pane.reading
        if chosen is None or reading is None:
            return
        from ampsm_engine.engine import hunk_actions

        file, engine, session_id = chosen.file, app_of(self._screen).engine, self._pane.session.id
        self._take_staged(await ask(hunk_actions.staged, engine, session_id))
        is_in = self._is_staged(chosen)
        if chosen.rows is None and chosen.hunk in file.partly_staged:
            # The index has some of its lines: the others come to them.
            rows = frozenset(file.body.hunks[chosen.hunk].shown) if file.body is not None else frozenset()
            chosen = chosen._replace(patch=file.body.data if file.body is not None else b"", rows=rows)
        if chosen.rows is not None:
            verb = partial(hunk_actions.stage_lines, is_put_in=not is_in)
            made = await ask(
                verb, engine, session_id, file.path, chosen.patch or b"", chosen.rows, old_path=file.old_path
            )
        else:
            whole = hunk_actions.unstage if is_in else partial(hunk_actions.stage)
            made = await ask(whole, engine, session_id, file.path, chosen.patch, old_path=file.old_path)
        self._end_selection()
        self._take_staged(made)

    def edit_hunk(self) -> None:
        """Write the hunk under the cursor anew in the editor, and stage it as it is then."""
        if not self._is_staging():
            return
        row, reading = self._pane.row, self._pane.reading
        hunk = reading.document.hunk_of(row) if row is not None and reading is not None else None
        if row is None or reading is None or hunk is None:
            sentence = "On a hunk, {review.edit-hunk} writes it anew before it is staged"
            app_of(self._screen).show_toast(with_keys(self._screen, sentence))
            return
        file = reading.document.files[row.file]
        patch = self._pane.exact_hunk(file, hunk)
        if patch is None:
            return
        try:
            written = suspend.edited_text(self._screen.app, patch + EDIT_NOTE, "hunk.diff")
        except AmpsmError as refusal:
            show_error(self._screen, refusal)
            return
        run_while_open(self._screen, self._stage_edited(file, patch, written))

    async def _stage_edited(self, file: File, patch: bytes, written: bytes) -> None:
        from ampsm_engine.engine import hunk_actions

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        verb = partial(hunk_actions.stage, edited=written)
        self._take_staged(await ask(verb, engine, session_id, file.path, patch, old_path=file.old_path))

    def _is_staging(self) -> bool:
        if self._pane.range != UNCOMMITTED:
            app_of(self._screen).show_toast(
                with_keys(self._screen, "Only what is not committed is staged; {review.range} shows it")
            )
            return False
        return True

    def _is_staged(self, chosen: "_Chosen") -> bool:
        """Whether all that is chosen is in the index, as it was last shown."""
        file = chosen.file
        if chosen.rows is not None and file.body is not None:
            in_whole = {row for row in chosen.rows if file.body.hunk_at(row) in file.staged}
            return chosen.rows <= in_whole | file.staged_rows
        if chosen.hunk >= 0:
            return chosen.hunk in file.staged
        return self._staged is not None and self._staged.has_all(file.path, file.old_path)

    def _end_selection(self) -> None:
        self._pane.view.selected_from = None
        self._pane.view.refresh()

    def mark_staged(self, reading: DiffReading) -> None:
        """Mark in a reading that is about to be shown what is rejected, and what of uncommitted changes is staged."""
        reading.rejected = self._waiting_keys()
        if self._pane.range == UNCOMMITTED:
            reading.staged = self._staged
            run_while_open(self._screen, self._ask_staged())
        elif self._staged is not None:
            self._staged, self._pane.staging_status = None, ""

    def commit(self) -> None:
        """Ask for a message, and commit what is staged."""
        from ampsm_engine.engine import hunk_actions
        from ampsm_tui.screens.text_dialogs import CommitScreen

        async def commit(text: str) -> None:
            message = text.strip() + "\n"
            sha = await ask(hunk_actions.commit_staged, app_of(self._screen).engine, self._pane.session.id, message)
            app_of(self._screen).show_toast(f"Committed as {sha[:8]}")
            self._reopen()

        note = "What is staged is committed, as yours."
        screen = CommitScreen(
            "Commit message",
            commit,
            owner=self._pane.session.id,
            purpose="commit message",
            note=note,
            may_be_empty=False,
        )
        self._screen.app.push_screen(screen)

    def _chosen(self) -> "_Chosen | None":
        """The selected lines, else the hunk under the cursor, else the file; None, with a toast, for nothing."""
        row, reading, view = self._pane.row, self._pane.reading, self._pane.view
        if row is None or reading is None:
            return None
        if view.selected_from is not None and view.selected_from != view.cursor:
            return self._chosen_lines(navigation.selected_rows(reading.document, view.cursor, view.selected_from))
        file, hunk = reading.document.files[row.file], reading.document.hunk_of(row)
        if view.selected_from is not None and row.kind in (RowKind.LINE, RowKind.PAIR):
            return self._chosen_lines(navigation.selected_rows(reading.document, view.cursor, view.cursor))
        if file.body is None:
            return None
        if row.kind is RowKind.HEAD or hunk is None:
            return _Chosen(file, "all changes", None)
        patch = self._pane.exact_hunk(file, hunk)
        return _Chosen(file, "this hunk", patch, hunk=hunk) if patch is not None else None

    def _chosen_lines(self, rows: dict[int, frozenset[int]]) -> "_Chosen | None":
        reading = self._pane.reading
        if reading is None or len(rows) != 1 or self._pane.ignores_whitespace:
            reason = "Lines of several files are selected: take those of one" if rows else "No changed line is selected"
            if rows and self._pane.ignores_whitespace:
                reason = "White space is ignored, so these are not git's lines; {review.whitespace} shows them"
            app_of(self._screen).show_toast(with_keys(self._screen, reason))
            return None
        ((index, chosen),) = rows.items()
        file = reading.document.files[index]
        if file.is_converted:
            app_of(self._screen).show_toast("git takes a file in UTF-16 as a whole; on its head, keys act on all of it")
            return None
        data = file.body.data if file.body is not None else b""
        return _Chosen(file, plural(len(chosen), "line"), data, chosen)

    async def _ask_staged(self) -> None:
        from ampsm_engine.engine import hunk_actions

        self._take_staged(await ask(hunk_actions.staged, app_of(self._screen).engine, self._pane.session.id))

    def _take_staged(self, staged: "StagedChanges | None") -> None:
        reading = self._pane.reading
        if staged is None or self._pane.range != UNCOMMITTED or reading is None:
            return
        self._staged = staged
        reading.set_staged(staged)
        count = sum(bool(file.staged or file.partly_staged) and not file.is_gone for file in reading.document.files)
        self._pane.staging_status = (
            f"{plural(count, 'file')} staged, {key_name(self._screen, 'review.commit')} commits" if count else ""
        )
        self._pane.update_counts()
