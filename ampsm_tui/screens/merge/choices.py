"""The second step of a merge: the message, the choices, and the plan that follows from them.

Every choice is a key; the plan is asked for anew with each, and nothing else happens.
"""

from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from textual.binding import Binding

from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import replace
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.hints import in_app
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.merge.checks import MergeChecks
from ampsm_tui.screens.merge.pane import MergePane
from ampsm_tui.screens.text_dialogs import KeptText
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.text_view import PieceLine, error_lines

if TYPE_CHECKING:
    from ampsm_engine.merging.results import Kind, MergePreview

_NEXT: "dict[Kind, Kind]" = {"merge": "squash", "squash": "rebase", "rebase": "merge"}


class MergeChoices:
    """The options of a merge, the message of its commit, and the plan."""

    def __init__(self, screen: AppScreen[None], pane: MergePane, checks: MergeChecks) -> None:
        self.plan: MergePreview | None = None
        self._screen = screen
        self._pane = pane
        self._checks = checks
        self._draft = ""
        """The message that was offered; what differs from it was written by a person."""

    @cached_property
    def _unsent(self) -> KeptText:
        return KeptText(self._screen, self._pane.session.id, "merge message")

    def restore_message(self) -> None:
        """Offer the message that was written before, for a merge that did not come to be."""
        kept = self._unsent.read()
        self._pane.message.text = kept.text if kept is not None else ""

    def keep_message(self) -> None:
        """Keep what was written until it stands in a commit."""
        text = self._pane.message.text
        self._unsent.keep("" if text == self._draft else text)

    def forget_message(self) -> None:
        """Drop the kept message, because it stands in a commit."""
        self._unsent.drop()

    @property
    def needs_message(self) -> bool:
        """Whether a commit of ours is made that has a message."""
        options = self._pane.options
        merges = options.kind == "merge"
        return self._squashes or (merges and (not options.fast_forward or options.pull_request))

    @property
    def _squashes(self) -> bool:
        options = self._pane.options
        return options.kind == "squash" or (options.kind == "merge" and options.squash)

    def allow(self, what: str) -> bool:
        """Whether this choice means something with the others as they are."""
        kind, pull = self._pane.options.kind, self._pane.options.pull_request
        if what == "manual":
            return self._squashes
        if what == "onto":
            return kind != "squash"
        if what in ("forward", "push"):
            return kind == "merge" and not pull
        return kind == "merge" or what == "what"

    def open(self) -> None:
        """Ask for the plan and show it with the choices."""
        self._pane.go_to("plan")
        self._pane.text.focus()
        self._renew_plan()

    def show_again(self, trouble: AmpsmError) -> None:
        """Show the plan as it was, and above it why it was not carried out."""
        self._pane.go_to("plan")
        self._show_plan(trouble)
        self._pane.text.scroll_home(animate=False)

    def choose(self, what: str) -> None:
        """Take the other value of a choice, or the next one; ask for a branch or a file where that is the choice."""
        options = self._pane.options
        if what == "onto":
            self._ask_onto()
            return
        if what == "patch" and not options.patch:
            self._ask_patch()
            return
        change: dict[str, dict[str, object]] = {
            "what": {"kind": _NEXT[options.kind]},
            "squash": {"squash": not options.squash},
            "manual": {"manual": "keep" if options.manual == "include" else "include"},
            "forward": {"fast_forward": not options.fast_forward},
            "push": {"push": not options.push},
            "pull": {"pull_request": not options.pull_request, "push": False},
            "patch": {"patch": ""},
        }
        self._pane.options = replace(options, **change[what])  # type: ignore[arg-type]
        self._renew_plan()

    def _renew_plan(self) -> None:
        self._screen.set_class(self.needs_message, "-worded")
        self._pane.show_head()
        self._screen.refresh_bindings()
        self._show_plan()
        run_while_open(self._screen, self._ask_plan(), group="plan", exclusive=True)

    async def _ask_plan(self) -> None:
        from ampsm_engine.merging import preflight

        pane = self._pane
        try:
            plan = await ask(preflight.plan, app_of(self._screen).engine, pane.session.id, pane.options)
        except AmpsmError as refusal:
            self.plan = None
            if pane.stage == "plan":
                pane.text.show_error(refusal)
            return
        self.plan = plan
        if pane.message.text in ("", self._draft):
            self._draft = plan.draft
            pane.message.text = plan.draft
        if pane.stage == "plan":
            self._show_plan()

    def _show_plan(self, trouble: AmpsmError | None = None) -> None:
        options, target, plan = self._pane.options, self._pane.target, self.plan
        keys = self._keys()
        hint = in_app(self._screen, trouble.hint) if trouble is not None else ""
        grave = self._checks.grave_findings

        def lines(width: int) -> list[PieceLine]:
            shown: list[PieceLine] = [*error_lines(trouble.message, hint, width), ()] if trouble is not None else []
            shown += merge_lines.findings(grave, width)
            shown += merge_lines.steps(plan, width) if plan else []
            shown += merge_lines.choices(options, target, keys, width)
            return shown + (merge_lines.commits(plan, width) if plan else [])

        self._pane.text.show_lines(lines)

    def _keys(self) -> dict[str, str]:
        """The key of each choice, as it is bound now."""
        found: dict[str, str] = {}
        for active in self._screen.active_bindings.values():
            name = _chosen_by(active.binding)
            if name:
                found.setdefault(name, self._screen.app.get_key_display(active.binding))
        return found

    def _ask_onto(self) -> None:
        from ampsm_engine.merging import preflight

        pane = self._pane
        base = pane.session.base_branch

        async def take(text: str) -> None:
            onto = text.strip()
            options = replace(pane.options, onto="" if onto == base else onto)
            await ask(preflight.plan, app_of(self._screen).engine, pane.session.id, options)
            pane.options = options

        def taken() -> None:
            self.plan = None
            self._checks.check()  # another branch, other findings

        note = f"A branch; empty: {base}. Everything is looked at again for it."
        self._ask_line("Onto another branch", take, text=pane.target, note=note, then=taken)

    def _ask_patch(self) -> None:
        from ampsm_engine.merging import publish

        async def take(text: str) -> None:
            path = _file(text)
            await ask(publish.check_patch, path)
            self._pane.options = replace(self._pane.options, patch=str(path))

        note = "git am takes it; ~ is home."
        self._ask_line("Write the commits to a patch file", take, text="", note=note, then=self._renew_plan)

    def _ask_line(
        self, title: str, take: Callable[[str], Awaitable[None]], *, text: str, note: str, then: Callable[[], None]
    ) -> None:
        from ampsm_tui.screens.text_dialogs import LineScreen

        def answered(answer: bool | None) -> None:
            if answer:
                then()

        owner = self._pane.session.id
        screen = LineScreen(title, take, owner=owner, purpose=title, text=text, note=note, may_be_empty=bool(text))
        self._screen.app.push_screen(screen, answered)


def _chosen_by(binding: Binding) -> str:
    """What a binding of `choose` chooses; empty for any other binding."""
    action = binding.action
    return action.removeprefix("choose('").removesuffix("')") if action.startswith("choose(") else ""


def _file(text: str) -> Path:
    """The file that a typed path means."""
    return Path.cwd() / Path(text.strip()).expanduser()
