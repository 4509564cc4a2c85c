"""The diff process of the app: started when first wanted, or handed over by who started it; ended with it."""

import contextlib
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError

if TYPE_CHECKING:
    from ampsm_engine.differ.client import Differ


class Diffing:
    """A part of the app: its one diff process."""

    _differ: "Differ | None" = None

    @property
    def differ(self) -> "Differ":
        """The diff process; started now if it was not."""
        if self._differ is None:
            from ampsm_engine.differ.client import Differ

            self._differ = Differ.start()
        return self._differ

    def warm_differ(self) -> None:
        """Have it run before it is wanted: it takes a tenth of a second to be ready."""
        with contextlib.suppress(AmpsmError):  # who wants it is told then
            _ = self.differ

    def hand_over(self, differ: "Differ | None") -> None:
        """One that runs already."""
        self._differ = differ

    def end_differ(self) -> None:
        """End it, if there is one."""
        if self._differ is not None:
            self._differ.close()
            self._differ = None
