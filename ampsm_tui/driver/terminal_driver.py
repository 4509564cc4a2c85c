"""A driver of Textual for a terminal that is far away: few bytes, no backlog, and no harm when the line is lost."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.driver import Driver

from ampsm_tui.driver.capabilities import is_known
from ampsm_tui.driver.keys import KeyQueue

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

    from ampsm_tui.driver.output import TerminalOutput


def is_plain(setting: str, environ: Mapping[str, str]) -> bool:
    """Whether Textual's own text is written: by the setting, by AMPSM_RENDERER, or for an unknown terminal."""
    return "plain" in {setting, environ.get("AMPSM_RENDERER", "")} or not is_known(environ)


class _TerminalDriver(Driver):
    """Stands before a driver of Textual's in its ancestry: writes what has changed, hands on one key at a time."""

    make_output: "ClassVar[Callable[[App[Any]], TerminalOutput]]"
    """Makes what the driver writes to, for an app."""

    def __init__(self, app: "App[Any]", **options: Any) -> None:
        super().__init__(app, **options)
        self._events = asyncio.get_running_loop()
        self._keys = KeyQueue(app)
        self.output = type(self).make_output(app)

    def write(self, data: str) -> None:
        """Take what Textual wants to be written."""
        self.output.write(data)

    def flush(self) -> None:
        """Hold nothing back: the writer does not."""

    def send_message(self, message: "Message") -> None:
        """Hand on what was typed; from the driver's thread."""
        if isinstance(message, (events.Key, events.Paste)):
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._events.call_soon_threadsafe(self._keys.put, message)
        else:
            super().send_message(message)

    def process_message(self, message: "Message") -> None:
        """Keep the terminal's answers to the driver's own questions; from the driver's thread."""
        for one in self.output.take_status_answer(message):
            if not (isinstance(one, events.CursorPosition) and self.output.take_answer(one.y, one.x)):
                super().process_message(one)

    def start_application_mode(self) -> None:
        """Take the terminal, and ask it what it can do."""
        super().start_application_mode()  # type: ignore[safe-super]
        if sys.__stdin__ is not None and sys.__stdin__.isatty():
            self.output.probe()

    def disable_input(self) -> None:
        """Stop reading, once what the terminal still answers has come: whoever reads next did not ask."""
        self.output.finish_questions()
        super().disable_input()  # type: ignore[safe-super]

    def close(self) -> None:
        """Bring out what was written last."""
        super().close()
        self.output.drain()


def terminal_driver(base: "type[Driver]", make_output: "Callable[[App[Any]], TerminalOutput]") -> "type[Driver]":
    """The driver that stands on Textual's for this system and writes to an output that is made when it starts."""
    return type("TerminalDriver", (_TerminalDriver, base), {"make_output": staticmethod(make_output)})
