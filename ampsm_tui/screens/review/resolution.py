"""How amp resolved a conflict, as a diff in the review's own view: taken as it was read, rejected, or left to wait."""

from typing import ClassVar

from textual.binding import BindingType

from ampsm_engine.errors import AmpsmError
from ampsm_engine.model import Session
from ampsm_engine.review.annotations import Ends
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, in_background, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.screens.review.screen import DIFF_BINDINGS, DiffScreen

RANGE = "resolution"
"""What is shown: no range of a session's own."""


class ResolutionScreen(DiffScreen):
    """Shows the diff from the conflict as amp got it to the files as they are now; `given` is the tree of the former.

    The screen that opened it reads its `outcome` when it has gone.
    """

    TITLE = "resolution"
    PURPOSE = (
        "From the conflict as amp got it to the files as they are now: nothing of it counts yet.",
        "{conflict.accept} takes exactly what is shown here;",
        "{conflict.reject} puts the conflict back as it was, amp's version is kept as a backup.",
        "{back} leaves it to wait.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("review.search", "part('search.open')"),
        *DIFF_BINDINGS,
        bind("conflict.accept", "accept", "Take it"),
        bind("conflict.reject", "reject", "Reject it"),
        bind("review.refresh", "refresh"),
        bind("back", "back"),
        bind("quit", "leave", "Leave"),
    ]

    def __init__(self, session: Session, given: str) -> None:
        super().__init__(session, RANGE, self._resolve)
        self._given = given
        self._is_deciding = False
        self.outcome = ""
        """`taken` or `rejected`; empty when it waits on."""

    def on_mount(self) -> None:
        """Ask for the diff, and take the keys to it."""
        self.view.focus()
        self.action_refresh()

    async def _resolve(self, range_: str) -> Ends:
        session = self.pane.session
        label = "how amp resolved the conflict"
        return Ends(session.worktree_path, session.repo_root, self._given, None, range_, label)

    @in_background
    async def action_refresh(self) -> None:
        """Read the files of the conflict again and show the diff."""
        await self.loader.open(RANGE, is_same=self.pane.reading is not None)

    def action_accept(self) -> None:
        """Take it, exactly as it was read."""
        if self.pane.reading is not None and not self._is_deciding:
            self._is_deciding = True
            self._accept(self.pane.reading.review.new_tree)

    @in_background
    async def _accept(self, tree: str) -> None:
        from ampsm_engine.merging import open_conflict

        try:
            await ask(open_conflict.accept, app_of(self).engine, self.pane.session.id, tree)
        except AmpsmError as refusal:
            show_error(self, refusal)
            self.action_refresh()  # it may be other by now
        else:
            self.outcome = "taken"
            self.dismiss(None)
        finally:
            self._is_deciding = False

    def action_reject(self) -> None:
        """Put the conflict back, after one question."""
        from ampsm_tui.screens.dialog import confirm

        def reject() -> None:
            if not self._is_deciding:
                self._is_deciding = True
                self._reject()

        sentence = "The conflict is put back as amp got it. What amp made of it is kept under a backup ref."
        confirm(self, "Reject amp's resolution?", sentence, yes="Reject", then=reject)

    @in_background
    async def _reject(self) -> None:
        from ampsm_engine.merging import open_conflict

        try:
            await ask(open_conflict.reject, app_of(self).engine, self.pane.session.id)
            self.outcome = "rejected"
            self.dismiss(None)
        finally:
            self._is_deciding = False
