"""Suspending the app: for another program that takes the terminal, by ctrl+z, or by a SIGSTOP from elsewhere.

When it comes back all of the screen is painted anew: the driver leaves out what stands there already, so nothing else
would mend what was written over.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App, SuspendNotSupported

from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.private_folder import private_folder

if TYPE_CHECKING:
    from textual.driver import Driver


def command_of(environ: Mapping[str, str], names: Sequence[str], example: str) -> list[str]:
    """The program that the first set one of these variables names, with its arguments; Unfit when none does."""
    for name in names:
        text = environ.get(name, "")
        if text.strip():
            try:
                return shlex.split(text)
            except ValueError as reason:
                message = f"${name} cannot be read as a command: {reason}."
                raise Unfit(message, f"export {name}={example}") from reason
    message = f"{' and '.join(f'${name}' for name in names)} {'are' if len(names) > 1 else 'is'} not set."
    raise Unfit(message, f"export {names[-1]}={example}")


def run_in_terminal(app: App[object], command: Sequence[str], folder: Path) -> None:
    """Give the terminal to a program in a folder until it ends. Refused, Unfit or Failed say why it did not work."""
    if not folder.is_dir():
        message = f"The worktree is gone: {folder}."
        raise Refused(message, "ampsm repair")
    # A handler of ours, not SIG_IGN: the program would inherit that one. Its ctrl+c is not meant for the app.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with app.suspend():
            environ = os.environ | {"PWD": str(folder)}
            code = subprocess.run(command, cwd=folder, env=environ, check=False).returncode
    except SuspendNotSupported as reason:
        message = "This terminal cannot be given to another program."
        raise Unfit(message, f"cd {folder}") from reason
    except OSError as reason:
        message = f"{command[0]} could not be started: {reason.strerror}."
        raise Unfit(message, "ampsm doctor") from reason
    finally:
        signal.signal(signal.SIGINT, before)
    if code not in (0, 130, -signal.SIGINT):
        how = f"ended with exit code {code}" if code > 0 else f"was ended by a signal: {signal.strsignal(-code)}"
        raise Failed(f"{Path(command[0]).name} {how}.")


def edited_text(app: App[object], text: bytes, name: str) -> bytes:
    """What a person makes of a text in the editor; Refused, Unfit or Failed say why there is nothing."""
    command = command_of(os.environ, ("VISUAL", "EDITOR"), "vim")
    with private_folder("edit") as folder:
        place = Path(folder) / name
        place.touch(mode=0o600)
        place.write_bytes(text)
        try:
            run_in_terminal(app, [*command, str(place)], Path(folder))
        except Failed as reason:
            raise Failed(reason.message, "Nothing has changed.") from reason
        try:
            return place.read_bytes()
        except OSError as reason:
            message = f"The editor left nothing to read: {reason.strerror}."
            raise Failed(message, "Nothing has changed.") from reason


def suspendable(driver: "type[Driver]") -> "type[Driver]":  # noqa: C901 - a class of small methods
    """The driver that can be suspended at any moment, also by a SIGSTOP, and has all painted anew when it is back."""

    class SuspendableDriver(driver):  # type: ignore[misc, valid-type]
        """Knows whether it was suspended: a SIGCONT without that must not begin a second time what still runs."""

        def __init__(self, app: Any, **options: Any) -> None:
            numbers = (signal.SIGTSTP, signal.SIGCONT)
            before = [signal.getsignal(number) for number in numbers]
            super().__init__(app, **options)
            app.driver = self
            self.redraw = app.action_redraw
            self.loop = asyncio.get_running_loop()
            self.is_suspended = self.is_lent = False
            self.reader: threading.Thread | None = None
            for number, old in zip(numbers, before, strict=True):
                handler = signal.getsignal(number)
                if callable(handler) and handler != old:  # a headless driver has none
                    signal.signal(number, partial(self.run_between_steps, handler))

        def run_between_steps(self, handler: Callable[..., object], *arguments: object) -> None:
            """Call a handler between two steps of the app.

            A signal comes between any two lines of it, also where that holds the lock of what it writes to.
            """
            if self.is_lent:  # another program has the terminal, and the loop waits for it
                handler(*arguments)
            else:
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    self.loop.call_soon_threadsafe(handler, *arguments)

        @contextlib.contextmanager
        def no_automatic_restart(self) -> Iterator[None]:
            """Textual's, around the time in which another program has the terminal."""
            self.is_lent = True
            try:
                with super().no_automatic_restart():
                    yield
            finally:
                self.is_lent = False

        def run_input_thread(self) -> None:
            """Read keys, in a thread of its own."""
            self.reader = threading.current_thread()
            super().run_input_thread()

        def suspend_application_mode(self) -> None:
            self.is_suspended = True
            super().suspend_application_mode()

        def resume_application_mode(self) -> None:
            if not self.is_suspended:
                # Textual would throw away what was typed since; while this is set, it takes the input for let go.
                self.exit_event.set()
                if self.reader is not None:
                    self.reader.join()
                super().suspend_application_mode()
                self.exit_event.clear()
            self.is_suspended = False
            super().resume_application_mode()
            self.run_between_steps(self.redraw)

    return SuspendableDriver
