"""Something to read beside the timeline: a commit's files, a script's output, notes. Lines in blocks, nothing live."""

from typing import TYPE_CHECKING

from ampsm_tui.clean import fit, many_lines, one_line
from ampsm_tui.widgets.block_cursor import BlockCursor
from ampsm_tui.widgets.transcript_blocks import Block, BlockKind
from ampsm_tui.widgets.transcript_layout import TranscriptLayout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampsm_engine.engine.history import FileChange

_LETTERS = {"added": "A", "modified": "M", "deleted": "D", "renamed": "R", "copied": "C", "typechange": "T"}


class Reader(BlockCursor):
    """A few texts, from their beginning."""

    def read(self, title: str, text: str, *, end: bool = False) -> None:
        """Show a text below its title; `end`: its end first."""
        self.dress()
        self._layout = TranscriptLayout(self._painter.paint, self._room)
        self._layout.insert(
            0, [Block(BlockKind.PROMPT, many_lines(title)), Block(BlockKind.PLAIN, many_lines(text) or "(nothing)")]
        )
        # Not left to the moment of the focus: that may come before the text or after it.
        self._cursor = self.blocks[-1 if end else 0]
        self._stand(is_following=end, new_below=0)
        self._adjust(None if end else (self.blocks[0], 0))


def files_told(files: "Sequence[FileChange]") -> str:
    """A line for each file of a commit: what became of it, lines added and removed, its path."""
    if not files:
        return "It changes no file."
    lines = []
    for file in files:
        counts = "binary" if file.binary else f"+{file.additions or 0} -{file.deletions or 0}"
        moved = f"{one_line(file.old_path)} → " if file.old_path else ""
        lines.append(f"{_LETTERS.get(file.kind, '?')}  {fit(counts, 11)} {moved}{one_line(file.path)}")
    total = f"{len(files)} file{'s' * (len(files) != 1)}"
    added, removed = sum(file.additions or 0 for file in files), sum(file.deletions or 0 for file in files)
    return "\n".join([*lines, "", f"{total}, +{added} -{removed}"])
