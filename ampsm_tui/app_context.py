"""What screens and widgets may know of the app they live in; the app itself is above them and not imported."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual.dom import DOMNode

if TYPE_CHECKING:
    from textual.signal import Signal

    from ampsm_engine.config import Settings
    from ampsm_engine.context import Engine
    from ampsm_engine.last_places import LastPlace
    from ampsm_engine.model import Board, Session
    from ampsm_tui.differ.client import Differ


HOLD_PATIENCE = 3.0
"""Seconds that keys are kept for what is about to be on the screen."""


class KeyHold:
    """What is about to be on the screen: a box, the diff of a review. Until it is, the next keys are kept for it.

    `driver/terminal_driver.py` keeps them.
    """

    def __init__(self) -> None:
        self._awaited: set[object] = set()
        self._is_over = asyncio.Event()

    def begin(self) -> Callable[[], None]:
        """Keep the keys from now on, until what this gives is called, and for HOLD_PATIENCE at the most."""
        awaited = object()
        self._awaited.add(awaited)
        self._is_over.clear()

        def end() -> None:
            self._awaited.discard(awaited)
            if not self._awaited:
                self._is_over.set()

        asyncio.get_running_loop().call_later(HOLD_PATIENCE, end)
        return end

    async def wait(self) -> bool:
        """Wait until the keys are no longer kept; True if they were."""
        if not self._awaited:
            return False
        await self._is_over.wait()
        return True


class Opener(Protocol):
    """Opens the screens that more than one other screen leads to."""

    def show_list(self) -> None:
        """The list in the place of the one screen that there is."""

    def open_session(self, session_id: str) -> None:
        """Show a session's timeline and transcripts."""

    def open_review(self, session: "Session", range_: str = "", place: "LastPlace | None" = None) -> None:
        """Read what a session changed; `place`: where the cursor begins."""

    def open_radar(self) -> None:
        """Show which sessions overlap, and whether all that is ready works together."""

    def open_runs(self) -> None:
        """The list of the batch runs."""

    def open_run(self, batch_id: str) -> None:
        """The screen of a batch run."""

    def open_variants(self, batch_id: str, variant_of: str) -> None:
        """The variants of a prompt of a batch run side by side."""

    def open_merge(self, session: "Session") -> None:
        """The merge of a session, step by step."""

    def open_upkeep(self) -> None:
        """The worktrees to adopt, what is to be repaired, and the trash."""

    def open_metrics(self, batch_id: str = "") -> None:
        """The numbers of a batch run, or of all that ran."""


@runtime_checkable
class CopiesSelection(Protocol):
    """A screen that has a way of its own to select."""

    def copy_selection(self) -> bool:
        """Copy what is selected; False where nothing is."""


class DraggedSelection(Protocol):
    """What was selected in a widget by dragging the mouse."""

    @property
    def text(self) -> str:
        """The selected text; empty where nothing is selected."""

    def clear(self) -> None:
        """End the selection of the widget."""


class AppContext(Protocol):
    """The app as screens and widgets see it: board, settings, diff process, toasts, and the opener of screens."""

    engine: "Engine"
    settings: "Settings"
    read_only: bool
    board: "Board | None"
    clock: Callable[[], datetime]
    opener: "Opener"
    key_hold: KeyHold
    drag: DraggedSelection | None
    """Where text was selected by dragging last."""
    store_changed: "Signal[None]"
    """Published whenever any process has changed the store, also what the board does not have."""

    @property
    def differ(self) -> "Differ":
        """The client of the diff process."""

    offer: str
    """Where one may go back to, in a sentence."""

    def write_ours(self, sequence: str) -> None:
        """Write a terminal sequence that the program itself has made."""

    def show_toast(self, text: str, *, title: str = "") -> None:
        """Show a toast; `text` and `title` are made safe for the terminal."""


def app_of(node: DOMNode) -> AppContext:
    """The app that a screen or widget lives in."""
    return node.app  # type: ignore[return-value]
