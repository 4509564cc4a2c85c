"""The two lines above a merge: which session goes where, and which step it is at."""

from typing import ClassVar

from ampsm_tui.clean import one_line
from ampsm_tui.widgets.line_widgets import Piece, TextLine

STAGES = ("check", "plan", "merge", "clean up")
"""The steps of a merge, in their order."""


class MergeHead(TextLine):
    """Which session comes to which branch, and the session's own branch at the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-name", "-quiet"}
    DEFAULT_CSS = """
    MergeHead {
        & > .-name { color: $foreground; text-style: bold; }
        & > .-quiet { color: $secondary; }
    }
    """

    def show(self, word: str, name: str, target: str, branch: str) -> None:
        """`Merge fix login → main`."""
        left = [Piece(f"{word}  ", "quiet"), Piece(one_line(name, 300), "name")]
        if target:
            left += [Piece("  →  ", "quiet"), Piece(one_line(target, 200), "name")]
        self.set_pieces(left, [Piece(one_line(branch, 200), "quiet")])


class MergeSteps(TextLine):
    """Which steps are finished, which is the current one, which come."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-behind", "-here", "-ahead"}
    DEFAULT_CSS = """
    MergeSteps {
        & > .-behind { color: $success; }
        & > .-here { color: $accent; text-style: bold; }
        & > .-ahead { color: $foreground 50%; }
    }
    """

    def show(self, step: int, names: tuple[str, ...] = STAGES) -> None:
        """Show a step, from 0, as the current one; beyond the last one everything is done."""
        pieces = []
        for number, name in enumerate(names):
            glyph, style = ("✓", "behind") if number < step else ("●", "here") if number == step else ("○", "ahead")
            pieces.append(Piece(f"{glyph} {name}   ", style))
        self.set_pieces(pieces)
