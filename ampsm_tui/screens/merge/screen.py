"""The merge of a session: preflight, choices, the plan, its progress, its result. All keys of it stand here.

What a key does is done by the parts that the screen owns, a module each beside this one. Nothing is changed before the
plan was there to be read.
"""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Static

from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import Session
from ampsm_tui.bindings import bind, shown_key
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.merge.checks import MergeChecks
from ampsm_tui.screens.merge.choices import MergeChoices
from ampsm_tui.screens.merge.pane import MergePane
from ampsm_tui.screens.merge.run import MergeOutcome, MergeRun
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.text_input import TextInput

_STAGES = {
    "go_on": ("check", "done"),
    "check": ("check",),
    "fetch": ("check",),
    "script": ("check",),
    "begin": ("plan",),
    "choose": ("plan",),
    "message": ("plan",),
    "undo": ("done",),
    "trash": ("done",),
}
"""The stages at which an action means something; the others always do."""


class MergeScreen(AppScreen[None]):
    """The screen of the merge of one session."""

    CSS_PATH = "merge.tcss"
    TITLE = "merge"
    PURPOSE = (
        "From a session to its base: first everything is looked at, then the plan is shown.",
        "Nothing is changed before {merge.begin} on the plan. Conflicts go to a screen of their own.",
        "{merge.undo} takes a merge back, as long as the base has not moved on.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("merge.next", "go_on", "Go on"),
        bind("merge.look", "check", "Look again"),
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
        bind("merge.undo", "undo", "Undo"),
        bind("merge.trash", "trash", "To the trash"),
        bind("back", "back", "Back"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session_id = session.id
        self.pane = MergePane(self, session)
        self.checks = MergeChecks(self, self.pane)
        self.choices = MergeChoices(self, self.pane, self.checks)
        self.outcome = MergeOutcome(self, self.pane, self.checks, self.choices)
        self.run = MergeRun(self, self.pane, self.checks, self.choices, self.outcome)

    def place(self) -> LastPlace:
        """The place of the screen: the merge of its session."""
        return LastPlace("merge", self.session_id)

    def compose(self) -> ComposeResult:
        """Head, steps, message, what there is to read, the script's output, keys."""
        yield self.pane.head
        yield self.pane.steps
        with Vertical(id="message-box"):
            yield Static("Message", id="message-label")
            yield self.pane.message
        yield self.pane.text
        yield self.pane.output
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin at the step that the session's merge has reached."""
        self.choices.restore_message()
        self.pane.text.focus()
        self.pane.show_head()
        self.run.resume()

    @on(TextInput.Changed, "#message")
    def _keep_message(self) -> None:
        self.choices.keep_message()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that mean something at this stage."""
        if self.pane.stage not in _STAGES.get(action, (self.pane.stage,)):
            return False
        if action == "choose" and not self.choices.allow(str(parameters[0])):
            return False
        if action == "message" and not self.has_class("-worded"):
            return False
        if action == "script" and not self.pane.session.script_command:
            return False
        return super().check_action(action, parameters)

    def on_key(self, event: Key) -> None:
        """Enter goes on at the other steps: at the plan, which changes branches, it names the key that does it."""
        if event.key == "enter" and self.pane.stage == "plan" and (key := shown_key(self, "merge.begin")):
            self.notify(f"{key} does what the plan says.", markup=False)

    def action_go_on(self) -> None:
        """Go on from what was found to the plan, or leave the screen when there is a result."""
        if self.pane.stage == "done":
            self.dismiss(None)
        elif self.checks.allow_plan():
            self.choices.open()

    def action_check(self) -> None:
        """Ask for all findings anew, without a fetch."""
        self.checks.check()

    def action_fetch(self) -> None:
        """Fetch, and ask for all findings anew."""
        self.checks.check(fetch=True)

    def action_script(self) -> None:
        """End the script that runs, or run it."""
        self.checks.toggle_script()

    def action_begin(self) -> None:
        """Carry out the plan."""
        self.run.begin()

    def action_message(self) -> None:
        """Put the cursor into the box of the commit message, and from there back."""
        target = self.pane.text if self.pane.message.has_focus else self.pane.message
        target.focus()

    def action_choose(self, what: str) -> None:
        """Take the other value of a choice, or the next one."""
        self.choices.choose(what)

    def action_undo(self) -> None:
        """Take the merge back, after one question."""
        self.outcome.undo()

    def action_trash(self) -> None:
        """Move the merged session to the trash, after one question."""
        self.outcome.remove()

    def action_back(self) -> None:
        """One step back, and at last out of here."""
        stage, text = self.pane.stage, self.pane.text
        if stage == "plan" and not text.has_focus:
            text.focus()
        elif stage == "plan":
            self.checks.show()
        elif stage == "doing":
            self.run.call_off()
        else:
            self.checks.end_script()
            self.dismiss(None)
