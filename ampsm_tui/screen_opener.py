"""Opens the screens of batch runs and of numbers from any other screen; what is not seen is not imported."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen


class ScreenOpener:
    """Opens screens by `open_following`, which has a screen made and binds it to the board of the app."""

    def __init__(self, open_following: "Callable[[Callable[[], Screen[None]]], None]") -> None:
        self._open = open_following

    def open_runs(self) -> None:
        """The list of the batch runs."""
        from ampsm_tui.screens.batches import RunsScreen

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
