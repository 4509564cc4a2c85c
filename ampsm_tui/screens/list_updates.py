"""What the list shows beside the board, kept up to date and never asked for too often.

Counts of changes, forecasts, and marks of what was merged upstream. What is shown is not known here; the screen gets
what is new by a call.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from ampsm_engine import list_memory
from ampsm_engine.engine import session_list
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, BoardRow
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask_until_answered, ignore, run_while_open, show_error
from ampsm_tui.delayed_call import call_after
from ampsm_tui.widgets.forecast import ConflictForecast, ForecastConflict, Forecasts, forecasts, with_merges

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_engine.merging.session_conflicts import SessionConflicts
    from ampsm_engine.model import Merge

AT_ONCE = 8
"""Sessions in one of the first questions."""

FEW = 2
"""Sessions in a later one: whatever else is edited meanwhile need not wait for many."""

SHARE = 0.25
"""The part of a core that counting takes in the long run, of time that the processor was at it."""

BURST = 1.5
"""Seconds of counting that may come at once after a rest, so that an edit now and then shows at once."""

PAUSE = 0.15
"""Seconds until a session is counted again at least; edits come in bursts."""

BEGINNING = 0.1
"""Seconds until the first question: a side process that starts would take the processor from the first frame."""

RESTING = 0.4
"""Seconds that the sessions on screen stay the same before their folders are watched."""

Counts = Mapping[str, "ChangeCounts"]


class Allowance:
    """Seconds of counting that are free: they come back at SHARE of the time, up to BURST."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = BURST
        self._at = now()

    def spend(self, seconds: float) -> None:
        """Take note of a count that took so long."""
        at = self._now()
        self._left = min(BURST, self._left + (at - self._at) * SHARE) - seconds
        self._at = at

    def debt(self) -> float:
        """Seconds to wait until there is something left to spend."""
        return max(0.0, -(self._left + (self._now() - self._at) * SHARE)) / SHARE


class Pacing:
    """When a session may be counted again: at once where it was left alone for long, else after a pause.

    If each of `sessions` were counted whenever it counts as left alone, that would take SHARE of a core.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._allowance = Allowance(now)
        self._counted: dict[str, tuple[float, float]] = {}
        """When each session was counted last, and the seconds that it took."""

    def spend(self, session_ids: Sequence[str], seconds: float) -> None:
        """Take note of a count of sessions that took so many seconds of the processor."""
        self._allowance.spend(seconds)
        self._counted |= dict.fromkeys(session_ids, (self._now(), seconds / len(session_ids)))

    def wait(self, session_id: str, sessions: int) -> float:
        """Seconds until a session that has changed may be counted."""
        at, cost = self._counted.get(session_id, (-math.inf, 0.0))
        since = self._now() - at
        return max(0.0, min(max(PAUSE - since, self._allowance.debt()), sessions * cost / SHARE - since))


class ChangeCounter:
    """The counts of one screen. `node` runs the workers; `show` takes all counts whenever some are new.

    `before`: the counts as they were when they were last asked.
    """

    def __init__(
        self, node: DOMNode, engine: "Engine", show: Callable[[Counts], None], before: Counts | None = None
    ) -> None:
        self._node = node
        self._engine = engine
        self._show = show
        self._counts: dict[str, ChangeCounts] = dict(before or {})
        self._seen: dict[str, object] = {}
        self._stale: set[str] = set()
        """Something has changed in them."""
        self._unsure: set[str] = set()
        """Something may have changed before their folders were watched."""
        self._asked: set[str] = set()
        """Counted since the start."""
        self._shown_ids: tuple[str, ...] = ()
        self._is_counting = False
        self._has_complained = False
        self._pacing = Pacing()
        self._timer: asyncio.TimerHandle | None = None

    def take_board(self, board: Board) -> None:
        """Take note of what may have changed the counts."""
        for row in board.rows:
            mark = _mark(row)
            if self._seen.get(row.session.id) != mark:
                self._seen[row.session.id] = mark
                self._stale.add(row.session.id)
        present = {row.session.id for row in board.rows}
        for gone in self._seen.keys() - present:
            del self._seen[gone]
            self._counts.pop(gone, None)
            self._stale.discard(gone)
            self._unsure.discard(gone)
        self._count()

    def set_shown(self, session_ids: Iterable[str]) -> None:
        """These sessions are on screen now."""
        showing = tuple(session_ids)
        if set(showing) != set(self._shown_ids):
            self._shown_ids = showing
            run_while_open(self._node, self._watch(), group="watching", exclusive=True)
        self._count()

    def _count(self) -> None:
        if self._is_counting:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waits = self._waits()
        if self._next(waits):
            self._is_counting = True
            run_while_open(self._node, self._count_all(), group="counting")
        elif waits:
            self._timer = call_after(self._node, min(waits.values()), self._count)

    def _waits(self) -> dict[str, float]:
        """Seconds until each session on screen that has changed may be counted."""
        changed = (one for one in self._shown_ids if one in self._stale)
        return {one: self._pacing.wait(one, len(self._shown_ids)) for one in changed}

    def _next(self, waits: Mapping[str, float]) -> list[str]:
        """What is counted now: what has changed, and only then what may have."""
        is_first_round = not self._asked.issuperset(self._shown_ids)
        due = [one for one, seconds in waits.items() if not seconds]
        unsure = [one for one in self._shown_ids if one in self._unsure]
        return due[: AT_ONCE if is_first_round else FEW] or unsure[:FEW]

    async def _count_all(self) -> None:
        try:
            if not self._asked:
                await asyncio.sleep(BEGINNING)
            while wanted := self._next(self._waits()):
                changed = self._stale.intersection(wanted)
                self._stale -= changed
                self._unsure.difference_update(wanted)
                self._asked.update(wanted)
                found, seconds = await ask_until_answered(
                    session_list.measured_changes, self._complain, self._engine, wanted
                )
                self._counts |= found
                self._show(dict(self._counts))
                if changed:  # to be sure is asked but once
                    self._pacing.spend(wanted, seconds)
        except AmpsmError as refusal:
            self._complain(refusal)
        finally:
            self._is_counting = False
        self._count()

    def _complain(self, refusal: AmpsmError) -> None:
        """Show an error the first time only: what failed is tried again without a word."""
        if not self._has_complained:
            self._has_complained = True
            show_error(self._node, refusal)

    async def _watch(self) -> None:
        """Watch the folders of what is on screen; a change makes its counts stale."""
        await asyncio.sleep(RESTING)
        from ampsm_tui.folder_watch import watch_folders  # not before the first frame

        with contextlib.suppress(AmpsmError):  # the counts show what is wrong
            # What was written before the watch began is counted once all folders are watched.
            await watch_folders(self._shown_ids, self._list_folders, self._mark_changed, self._mark_unsure)

    async def _list_folders(self, session_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return await ask_until_answered(session_list.folders, ignore, self._engine, session_ids)

    def _mark_unsure(self, session_ids: set[str]) -> None:
        self._unsure |= session_ids
        self._count()

    def _mark_changed(self, session_ids: set[str]) -> None:
        self._stale |= session_ids
        self._count()


def _mark(row: BoardRow) -> object:
    """What of a row moves commits; amp's words do not, and its edits are seen in the files."""
    current = row.current
    session = row.session
    return session.base_branch, session.branch_name, row.iterations, current and (
        current.id, current.state, current.commit_sha, current.tally.token_usage if current.end_time else None
    )  # fmt: skip


QUIET = 2.0
"""Seconds after the last commit, merge or start before anything is asked."""

BUDGET = 0.5
"""Seconds of new answers in one question: it holds one of few side processes."""

FORECAST_REST = 6.0
"""The pause after a forecast, as a multiple of the time that it took."""

BY_HAND = 60.0
"""Seconds after which we look for commits by hand, at least; `AGAIN` times as long as the look before took."""

AGAIN = 1_000.0
"""So all such looks take a thousandth of a core; at 300 they were half of what the app used at rest."""


class ForecastWatcher:
    """The forecasts of one screen. `node` runs the worker; `show` takes all of them whenever they differ."""

    def __init__(self, node: DOMNode, engine: "Engine", show: Callable[[Forecasts], None]) -> None:
        self._node = node
        self._engine = engine
        self._show = show
        self._seen: object = None
        before = list_memory.conflicts(engine.home)
        self._shown: Forecasts = {
            name: ConflictForecast(tuple(ForecastConflict(*one) for one in found)) for name, found in before.items()
        }
        self._found: SessionConflicts | None = None
        if self._shown:
            show(self._shown)

    def take_board(self, board: Board) -> None:
        """Take note of what may have changed it; a merge that began or ended is shown at once."""
        merging = [fact.number for fact in board.facts if fact.kind in _ABOUT_MERGES]
        seen = (tuple(_merge_mark(row) for row in board.rows), merging[-1:])
        if seen == self._seen:
            return
        self._seen = seen
        run_while_open(self._node, self._follow(), group="forecast", exclusive=True)

    async def _follow(self) -> None:
        try:
            await asyncio.sleep(BEGINNING if self._shown else QUIET)
            if self._shown:
                self._update(await ask_until_answered(session_list.open_merges, ignore, self._engine))
                await asyncio.sleep(QUIET)
            while True:
                began = time.monotonic()
                self._update(await ask_until_answered(session_list.open_merges, ignore, self._engine))
                self._found = await ask_until_answered(
                    session_list.forecast_conflicts, ignore, self._engine, budget=BUDGET
                )
                self._update(await ask_until_answered(session_list.open_merges, ignore, self._engine))
                took = time.monotonic() - began
                pending = self._found.pending if self._found else 0
                if not pending and not app_of(self._node).read_only:
                    pending = (
                        await ask_until_answered(session_list.update_merged_marks, ignore, self._engine, budget=BUDGET)
                        or 0
                    )
                await asyncio.sleep(max(QUIET, FORECAST_REST * took) if pending else max(BY_HAND, AGAIN * took))
        except AmpsmError:
            return  # a forecast is a help; preflight shows what is wrong

    def _update(self, merges: "dict[str, Merge] | None") -> None:
        if self._found is None:  # what was foreseen at the last start holds until something else is known
            found = with_merges(self._shown, merges or {})
        else:
            found = forecasts(self._found.conflicts, merges or {})
        if found != self._shown:
            self._shown = found
            self._show(found)
            if self._found is not None and not self._found.pending:
                list_memory.keep_conflicts(self._engine.home, {name: one.conflicts for name, one in found.items()})


_ABOUT_MERGES = frozenset(
    {"merged", "squashed", "rebased", "conflicted", "aborted", "undone", "accepted", "rejected", "recovered"}
)


def _merge_mark(row: BoardRow) -> object:
    """The parts of a session's row that change when its commits do."""
    current = row.current
    session = row.session
    return session.id, session.base_branch, session.status, current and (current.id, current.commit_sha)
