"""A new session: where, from what, what amp shall do.

What would be refused is shown at its field before anything is made.
"""

import asyncio
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static, TextArea

from ampsm_engine import naming
from ampsm_engine.engine.drafts import SessionDraft, Trouble
from ampsm_engine.errors import AmpsmError
from ampsm_engine.lean_dataclass import asdict, dataclass, replace
from ampsm_engine.model import Session
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, in_background, run_to_end, run_while_open
from ampsm_tui.bindings import bind
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import begin_sentence, in_app, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.session_dialogs import ask_trust
from ampsm_tui.screens.text_dialogs import KeptText
from ampsm_tui.widgets.choice import Choice
from ampsm_tui.widgets.inputs import LineInput, TroubleText
from ampsm_tui.widgets.key_bar import KeyBar
from ampsm_tui.widgets.text_input import TextInput

if TYPE_CHECKING:
    from ampsm_engine.context import Engine

PAUSE = 0.25
"""Seconds without a key before what was typed is looked at."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the form begins with; an empty `repo` is that of the folder that ampsm was started in."""

    repo: str = ""
    base: str = ""
    script: str | None = None
    """None: the last one used in the repository."""
    mode: str = ""
    copies: str = ""
    prompt: str = ""
    branch: str = ""
    folder: str = ""
    like: str = ""
    """The id of the session whose settings these are."""

    @classmethod
    def of(cls, session: Session) -> "Beginning":
        """The beginning of a session like another: with its repository, base, folder, script and mode."""
        script, mode = session.script_command or "", session.model_override or ""
        return cls(session.repo_root, session.base_branch, script, mode, folder=session.folder, like=session.id)


class FormResult(NamedTuple):
    """What a form has made: a session, or a run of variants. Ids; one of them is empty."""

    session_id: str = ""
    batch_id: str = ""


class Field(Horizontal):
    """A line of the form: its name, a control, and below it what is wrong; `touched` once a person was in it."""

    DEFAULT_CSS = """
    Field {
        height: auto;
        margin-bottom: 1;
        Label { dock: left; width: 12; color: $foreground-muted; }
        Label.-here { color: $foreground; text-style: bold; }
        Vertical { height: auto; width: 100%; }
        Input { height: 1; width: 100%; border: none; background: $panel; }
        TextArea { width: 100%; border: none; padding: 0; background: $panel; }
    }
    """

    def __init__(self, name: str, label: str, control: Widget) -> None:
        super().__init__(id=f"field-{name}")
        self.field = name
        self.touched = False
        self._label = label
        self.control = control

    def compose(self) -> ComposeResult:
        """What it is called, beside it the control, and below that what is wrong."""
        yield Label(self._label)
        with Vertical():
            yield self.control
            yield TroubleText()

    def on_descendant_focus(self) -> None:
        """Let the name of the field stand out while a person is in it."""
        self.query_one(Label).add_class("-here")

    def on_descendant_blur(self) -> None:
        """Note that the field was left once: from now on what is wrong with it may be shown."""
        self.query_one(Label).remove_class("-here")
        self.touched = True


class NewSessionScreen(AppScreen[FormResult | None]):
    """The form; answers what was made, None when nothing was."""

    CSS_PATH = ["dialog.tcss", "new_session.tcss"]  # noqa: RUF012 - as Textual declares it
    AUTO_FOCUS = "#prompt"
    IS_FORM = True
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-low"),
        (16, "-middle"),
        (28, "-high"),
    ]
    PURPOSE = (
        "A session is a task for amp on a branch of its own, in a folder of its own.",
        "Your checkout is not touched; what amp changes is committed on the session's branch.",
        "What is shown pale is taken where nothing is typed; a branch is named only where amp is to go on with it.",
        "Several copies, or several modes with commas between them, make variants of one prompt to compare.",
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("new.start", "make(True)", "Start", priority=True),
        bind("new.send", "make(True, True)", "Start", priority=True),
        bind("new.file", "read_file", "Prompt from file", priority=True),
        bind("new.reset", "reset", priority=True),
        bind("back", "cancel", "Cancel"),
    ]

    def __init__(self, begin: Beginning | None = None) -> None:
        super().__init__()
        self._begin = begin or Beginning()
        self._script_typed = self._begin.script is not None
        self._offered = {"name": "", **{name: value or "" for name, value in asdict(self._begin).items()}}
        self._offered.pop("like")
        self._making = self._unwanted = self._begins_run = False
        self._notes = ""
        self._with_setup = True
        self._looked = asyncio.Event()

    def compose(self) -> ComposeResult:
        """The fields, the two ways to go on, and what goes on."""
        begin = self._offered | self._left()
        prompt = TextInput(begin["prompt"], id="prompt", soft_wrap=True, compact=True, placeholder="What amp shall do")
        title = "New session, as you left it. {new.reset} begins anew" if self._left() else "New session"
        yield Static(with_keys(self, title), id="heading")
        with Vertical(id="form"):
            yield Field("repo", "Repository", Choice(begin["repo"], id="repo", placeholder="a folder of a repository"))
            yield Field("base", "Base", Choice(begin["base"], id="base", placeholder="what is checked out"))
            yield Field("prompt", "Prompt", prompt)
            yield Field("name", "Name", _line("name", begin["name"], "made of the prompt"))
            yield Field("script", "Script", _line("script", begin["script"], "checks each iteration: make test"))
            yield Field("mode", "Mode", _line("mode", begin["mode"], "amp's own, or medium,high"))
            yield Field("copies", "Copies", _line("copies", begin["copies"], "1"))
            yield Field("branch", "Branch", Choice(begin["branch"], id="branch", placeholder="a new one at the base"))
            yield Field("folder", "Folder", _line("folder", begin["folder"], "all of the repository"))
        with Horizontal(classes="buttons"):  # below what scrolls: they are always seen
            yield Button("Start", id="start", variant="primary", compact=True)
            yield Button("Start later", id="later", compact=True)
            yield Button("Cancel", id="cancel", compact=True)
        yield Static("", id="state")
        yield KeyBar()

    @cached_property
    def _unsent(self) -> KeptText:
        """Where the form is kept while it is filled in: by the folder, or by the session whose settings it has."""
        return KeptText(self, self._begin.like or "new", "a session like it" if self._begin.like else _here())

    def _left(self) -> dict[str, str]:
        """The fields that were filled in before, and are not sent yet; none where the file was damaged."""
        kept = self._unsent.read()
        try:
            found = json.loads(kept.text) if kept is not None else {}
            return {name: str(text) for name, text in found.items() if name in self._offered}
        except (ValueError, AttributeError):
            return {}

    def _typed(self) -> str:
        """The fields that differ from what was offered, as JSON; empty when none does."""
        filled = asdict(self.draft)
        found = {name: filled[name] for name, offered in self._offered.items() if filled[name] != offered}
        return json.dumps(found) if found else ""

    def on_mount(self) -> None:
        """Offer the repositories that have sessions, suggest a name, and look at the repository."""
        self._script_typed |= "script" in self._left()
        board = app_of(self).board
        roots = dict.fromkeys(row.session.repo_root for row in board.rows) if board else {}
        self._recent = tuple(roots)
        self.query_one("#repo", Choice).offer(self._recent)
        if mode := app_of(self).settings.text("amp.mode"):
            self.query_one("#mode", Input).placeholder = one_line(f"{mode}, of the settings, or medium,high", 60)
        self._suggest_name(self.draft.prompt)
        run_while_open(self, self._find_repository(), group="look", exclusive=True)

    async def _find_repository(self) -> None:
        """The first look: the repository that was named, else the one around, else the newest that has sessions."""
        named = self.draft.repo
        places = (named,) if named else (_here(), *self._recent[:1])
        try:
            for place in places:
                if await self._surroundings(place, first=True):
                    return
        finally:
            self._looked.set()

    async def _surroundings(self, place: str, *, first: bool = False) -> bool:
        from ampsm_engine.engine import drafts

        try:
            found = await ask(drafts.repository_offer, app_of(self).engine, place)
        except AmpsmError:
            for name in ("base", "branch"):
                self.query_one(f"#{name}", Choice).offer(())
            return False
        if first and not self.query_one("#repo", Choice).value:
            with self.prevent(Choice.Changed):
                self.query_one("#repo", Choice).value = self._offered["repo"] = found.root
        self._notes = in_app(self, "\n".join(found.notes))
        if not self._making:
            self._show_state(_about(self.draft, self._notes))
        base = self.query_one("#base", Choice)
        base.offer(found.branches)
        self.query_one("#branch", Choice).offer(found.branches)
        base.input.placeholder = one_line(f"{found.base}, checked out there" if found.base else "a branch", 60)
        if found.modes:
            own = f"{found.mode}, of the settings" if found.mode else "amp's own"
            self.query_one("#mode", Input).placeholder = one_line(f"{own}, or {', '.join(found.modes)}", 60)
        if not self._script_typed:
            with self.prevent(Input.Changed):
                self.query_one("#script", Input).value = self._offered["script"] = found.script
        return True

    @on(Choice.Changed, "#repo")
    def _repo_typed(self, event: Choice.Changed) -> None:
        run_while_open(self, self._complete(event.value), group="look", exclusive=True)
        self._check_soon("repo", "base", "branch", "folder")

    async def _complete(self, typed: str) -> None:
        from ampsm_engine.engine import drafts

        await asyncio.sleep(PAUSE)
        choice = self.query_one("#repo", Choice)
        found = await ask(drafts.completions, typed) if typed else ()
        choice.offer((*self._recent, *(found or ())), show=choice.input.has_focus)
        await self._surroundings(typed)

    @on(Choice.Changed, "#base")
    @on(Choice.Changed, "#branch")
    def _branch_typed(self) -> None:
        self._check_soon("base", "branch")

    @on(Input.Changed)
    def _line_typed(self, event: Input.Changed) -> None:
        self._script_typed |= event.input.id == "script" and event.input.has_focus
        self._check_soon(event.input.id or "")

    @on(TextArea.Changed)
    def _prompt_typed(self, event: TextArea.Changed) -> None:
        self._suggest_name(event.text_area.text)
        self._check_soon("prompt")

    def _suggest_name(self, prompt: str) -> None:
        suggested = naming.session_name(prompt[:4000]) if prompt.strip() else "made of the prompt"
        self.query_one("#name", Input).placeholder = one_line(suggested)

    @property
    def draft(self) -> SessionDraft:
        """The form as typed."""
        return SessionDraft(
            repo=self.query_one("#repo", Choice).value,
            base=self.query_one("#base", Choice).value.strip(),
            name=self.query_one("#name", Input).value,
            prompt=self.query_one("#prompt", TextArea).text,
            script=self.query_one("#script", Input).value.strip(),
            mode=self.query_one("#mode", Input).value.strip(),
            copies=self.query_one("#copies", Input).value.strip(),
            branch=self.query_one("#branch", Choice).value.strip(),
            folder=self.query_one("#folder", Input).value.strip(),
        )

    def _check_soon(self, *typed: str) -> None:
        self._unsent.keep(self._typed())
        for name in typed:
            self._field(name).touched = True
        if not self._making:
            run_while_open(self, self._check_after_pause(), group="check", exclusive=True)

    async def _check_after_pause(self) -> None:
        from ampsm_engine.engine import drafts

        await asyncio.sleep(PAUSE)
        try:
            troubles = await ask(drafts.check, app_of(self).engine, self.draft)
        except AmpsmError:
            return  # it is shown when the session is made
        self._show([one for one in troubles or () if one.field == "start" or self._field(one.field).touched])

    def _field(self, name: str) -> Field:
        return self.query_one(f"#field-{name}", Field)

    def _show(self, troubles: list[Trouble]) -> None:
        by_field = {one.field: one for one in troubles}
        for field in self.query(Field):
            one = by_field.get(field.field)
            field.set_class(one is not None, "-trouble")
            field.query_one(TroubleText).show(one.message if one else "", in_app(self, one.hint) if one else "")
        start = by_field.get("start")
        self._show_state(f"✗ {start.message}\n{in_app(self, start.hint)}" if start else _about(self.draft, self._notes))

    def _show_state(self, text: str) -> None:
        state = self.query_one("#state", Static)
        state.update(Content(many_lines(text, 1000)))
        state.set_class(text.startswith("✗"), "-trouble")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Cancel the form, or make the session and perhaps start it."""
        if event.button.id == "cancel":
            self.action_cancel()
        else:
            self.action_make(event.button.id == "start")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter in the prompt starts amp; in another field it is that field's."""
        if action == "make" and len(parameters) > 1:
            return self.focused is not None and self.focused.id == "prompt"
        return super().check_action(action, parameters)

    def offers(self, key_id: str) -> bool:
        """One key that starts amp is enough for the line of keys: Enter where it does."""
        return key_id != "new.start" or not self.check_action("make", (True, True))

    def action_make(self, start: bool, by_enter: bool = False) -> None:
        """Check everything; make the session when nothing is wrong. Enter behind a backslash is a new line."""
        if not self._making and not (by_enter and self.query_one("#prompt", TextInput).begin_line()):
            self._making, self._unwanted = True, False
            self.workers.cancel_group(self, "check")
            run_while_open(self, self._make(start))

    async def _make(self, start: bool) -> None:
        from ampsm_engine.engine import drafts

        await self._looked.wait()  # who types ahead means the repository that is about to be suggested
        draft = replace(self.draft, run=start)
        try:
            troubles = list(await ask(drafts.check, app_of(self).engine, draft) or ())
            self._show(troubles)
            if troubles:
                self._go_to(troubles[0].field)
                return
            made = await self._made_of(draft)
        except UntrustedCommand as asked:
            self._show_state("Confirm its setup command first.")

            def go_on_without() -> None:
                self._with_setup = False
                self.action_make(start)

            ask_trust(self, asked, lambda: self.action_make(start), None if self._begins_run else go_on_without)
        except AmpsmError as refusal:
            self._show_state(f"✗ {refusal.message}\n{in_app(self, refusal.hint)}")
        else:
            if made is not None:
                self._unsent.drop()
            self.dismiss(made)
        finally:
            self._making, self._with_setup = False, True

    async def _made_of(self, draft: SessionDraft) -> FormResult | None:
        """What a draft that was checked makes; None when that was taken back."""
        self._begins_run = draft.variants > 1
        if self._begins_run:
            self._show_state(f"Beginning {draft.variants} variants.")
            from ampsm_engine.batch import runs

            return FormResult(batch_id=(await run_to_end(ask(runs.begin_variants, app_of(self).engine, draft))).id)
        self._show_state(
            f"Making its branch and its folder. {begin_sentence(with_keys(self, '{back} takes it back.'))}"
        )
        making = _make_session(app_of(self).engine, draft, lambda: self._unwanted, with_setup=self._with_setup)
        session = await run_to_end(making)
        return FormResult(session.id) if session is not None else None

    def _go_to(self, field: str) -> None:
        target = (
            "#start" if field == "start" else f"#{field} Input" if field in {"repo", "base", "branch"} else f"#{field}"
        )
        self.query_one(target).focus()

    def action_cancel(self) -> None:
        """Leave; what is being made is taken back when it is there."""
        if self._making and self._begins_run:
            self._show_state("They are begun already; their screen, which comes next, can stop them.")
        elif self._making:
            self._unwanted = True
            self._show_state("Taking it back.")
        else:
            self._unsent.close(self._typed(), "", lambda: self.dismiss(None))

    def action_reset(self) -> None:
        """The form as if nothing had been typed."""
        offered = self._offered
        for name in ("repo", "base", "branch"):
            self.query_one(f"#{name}", Choice).value = offered[name]
        for name in ("name", "script", "mode", "copies", "folder"):
            self.query_one(f"#{name}", Input).value = offered[name]
        prompt = self.query_one("#prompt", TextArea)
        prompt.replace(offered["prompt"], (0, 0), prompt.document.end)
        self.query_one("#heading", Static).update("New session")

    @in_background
    async def action_read_file(self) -> None:
        """Ask for a file, and put what it holds into the prompt."""
        from ampsm_engine.engine import drafts
        from ampsm_tui.screens.text_dialogs import LineScreen

        async def read(path: str) -> None:
            text = await ask(drafts.prompt_in, path)
            self.query_one("#prompt", TextArea).text = text

        await self.app.push_screen(
            LineScreen(
                "Prompt from a file",
                read,
                owner="new",
                purpose="prompt file",
                note="A text file; ~ is home.",
                may_be_empty=False,
            )
        )


def _about(draft: SessionDraft, notes: str) -> str:
    """How many sessions a form makes, where that is more than one, and what they will not have."""
    return "\n".join(text for text in (_count_of(draft), notes) if text)


def _count_of(draft: SessionDraft) -> str:
    """How many sessions a form makes, where that is more than one; empty while that is not known."""
    try:
        many = draft.variants
    except AmpsmError:
        return ""
    return f"{many} variants of one prompt, in a run of their own." if many > 1 else ""


async def _make_session(
    engine: "Engine", draft: SessionDraft, unwanted: Callable[[], bool], *, with_setup: bool
) -> Session | None:
    """Make the session of a draft and start it where that is wanted; None when it was taken back: nothing stays then.

    A verb that makes a worktree is never cut off in the middle: it would leave one that no session knows.
    """
    from ampsm_engine.engine import drafts, iterations, session_trash, sessions

    session, _ = await ask(
        sessions.new,
        engine,
        path=drafts.folder(draft.repo),
        prompt=draft.prompt if draft.prompt.strip() else None,
        name=draft.name or None,
        base=draft.base or None,
        branch=draft.branch or None,
        folder=draft.folder or None,
        script=draft.script or None,
        mode=draft.mode or None,
        run=False,
        with_setup=with_setup,
    )
    if unwanted():
        await ask(session_trash.remove, engine, session.id)
        await ask(session_trash.purge, engine, session.id)
        return None
    if draft.run:
        await ask(iterations.iterate, engine, session.id, draft.prompt)
    return session


def _here() -> str:
    """The folder that ampsm was started in; empty when it is gone."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _line(name: str, value: str = "", placeholder: str = "") -> Input:
    return LineInput(value, placeholder=placeholder, id=name, compact=True, select_on_focus=False)
