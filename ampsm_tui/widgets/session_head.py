"""The head of the session screen: what it is called and how it stands, in one line or two."""

from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from ampsm_engine import wording
from ampsm_engine.model import BoardRow, ScriptResult
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.one_liner import OneLiner
from ampsm_tui.widgets.session_columns import Piece
from ampsm_tui.widgets.session_order import repository_name


class _Line(OneLiner):
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("-queued", "-running", "-idle", "-awaiting-input", "-error", "-done", "-name", "-quiet")
    }


class SessionHead(Vertical):
    """Name, state, branch; below it what the last iteration came to."""

    DEFAULT_CSS = """
    SessionHead {
        height: 2; padding: 0 1; background: $surface;
        & .-name { color: $foreground; text-style: bold; }
        & .-quiet { color: $secondary; }
        & .-running { color: $accent; text-style: bold; }
        & .-queued, & .-idle { color: $secondary; }
        & .-awaiting-input { color: $warning; text-style: bold; }
        & .-error { color: $error; text-style: bold; }
        & .-done { color: $success; }
    }
    """

    def compose(self) -> ComposeResult:
        """Two lines."""
        yield _Line()
        yield _Line()

    def show(self, row: BoardRow, at: datetime) -> None:
        """Say how a session stands."""
        first, second = self.query(_Line)
        word = wording.state_word(row)
        session = row.session
        first.say(
            [Piece(f"{wording.GLYPHS[word]} {word}  ", word), Piece(one_line(session.name, 300), "name")],
            [Piece(f"  {one_line(repository_name(row), 80)}  {one_line(session.branch_name, 120)}", "quiet")],
        )
        second.say(tuple(_standing(row, at)))


def _standing(row: BoardRow, at: datetime) -> list[Piece]:
    current = row.current
    if current is None:
        return [Piece("nothing has run yet", "quiet")]
    parts = [f"{row.iterations} iteration{'s' * (row.iterations != 1)}"]
    if row.queued:
        parts.append(f"{row.queued} waiting")
    if current.tally.token_usage is not None:
        parts.append(f"{wording.count(current.tally.token_usage)} tokens, {current.tally.turns} turns")
    age = wording.age(current.start_time or current.queued_at, at)
    parts.append(f"began {'just now' if age == 'now' or age.endswith('s') else age + ' ago'}")
    pieces = [Piece(", ".join(parts), "quiet")]
    if current.test_result is not None:
        passed = current.test_result is ScriptResult.PASS
        pieces.append(Piece("  ✓ script passes" if passed else "  ✗ script fails", "done" if passed else "error"))
    return pieces
