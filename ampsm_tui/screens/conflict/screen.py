"""The conflict screen: file by file, hunk by hunk, until nothing is open. All keys of it stand here.

What a key does is done by the parts that the screen owns, a module each beside this one. One can go on or take
everything back at any time.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from ampsm_engine.last_places import LastPlace
from ampsm_engine.model import Board, Session
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.hints import with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.conflict.choices import ConflictChoices, ConflictForAmp
from ampsm_tui.screens.conflict.completion import ConflictCompletion
from ampsm_tui.screens.conflict.pane import ConflictPane
from ampsm_tui.widgets.conflict_lines import takes_both
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.notices import StaleNotice

TICK = 1.0
"""Seconds between two looks at whether another program resolves; a look is two questions to the file system."""

_RESOLVING = frozenset({"take", "whole", "edit", "undo", "next", "hunk", "file", "give"})
"""Actions that mean something while a conflict is shown and amp is not at it."""


class ConflictScreen(AppScreen[object]):
    """Answers the result of the merge, a word when it came to another end, None when it was left as it is."""

    CSS_PATH = "conflict.tcss"
    TITLE = "conflicts"
    PURPOSE = (
        "Base and session changed the same lines. To git in the worktree, the base is ours and the session theirs.",
        "The conflict lies in the session's worktree as git lays it out: any editor and git add work, too.",
        "{conflict.continue} goes on when nothing is open; {conflict.abort} takes it all back.",
        "The base is untouched till then.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("conflict.ours", "take('ours')", "Base"),
        bind("conflict.theirs", "take('theirs')", "Session"),
        bind("conflict.both", "take('both')", "Both"),
        bind("conflict.edit", "edit", "Edit"),
        bind("conflict.next", "next", "Next"),
        bind("conflict.continue", "continue", "Continue"),
        bind("conflict.amp", "give", "Give to amp"),
        bind("conflict.undo", "undo", "Undo"),
        bind("conflict.abort", "abort", "Abort"),
        bind("conflict.review", "review", "Review amp's"),
        bind("conflict.as-is", "take('edited')"),
        bind("conflict.all-ours", "whole('ours')"),
        bind("conflict.all-theirs", "whole('theirs')"),
        bind("conflict.next-hunk", "hunk(1)"),
        bind("conflict.hunk-before", "hunk(-1)"),
        bind("conflict.next-file", "file(1)"),
        bind("conflict.file-before", "file(-1)"),
        bind("back", "back", "Back"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session_id = session.id
        self.pane = ConflictPane(self, session)
        self.choices = ConflictChoices(self, self.pane)
        self.completion = ConflictCompletion(self, self.pane, self.choices)
        self.amp = ConflictForAmp(self, self.pane, self.choices)

    def place(self) -> LastPlace:
        """The place of the screen: the merge of its session."""
        return LastPlace("merge", self.session_id)

    def compose(self) -> ComposeResult:
        """Head, how it stands, files beside the conflict, keys."""
        yield self.pane.head
        yield StaleNotice()
        yield self.pane.status
        with Horizontal(id="middle"):
            yield self.pane.files
            yield self.pane.text
        yield KeyBar()

    def on_mount(self) -> None:
        """Show the conflict, and look at the board and the files from now on."""
        self.pane.show()
        self.pane.text.focus()
        self.watch(self.app, "board", self._take_board)
        run_while_open(self, self._begin())
        self.set_interval(TICK, self.pane.reload_changed)

    async def _begin(self) -> None:
        await self.pane.load()
        self.amp.review()

    def _take_board(self, board: Board | None) -> None:
        self.amp.take_board(board)

    def offers(self, key_id: str) -> bool:
        """What takes a side lives on a file that is open, and what takes both where they can stand together."""
        file = self.pane.file
        if key_id in ("conflict.ours", "conflict.theirs"):
            return file is not None
        return key_id != "conflict.both" or (file is not None and takes_both(file))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the keys that mean something now."""
        is_amp_at_work = self.pane.is_amp_at_work
        if is_amp_at_work and (action in _RESOLVING or action in {"review", "continue", "abort"}):
            return False
        if (action in _RESOLVING and self.pane.state is None) or (action == "review" and not self.amp.needs_review):
            return False
        return super().check_action(action, parameters)

    def action_take(self, choice: str) -> None:
        """Resolve the hunk, or the file that has none, by a side or both."""
        self.choices.take(choice)

    def action_whole(self, choice: str) -> None:
        """Resolve the whole file by a side."""
        self.choices.take(choice, whole=True)

    def action_edit(self) -> None:
        """Open the editor at the conflict."""
        self.choices.edit()

    def action_undo(self) -> None:
        """Take the last choice for this file back."""
        self.choices.undo()

    def action_next(self) -> None:
        """Look at the next conflict that is open, in this file or in another."""
        self.pane.go_next_open()

    def action_hunk(self, way: int) -> None:
        """Look at the conflict after or before this one, over the ends of files."""
        self.pane.go_hunk(way)

    def action_file(self, way: int) -> None:
        """Look at the file after or before this one."""
        self.pane.go_file(way)

    def action_give(self) -> None:
        """Have amp resolve what is open."""
        self.amp.give()

    def action_review(self) -> None:
        """Read what amp made of the conflict."""
        self.amp.review()

    def action_continue(self) -> None:
        """Commit what is resolved, and go on; a resolution of amp's is read first."""
        if self.amp.needs_review and not self.completion.is_under_way:
            app_of(self).show_toast(
                with_keys(
                    self, "First read what amp made of it; {conflict.accept} takes it, {conflict.reject} rejects it"
                )
            )
            self.amp.review()
        else:
            self.completion.continue_()

    def action_abort(self) -> None:
        """Take everything back, after one question."""
        self.completion.abort()

    def action_back(self) -> None:
        """Call off what goes on; else out of here, and the conflict waits."""
        if self.completion.is_under_way:
            self.completion.call_off()
        else:
            self.dismiss(None)
