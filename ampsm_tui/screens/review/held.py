"""A screen that is not painted for a moment, because what it is for is on its way: one frame in the place of two."""

from ampsm_tui.screens.base import AppScreen

MOMENT = 0.1
"""Seconds after which it is painted as it is: one wants to see that a key was heard."""


class Held(AppScreen[None]):
    """A screen that can wait for its content."""

    _is_held = False

    def hold_back(self) -> None:
        """Paint nothing until `let_go`, or for a moment."""
        self._is_held = True
        self.set_timer(MOMENT, self.let_go)

    def let_go(self) -> None:
        """Paint what there is."""
        if self._is_held:
            self._is_held = False
            self.refresh()

    def _compositor_refresh(self) -> None:
        if not self._is_held:
            super()._compositor_refresh()
