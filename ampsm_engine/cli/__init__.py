"""The command line: arguments in; text or JSON on stdout, words on stderr, and an exit code out.

    entry_point   every way to end becomes a sentence and an exit code
    plain_arguments   a few commands in their plainest form, without the parser
    root          the command `ampsm` and its list of commands, each loaded only when it is called
    sessions runs logs diff reviews merging trash watch numbers train batch maintenance settings schema demo
                  the commands, one file a family
    arguments     parameters that several commands share, and their completion
    engine_access, session_views, session_start, merge_run
                  what needs no parser: the engine as a command opens it, ls and show, a new session, a merge
    output        all of stdout; documents, tables, listing, session_details, iteration_text: what is shown there
    diagnostics   all of stderr, and the exit codes
    tmux_status   `ampsm status --tmux`, on its own

No screen in here, and nothing at module top that `ampsm ls` would not need.
"""

TYPE_CHECKING = False  # as in `typing`, which costs a short command more than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable


def main(*, screens: "Callable[..., int] | None" = None) -> None:
    """Run the command that the arguments name, and leave with its exit code.

    `screens` opens the app and answers its exit code: `ampsm` alone calls it on a terminal. It is handed in, for
    the engine knows no screens.
    """
    import gc
    import os
    import sys

    if None in (sys.stdin, sys.stdout, sys.stderr):
        from ampsm_engine.cli.entry_point import open_closed_streams

        open_closed_streams()
    if sys.argv[1:] == ["--version"] and _write_version():
        sys.exit(0)
    if sys.argv[1:] == ["status", "--tmux"]:
        from ampsm_engine.cli import tmux_status

        if tmux_status.print_status_line():
            sys.exit(0)
    from ampsm_engine.cli.entry_point import run

    # A command makes many small values and ends: looking for cycles among them would cost a tenth of its time.
    gc.set_threshold(100_000, 50, 50)
    code = run(sys.argv[1:], screens=screens)
    if "textual" in sys.modules or "concurrent.futures.thread" in sys.modules:
        sys.exit(code)
    # All is flushed and closed: taking a hundred modules apart one by one would cost another 10 ms.
    os._exit(code)


def _write_version() -> bool:
    """Write the version past all that a command needs; False when the whole command has to say what is wrong."""
    import os
    import sys

    from ampsm_engine import __version__

    try:
        os.write(sys.stdout.fileno(), f"ampsm {__version__}\n".encode())
    except OSError:
        return False
    return True
