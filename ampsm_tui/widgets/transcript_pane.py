"""A transcript with the line below it: whether it is followed, what is new, how far it is read, the search."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from ampsm_tui.bindings import bind
from ampsm_tui.clean import one_line
from ampsm_tui.widgets.block_view import TranscriptStatus
from ampsm_tui.widgets.inputs import LineInput
from ampsm_tui.widgets.transcript import TranscriptView


class TranscriptPane(Vertical):
    """The transcript of one iteration, and what can be looked for in it."""

    DEFAULT_CSS = """
    TranscriptPane {
        height: 1fr;
        & > .bar { height: 1; padding: 0 1; color: $secondary; display: none; text-overflow: ellipsis; }
        & > .bar.-told { display: block; }
        & > Input { height: 1; border: none; padding: 0 1; display: none; background: $panel; }
        &.-searching > Input { display: block; }
        &.-searching > .bar { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.search", "search", "Search"),
        bind("session.next-match", "match(1)"),
        bind("session.match-before", "match(-1)"),
    ]

    def compose(self) -> ComposeResult:
        """The transcript, its line, and the search's."""
        yield TranscriptView()
        yield Static("", classes="bar", markup=False)
        yield LineInput(placeholder="search, Enter to go on, Esc to leave", compact=True)

    @property
    def transcript(self) -> TranscriptView:
        """The view of the transcript itself, beside its search."""
        return self.query_one(TranscriptView)

    @on(TranscriptView.Stood)
    def tell(self, message: TranscriptView.Stood) -> None:
        """Say how the transcript stands."""
        message.stop()
        self._tell(message.standing)

    def _tell(self, standing: TranscriptStatus) -> None:
        told = said(standing)
        bar = self.query_one(".bar", Static)
        bar.update(told)
        bar.set_class(bool(told), "-told")

    def action_search(self) -> None:
        """Ask what to look for."""
        self.add_class("-searching")
        field = self.query_one(Input)
        field.value = self.transcript.standing.needle
        field.select_on_focus = True
        self.screen.set_focus(field)  # at once: the next keys may be here already

    def action_match(self, way: int) -> None:
        """To the next place, or to the one before."""
        needle = self.transcript.standing.needle
        if needle:
            self.transcript.look_for(needle, way, again=True)
        else:
            self.action_search()

    @on(Input.Changed)
    def _seek(self, message: Input.Changed) -> None:
        message.stop()
        if self.has_class("-searching"):
            if message.value:
                self.transcript.look_for(message.value)
            else:
                self.transcript.forget_search()

    @on(Input.Submitted)
    def _found(self, message: Input.Submitted) -> None:
        message.stop()
        self._leave_search()

    def _leave_search(self) -> None:
        self.remove_class("-searching")
        self.transcript.focus()

    def leave(self) -> bool:
        """End what is under way in here: the search; whether there was anything."""
        if self.has_class("-searching") or self.transcript.standing.needle:
            self.transcript.forget_search()
            self._leave_search()
            return True
        return False


def said(standing: TranscriptStatus) -> str:
    """The line below a transcript; empty when there is nothing to say."""
    parts: list[str] = []
    if standing.new_below:
        parts.append(f"{standing.new_below} new below, G")
    elif standing.is_live and not standing.is_following:
        parts.append("holding still, G follows")
    if standing.needle:
        needle = one_line(standing.needle, 30)
        parts.append(
            f"/{needle} {standing.match} of {standing.matches}" if standing.matches else f"/{needle} is not in here"
        )
    if standing.read < 1:
        parts.append(f"reading {standing.read:.0%}")
    return "  ·  ".join(parts)
