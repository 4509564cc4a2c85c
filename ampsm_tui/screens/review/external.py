"""What of a diff goes to other programs: a file to the editor, lines, hunks and places to the clipboard."""

import os
from collections.abc import Callable
from pathlib import Path

from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import CUT
from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural
from ampsm_tui import suspend
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import show_error
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.review.pane import DiffPane
from ampsm_tui.widgets.diff.layout import Row, RowKind
from ampsm_tui.widgets.line_widgets import copy_text


class ReviewExternal:
    """Hands over what is under the cursor of a pane; `reopen` shows what an editor made of it."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, reopen: Callable[[], object]) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._reopen = reopen

    def open_editor(self) -> None:
        """Open the file in the editor, at the line."""
        row, reading = self._pane.row, self._pane.reading
        if row is None or reading is None:
            return
        folder = Path(self._pane.session.worktree_path)
        path = folder / reading.document.files[row.file].path
        try:
            command = suspend.command_of(os.environ, ("VISUAL", "EDITOR"), "vim")
            arguments = _editor_arguments(command[0], self._line(row), path)
            suspend.run_in_terminal(self._screen.app, [*command, *arguments], folder)
        except AmpsmError as refusal:
            show_error(self._screen, refusal)
            return
        self._reopen()

    def copy_selected(self) -> bool:
        """Copy the selected lines; False where none are."""
        if self._view.selected_from is None:
            return False
        self.copy()
        return True

    def copy(self) -> None:
        """Copy the selected lines, the line, or, on its heading, the hunk as a patch."""
        row, view = self._pane.row, self._view
        if row is None:
            return
        document = view.document
        if row.kind is RowKind.HUNK:
            self._copy_hunk(row)
            return
        start = view.cursor if view.selected_from is None else view.selected_from
        first, last = sorted((start, view.cursor))
        rows = [document.row(at) for at in range(first, last + 1)]
        lines = [text for one in rows if (text := self._text(one)) is not None]
        if any(one.kind is RowKind.GROWN and self._text(one) is None for one in rows):
            app_of(self._screen).show_toast("Some of these lines are still on their way: copy them again in a moment")
        elif any(CUT.decode() in line for line in lines):
            app_of(self._screen).show_toast(
                with_keys(self._screen, "That line is too long to be shown whole; {review.editor} opens its file")
            )
        elif lines:
            self._put("\n".join(lines), plural(len(lines), "line"))
        else:
            self.copy_place()

    def copy_place(self) -> None:
        """Copy the path of the file and the line, as path:line."""
        if (row := self._pane.row) is not None:
            path = self._view.document.files[row.file].path
            self._put(path if row.kind is RowKind.HEAD else f"{path}:{self._line(row)}", "its place")

    def _line(self, row: Row) -> int:
        """The line of the file as it is now that a row stands for, as near as can be; from 1."""
        document = self._view.document
        body = document.files[row.file].body
        if row.kind is RowKind.GROWN:
            return row.b
        if body is None or not body.hunks:
            return 1
        if row.kind in (RowKind.LINE, RowKind.PAIR):
            return max(1, body.line(row.b if row.kind is RowKind.PAIR and row.b >= 0 else row.a).new)
        hunk = document.hunk_of(row)
        return max(1, body.hunks[hunk if hunk is not None else 0].new)

    def _copy_hunk(self, row: Row) -> None:
        file, reading = self._view.document.files[row.file], self._pane.reading
        hunk = self._pane.exact_hunk(file, row.a)
        if hunk is not None and reading is not None:
            entry = reading.review.files[row.file]
            is_there = file.status not in "RC"  # it has another name, and is changed under the new one
            old_mode = entry.old_mode if is_there else entry.new_mode
            patch = hunks.as_patch(hunk, file.path, old_mode=old_mode, new_mode=entry.new_mode)
            self._put(patch.decode("utf-8", "surrogateescape"), "the hunk as a patch")

    def _text(self, row: Row) -> str | None:
        raw: bytes | None = None
        body = self._view.document.files[row.file].body
        if row.kind is RowKind.GROWN:
            raw = self._view.source.grown(row.file, row.b)
        elif body is not None and row.kind in (RowKind.LINE, RowKind.PAIR):
            raw = body.line(row.b if row.kind is RowKind.PAIR and row.b >= 0 else row.a).text
        encoding = self._view.document.files[row.file].line_encoding or "utf-8"
        return raw.decode(encoding, "surrogateescape") if raw is not None else None

    def _put(self, text: str, what: str) -> None:
        instead = f"ampsm diff {self._pane.session.id} --exact > change.patch"
        if copy_text(self._screen, text, f"Copied {what}", instead=instead):
            self._view.selected_from = None
            self._view.refresh()


def _editor_arguments(editor: str, line: int, path: Path) -> list[str]:
    """The arguments by which an editor opens a file at a line."""
    name = Path(editor).name
    if name in {"code", "codium", "cursor", "windsurf"}:
        return ["--goto", f"{path}:{line}"]
    if name in {"hx", "helix", "zed", "subl", "micro"}:
        return [f"{path}:{line}"]
    return [f"+{line}", str(path)]
