"""Acting on what is read: a hunk is rejected and brought back, staged, committed by hand; the editor; the clipboard."""

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from ampsm_engine.diff import hunks
from ampsm_engine.diff.long_lines import CUT
from ampsm_engine.errors import AmpsmError
from ampsm_tui import aside, clipboard
from ampsm_tui.ask import ask, asking, tell
from ampsm_tui.house import house
from ampsm_tui.screens.review.pane import ReviewBase
from ampsm_tui.screens.review.reading import Reading
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.layout import Row, Sort

if TYPE_CHECKING:
    from ampsm_engine.git.stage_work import Staged

UNCOMMITTED = "uncommitted"

_CHANGING = frozenset({"reject", "undo", "stage", "commit", "comment", "send", "mark", "mark_file"})


class ReviewChanges(ReviewBase):
    """Adds X, U, s, a, e, y and Y."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("X", "reject", "Reject", id="review.reject"),
        Binding("U", "undo", "Undo reject", id="review.undo", show=False),
        Binding("s", "stage", "Stage", id="review.stage", show=False),
        Binding("a", "commit", "Commit", id="review.commit", show=False),
        Binding("e", "editor", "Editor", id="review.editor", show=False),
        Binding("y", "copy", "Copy", id="review.copy", show=False),
        Binding("Y", "copy_place", "Copy place", id="review.copy-place", show=False),
    ]

    _staged: "Staged | None" = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Who only watches changes nothing."""
        if house(self).read_only and action in _CHANGING | {"editor"}:
            return False
        return super().check_action(action, parameters)

    # Taking back.

    def action_reject(self) -> None:
        """Take back the hunk under the cursor, or, on its head, all that happened to the file."""
        found = self._patch()
        if found is None:
            return
        _, file, patch = found
        from ampsm_engine.engine import reviews
        from ampsm_tui.screens.writing import LineScreen

        async def reject(text: str) -> None:
            made = await ask(
                reviews.reject,
                house(self).engine,
                self.session.id,
                file.path,
                patch,
                reason=text.strip() or None,
                old_path=file.old_path,
                range_=self.range,
            )
            note = getattr(made, "note", "")
            self.say(f"Rejected; U brings it back{'. ' + note if note else ''}")
            self.changed()

        what = "this hunk" if patch is not None else "all changes"
        note = "Enter takes it back. What you write here is told to amp with your comments; it may stay empty."
        screen = LineScreen(
            f"Reject {what} of {file.path}",
            reject,
            owner=self.session.id,
            purpose=f"reject {file.path} {zlib.crc32(patch or b''):x}",
            note=note,
            may_be_empty=True,
        )
        self.app.push_screen(screen)

    @asking
    async def action_undo(self) -> None:
        """Bring back what was rejected last."""
        from ampsm_engine.engine import reviews

        made = await ask(reviews.undo_last, house(self).engine, self.session.id)
        self.say(f"It is back in {made.path}")
        self.changed()

    def changed(self) -> None:
        """The worktree or the branch is another."""
        self.reopen()

    def _patch(self) -> tuple[Row, File, bytes | None] | None:
        """The hunk under the cursor as a patch; None as the patch stands for the whole file."""
        row, reading = self.row, self.reading
        if row is None or reading is None:
            return None
        file, hunk = reading.document.files[row.file], reading.document.hunk_of(row)
        if file.body is None:
            return None
        if row.sort is Sort.HEAD or hunk is None:
            return row, file, None
        patch = self._hunk(file, hunk)
        return (row, file, patch) if patch is not None else None

    def _hunk(self, file: File, hunk: int) -> bytes | None:
        """A hunk as git has it; None, and why is said, where it is shown otherwise."""
        if file.body is None:
            return None
        if self.ignores_whitespace:
            self.say("While white space is ignored, hunks are not what git has; W shows them as they are")
            return None
        patch = file.body.slice(hunk)
        if not hunks.is_whole(patch):
            self.say("This hunk is too long to be shown whole; on the head of the file, keys act on all of it")
            return None
        return patch

    # Staging.

    @asking
    async def action_stage(self) -> None:
        """Stage what is under the cursor, or take it out again: of what is not committed."""
        if self.range != UNCOMMITTED:
            self.say("Only what is not committed is staged; r shows it")
            return
        found = self._patch()
        if found is None:
            return
        row, file, patch = found
        from ampsm_engine.engine import reviews

        engine, reading = house(self).engine, self.reading
        if reading is None:
            return
        staged: Staged = await ask(reviews.staged, engine, self.session.id)
        hunk = reading.document.hunk_of(row)
        if patch is None or hunk is None:
            is_in = staged.has_all(file.path, file.old_path)
        else:
            is_in = staged.has(file.path, reading.staged_keys(row.file)[hunk], file.old_path)
        verb = reviews.unstage if is_in else reviews.stage
        self._take_staged(await ask(verb, engine, self.session.id, file.path, patch, old_path=file.old_path))

    def show_reading(self, reading: Reading, *, is_same: bool) -> None:
        """Of what is not committed, what is staged is marked."""
        if self.range == UNCOMMITTED:
            reading.staged = self._staged
            self._ask_staged()
        elif self._staged is not None:
            self._staged, self.news = None, ""
        super().show_reading(reading, is_same=is_same)

    @asking
    async def _ask_staged(self) -> None:
        from ampsm_engine.engine import reviews

        self._take_staged(await ask(reviews.staged, house(self).engine, self.session.id))

    def _take_staged(self, staged: "Staged | None") -> None:
        if staged is None or self.range != UNCOMMITTED or self.reading is None:
            return
        self._staged = staged
        self.reading.restage(staged)
        count = sum(bool(file.staged) and not file.is_gone for file in self.reading.document.files)
        self.news = f"{count} file{'s' * (count != 1)} staged, a commits" if count else ""
        self.told()

    def action_commit(self) -> None:
        """Commit what is staged."""
        from ampsm_engine.engine import reviews
        from ampsm_tui.screens.writing import KeptTextScreen

        async def commit(text: str) -> None:
            sha = await ask(reviews.commit_by_hand, house(self).engine, self.session.id, text.strip() + "\n")
            self.say(f"Committed as {sha[:8]}")
            self.changed()

        note = "What is staged is committed, as yours."
        screen = KeptTextScreen(
            "Commit message",
            commit,
            owner=self.session.id,
            purpose="commit message",
            note=note,
            may_be_empty=False,
        )
        self.app.push_screen(screen)

    # Elsewhere.

    def action_editor(self) -> None:
        """Open the file in the editor, at the line."""
        row, reading = self.row, self.reading
        if row is None or reading is None:
            return
        file = reading.document.files[row.file]
        folder = Path(self.session.worktree_path)
        path = folder / file.path
        try:
            command = aside.words(os.environ, ("VISUAL", "EDITOR"), "vim")
            aside.step_aside(self.app, [*command, *_at(command[0], self._line(row), path)], folder)
        except AmpsmError as refusal:
            tell(self, refusal)
            return
        self.changed()

    def _line(self, row: Row) -> int:
        """The line of the file as it is now that a row stands for, as near as can be."""
        document = self.view.document
        body = document.files[row.file].body
        if row.sort is Sort.GROWN:
            return row.b
        if body is None or not body.hunks:
            return 1
        if row.sort in (Sort.LINE, Sort.PAIR):
            return max(1, body.line(row.b if row.sort is Sort.PAIR and row.b >= 0 else row.a).new)
        hunk = document.hunk_of(row)
        return max(1, body.hunks[hunk if hunk is not None else 0].new)

    def action_copy(self) -> None:
        """Copy the selected lines, the line, or, on its heading, the hunk as a patch."""
        row, view = self.row, self.view
        if row is None:
            return
        document = view.document
        if row.sort is Sort.HUNK:
            self._copy_hunk(row)
            return
        start = view.cursor if view.selected_from is None else view.selected_from
        first, last = sorted((start, view.cursor))
        rows = [document.row(at) for at in range(first, last + 1)]
        lines = [text for one in rows if (text := self._text(one)) is not None]
        if any(one.sort is Sort.GROWN and self._text(one) is None for one in rows):
            self.say("Some of these lines are still on their way: copy them again in a moment")
        elif any(CUT.decode() in line for line in lines):
            self.say("That line is too long to be shown whole; e opens its file")
        elif lines:
            self._copied("\n".join(lines), f"{len(lines)} line{'s' * (len(lines) != 1)}")
        else:
            self.action_copy_place()

    def _copy_hunk(self, row: Row) -> None:
        file, reading = self.view.document.files[row.file], self.reading
        patch = self._hunk(file, row.a)
        if patch is not None and reading is not None:
            entry = reading.review.files[row.file]
            is_there = file.status not in "RC"  # it has another name, and is changed under the new one
            old_mode = entry.old_mode if is_there else entry.new_mode
            told = hunks.as_patch(patch, file.path, old_mode=old_mode, new_mode=entry.new_mode)
            self._copied(told.decode("utf-8", "surrogateescape"), "the hunk as a patch")

    def _text(self, row: Row) -> str | None:
        raw: bytes | None = None
        body = self.view.document.files[row.file].body
        if row.sort is Sort.GROWN:
            raw = self.view.source.grown(row.file, row.b)
        elif body is not None and row.sort in (Sort.LINE, Sort.PAIR):
            raw = body.line(row.b if row.sort is Sort.PAIR and row.b >= 0 else row.a).text
        return raw.decode("utf-8", "surrogateescape") if raw is not None else None

    def action_copy_place(self) -> None:
        """Copy path:line."""
        if (row := self.row) is not None:
            path = self.view.document.files[row.file].path
            self._copied(path if row.sort is Sort.HEAD else f"{path}:{self._line(row)}", "its place")

    def _copied(self, text: str, what: str) -> None:
        instead = f"ampsm diff {self.session.id} --exact > change.patch"
        try:
            clipboard.copy(self.app, text, os.environ, instead=instead)
        except AmpsmError as refusal:
            tell(self, refusal)
            return
        self.view.selected_from = None
        self.view.refresh()
        self.say(f"Copied {what}")


def _at(editor: str, line: int, path: Path) -> list[str]:
    """How an editor is told the line."""
    name = Path(editor).name
    if name in {"code", "codium", "cursor", "windsurf"}:
        return ["--goto", f"{path}:{line}"]
    if name in {"hx", "helix", "zed", "subl", "micro"}:
        return [f"{path}:{line}"]
    return [f"+{line}", str(path)]
