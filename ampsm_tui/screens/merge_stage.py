"""What the parts of the merge wizard share: the session, the stage it is at, and the place where things are said."""

from typing import Literal

from ampsm_engine.merging.values import Options
from ampsm_engine.model import Session
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.merge_head import MergeHead, MergeSteps
from ampsm_tui.widgets.told import Painted, Told

Stage = Literal["check", "plan", "doing", "done"]

_STEP: dict[Stage, int] = {"check": 0, "plan": 1, "doing": 2, "done": 3}
_WORDS = {"merge": "Merge", "squash": "Squash", "rebase": "Rebase"}


class Staged(AppScreen[None]):
    """A screen that goes from stage to stage."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.session_id = session.id
        self.stage: Stage = "check"
        self.options = Options()

    @property
    def told(self) -> Told:
        """Where things are said."""
        return self.query_one("#told", Told)

    @property
    def target(self) -> str:
        """The branch that the work comes to."""
        return self.options.onto or self.session.base_branch

    def go_to(self, stage: Stage) -> None:
        """Be at a stage: its keys, its parts."""
        self.stage = stage
        for one in _STEP:
            self.set_class(one == stage, f"-{one}")
        self.show_head()
        self.refresh_bindings()

    def show_head(self) -> None:
        """What goes where, and how far it is."""
        target = self.target if self.options.kind != "squash" else ""
        session = self.session
        self.query_one(MergeHead).show(_WORDS[self.options.kind], session.name, target, session.branch_name)
        self.query_one(MergeSteps).at(_STEP[self.stage])

    def say(self, text: str) -> None:
        """One sentence, and nothing else."""

        def lines(width: int) -> list[Painted]:
            return [(), *merge_lines.paragraph(text, width)]

        self.told.tell(lines, top=True)

    def say_trouble(self, message: str, hint: str) -> None:
        """An error with its hint, and nothing else."""

        def lines(width: int) -> list[Painted]:
            return [(), *merge_lines.trouble(message, hint, width)]

        self.told.tell(lines, top=True)
