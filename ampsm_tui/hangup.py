"""A terminal that goes away under the app: writing to it fails from then on, and must neither block nor end anything.

Textual writes from a thread behind a short queue; when that thread dies of a lost terminal the queue fills, and the
app stands still for ever, deaf to the signal that tells it to leave.
"""

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.driver import Driver


class Lasting:
    """A file that takes everything; what cannot be written any more is dropped."""

    def __init__(self, file: IO[str], lost: Callable[[], object]) -> None:
        self._file = file
        self._lost = lost
        self._is_lost = False

    def write(self, text: str) -> int:
        """Write, where there is still somebody."""
        self._try(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """The same for what is held back."""
        self._try(self._file.flush)

    def _try(self, action: Callable[[], object]) -> None:
        if self._is_lost:
            return
        try:
            action()
        except OSError:
            self._is_lost = True
            self._lost()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: "type[Driver]") -> "type[Driver]":
    """The driver that outlives its terminal long enough for the app to leave in order."""

    class LastingDriver(driver):  # type: ignore[misc, valid-type]
        """Its file takes everything, and a lost terminal ends the app."""

        def __init__(self, app: "App[Any]", **options: Any) -> None:
            super().__init__(app, **options)
            file: Any = getattr(self, "_file", None)  # a headless driver has none
            if file is not None:
                self._file = Lasting(file, self._leave)

        def _leave(self) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._app.exit)

    return LastingDriver
