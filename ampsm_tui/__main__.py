"""The front door: arguments go to the command line, and it opens the screens by what is handed to it here.

Nothing slow is imported before it is needed; a side process of `ask` runs this file too.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ampsm_engine.differ.client import Differ
    from ampsm_engine.differ.line import Line

_line: "Line | None" = None
"""The diff process, where it was started before anything else."""


def open_screens(*, read_only: bool = False, review: str | None = None) -> int:
    """Open the app on this terminal; answers its exit code once it is left. `review`: first that session's review."""
    import gc
    import os

    gc.disable()  # nothing of what is imported now is garbage; the app turns it on after its first frame
    # Nothing is animated, so a frame is only drawn for a change: half the wait, and not a byte more.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from ampsm_tui import recovering

    recovering.listen()
    if review is None:
        from ampsm_tui.app import run

        return run(read_only=read_only)
    from ampsm_engine.differ.client import Differ

    # It gets ready, and begins to compare, while the screens are imported.
    differ = Differ(_line) if _line is not None else Differ.start()
    try:
        _begin(differ, review)
        from ampsm_tui.app import run

        return run(read_only=read_only, prepare=lambda app: app.begin_with(review, differ))
    finally:
        differ.close()


def _begin(differ: "Differ", session_id: str) -> None:
    from ampsm_engine.engine.desk import engine_at
    from ampsm_tui.looking_at import first_request

    store = engine_at().store
    request = first_request(store, store.sessions.get(session_id))
    if request is not None:
        differ.begin(request)


def main() -> None:
    """Run the command that the arguments name; without any, the app."""
    if sys.argv[1:2] == ["review"]:
        _set_out()
    from ampsm_engine.cli import main as command_line

    command_line(screens=open_screens)


def _set_out() -> None:
    """Start the diff process: it takes as long to be ready as the command line does. It ends with this one."""
    global _line  # noqa: PLW0603 - between the two ends of the command line
    if len(sys.argv) != 3 or sys.argv[2].startswith("-") or not (sys.stdin and sys.stdin.isatty()):
        return
    from ampsm_engine.differ.line import Line
    from ampsm_engine.errors import Failed

    try:
        _line = Line()
    except Failed:
        return  # who needs it says why


if __name__ == "__main__":
    main()
