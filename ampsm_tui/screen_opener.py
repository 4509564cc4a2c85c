"""Opens the screens of merges, batch runs and numbers from any other screen; what is not seen is not imported."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from ampsm_engine.model import Session


class ScreenOpener:
    """Opens screens by `push`, or by `open_following`, which has a screen made and binds it to the board of the app."""

    def __init__(
        self,
        push: "Callable[[Screen[None]], object]",
        open_following: "Callable[[Callable[[], Screen[None]]], None]",
    ) -> None:
        self._push = push
        self._open = open_following

    def open_merge(self, session: "Session") -> None:
        """The merge of a session, step by step."""
        from ampsm_tui.screens.merge.screen import MergeScreen

        self._push(MergeScreen(session))

    def open_runs(self) -> None:
        """The list of the batch runs."""
        from ampsm_tui.screens.batch.runs import RunsScreen

        self._open(RunsScreen)

    def open_run(self, batch_id: str) -> None:
        """The screen of a batch run."""
        from ampsm_tui.screens.batch.screen import RunScreen

        self._open(lambda: RunScreen(batch_id))

    def open_variants(self, batch_id: str, variant_of: str) -> None:
        """The variants of a prompt of a batch run side by side."""
        from ampsm_tui.screens.batch.variants import VariantsScreen

        self._open(lambda: VariantsScreen(batch_id, variant_of))

    def open_metrics(self, batch_id: str = "") -> None:
        """The numbers of a batch run, or of all that ran."""
        from ampsm_tui.screens.metrics import MetricsScreen

        self._open(lambda: MetricsScreen(batch_id))
