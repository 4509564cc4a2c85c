"""What a user without a session sees: what this is, what is missing, and the keys to begin with."""

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from ampsm_engine.engine.drafts import FirstRunCheck
from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Board
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.bindings import bind, shown_key
from ampsm_tui.clean import many_lines
from ampsm_tui.hints import in_app, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.key_bar import KeyBar

WHAT = (
    "Each session is one task for the Amp coding agent:",
    "on a branch of its own, in a folder of its own, beside your checkout.",
    "Every run of amp ends in a commit that can be read, undone and merged.",
    "Nothing that runs ends with this screen: close it, come back, it is there.",
)


class FirstRunScreen(AppScreen[None]):
    """The introduction; it closes by itself when there is a session."""

    CSS_PATH = "first_run.tcss"
    TITLE = "the first session"
    PURPOSE = WHAT[:3]
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.new", "new", "New"),
        bind("first.look", "look", "Look again"),
        bind("back", "away"),
        bind("quit", "quit", "Quit"),
    ]

    board: var[Board | None] = var(None, init=False)
    _gone = False
    """A screen stays the current one for a moment after it was dismissed, and must not be dismissed again."""

    def compose(self) -> ComposeResult:
        """The words, what is missing, the keys."""
        with Vertical(id="box"):
            yield Static("ampsm", id="heading")
            yield Static("\n".join(WHAT), id="what")
            yield Static("", id="checks")
            yield Static("", id="keys")
        yield KeyBar()

    def watch_board(self, board: Board | None) -> None:
        """Close the screen when there is a session."""
        if board is not None and board.rows:
            self._close()

    def on_screen_resume(self) -> None:
        """Back from somewhere: look again, unless there is a session now."""
        if self.board is not None and self.board.rows:
            self.call_after_refresh(self._close)
            return
        self.call_after_refresh(self.action_look)  # what comes before the first layout is laid out as if empty

    def on_app_focus(self, _event: events.AppFocus) -> None:
        """Back from another window, where amp may have been installed."""
        self.action_look()

    def _close(self) -> None:
        if self.is_active and not self._gone:  # current it is below the form, too
            self._gone = True
            self.dismiss(None)  # not awaited: a screen that waits for its own end waits for ever

    def action_look(self) -> None:
        """Look for what ampsm needs and is missing."""
        run_while_open(self, self._check_machine(), group="look", exclusive=True)

    async def _check_machine(self) -> None:
        from ampsm_engine.engine import drafts

        try:
            found = await ask(drafts.first_run_checks, app_of(self).engine, str(Path.cwd()))
        except AmpsmError as refusal:
            show_error(self, refusal)
            return
        self._show(tuple(found or ()))

    def _show(self, found: tuple[FirstRunCheck, ...]) -> None:
        lines = []
        for one in found:
            lines.append(
                Content(f"{'✓' if one.ok else '✗'} ")
                .stylize("$success" if one.ok else "$error")
                .append(Content(many_lines(one.text, 500)).stylize("$foreground-muted" if one.ok else "bold"))
            )
            if not one.ok and one.hint:
                lines.append(Content(f"  {many_lines(in_app(self, one.hint), 500)}").stylize("$accent"))
        self.query_one("#checks", Static).update(Content("\n").join(lines))
        bad = any(not one.ok for one in found)
        self.set_class(bad, "-lacking")  # where there is little room, what to do goes before what this is
        key = shown_key(self, "session.new")
        begin = f"{key} begins the first session" if not bad else f"{key} begins a session as soon as these are mended"
        self.query_one("#keys", Static).update(Content(with_keys(self, f"{begin}. {{help}} lists all keys.")))

    def action_new(self) -> None:
        """Open the form for the first session."""
        from ampsm_tui.screens.new_session import FormResult, NewSessionScreen

        def follow(made: FormResult | None) -> None:
            if made is not None and made.batch_id:
                app_of(self).opener.open_run(made.batch_id)

        self.app.push_screen(NewSessionScreen(), follow)

    def action_away(self) -> None:
        """The list, empty as it is."""
        self._close()

    def action_quit(self) -> None:
        """End ampsm with exit code 0."""
        self.app.exit(0)
