"""The head of the session screen: what it is called and how it stands, in one line or two."""

from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from ampsm_engine import labels
from ampsm_engine.model import BoardRow, ScriptResult
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import STATES
from ampsm_tui.clean import cells, one_line
from ampsm_tui.theme import state_rules
from ampsm_tui.widgets.line_widgets import Piece, TextLine


class StateLine(TextLine):
    """A line about a session that may name its state."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"-name", "-quiet", *(f"-{word}" for word in STATES)}
    DEFAULT_CSS = """
    StateLine {
        & > .-name { color: $foreground; text-style: bold; }
        & > .-quiet { color: $secondary; }
        & > .-running, & > .-awaiting-input, & > .-error { text-style: bold; }
    }
    """ + state_rules("StateLine")


class SessionHead(Vertical):
    """Name, state, branch; below it what the last iteration came to."""

    DEFAULT_CSS = "SessionHead { height: 2; padding: 0 1; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[BoardRow, datetime] | None = None

    def compose(self) -> ComposeResult:
        """Two lines, filled once the session is known."""
        yield StateLine()
        yield StateLine()

    def on_resize(self) -> None:
        """Say what there is room for now."""
        if self._shown is not None:
            self.show(*self._shown)

    def show(self, row: BoardRow, at: datetime) -> None:
        """Say how a session stands."""
        self._shown = (row, at)
        first, second = self.query(StateLine)
        word = labels.state_word(row)
        session = row.session
        first.set_pieces(
            [Piece(f"{STATES[word].glyph} {word}  ", word), Piece(one_line(session.name, 300), "name")],
            [
                Piece(
                    f"  {one_line(labels.repository_name(session), 80)}  {one_line(session.branch_name, 120)}", "quiet"
                )
            ],
        )
        second.set_pieces(_fitting(_standing(row, at), self.size.width - 2))


def _standing(row: BoardRow, at: datetime) -> list[Piece]:
    """What the last iteration came to, the most telling first."""
    current, host = row.current, one_line(row.session.host or "", 60)
    if current is None:
        return [Piece(f"at work on {host}" if host else "nothing has run yet", "quiet")]
    parts = []
    if row.session.outside is not None:
        outside = one_line(row.session.outside, 200)
        parts.append(Piece(f"{labels.OUTSIDE_MARK} outside its worktree: {outside}", "awaiting-input"))
    parts += [Piece(plural(row.iterations, "iteration"), "quiet")]
    if host:
        parts.append(Piece(f"ran on {host}", "quiet"))
    if row.queued:
        parts.append(Piece(f"{row.queued} queued", "quiet"))
    if current.test_result is not None:
        passed = current.test_result is ScriptResult.PASS
        parts.append(Piece("✓ script passes" if passed else "✗ script fails", "done" if passed else "error"))
    if current.tally.token_usage is not None:
        last = "the last " if row.iterations > 1 else ""
        parts.append(Piece(f"{last}{labels.count(current.tally.token_usage)} tokens", "quiet"))
        parts.append(Piece(plural(current.tally.turns, "turn"), "quiet"))
    age = labels.age(current.start_time or current.queued_at, at)
    parts.append(Piece(f"began {'just now' if age == 'now' or age.endswith('s') else age + ' ago'}", "quiet"))
    return parts


def _fitting(parts: list[Piece], room: int) -> list[Piece]:
    """The whole parts that fit into `room` cells, with commas between them; the first in any case."""
    kept = parts[:1]
    room -= cells(parts[0].text)
    for part in parts[1:]:
        room -= cells(part.text) + 2
        if room < 0:
            break
        kept += [Piece(", ", "quiet"), part]
    return kept
