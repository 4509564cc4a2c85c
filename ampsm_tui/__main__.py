"""The program's entry point: arguments go to the command line, and it opens the screens by what is handed to it here.

Nothing slow is imported before it is needed.
"""

TYPE_CHECKING = False  # as in `typing`, which costs a short command more than all the rest
if TYPE_CHECKING:
    from ampsm_tui.differ.client import Differ


def open_screens(*, read_only: bool = False, review: str | None = None) -> int:
    """Open the app on this terminal; answers its exit code once it is left. `review`: first that session's review."""
    import gc
    import os

    term = os.environ.get("TERM") or "not set"
    if term in ("not set", "dumb", "unknown"):
        from ampsm_engine.errors import Unfit

        message = f"The screens need a terminal that can move its cursor: TERM is {term}."
        raise Unfit(message, "ampsm ls")
    gc.disable()  # nothing of what is imported now is garbage; the app turns it on after its first frame
    # Nothing is animated, so a frame is only drawn for a change: half the wait, and not a byte more.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    # The app itself brings colours down to those that the terminal has.
    os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "truecolor")
    differ = _started_differ() if review else None  # it gets ready while the screens are imported
    from ampsm_engine import known_terminals
    from ampsm_engine.context import engine_at
    from ampsm_engine.engine import startup
    from ampsm_engine.store import follow
    from ampsm_tui.app import AmpsmApp

    engine = engine_at()
    recovered: list[str] = []
    if read_only:
        engine.home.ensure()
        engine.store.open()
    else:
        startup.report_recovered = recovered.append
        startup.make_ready(engine)
    app = AmpsmApp(
        engine,
        follow(engine.store),
        read_only=read_only,
        first_review=review,
        settings=engine.settings,
        board=engine.store.sessions.board(),
        recovered=recovered,
        differ=differ,
        colours=known_terminals.colours(os.environ),
        italics=known_terminals.has_italics(os.environ),
    )
    try:
        app.run(mouse=engine.settings.switch("ui.mouse"))
    finally:
        app.close()
    if app.fault:
        from ampsm_engine.cli import entry_point

        entry_point.report_fault(app.fault)
    return app.return_code or 0


def _started_differ() -> "Differ | None":
    """The diff process; None where it cannot be started, which the review reports when it needs it."""
    from ampsm_engine.errors import Failed
    from ampsm_tui.differ.client import Differ

    try:
        return Differ.start()
    except Failed:
        return None


def main() -> None:
    """Run the command that the arguments name; without any, the app."""
    from ampsm_engine.cli import main as command_line

    command_line(screens=open_screens)


if __name__ == "__main__":
    main()
