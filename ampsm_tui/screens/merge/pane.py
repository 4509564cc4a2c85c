"""What the steps of a merge share: the session, the options, the step it is at, and the widgets that show it."""

from typing import Literal

from textual.widgets import RichLog

from ampsm_engine.merging.results import Options
from ampsm_engine.model import Session
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.merge_lines import MergeHead, MergeSteps
from ampsm_tui.widgets.text_input import TextInput
from ampsm_tui.widgets.text_view import TextView

Stage = Literal["check", "plan", "doing", "done"]

_STEP: dict[Stage, int] = {"check": 0, "plan": 1, "doing": 2, "done": 3}
_WORDS = {"merge": "Merge", "squash": "Squash", "rebase": "Rebase"}


class MergePane:
    """The widgets of a merge and the stage that they show; the parts of the screen work on it."""

    def __init__(self, screen: AppScreen[None], session: Session) -> None:
        self.session = session
        self.stage: Stage = "check"
        self.options = Options()
        self.head = MergeHead()
        self.steps = MergeSteps()
        self.message = TextInput(id="message", soft_wrap=True, compact=True)
        self.text = TextView(id="text")
        self.output = RichLog(id="output", max_lines=5_000, wrap=True, min_width=10, auto_scroll=True)
        self.output.can_focus = False
        self._screen = screen

    @property
    def target(self) -> str:
        """The branch that the work comes to."""
        return self.options.onto or self.session.base_branch

    def go_to(self, stage: Stage) -> None:
        """Be at a stage: its keys, its widgets."""
        self.stage = stage
        for one in _STEP:
            self._screen.set_class(one == stage, f"-{one}")
        self.show_head()
        self._screen.refresh_bindings()

    def show_head(self) -> None:
        """Show what goes where, and which step it is at."""
        target = self.target if self.options.kind != "squash" else ""
        self.head.show(_WORDS[self.options.kind], self.session.name, target, self.session.branch_name)
        self.steps.show(_STEP[self.stage])
