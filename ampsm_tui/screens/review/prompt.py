"""The comments of a review as amp's next prompt: sent, or asked about when the review is left without that."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ampsm_engine.errors import AmpsmError
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.kept_text import MESSAGE
from ampsm_tui.screens.review.pane import DiffPane

if TYPE_CHECKING:
    from ampsm_engine.review.prompt import ReviewDraft


class ReviewPrompt:
    """Sends the comments of a session; `sent` is called when that was done."""

    def __init__(self, screen: AppScreen[None], pane: DiffPane, sent: Callable[[], None]) -> None:
        self._screen = screen
        self._pane = pane
        self._sent = sent

    async def send(self) -> None:
        """Show the prompt that the comments make, let it be edited, and send it; without comments it is a follow-up."""
        from ampsm_engine.engine import comments

        engine, session_id = app_of(self._screen).engine, self._pane.session.id
        draft: ReviewDraft = await ask(comments.draft, engine, session_id)
        from ampsm_tui.screens.text_dialogs import TextScreen

        if not draft.text.strip():
            self._send_message()
            return

        async def send(text: str) -> None:
            await ask(comments.send, engine, session_id, text, draft.answers)
            app_of(self._screen).show_toast("Sent; amp works on it")
            self._sent()

        count = len(draft.answers)
        title = f"Send {plural(count, 'comment')} to amp"
        screen = TextScreen(
            title,
            send,
            owner=session_id,
            purpose="comments",
            text=draft.text,
            note="It is amp's next prompt.",
            may_be_empty=False,
            joins=True,
        )
        screen.add_class("-tall")
        self._screen.app.push_screen(screen)

    def _send_message(self) -> None:
        from ampsm_engine.engine import runs
        from ampsm_tui.screens.text_dialogs import TextScreen

        session = self._pane.session

        async def send(text: str) -> None:
            await ask(runs.iterate, app_of(self._screen).engine, session.id, text)
            app_of(self._screen).show_toast("Sent; amp works on it")

        title = f"Message to {session.name}"
        note = "There are no comments to send: this is amp's next prompt."
        screen = TextScreen(title, send, owner=session.id, purpose=MESSAGE, note=note, may_be_empty=False)
        self._screen.app.push_screen(screen)

    async def leave(self, leave: Callable[[], object]) -> None:
        """Leave the review, after one question when there are comments that were not sent."""
        from ampsm_engine.engine import comments

        try:
            count = await ask(comments.count_unsent, app_of(self._screen).engine, self._pane.session.id) or 0
        except AmpsmError:
            count = self._pane.unsent
        if not count:
            leave()
            return
        from ampsm_tui.screens.dialog import confirm

        sentence = (
            f"{count} comment{'s were' if count != 1 else ' was'} not sent to amp. They are kept; m here sends them."
        )
        confirm(self._screen, "Leave the review?", sentence, yes="Leave", then=leave)
