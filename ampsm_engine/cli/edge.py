"""The outer edge of the command line: every way to end becomes a sentence on stderr and an exit code.

The only place that knows of signals, broken pipes and the unexpected.
"""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType

from ampsm_engine.cli import diagnostics, output
from ampsm_engine.errors import AmpsmError


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: cleaned up after like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(arguments: list[str], *, screens: Callable[..., int] | None = None) -> int:
    """Run the command that the arguments name; answers its exit code and has told everything."""
    sys.excepthook = report_unexpected
    _prepare_streams()
    _clean_up_on_signals()
    try:
        return _outcome(arguments, screens)
    except BrokenPipeError:
        return diagnostics.OK  # the reader has had enough
    finally:
        _release_stdout()


def _outcome(arguments: list[str], screens: Callable[..., int] | None) -> int:
    if not arguments and screens is not None and sys.stdin.isatty() and sys.stdout.isatty():
        return _opened(screens)
    import click

    from ampsm_engine.cli.root import root

    try:
        answer = root.main(arguments, prog_name="ampsm", standalone_mode=False, obj=screens)
        output.flush()
    except AmpsmError as problem:
        _release_stdout()
        diagnostics.error(problem)
        return diagnostics.exit_code(problem)
    except click.Abort as end:
        return _interrupted(end)
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        return diagnostics.USAGE
    except click.ClickException as problem:
        diagnostics.wrong_usage(problem.format_message(), _advice(problem))
        return diagnostics.USAGE
    return answer if isinstance(answer, int) else diagnostics.OK


def _opened(screens: Callable[..., int]) -> int:
    """The screens, without the 20 ms of a parser that has nothing to read."""
    try:
        return screens()
    except AmpsmError as problem:
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


def _interrupted(end: BaseException) -> int:
    cause = end.__cause__
    if isinstance(cause, Terminated):
        return 128 + cause.number
    told = " ".join(getattr(cause, "__notes__", ()))
    diagnostics.note(f"Interrupted. {told}".strip())
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


def _release_stdout() -> None:
    """Let out what is written; what nobody takes is dropped, or the interpreter would complain when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def report_unexpected(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """Tell a fault of ampsm in one sentence; the traceback goes to a private file in the home."""
    import traceback

    from ampsm_engine import redact, wording
    from ampsm_engine.home import home, write_private

    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
        return
    text = redact.text("".join(traceback.format_exception(kind, problem, trace)))
    try:
        place = home()
        place.ensure()
        report = place.root / f"fault-{wording.now().replace(':', '')}.txt"
        write_private(report, text.encode("utf-8", "replace"))
    except OSError as reason:
        diagnostics.note(text)
        diagnostics.warning(f"This report could not be kept: {reason}.")
        report = None
    where = f" The details are in {report}." if report else ""
    diagnostics.note(f"error: ampsm has a fault: {kind.__name__}.{where}")
