"""The line at the top of the list: how many sessions are what, and what the list was narrowed to."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ampsm_engine import wording
from ampsm_engine.model import BoardRow
from ampsm_tui.clean import cells, one_line
from ampsm_tui.widgets.one_liner import OneLiner, Piece
from ampsm_tui.widgets.session_order import NEED, Arrangement

_WORDS = {"awaiting-input": "awaiting input"}


class SummaryBar(OneLiner):
    """Counts with glyph and word; with the glyph alone where there is no room for words."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-brand", "-quiet", "-chosen", *(f"-{word}" for word in NEED)}
    DEFAULT_CSS = """
    SummaryBar {
        background: $surface; padding: 0 1;
        & > .-brand { color: $foreground; text-style: bold; }
        & > .-quiet, & > .-idle { color: $foreground 55%; }
        & > .-chosen { color: $accent; }
        & > .-awaiting-input { color: $warning; }
        & > .-error { color: $error; }
        & > .-running { color: $primary; }
        & > .-queued { color: $secondary; }
        & > .-done { color: $success; }
    }
    """

    def show(self, rows: Sequence[BoardRow], how: Arrangement, marked: int, *, read_only: bool) -> None:
        """Show the counts of these sessions, and how the list is arranged."""
        counted = Counter(wording.state_word(row) for row in rows)
        brand = [Piece("ampsm", "brand"), Piece(" watch" if read_only else "", "quiet")]
        chosen = _chosen(how, marked)
        width = self.size.width
        for left in (
            [*brand, *_counts(counted, words=True, gap="  ")],
            [*brand, *_counts(counted, words=False, gap="  ")],
            [*_counts(counted, words=False, gap=" ")],
        ):
            if sum(cells(piece.text) for piece in (*left, *chosen)) < width:
                break
        self.say(left, chosen)


def _counts(counted: Counter[str], *, words: bool, gap: str) -> list[Piece]:
    told = []
    for word in NEED:
        if counted[word]:
            name = f" {_WORDS.get(word, word)}" if words else ""
            told.append(Piece(f"{gap}{wording.GLYPHS[word]} {counted[word]}{name}", word))
    return told


def _chosen(how: Arrangement, marked: int) -> list[Piece]:
    told = [f"{marked} marked" if marked else ""]
    if how.text:
        told.append(f"/{one_line(how.text, 20)}")
    if how.status != "all":
        told.append(f"only {how.status}")
    if how.inside is not None:
        told.append(f"in {one_line(how.inside.rstrip('/').rpartition('/')[2], 24)}")
    if how.by_repository:
        told.append("by repository")
    if how.sort != "needs me":
        told.append(f"by {how.sort}")
    return [Piece("  ".join(filter(None, told)), "chosen")]
