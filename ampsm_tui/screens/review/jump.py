"""To a file of a diff by typing some of its name: Textual's palette, with files in the place of actions."""

from collections.abc import Iterator
from functools import partial

from textual.command import CommandInput, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from ampsm_tui.clean import cut_start, fit, one_line
from ampsm_tui.widgets.diff.document import File
from ampsm_tui.widgets.diff.file_lines import closeness
from ampsm_tui.widgets.diff.view import DiffView

MOST = 60
"""Files that are listed: who wants another one types more of its name."""

NAME_WIDTH = 52
"""Cells of a path."""


class FileJump(CommandPalette):
    """The files of a diff, the likeliest first; the chosen one is gone to."""

    def __init__(self) -> None:
        super().__init__(providers=[_Files], placeholder="some of a file's name")

    def on_mount(self) -> None:
        """Hold the cursor still: a blinking one writes to the terminal for ever."""
        self.query_one(CommandInput).cursor_blink = False


class _Files(Provider):
    """The files that the diff of the screen below shows."""

    @property
    def _view(self) -> DiffView:
        return self.screen.query_one(DiffView)

    def _shown(self) -> Iterator[tuple[int, File]]:
        return ((index, file) for index, file in enumerate(self._view.document.files) if not file.is_hidden)

    async def search(self, query: str) -> Hits:
        """The files whose path has the query, or its letters in order; the best are those whose name begins with it."""
        found = [(closeness(query, file.path), index, file) for index, file in self._shown()]
        # Of several that are as close the shortest path is meant the most often.
        found.sort(key=lambda one: (-one[0], len(one[2].path), one[1]))
        for rank, (score, index, file) in enumerate(found[:MOST]):
            if score:
                # The palette sorts again, by score alone.
                yield Hit(score + 1 - rank / MOST, _row(file), partial(self._go, index), text=file.path)

    async def discover(self) -> Hits:
        """The first files, while nothing is typed yet."""
        for index, file in list(self._shown())[:MOST]:
            yield DiscoveryHit(_row(file), partial(self._go, index), text=file.path)

    def _go(self, index: int) -> None:
        view = self._view
        if index < len(view.document.files):
            view.go(view.document.tops[index], above=0)
            view.focus()


def _row(file: File) -> Content:
    path = fit(cut_start(one_line(file.path, 1000), NAME_WIDTH), NAME_WIDTH)
    folder, slash, name = path.rpartition("/")
    counts = f"  {file.status} +{file.additions} -{file.deletions}{' ✓' if file.is_viewed else ''}"
    return Content(f"{folder}{slash}").append(Content(name).stylize("bold")).append(Content(counts).stylize("dim"))
