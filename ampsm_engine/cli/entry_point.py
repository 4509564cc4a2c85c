"""The entry point of the command line: every way to end becomes a sentence on stderr and an exit code.

Signals, broken pipes and unexpected errors are handled here and nowhere else.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import TextIO

from ampsm_engine.cli import diagnostics, output, plain_arguments
from ampsm_engine.errors import AmpsmError, Failed, Unfit

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: cleaned up after like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(arguments: list[str], *, screens: Callable[..., int] | None = None) -> int:
    """Run the command that the arguments name; its exit code, with every error already on stderr."""
    sys.excepthook = report_unexpected
    _prepare_streams()
    _clean_up_on_signals()
    diagnostics.errors_as_json, output.has_document = asks_for_json(arguments), False
    try:
        return _outcome(arguments, screens)
    except (BrokenPipeError, output.ReaderLeft):
        return diagnostics.OK  # the reader has had enough
    except OSError as reason:
        problem = machine_problem(reason)
        if problem is None:
            raise
        return _print_error(problem)
    finally:
        _flush(sys.stdout)
        _flush(sys.stderr)


def asks_for_json(arguments: list[str]) -> bool:
    """Whether arguments ask for JSON: then errors are JSON documents, too."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _outcome(arguments: list[str], screens: Callable[..., int] | None) -> int:
    directly = plain_arguments.command(arguments, screens)
    return _by_parser(arguments, screens) if directly is None else _without_parser(directly)


def _without_parser(command: Callable[[], int]) -> int:
    """The exit code of a command that is run without the 20 ms of a parser that has nothing to read."""
    try:
        code = command()
        output.flush()
    except AmpsmError as problem:
        return _print_error(problem)
    except (KeyboardInterrupt, EOFError) as cause:
        diagnostics.note("")
        return _interrupted(cause)
    return code


def _by_parser(arguments: list[str], screens: Callable[..., int] | None) -> int:
    import click

    from ampsm_engine.cli.root import root

    try:
        answer = root.main(arguments, prog_name="ampsm", standalone_mode=False, obj=screens)
        output.flush()
    except AmpsmError as problem:
        return _print_error(problem)
    except click.Abort as end:
        return _interrupted(end.__cause__)
    except click.exceptions.NoArgsIsHelpError as problem:
        with suppress(OSError):  # stderr is closed or full
            problem.show()
        return diagnostics.USAGE
    except click.ClickException as problem:
        diagnostics.wrong_usage(problem.format_message(), _advice(problem))
        return diagnostics.USAGE
    return answer if isinstance(answer, int) else diagnostics.OK


def machine_problem(reason: OSError) -> AmpsmError | None:
    """An error of the operating system as a sentence with an exit code; None where it may be a fault of ampsm."""
    why = os.strerror(reason.errno) if reason.errno else str(reason)
    name = reason.filename
    place = os.fsdecode(name) if isinstance(name, str | bytes) else ""
    if reason.errno in _NO_ROOM:
        if not place:
            return Failed(f"What was to be written has no room: {why}.", "df -h")
        return Failed(f"{place} could not be written: {why}.", f"df -h {os.path.dirname(place)}")  # noqa: PTH120
    if reason.errno in _FORBIDDEN:
        if not place:
            return Unfit(f"The operating system forbids it: {why}.", "ampsm doctor")
        return Unfit(f"{place} cannot be used: {why}.", f"ls -ld {place}")
    return None


def _print_error(problem: AmpsmError) -> int:
    """Write an error to stderr, after what is buffered for stdout; its exit code."""
    _flush(sys.stdout)
    diagnostics.error(problem)
    return diagnostics.exit_code(problem)


def _advice(problem: object) -> str:
    import click

    if not isinstance(problem, click.UsageError) or problem.ctx is None:
        return ""
    name = problem.ctx.command_path
    if "unexpected extra argument" in problem.format_message() and problem.ctx.command.name in ("new", "iterate"):
        return f"Put the prompt in quotes: {name} '...'"
    return f"{name} --help"


def _interrupted(cause: BaseException | None) -> int:
    if isinstance(cause, Terminated):
        return 128 + cause.number
    notes = " ".join(getattr(cause, "__notes__", ()))
    diagnostics.note(f"Interrupted. {notes}".strip())
    return diagnostics.INTERRUPTED


def _prepare_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # tests replace the streams
        if reconfigure is not None:
            reconfigure(errors="replace")


def _clean_up_on_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` ignores SIGHUP: that stays so
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _frame: FrameType | None) -> None:
    raise Terminated(number)


def open_closed_streams() -> None:
    """Put nothing where a standard stream was closed (`>&-`): else the database would be opened as standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def _flush(stream: TextIO) -> None:
    """Flush a stream; what cannot be written is dropped, or the interpreter would complain when it ends."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def report_unexpected(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """Write a fault of ampsm in one sentence; the traceback goes to a private file in the home."""
    import traceback

    if issubclass(kind, KeyboardInterrupt):
        diagnostics.note("Interrupted.")
        return
    report_fault("".join(traceback.format_exception(kind, problem, trace)), kind.__name__)


def report_fault(traceback: str, kind: str = "") -> None:
    """Write that there is a fault; its traceback goes to a private file. `kind`: without it, as its last line says."""
    from ampsm_engine import redact, timestamps

    kind = kind or traceback.strip().rpartition("\n")[2].partition(":")[0].strip()
    content = redact.text(traceback).encode("utf-8", "replace")
    report = _save_report(f"fault-{timestamps.now().replace(':', '')}.txt", content)
    where = f" The details are in {report}." if report else " There is no room to keep the details."
    _flush(sys.stdout)
    diagnostics.fault(f"ampsm has a fault: {kind}.{where}")
    _flush(sys.stderr)


def _save_report(name: str, content: bytes) -> Path | None:
    """Save a report in the home, else in a temporary folder of its own; its path, or None."""
    import tempfile

    from ampsm_engine.home import home, write_private

    try:
        place = home()
        place.ensure()
        write_private(place.root / name, content)
    except (OSError, AmpsmError):
        try:
            report = Path(tempfile.mkdtemp(prefix="ampsm-")) / name
            write_private(report, content)
        except OSError:
            return None
        return report
    return place.root / name
