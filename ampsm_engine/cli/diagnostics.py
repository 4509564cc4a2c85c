"""All of standard error, and the exit codes: errors, hints, notes, progress. Data is never printed here."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from ampsm_engine.cli import output
from ampsm_engine.cli.output import clean, one_line
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit

if TYPE_CHECKING:
    from ampsm_engine.config import Settings

T = TypeVar("T")

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

EXIT_CODES: dict[type[AmpsmError], int] = {Failed: FAILED, NotFound: 3, Refused: 4, Unfit: 5}

REFUSED = EXIT_CODES[Refused]
UNFIT = EXIT_CODES[Unfit]

_MOST_WARNINGS = 3

PATIENCE = 1.0
"""Seconds that a command may be silent."""

errors_as_json = False
"""Whether an error is a JSON document on standard output as well: the arguments said --json."""


def exit_code(error: AmpsmError) -> int:
    """The exit code of an error: that of the one of the four that it is."""
    return EXIT_CODES[_kind(error)]


def _kind(error: AmpsmError) -> type[AmpsmError]:
    return next(kind for kind in type(error).__mro__ if kind in EXIT_CODES)


def _coloured() -> bool:
    return output.takes_colour(sys.stderr)


def _write(text: str) -> None:
    """Write to stderr; nothing where that is closed or full."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _write_labelled(label: str, code: str, text: str) -> None:
    head = f"\x1b[{code}m{label}\x1b[0m" if _coloured() else label
    _write(f"{head} {clean(text, lines=True)}\n")


def error(problem: AmpsmError) -> None:
    """Write an error and its hint, without secrets: what was typed by mistake may be a key."""
    name = _kind(problem).__name__
    _write_error(name[0].lower() + name[1:], problem.message, problem.hint)


def wrong_usage(message: str, advice: str) -> None:
    """Write what is wrong with the arguments."""
    _write_error("usage", message, advice)


def fault(message: str) -> None:
    """Write to standard error that ampsm itself is at fault."""
    _write_error("failed", message, "")


def _write_error(kind: str, message: str, advice: str) -> None:
    from ampsm_engine import redact

    message, advice = redact.text(message), redact.text(advice)
    _write_labelled("error:", "1;31", message)
    hint(advice)
    if errors_as_json and not output.has_document:
        with suppress(AmpsmError, output.ReaderLeft):  # standard output may be what is at fault
            output.record({"error": {"kind": kind, "message": message, "hint": advice}})


def warning(text: str) -> None:
    """Write a warning to standard error."""
    _write_labelled("warning:", "33", text)


def warn_of_settings(settings: "Settings") -> None:
    """Warn of values of the settings' file that are not in force."""
    for problem in settings.problems[:_MOST_WARNINGS]:
        warning(problem.message)
        hint(problem.hint)
    if len(settings.problems) > _MOST_WARNINGS:
        hint("ampsm doctor lists the others, too.")


def warn_of_login() -> None:
    """Warn when no login of amp is in sight; a program of the user's own may know one, so nothing is refused."""
    from ampsm_engine.amp import program

    login = program.login(os.environ)
    if not login.ok:
        warning(f"amp has no login in sight: {login.how}.")
        hint("amp login")


def warn_of_modes(modes: Iterable[str | None]) -> None:
    """Warn of a mode that amp does not list; a plugin of amp's may know it, so nothing is refused."""
    if not any(modes):
        return
    from ampsm_engine.amp import program
    from ampsm_engine.context import engine_at

    engine = engine_at()
    with suppress(AmpsmError):  # no amp: told by who needs it
        listed = program.modes(program.find(engine.settings, os.environ), engine.home.cache, os.environ)
        for mode in modes:
            if mode and listed and mode.casefold() not in listed:
                warning(f"amp lists the modes {', '.join(listed)}: {mode} is none, unless a plugin of amp's adds it.")


def note(text: str) -> None:
    """Write what happened, without a label."""
    _write(clean(text, lines=True) + "\n")


def hint(text: str) -> None:
    """Write what to do next; nothing for an empty text."""
    if text:
        _write_labelled("hint:", "36", text)


def warn_of_store(reason: AmpsmError) -> None:
    """Warn the user of a following command that the store cannot be read for the moment."""
    warning(f"{reason.message} What was shown may be old; it goes on by itself as soon as there is an answer.")
    hint(reason.hint)


class ProgressLine:
    """Progress on stderr: one line that is rewritten on a terminal, else one line for each change."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last = ""

    def show(self, text: str, detail: str = "") -> None:
        """Show a state; `detail` changes often and is shown on a terminal only."""
        if not self._terminal:
            if text != self._last:
                note(one_line(text))
            self._last = text
            return
        shown = one_line(f"{text} {detail}" if detail else text)
        if shown != self._last:
            _write(f"\r\x1b[K{fitted(shown)}")
        self._last = shown

    def end(self) -> None:
        """Leave the terminal's line empty for what comes next."""
        if self._terminal and self._last:
            _write("\r\x1b[K")
        self._last = ""


class ProgressLines:
    """Several lines on stderr, each with a key: rewritten on a terminal, else a line for each that changed."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last: dict[str, str] = {}

    def show(self, lines: dict[str, str]) -> None:
        """Show the lines as they are now."""
        if lines == self._last:
            return
        if self._terminal:
            up = f"\x1b[{len(self._last)}A" if self._last else ""
            _write(up + "".join(f"\r\x1b[K{fitted(clean(text))}\n" for text in lines.values()))
        else:
            for key, text in lines.items():
                if self._last.get(key) != text:
                    note(clean(text).rstrip())
        self._last = dict(lines)


def fitted(text: str) -> str:
    """The text cut to the terminal's width, so that its line can be rewritten."""
    import shutil

    from ampsm_engine.cli.tables import cut

    return cut(text, max(shutil.get_terminal_size().columns - 1, 10))


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show the name of the work in progress once it takes longer than PATIENCE."""
    progress = ProgressLine()
    timer = threading.Timer(PATIENCE, progress.show, (f"{text}…",))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        progress.end()


def confirmed(question: str) -> bool | None:
    """Ask a yes-no question on the terminal; None without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    _write(f"{clean(question, lines=True)} [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def answering(act: Callable[[tuple[str, ...]], T], *, yes: bool) -> T:
    """Act with the answers given so far (`yes`: all), asking at the terminal for those that are needed.

    Unanswered where there is no terminal, Refused where the answer is no.
    """
    from ampsm_engine.merging.questions import ALL, Unanswered

    answered: tuple[str, ...] = (ALL,) if yes else ()
    while True:
        try:
            return act(answered)
        except Unanswered as asked:
            agreed = confirmed(f"{asked.sentences}\nGo on all the same?")
            if agreed is None:
                raise
            if not agreed:
                raise Refused("Nothing was changed.") from asked
            answered += asked.answers


def ask(question: str, command: str, *, otherwise: str) -> None:
    """Return only when the user at the terminal says yes; Refused without a terminal, and with `otherwise` on a no."""
    answer = confirmed(question)
    if answer is None:
        message = "This needs your confirmation, and there is no terminal to ask at."
        raise Refused(message, f"{command} --yes")
    if not answer:
        raise Refused(otherwise)


@contextmanager
def interruptible(what_goes_on: str) -> Iterator[None]:
    """Add a note to a Ctrl-C in the block: what continues without this command."""
    try:
        yield
    except KeyboardInterrupt as end:
        end.add_note(what_goes_on)
        raise
