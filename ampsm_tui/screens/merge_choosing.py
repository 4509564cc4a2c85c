"""The second step of the merge wizard: the message, the choices, and the plan that follows from them.

Every choice is a key; the plan is asked for anew with each, and nothing else happens.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.binding import Binding

from ampsm_engine.errors import AmpsmError
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open
from ampsm_tui.screens.merge_looking import Looking
from ampsm_tui.screens.unsent import KeptText
from ampsm_tui.widgets import merge_lines
from ampsm_tui.widgets.inputs import TextInput
from ampsm_tui.widgets.text_view import PieceLine

if TYPE_CHECKING:
    from ampsm_engine.merging.values import Kind, MergePlan

_NEXT: "dict[Kind, Kind]" = {"merge": "squash", "squash": "rebase", "rebase": "merge"}


class Choosing(Looking):
    """The second step of the merge wizard: options, and the plan that follows from them."""

    plan: "MergePlan | None" = None
    _draft = ""
    """The message that was offered; what differs from it was written by a person."""

    @property
    def message(self) -> TextInput:
        """The box of the message."""
        return self.query_one("#message", TextInput)

    @cached_property
    def _unsent(self) -> KeptText:
        return KeptText(self, self.session.id, "merge message")

    def left_message(self) -> str:
        """The message that was written before, for a merge that did not come to be."""
        kept = self._unsent.read()
        return kept.text if kept is not None else ""

    @on(TextInput.Changed, "#message")
    def _keep_message(self) -> None:
        text = self.message.text
        self._unsent.keep("" if text == self._draft else text)

    def forget_message(self) -> None:
        """It stands in a commit."""
        self._unsent.drop()

    @property
    def squashes(self) -> bool:
        """Whether a squash is made."""
        return self.options.kind == "squash" or (self.options.kind == "merge" and self.options.squash)

    @property
    def needs_message(self) -> bool:
        """Whether a commit of ours is made that says something."""
        merges = self.options.kind == "merge"
        return self.squashes or (merges and (not self.options.fast_forward or self.options.pull_request))

    def may_choose(self, what: str) -> bool:
        """Whether this choice means something with the others as they are."""
        kind, pull = self.options.kind, self.options.pull_request
        if what == "manual":
            return self.squashes
        if what == "onto":
            return kind != "squash"
        if what in ("forward", "push"):
            return kind == "merge" and not pull
        return kind == "merge" or what == "what"

    def open_plan(self) -> None:
        """Show what would be done."""
        self.go_to("plan")
        self.told.focus()
        self._plan_anew()

    def _plan_anew(self) -> None:
        self.set_class(self.needs_message, "-worded")
        self.show_head()
        self.refresh_bindings()
        self._show_plan()
        run_while_open(self, self._ask_plan(), group="planning", exclusive=True)

    async def _ask_plan(self) -> None:
        from ampsm_engine.merging import merge_plan

        try:
            plan = await ask(merge_plan.plan, app_of(self).engine, self.session_id, self.options)
        except AmpsmError as refusal:
            self.plan = None
            if self.stage == "plan":
                self.say_trouble(refusal.message, refusal.hint)
            return
        self.plan = plan
        if self.message.text in ("", self._draft):
            self._draft = plan.draft
            self.message.text = plan.draft
        if self.stage == "plan":
            self._show_plan()

    def _show_plan(self, trouble: AmpsmError | None = None) -> None:
        options, target, plan = self.options, self.target, self.plan
        keys = self._keys()

        def lines(width: int) -> list[PieceLine]:
            told: list[PieceLine] = []
            if trouble is not None:
                told += [*merge_lines.trouble(trouble.message, trouble.hint, width), ()]
            told += merge_lines.choices(options, target, keys, width)
            return told + (merge_lines.plan(plan, width) if plan else [])

        self.told.show_lines(lines)

    def show_plan_again(self, trouble: AmpsmError) -> None:
        """It did not work; here is why, and the plan as it was."""
        self.go_to("plan")
        self._show_plan(trouble)
        self.told.scroll_home(animate=False)

    def _keys(self) -> dict[str, str]:
        """The key of each choice, as it is bound now."""
        found: dict[str, str] = {}
        for active in self.active_bindings.values():
            name = _chosen_by(active.binding)
            if name:
                found.setdefault(name, self.app.get_key_display(active.binding))
        return found

    def action_message(self) -> None:
        """Put the cursor into the box of the commit message."""
        self.message.focus()

    def action_choose(self, what: str) -> None:
        """The other way, or the next one."""
        options = self.options
        if what == "what":
            self.options = replace(options, kind=_NEXT[options.kind])
        elif what == "squash":
            self.options = replace(options, squash=not options.squash)
        elif what == "manual":
            self.options = replace(options, manual="keep" if options.manual == "include" else "include")
        elif what == "forward":
            self.options = replace(options, fast_forward=not options.fast_forward)
        elif what == "push":
            self.options = replace(options, push=not options.push)
        elif what == "pull":
            self.options = replace(options, pull_request=not options.pull_request, push=False)
        elif what == "onto":
            self._ask_onto()
            return
        elif options.patch:
            self.options = replace(options, patch="")
        else:
            self._ask_patch()
            return
        self._plan_anew()

    def _ask_onto(self) -> None:
        from ampsm_engine.merging import merge_plan

        async def take(text: str) -> None:
            onto = text.strip()
            options = replace(self.options, onto="" if onto == self.session.base_branch else onto)
            await ask(merge_plan.plan, app_of(self).engine, self.session_id, options)
            self.options = options

        def taken(answer: bool | None) -> None:
            if answer:
                self.plan = None
                self.look()  # another branch, another look

        note = f"A branch; empty: {self.session.base_branch}. Everything is looked at again for it."
        self._line("Onto another branch", take, text=self.target, note=note, then=taken)

    def _ask_patch(self) -> None:
        from ampsm_engine.merging import publish

        async def take(text: str) -> None:
            path = _file(text)
            await ask(publish.check_patch, path)
            self.options = replace(self.options, patch=str(path))

        def taken(answer: bool | None) -> None:
            if answer:
                self._plan_anew()

        self._line("Write the commits to a patch file", take, text="", note="git am takes it; ~ is home.", then=taken)

    def _line(
        self,
        title: str,
        take: Callable[[str], Awaitable[None]],
        *,
        text: str,
        note: str,
        then: Callable[[bool | None], None],
    ) -> None:
        from ampsm_tui.screens.writing import LineScreen

        screen = LineScreen(
            title, take, owner=self.session.id, purpose=title, text=text, note=note, may_be_empty=bool(text)
        )
        self.app.push_screen(screen, then)


def _chosen_by(binding: Binding) -> str:
    """What a binding of `choose` chooses."""
    action = binding.action
    return action.removeprefix("choose('").removesuffix("')") if action.startswith("choose(") else ""


def _file(text: str) -> Path:
    """A file as somebody names it here."""
    return Path.cwd() / Path(text.strip()).expanduser()
