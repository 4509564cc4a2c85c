"""Following up on a session: the box for the next prompt, its draft, and the prompts that wait.

What a refusal stops is not lost: the text stays in the box.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual import on
from textual.widgets import Static

from ampsm_engine.model import Iteration
from ampsm_tui.ask import ask, asking
from ampsm_tui.house import house
from ampsm_tui.screens.actions import SessionActions
from ampsm_tui.widgets.prompt_box import PromptBox
from ampsm_tui.widgets.queue import Queue

if TYPE_CHECKING:
    from textual.app import App

_DRAFTS: "WeakKeyDictionary[App[object], dict[str, str]]" = WeakKeyDictionary()
"""Half-written prompts of each session, for as long as the app lives."""


class FollowingUp(SessionActions):
    """A screen of one session with a `PromptBox`, a `Queue`, and a line `#writing` between them."""

    def __init__(self, session_id: str) -> None:
        super().__init__()
        self.session_id = session_id
        self._editing: Iteration | None = None

    @abstractmethod
    def leave_box(self) -> None:
        """Where one goes from the box."""

    @abstractmethod
    def was_sent(self) -> None:
        """A prompt is on its way."""

    def begin_box(self) -> None:
        """The box as it was left."""
        self.query_one(PromptBox).fill(self._drafts.get(self.session_id, ""))

    @property
    def _drafts(self) -> dict[str, str]:
        return _DRAFTS.setdefault(self.app, {})

    def action_message(self) -> None:
        """Write a follow-up, here. At once: what is typed ahead over a slow link is text, not keys of this screen."""
        self.set_focus(self.query_one(PromptBox))
        self._ask_prompts()

    @asking
    async def _ask_prompts(self) -> None:
        from ampsm_engine.engine import history

        self.query_one(PromptBox).remember(await ask(history.prompts, house(self).engine, self.session_id) or ())

    @on(PromptBox.Sent)
    async def _send(self, message: PromptBox.Sent) -> None:
        self._deliver(message.text)

    @asking
    async def _deliver(self, text: str) -> None:
        from ampsm_engine.engine import runs, waiting

        engine, box = house(self).engine, self.query_one(PromptBox)
        if box.disabled:
            return
        box.disabled = True
        try:
            if self._editing is not None:
                await ask(waiting.edit_queued, engine, self._editing.id, text)
            else:
                await ask(runs.iterate, engine, self.session_id, text)
                self.was_sent()
        finally:
            box.disabled = False
            box.focus()
        self._end_editing("")

    @on(PromptBox.Left)
    def _leave_box(self) -> None:
        if self._editing is not None:
            self._end_editing(self._drafts.get(self.session_id, ""))
        self.leave_box()

    @on(PromptBox.Changed)
    def _keep_draft(self, message: PromptBox.Changed) -> None:
        if self._editing is None:
            self._drafts[self.session_id] = message.text_area.text

    @on(Queue.Editing)
    def _edit(self, message: Queue.Editing) -> None:
        self._begin_editing(message.iteration)

    @asking
    async def _begin_editing(self, iteration: Iteration) -> None:
        from ampsm_engine.engine import waiting

        text = await ask(waiting.prompt_of, house(self).engine, iteration.id)
        self._editing = iteration
        box = self.query_one(PromptBox)
        box.fill(iteration.prompt if text is None else text)
        box.focus()
        told = self.query_one("#writing", Static)
        told.update(f"Prompt {iteration.number}: Enter keeps it, Esc leaves it as it was")
        told.display = True

    def _end_editing(self, text: str) -> None:
        self._editing = None
        self.query_one("#writing").display = False
        self.query_one(PromptBox).fill(text)
        self._drafts[self.session_id] = text

    @on(Queue.Dropped)
    def _drop(self, message: Queue.Dropped) -> None:
        self._take_out(message.iteration)

    @asking
    async def _take_out(self, iteration: Iteration) -> None:
        from ampsm_engine.engine import waiting

        await ask(waiting.drop_queued, house(self).engine, iteration.id)
        if self._editing is not None and self._editing.id == iteration.id:
            self._end_editing(self._drafts.get(self.session_id, ""))
        elif not self.query_one(PromptBox).text.strip():
            self.query_one(PromptBox).fill(iteration.prompt)
            house(self).say("Taken out of the queue; its text is in the box below")
