"""The conflict forecasts that a screen shows, kept up to date.

Asked for when nothing else goes on, in small portions, and never too often. The engine knows answers by the commits
that they are about; asked again, only what is new costs time.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from ampsm_engine import list_memory
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board, BoardRow
from ampsm_tui.ask import ask_until_answered, ignore, run_while_open
from ampsm_tui.widgets.forecast import ConflictForecast, ForecastConflict, Forecasts, forecasts, with_merges

if TYPE_CHECKING:
    from ampsm_engine.context import Engine
    from ampsm_engine.merging.forecast import SessionConflicts
    from ampsm_engine.model import Merge

QUIET = 2.0
"""Seconds after the last commit, merge or start before anything is asked."""

BUDGET = 0.5
"""Seconds of new answers in one question: it holds one of few side processes."""

SHARE = 6.0
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
        seen = (tuple(_mark(row) for row in board.rows), merging[-1:])
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
                await asyncio.sleep(max(QUIET, SHARE * took) if pending else max(BY_HAND, AGAIN * took))
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


def _mark(row: BoardRow) -> object:
    """What of a row moves commits."""
    current = row.current
    session = row.session
    return session.id, session.base_branch, session.status, current and (current.id, current.commit_sha)
