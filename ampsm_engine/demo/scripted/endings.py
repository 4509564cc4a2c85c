"""How a run of the scripted amp ends early: refused, over, confused by its scenario, or cancelled by a stop signal.

SIGINT and SIGTERM become one exception that never tears a line or a just-started child apart. They are handled only
once the run has begun: before that they kill silently, as they do with the real program.
"""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_STOPS = (signal.SIGINT, signal.SIGTERM)

SCENARIO_ERROR = 70
"""The exit code of a ScenarioError."""


class Refusal(Exception):
    """An error that the real program writes to stderr before it exits with 1 and no stream."""


class ScenarioError(Exception):
    """The scenario itself is wrong; it has an exit code of its own, so that no test takes it for amp's."""


class Over(Exception):
    """The scenario ends here, with this exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


class Cancelled(BaseException):
    """Raised when a stop signal arrives."""


class Interrupts:
    """Turns a stop signal into Cancelled; inside `with interrupts:` it waits until the block is done."""

    def __init__(self) -> None:
        self._busy = 0
        self._pending = False
        self._is_raised = False

    def install(self) -> None:
        """From now on a stop signal cancels the run instead of killing the process."""
        for number in _STOPS:
            signal.signal(number, self._arrived)

    def ignore(self) -> None:
        """Ignore stop signals from now on."""
        for number in _STOPS:
            signal.signal(number, signal.SIG_IGN)

    def default(self) -> None:
        """Let stop signals end the process, without output, from now on."""
        for number in _STOPS:
            signal.signal(number, signal.SIG_DFL)

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        self._pending = True
        self._raise_once()

    def __enter__(self) -> None:
        self._busy += 1

    def __exit__(self, kind: object, _value: object, _trace: object) -> None:
        self._busy -= 1
        if kind is None:
            self._raise_once()

    def _raise_once(self) -> None:
        """A second signal must not tear apart what the first one set in motion."""
        if self._pending and not self._busy and not self._is_raised:
            self._is_raised = True
            raise Cancelled
