"""The last step of a merge: its result, which can be undone, and whether the session is to go into the trash."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from ampsm_engine.lean_dataclass import replace
from ampsm_engine.model import Merge, Session
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.hints import begin_sentence, in_app, key_name, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import confirm
from ampsm_tui.screens.merge.checks import MergeChecks
from ampsm_tui.screens.merge.choices import MergeChoices
from ampsm_tui.screens.merge.pane import MergePane
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.text_view import PieceLine, paragraph

if TYPE_CHECKING:
    from ampsm_engine.merging.results import MergeResult


class MergeOutcome:
    """What a merge came to."""

    def __init__(self, screen: AppScreen[None], pane: MergePane, checks: MergeChecks, choices: MergeChoices) -> None:
        self._screen = screen
        self._pane = pane
        self._checks = checks
        self._choices = choices
        self._merge: Merge | None = None
        self._result: MergeResult | None = None
        self._lost = ""
        """What the trash would take, in sentences."""

    @property
    def merge_id(self) -> str:
        """The id of the merge that is shown; empty for none."""
        return self._merge.id if self._merge else ""

    def show(self, merge: Merge, result: "MergeResult | None" = None) -> None:
        """Show a merge that was carried out, with its result where that is known, and ask the last question."""
        self._merge, self._result, self._lost = merge, result, ""
        self._choices.forget_message()
        self._pane.options = replace(self._pane.options, kind=merge.kind)  # type: ignore[arg-type]
        self._pane.go_to("done")
        self._pane.text.focus()
        self._show()
        if merge.kind == "merge" and merge.target:
            run_while_open(self._screen, self._ask_about_loss())

    async def _ask_about_loss(self) -> None:
        from ampsm_engine.engine import session_trash

        lost = await ask(session_trash.describe_loss, app_of(self._screen).engine, self._pane.session.id) or ""
        self._lost = in_app(self._screen, lost)
        self._show()

    def _show(self) -> None:
        merge, result, lost, name = self._merge, self._result, self._lost, self._pane.session.name
        if merge is None:
            return
        undo, trash, go_on = (key_name(self._screen, f"merge.{name}") for name in ("undo", "trash", "next"))
        undo += f" takes it back, as long as {merge.target or 'its branch'} has not moved on."
        if result and any(one.ok and one.kind != "patch" for one in result.published):
            undo += " What is pushed stays pushed."

        def lines(width: int) -> list[PieceLine]:
            shown = [(), *merge_lines.result(merge, result, name, width), (), *paragraph(undo, width)]
            if lost:
                shown += [*merge_lines.heading("Clean up?"), *paragraph(f"{trash}: {lost}", width, "text")]
                shown += paragraph(begin_sentence(f"{go_on} keeps session and worktree."), width)
            return shown

        self._pane.text.show_lines(lines)

    def undo(self) -> None:
        """Take the merge back, after one question."""
        if self._merge is not None:
            confirm_undo(self._screen, self._pane.session, self._merge, self._show_undone)

    def _show_undone(self, merge: Merge) -> None:
        app_of(self._screen).show_toast(f"Undone: {merge.target or 'its branch'} is as before")
        self._merge = self._result = None
        self._checks.check()

    def remove(self) -> None:
        """Move the session to the trash, after one question."""
        confirm(
            self._screen,
            f"Move {self._pane.session.name} to the trash?",
            self._lost or with_keys(self._screen, "{session.undo} in the list brings it back."),
            yes="To the trash",
            then=lambda: run_while_open(self._screen, self._remove()),
        )

    async def _remove(self) -> None:
        from ampsm_engine.engine import session_trash

        session = self._pane.session
        gone = await ask(session_trash.remove, app_of(self._screen).engine, session.id)
        if gone is not None and gone.not_archived:
            app_of(self._screen).show_toast(gone.not_archived)
        app_of(self._screen).show_toast(
            f"In the trash: {session.name}; {key_name(self._screen, 'session.undo')} in the list brings it back"
        )
        self._screen.dismiss(None)


def confirm_undo(screen: Screen[Any], session: Session, merge: Merge, undone: Callable[[Merge], None]) -> None:
    """Ask whether a merge is to be undone; `undone` gets it after that."""

    async def undo() -> None:
        from ampsm_engine.merging import operations

        undone(await ask(operations.undo, app_of(screen).engine, session.id))

    where = f"{merge.target} and {session.branch_name}" if merge.target else session.branch_name
    confirm(
        screen,
        f"Undo the {merge.kind} of {session.name}?",
        f"{where} will be as before. Nothing is lost: the commits are kept as backups.",
        yes="Undo",
        then=lambda: run_while_open(screen, undo()),
    )
