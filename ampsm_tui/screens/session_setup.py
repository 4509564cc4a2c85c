"""The setup of a session's worktree: run it again, go on without; and the question of trust in a command."""

from collections.abc import Callable
from typing import Any

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Session
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import ConfirmScreen, LetterMenu, MenuLine
from ampsm_tui.screens.script import ScriptScreen


class SessionSetup:
    """Sets worktrees up from a screen; `retry` offers the last prompt of the selected session again."""

    def __init__(self, screen: AppScreen[None], retry: Callable[[], None]) -> None:
        self._screen = screen
        self._retry = retry

    def open(self, session: Session) -> None:
        """Choose what becomes of the setup."""
        lines = [
            MenuLine("s", "run it", "in its worktree, as before the first iteration"),
            MenuLine("w", "go on without", "the next iteration begins with amp"),
        ]

        def chosen(word: str | None) -> None:
            if word is not None:
                run_while_open(self._screen, self._run(session) if word == "run it" else self._skip(session))

        self._screen.app.push_screen(LetterMenu(f"Setup of {session.name}", lines), chosen)

    async def _run(self, session: Session) -> None:
        from ampsm_engine.engine import setup

        try:
            await ask(setup.command_of, app_of(self._screen).engine, session.id)
        except UntrustedCommand as asked:
            ask_trust(self._screen, asked, lambda: self.show(session))
        except AmpsmError as refusal:
            show_error(self._screen, refusal)
        else:
            self.show(session)

    def show(self, session: Session) -> None:
        """Run the setup command, and see what it prints."""
        self._screen.app.push_screen(ScriptScreen(session, setup=True))

    async def _skip(self, session: Session) -> None:
        from ampsm_engine.engine import setup

        await ask(setup.skip, app_of(self._screen).engine, session.id)
        app_of(self._screen).show_toast(f"{session.name} goes on without its setup")
        self._retry()


class TrustScreen(ConfirmScreen):
    """Begins at the no: Enter, typed ahead, trusts nothing. A yes reads on until the end of the command was seen."""

    AUTO_FOCUS = "#no"

    def action_answer(self, yes: bool) -> None:
        """Close it with the answer; with a yes only where nothing of the command lies below what is seen."""
        text = self.query_one("#text")
        if yes and text.scroll_offset.y < text.max_scroll_y:
            self.action_scroll_text(1, is_page=True)
        else:
            super().action_answer(yes)


def ask_trust(
    screen: AppScreen[Any],
    asked: UntrustedCommand,
    then: Callable[[], object],
    without: Callable[[], object] | None = None,
) -> None:
    """Show a command out of a repository, and ask whether it may run; `then` after a yes, `without` after a no."""

    async def trust() -> None:
        from ampsm_engine.engine import setup

        await ask(setup.trust, app_of(screen).engine, asked.root, asked.command)
        then()

    def answered(answer: bool | None) -> None:
        if answer:
            run_while_open(screen, trust())
        elif answer is False and without is not None:
            without()

    # Cut, so that the command, which has its own limit, is never what has no room in the box.
    where = f"New worktrees of {one_line(asked.root, 200)} are set up as {one_line(asked.origin, 300)} says:"
    risk = "It runs with your rights, and whatever of the repository it calls runs with it."
    no = "Begin without it" if without else "Cancel"
    question = TrustScreen(
        "Trust this command?", f"{where}\n\n{asked.command}\n\n{risk}", yes="Trust it", no=no, id="trust"
    )
    screen.app.push_screen(question, answered)
