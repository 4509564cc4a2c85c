"""The command line: arguments in; text or JSON on stdout, words on stderr, and an exit code out.

`root.py` lists the commands; what needs no parser stands apart, in `engine_access`, `session_views`, `session_start`
and `merge_run`. No screen in here, and nothing at module top that `ampsm ls` would not need.
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
    from ampsm_engine import COLLECTOR_OF_COMMAND
    from ampsm_engine.cli.entry_point import run

    gc.set_threshold(*COLLECTOR_OF_COMMAND)
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
