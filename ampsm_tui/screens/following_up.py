"""Following up on a session: the box for the next prompt, its draft, and the prompts that wait.

What a refusal stops is not lost: the text stays in the box.
"""

from abc import abstractmethod

from textual import on
from textual.widgets import Static

from ampsm_engine.model import Iteration, Session
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, asking
from ampsm_tui.screens.actions import MESSAGE, SessionActions, SessionActionsScreen
from ampsm_tui.screens.unsent import KeptText
from ampsm_tui.widgets.prompt_box import PromptBox, typed
from ampsm_tui.widgets.queue import Queue


class FollowingUp(SessionActionsScreen):
    """A screen of one session with a `PromptBox`, a `Queue`, and a line `#writing` between them."""

    def __init__(self, session_id: str) -> None:
        super().__init__()
        own = {"message": self.write_message, "review": self.review_selected}
        self.actions = SessionActions(self, self.selected_sessions, **own)
        self.session_id = session_id
        self._editing: Iteration | None = None
        self._began_with = ""
        self._kept_texts: dict[str, KeptText] = {}

    @abstractmethod
    def selected_sessions(self) -> list[Session]:
        """The session of the screen; none before it is known."""

    @abstractmethod
    def review_selected(self) -> None:
        """Read what the session changed, or the part of it that is selected."""

    @abstractmethod
    def leave_box(self) -> None:
        """Where one goes from the box."""

    @abstractmethod
    def was_sent(self) -> None:
        """A prompt is on its way."""

    def begin_box(self) -> None:
        """The box as it was left."""
        self.query_one(PromptBox).fill(self._left())

    def _unsent(self, editing: Iteration | None = None) -> KeptText:
        purpose = MESSAGE if editing is None else f"queued prompt {editing.id}"
        return self._kept_texts.setdefault(purpose, KeptText(self, self.session_id, purpose))

    def _left(self) -> str:
        kept = self._unsent().read()
        return kept.text if kept is not None else ""

    def write_message(self) -> None:
        """Write a follow-up, here. At once: what is typed ahead over a slow link is text, not keys of this screen."""
        self.set_focus(self.query_one(PromptBox))
        self._ask_prompts()

    @asking
    async def _ask_prompts(self) -> None:
        from ampsm_engine.engine import history

        self.query_one(PromptBox).remember(await ask(history.prompts, app_of(self).engine, self.session_id) or ())

    @on(PromptBox.Sent)
    async def _send(self, message: PromptBox.Sent) -> None:
        self._deliver(message.text)

    @asking
    async def _deliver(self, text: str) -> None:
        from ampsm_engine.engine import runs

        engine, box, editing = app_of(self).engine, self.query_one(PromptBox), self._editing
        if box.disabled:
            return
        box.disabled = True
        try:
            if editing is not None:
                await ask(runs.edit_queued, engine, editing.id, text)
            else:
                await ask(runs.iterate, engine, self.session_id, text)
                self.was_sent()
            self._unsent(editing).drop()
        finally:
            box.disabled = False
            box.focus()
        self._end_editing()

    @on(PromptBox.Left)
    def _leave_box(self) -> None:
        if self._editing is not None:
            self._end_editing()
        self.leave_box()

    @on(PromptBox.Changed)
    def _keep_draft(self) -> None:
        box = self.query_one(PromptBox)
        text = box.unsent if self._editing is None else box.text
        self._unsent(self._editing).keep(text, self._began_with)

    @on(Queue.Editing)
    def _edit(self, message: Queue.Editing) -> None:
        self._begin_editing(message.iteration)

    @asking
    async def _begin_editing(self, iteration: Iteration) -> None:
        from ampsm_engine.engine import runs

        text = await ask(runs.queued_prompt, app_of(self).engine, iteration.id)
        box = self.query_one(PromptBox)
        kept = self._unsent(iteration).read()
        self._keep_draft()
        self._editing = iteration
        self._began_with = typed(iteration.prompt if text is None else text)
        box.fill(self._began_with if kept is None else kept.text)
        box.focus()
        told = self.query_one("#writing", Static)
        told.update(f"Prompt {iteration.number}: Enter keeps it, Esc leaves it as it was")
        told.display = True

    def _end_editing(self) -> None:
        """The box is for the next prompt again, as that was left."""
        self._editing, self._began_with = None, ""
        self.query_one("#writing").display = False
        self.query_one(PromptBox).fill(self._left())

    @on(Queue.Dropped)
    def _drop(self, message: Queue.Dropped) -> None:
        self._take_out(message.iteration)

    @asking
    async def _take_out(self, iteration: Iteration) -> None:
        from ampsm_engine.engine import runs

        engine, box = app_of(self).engine, self.query_one(PromptBox)
        as_typed = await ask(runs.queued_prompt, engine, iteration.id)
        await ask(runs.drop_queued, engine, iteration.id)
        text = iteration.prompt if as_typed is None else as_typed
        if self._editing is not None and self._editing.id == iteration.id:
            text = box.text
            self._unsent(iteration).drop()
            self._end_editing()
        elif self._editing is None:
            self._keep_draft()
        left = self._left()
        text = f"{left}\n\n{text}" if left.strip() else text
        self._unsent().keep(text)
        if self._editing is None:
            box.fill(text)
        app_of(self).say("Taken out of the queue; its text is in the box below")
