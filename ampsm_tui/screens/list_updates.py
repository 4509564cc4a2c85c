"""What the list shows beside the board, kept up to date and never asked for too often: counts of changes, forecasts.

What is shown is not known here; the screen gets what is new by a call.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from ampsm_engine import list_memory
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, BoardRow
from ampsm_tui.ask import ask_until_answered, ignore, run_while_open, show_error
from ampsm_tui.folder_watch import watch_folders
from ampsm_tui.widgets.forecast import ConflictForecast, ForecastConflict, Forecasts, forecasts, with_merges

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.list_memory import ChangeCounts
    from ampsm_engine.merging.forecast import SessionConflicts
    from ampsm_engine.model import Merge

AT_ONCE = 8
"""Sessions in one question: the first counts come soon, and a changed one need not wait long."""

FEW = 2
"""Sessions in a question that is asked to be sure: a session that is edited meanwhile need not wait for it."""

SHARE = 0.25
"""The part of a core that counting takes in the long run, of time that the processor was at it."""

BURST = 1.5
"""Seconds of counting that may come at once after a rest, so that an edit now and then shows at once."""

PAUSE = 0.15
"""Seconds between two questions at least; edits come in bursts."""

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
        self._allowance = Allowance()

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
        if not self._is_counting and self._next():
            self._is_counting = True
            run_while_open(self._node, self._count_all(), group="counting")

    def _next(self) -> list[str]:
        """What is counted next: what has changed, and only then what may have."""
        changed = [one for one in self._shown_ids if one in self._stale]
        return changed[:AT_ONCE] or [one for one in self._shown_ids if one in self._unsure][:FEW]

    async def _count_all(self) -> None:
        from ampsm_engine.engine import diff_stat

        try:
            while wanted := self._next():
                changed = self._stale.intersection(wanted)
                self._stale -= changed
                self._unsure.difference_update(wanted)
                self._asked.update(wanted)
                found, seconds = await ask_until_answered(
                    diff_stat.measured_changes, self._complain, self._engine, wanted
                )
                self._counts |= found
                self._show(dict(self._counts))
                if changed:  # to be sure is asked but once
                    self._allowance.spend(seconds)
                if self._next():
                    await asyncio.sleep(max(PAUSE, self._allowance.debt()) if self._is_first_round_over() else 0)
        except AmpsmError as refusal:
            self._complain(refusal)
        finally:
            self._is_counting = False

    def _complain(self, refusal: AmpsmError) -> None:
        """Once; it is tried again without a word."""
        if not self._has_complained:
            self._has_complained = True
            show_error(self._node, refusal)

    def _is_first_round_over(self) -> bool:
        return all(one in self._asked for one in self._shown_ids)

    async def _watch(self) -> None:
        """Watch the folders of what is on screen; a change makes its counts stale."""
        from ampsm_engine.engine import diff_stat

        again = True
        while again:
            await asyncio.sleep(RESTING)
            try:
                folders = await ask_until_answered(diff_stat.folders, ignore, self._engine, list(self._shown_ids))
            except AmpsmError:
                return  # the counts show what is wrong
            # What was written before anybody listened is counted once all do.
            missed = functools.partial(self._mark_unsure, set(folders))
            again = bool(folders) and await watch_folders(folders, self._mark_changed, missed)

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
"""After a question we wait so many times its length."""

BY_HAND = 60.0
"""Seconds after which we look for commits by hand, at least; `AGAIN` times as long as the look before took."""

AGAIN = 300.0


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
        from ampsm_engine.engine import merges  # costs git; not before the first frame
        from ampsm_engine.merging import forecast

        try:
            if self._shown:
                self._update(await ask_until_answered(merges.open_merges, ignore, self._engine))
            await asyncio.sleep(QUIET)
            while True:
                began = time.monotonic()
                self._update(await ask_until_answered(merges.open_merges, ignore, self._engine))
                self._found = await ask_until_answered(forecast.forecast_conflicts, ignore, self._engine, budget=BUDGET)
                self._update(await ask_until_answered(merges.open_merges, ignore, self._engine))
                took = time.monotonic() - began
                pending = self._found.pending if self._found else 0
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
    """What of a row moves commits."""
    current = row.current
    session = row.session
    return session.id, session.base_branch, session.status, current and (current.id, current.commit_sha)
