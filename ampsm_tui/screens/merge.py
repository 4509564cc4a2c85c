"""The merge wizard: what was found, what may be chosen, the plan, the doing, what came of it, and the last question.

Looking lives in `merge_looking`, choosing in `merge_choosing`, doing in `merge_doing`. Nothing happens before the plan
was there to be read.
"""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import RichLog, Static

from ampsm_engine.keymap import SEND
from ampsm_engine.model import MergeState, Session, Status
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.screens.merge_doing import Doing
from ampsm_tui.widgets.inputs import TextInput
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.merge_head import MergeHead, MergeSteps
from ampsm_tui.widgets.text_view import TextView

if TYPE_CHECKING:
    from ampsm_engine.merging.values import MergeResult

_OF_STAGE = {
    "go_on": ("check", "done"),
    "look_again": ("check",),
    "fetch": ("check",),
    "script": ("check",),
    "begin": ("plan",),
    "message": ("plan",),
    "undo_merge": ("done",),
    "trash": ("done",),
}
"""Where a key means something."""


class MergeScreen(Doing):
    """The screen of one merge; `came` opens it at the end of one."""

    CSS_PATH = "merge.tcss"
    TITLE = "merge"
    PURPOSE = (
        "From a session to its base: first everything is looked at, then the plan is shown.",
        f"Nothing is changed before {SEND.replace('ctrl+', '^')} on the plan. Conflicts go to a screen of their own.",
        "u takes a merge back, as long as the base has not moved on.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("merge.next", "go_on", "Go on"),
        bind("merge.look", "look_again", "Look again"),
        bind("merge.fetch", "fetch", "Fetch"),
        bind("merge.script", "script", "Run script"),
        bind("merge.begin", "begin", "Do it", priority=True),
        bind("merge.message", "message", "Message"),
        bind("merge.what", "choose('what')"),
        bind("merge.onto", "choose('onto')"),
        bind("merge.squash", "choose('squash')"),
        bind("merge.manual", "choose('manual')"),
        bind("merge.forward", "choose('forward')"),
        bind("merge.push", "choose('push')"),
        bind("merge.pull-request", "choose('pull')"),
        bind("merge.patch", "choose('patch')"),
        bind("merge.undo", "undo_merge", "Undo"),
        bind("merge.trash", "trash", "To the trash"),
        bind("back", "back", "Back"),
    ]

    def __init__(self, session: Session, came: "MergeResult | None" = None) -> None:
        super().__init__(session)
        self._came_with = came

    def compose(self) -> ComposeResult:
        """Head, steps, message, what there is to read, the script's output, keys."""
        yield MergeHead()
        yield MergeSteps()
        with Vertical(id="message-box"):
            yield Static("Message", id="message-label")
            yield TextInput(id="message", soft_wrap=True, compact=True)
        yield TextView(id="told")
        yield RichLog(id="output", max_lines=5_000, wrap=True, min_width=10, auto_scroll=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin where the session stands."""
        self.message.text = self.left_message()
        self.query_one(RichLog).can_focus = False
        self.told.focus()
        self.show_head()
        if self._came_with is not None:
            self.show_result(self._came_with.merge, self._came_with)
        else:
            self.begin_again()

    def begin_again(self) -> None:
        """From where the session stands now."""
        run_while_open(self, self._begin())

    async def _begin(self) -> None:
        from ampsm_engine.engine import merges
        from ampsm_engine.merging import operations

        self.say("Looking at the session …")
        engine, session_id = app_of(self).engine, self.session_id
        merge = (await ask(merges.open_merges, engine) or {}).get(session_id)
        if merge is not None and merge.state is MergeState.CONFLICTED:
            self.open_conflicts()
            return
        if merge is not None:
            self.look_on(merge)
            return
        if self.session.status is Status.DONE:
            last = await ask(operations.last_undoable, engine, session_id)
            if last is not None and last.kind == "merge":
                self.show_result(last, None)
                return
        self.look()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that mean something at this stage."""
        stages = _OF_STAGE.get(action)
        if stages is not None and self.stage not in stages:
            return False
        if action == "choose":
            return self.stage == "plan" and self.may_choose(str(parameters[0]))
        if action == "message":
            return self.has_class("-worded")
        if action == "script":
            return bool(self.session.script_command)
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        """From what was found to the plan; from the result out of here."""
        if self.stage == "done":
            self.dismiss(None)
        elif self.may_go_on():
            self.open_plan()

    def action_back(self) -> None:
        """One step back, and at last out of here."""
        if self.stage == "plan" and not self.told.has_focus:
            self.told.focus()
        elif self.stage == "plan":
            self.show_findings()
        elif self.stage == "doing":
            self.cancel()
        else:
            self.leave_script()
            self.dismiss(None)
