"""The box for the next prompt, and the prompts that wait; the text that a refusal stops stays in the box."""

from collections.abc import Callable, Sequence

from textual.widgets import Static

from ampsm_engine.model import Iteration
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_to_end, run_while_open
from ampsm_tui.hints import begin_sentence, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.text_dialogs import MESSAGE, KeptText
from ampsm_tui.widgets.inputs import typed
from ampsm_tui.widgets.prompt_box import PromptBox, QueuedPrompts

IDLE_BOX = "{session.message} writes a follow-up"
BUSY_BOX = "{session.message} queues a follow-up"


class FollowUp:
    """Sends what is written in the box, or changes a queued prompt with it; `sent` is called for each new prompt."""

    def __init__(self, screen: AppScreen[None], session_id: str, sent: Callable[[], None]) -> None:
        self.box = PromptBox()
        self.queue = QueuedPrompts()
        self.hint = Static("", id="writing", markup=False)
        self._screen = screen
        self._session_id = session_id
        self._sent = sent
        self._edited: Iteration | None = None
        self._began_with = ""
        self._kept_texts: dict[str, KeptText] = {}

    def restore(self) -> None:
        """Fill the box with the next prompt as it was left."""
        self.box.fill(self._draft())

    def show(self, queued: Sequence[Iteration] | None, *, is_busy: bool) -> None:
        """Show the prompts that wait, where they are known, and whether a new one would have to."""
        if queued is not None:
            self.queue.show(queued)
        self.box.placeholder = with_keys(self.box, BUSY_BOX if is_busy else IDLE_BOX)

    def write(self) -> None:
        """Move the keys into the box. At once: what is typed ahead over a slow link is text, not keys of the screen."""
        self._screen.set_focus(self.box)
        run_while_open(self._screen, self._ask_prompts())

    async def _ask_prompts(self) -> None:
        from ampsm_engine.engine import history

        self.box.remember(await ask(history.prompts, app_of(self._screen).engine, self._session_id) or ())

    async def send(self, text: str) -> None:
        """Send a prompt, or keep the queued one that is edited."""
        from ampsm_engine.engine import iterations

        engine, box, edited = app_of(self._screen).engine, self.box, self._edited
        if box.disabled:
            return

        async def deliver() -> None:
            if edited is not None:
                await ask(iterations.edit_queued, engine, edited.id, text)
            else:
                await ask(iterations.iterate, engine, self._session_id, text)
            self._kept_text(edited).drop()

        box.disabled = True
        try:
            await run_to_end(deliver())  # who leaves meanwhile has sent it
            if edited is None:
                self._sent()
        finally:
            box.disabled = False
            box.focus()
        self._end_edit()

    def keep(self) -> None:
        """Keep what is in the box on disk."""
        text = self.box.unsent if self._edited is None else self.box.text
        self._kept_text(self._edited).keep(text, self._began_with)

    async def edit(self, iteration: Iteration) -> None:
        """Edit a prompt that waits in the box; the next prompt comes back when that has ended."""
        from ampsm_engine.engine import iterations

        text = await ask(iterations.queued_prompt, app_of(self._screen).engine, iteration.id)
        kept = self._kept_text(iteration).read()
        self.keep()
        self._edited = iteration
        self._began_with = typed(iteration.prompt if text is None else text)
        self.box.fill(self._began_with if kept is None else kept.text)
        self.box.focus()
        keys = begin_sentence(with_keys(self.box, "{text.send} keeps it, {back} leaves it as it was"))
        self.hint.update(f"Prompt {iteration.number}: {keys}")
        self.hint.display = True

    def leave_edit(self) -> None:
        """Leave the queued prompt that is edited, if there is one, as it was."""
        if self._edited is not None:
            self._end_edit()

    def _end_edit(self) -> None:
        """Have the next prompt in the box again, as that was left."""
        self._edited, self._began_with = None, ""
        self.hint.display = False
        self.restore()

    async def take_out(self, iteration: Iteration) -> None:
        """Take a prompt out of the queue; its text is below the next prompt from now on."""
        from ampsm_engine.engine import iterations

        engine = app_of(self._screen).engine
        as_typed = await ask(iterations.queued_prompt, engine, iteration.id)
        await ask(iterations.drop_queued, engine, iteration.id)
        text = iteration.prompt if as_typed is None else as_typed
        if self._edited is not None and self._edited.id == iteration.id:
            text = self.box.text
            self._kept_text(iteration).drop()
            self._end_edit()
        elif self._edited is None:
            self.keep()
        draft = self._draft()
        text = f"{draft}\n\n{text}" if draft.strip() else text
        self._kept_text().keep(text)
        if self._edited is None:
            self.box.fill(text)
        app_of(self._screen).show_toast("Taken out of the queue; its text is in the box below")

    def _kept_text(self, edited: Iteration | None = None) -> KeptText:
        purpose = MESSAGE if edited is None else f"queued prompt {edited.id}"
        return self._kept_texts.setdefault(purpose, KeptText(self._screen, self._session_id, purpose))

    def _draft(self) -> str:
        kept = self._kept_text().read()
        return kept.text if kept is not None else ""
