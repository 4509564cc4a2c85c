"""The radar: which sessions overlap, as a matrix, and whether all that is ready works together, which a key finds out.

The check runs detached: closing the screen does not end it, and opening it again shows how far it is.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var
from textual.widgets import Static

from ampsm_engine.engine.check_run import CheckProgress
from ampsm_engine.errors import Failed
from ampsm_engine.merging.forecast import Radar, RadarPair, counts
from ampsm_engine.model import Board, Session
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, ask_until_answered, ignore, in_background, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.clean import cells, cut, fit, one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.forecast import MARK
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.line_widgets import Piece, copy_text
from ampsm_tui.widgets.text_view import PieceLine, TextView, indented

if TYPE_CHECKING:
    from ampsm_engine.merging.compatibility import Compatibility, Culprit, GuiltyLines
    from ampsm_engine.merging.forecast import Radar


NAME = 24
"""Cells of a name in the matrix, at most."""

LEAST_NAME = 8
"""Cells of a name below which the matrix is not shown: the list of pairs says the same."""

PLACES = 6
"""Lines of a file that are named."""

NONE = "·"


def radar_lines(found: "Radar", answers: Iterable["Compatibility"], width: int) -> list[PieceLine]:
    """The radar: for each repository and base whether its sessions work together, their matrix, and the pairs."""
    lines: list[PieceLine] = []
    known = {(one.repo_root, one.target): one for one in answers}
    for (root, base), group in groupby(found.sessions, key=lambda one: (one.repo_root, one.base_branch)):
        sessions = list(group)
        names = {one.id: one_line(one.name, 60) for one in sessions}
        title = f"{one_line(root.rstrip('/').rpartition('/')[2], 60)} · {one_line(base, 60)}"
        lines += [*([()] if lines else []), (Piece(cut(title, width), "title"),)]
        answer = known.get((root, base))
        if answer is not None:
            lines += answer_lines(answer, names, width)
        ids = frozenset(names)
        pairs = [pair for pair in found.pairs if pair.session_id in ids]
        lines += [(), *matrix_lines(sessions, pairs, width), *pair_lines(sessions, pairs, width)]
    if not lines:
        lines = indented("No session has work that its base does not have.", "quiet", width, indent=0)
    if found.pending:
        lines += [(), (Piece(f"{plural(found.pending, 'question')} open yet …", "wait"),)]
    return lines


def matrix_lines(sessions: Sequence[Session], pairs: Sequence[RadarPair], width: int) -> list[PieceLine]:
    """A row and a column for each session, and a column for the base; nothing where there is no room for that."""
    known = counts(pairs)
    cell = 1 + max(len(str(len(sessions))), *(len(str(count)) for count in known.values()), 1)
    number = len(str(len(sessions))) + 1
    room = width - number - 5 - cell * len(sessions)
    if room < LEAST_NAME:
        return []
    room = min(room, NAME, max(cells(one_line(one.name, 60)) for one in sessions))
    head = f"{'':{number + room}}{'base':>5}" + "".join(f"{place:>{cell}}" for place in range(1, len(sessions) + 1))
    lines: list[PieceLine] = [(Piece(head, "quiet"),)]
    for place, one in enumerate(sessions, 1):
        row = [Piece(f"{place:<{number}}", "quiet"), Piece(fit(one_line(one.name, 60), room), "text")]
        row.append(_cell(known.get((one.id, ""), 0), 5))
        for other in sessions:
            same = other.id == one.id
            row.append(Piece(f"{'-':>{cell}}", "quiet") if same else _cell(known.get((one.id, other.id), 0), cell))
        lines.append(tuple(row))
    return lines


def _cell(count: int, width: int) -> Piece:
    return Piece(f"{count or NONE:>{width}}", "stop" if count else "quiet")


def pair_lines(sessions: Sequence[Session], pairs: Sequence[RadarPair], width: int) -> list[PieceLine]:
    """Each two that overlap, and in which files and lines."""
    names = {one.id: one_line(one.name, 60) for one in sessions}
    bases = {one.id: one_line(one.base_branch, 60) for one in sessions}
    lines: list[PieceLine] = []
    for pair in pairs:
        other = names.get(pair.other, "") if pair.other else bases[pair.session_id]
        lines += [(), (Piece(cut(f"{names[pair.session_id]} {MARK}{other}", width), "here"),)]
        for file in pair.files:
            places = ", ".join(f"{mine}/{theirs}" for mine, theirs in file.lines[:PLACES])
            more = ", …" if len(file.lines) > PLACES else ""
            text = f"{one_line(file.path, 200)}  {f'lines {places}{more}' if places else file.kind}"
            lines += indented(text, "text", width)
    return lines


def answer_lines(answer: "Compatibility", names: Mapping[str, str], width: int) -> list[PieceLine]:
    """Whether the sessions of one base work together, as far as it is known."""
    many = f"{plural(len(answer.order), 'session')} {'passes' if len(answer.order) == 1 else 'pass'}"
    lines: list[PieceLine] = []
    if not answer.checked_at and answer.tips:
        text = f"Not checked yet whether what is ready passes together: {plural(len(answer.tips), 'session')}."
        lines += indented(text, "quiet", width, indent=0)
    elif answer.is_good and answer.order:
        lines += indented(f"✓ {many} together", "ok", width, indent=0)
    elif answer.checked_at:
        lines += indented(
            f"! {len(answer.order)} of {plural(len(answer.tips), 'session')} pass together", "warn", width, indent=0
        )
    for culprit in answer.culprits:
        lines += _culprit_lines(culprit, names, width)
    for one in answer.conflicts:
        text = f"✗ {names.get(one.session_id, one.session_id)} {one_line(one.reason, 300)}"
        lines += indented(text, "stop", width, indent=0)
    for one in answer.left_out:
        text = f"{NONE} {names.get(one.session_id, one.session_id)} is not ready: {one_line(one.reason, 300)}"
        lines += indented(text, "quiet", width, indent=0)
    if answer.order and answer.checked_at:
        order = ", ".join(names.get(one, one) for one in answer.order)
        lines += indented(f"in this order: {order}", "quiet", width)
    return lines


def _culprit_lines(culprit: "Culprit", names: Mapping[str, str], width: int) -> list[PieceLine]:
    one, partner = names.get(culprit.session_id, culprit.session_id), names.get(culprit.partner, culprit.partner)
    with_whom = f" {MARK}{partner}" if partner else ""
    besides = "" if culprit.is_pair or not partner else ", with others besides"
    lines = indented(f"✗ {one}{with_whom}: {one_line(culprit.reason, 200)}{besides}", "stop", width, indent=0)
    for name, found in ((one, culprit.lines), (partner, culprit.partner_lines)):
        if found is not None:
            lines += _guilty_lines(name, found, width)
    return lines


def _guilty_lines(name: str, found: "GuiltyLines", width: int) -> list[PieceLine]:
    at = f":{found.line}" if found.line else ""
    lines = indented(f"{name}: {one_line(found.path, 200)}{at}", "hunk", width)
    return [*lines, *((Piece(cut(f"    + {one_line(line, 300)}", width), "added"),) for line in found.lines)]


BUDGET = 0.5
"""Seconds of new answers in one question."""

QUIET = 1.0
"""Seconds after the last change of a session before anything is asked."""

EVERY = 0.4
"""Seconds between two looks at how far a check is."""


class RadarScreen(AppScreen[None]):
    """A matrix of all sessions with work of their own, and below it where each two overlap."""

    CSS_PATH = "radar.tcss"
    TITLE = "radar"
    PURPOSE = (
        "In how many places the changes of each two sessions would conflict; the first column is the base.",
        "A number counts hunks that overlap: the same file, changed elsewhere, does not count.",
        "The check puts all that is ready onto its base and runs the script on the whole. Nothing is merged.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("back", "dismiss", "Back"),
        bind("radar.check", "check", "Check all together"),
        bind("radar.copy", "copy", "Copy the merge"),
    ]

    board: var[Board | None] = var(None, init=False)

    def __init__(self) -> None:
        super().__init__()
        self._radar: Radar | None = None
        self._answers: tuple[Compatibility, ...] = ()
        self._check = CheckProgress(is_running=False)
        self._seen: object = None

    def compose(self) -> ComposeResult:
        """What goes on, the text, the keys."""
        yield Static("", id="check", markup=False)
        yield TextView()
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to compare the sessions' changes."""
        self._text.focus()
        self._text.show_text("Looking at the sessions …")
        if self.board is None:
            self.watch_board(None)
        run_while_open(self, self._follow_check(), group="check")

    @property
    def _text(self) -> TextView:
        return self.query_one(TextView)

    def watch_board(self, board: Board | None) -> None:
        """Look again when something moved commits."""
        rows = board.rows if board else ()
        seen = tuple((row.session, row.current and row.current.commit_sha) for row in rows)
        if seen != self._seen or self._radar is None:
            self._seen = seen
            run_while_open(self, self._update_radar(), group="look", exclusive=True)

    async def _update_radar(self) -> None:
        from ampsm_engine.merging import compatibility, forecast

        engine = app_of(self).engine
        if self._radar is not None:
            await asyncio.sleep(QUIET)
        while True:
            self._radar = await ask_until_answered(forecast.radar, ignore, engine, budget=BUDGET)
            self._show()
            if not self._radar.pending:
                break
        self._answers = await ask_until_answered(compatibility.look, ignore, engine)
        self._show()

    async def _follow_check(self) -> None:
        """Show how far a check is, for as long as one runs; what it found is looked up then."""
        from ampsm_engine.engine import check_run
        from ampsm_engine.merging import compatibility

        engine = app_of(self).engine
        was_running = False
        while True:
            self._check = await ask_until_answered(check_run.read, ignore, engine)
            if not self._check.is_running:
                break
            was_running = True
            self._show_check(f"◌ {one_line(self._check.text, 300)}")
            await asyncio.sleep(EVERY)
        self._show_check("")
        if was_running:
            self._answers = await ask_until_answered(compatibility.look, ignore, engine)
            self._show()
            if self._check.trouble:
                show_error(self, Failed(self._check.trouble, self._check.hint))

    def _show_check(self, text: str) -> None:
        line = self.query_one("#check", Static)
        line.display = bool(text)
        line.update(text)

    def _show(self) -> None:
        found, answers = self._radar, self._answers
        if found is not None:
            self._text.show_lines(lambda width: radar_lines(found, answers, width))

    @in_background
    async def action_check(self) -> None:
        """Find out whether all that is ready works together; stop that while it goes on."""
        from ampsm_engine.engine import check_run

        engine = app_of(self).engine
        if self._check.is_running:
            await ask(check_run.stop, engine)
            return
        await ask(check_run.start, engine)
        run_while_open(self, self._follow_check(), group="check", exclusive=True)

    def action_copy(self) -> None:
        """Copy the command that merges, in this order, what passes together."""
        orders = [one.order for one in self._answers if one.order]
        if not orders:
            app_of(self).show_toast("There is nothing to merge as far as it is known")
            return
        commands = [f"ampsm merge {' '.join(order)}{' --train' if len(order) > 1 else ''}" for order in orders]
        copy_text(self, "\n".join(commands), f"Copied: {commands[0]}")
