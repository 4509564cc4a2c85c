"""Small dialogs about sessions: what people note about one, its setup and the trust that it takes, copying."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ampsm_engine import labels
from ampsm_engine.errors import AmpsmError
from ampsm_engine.labels import thread_address
from ampsm_engine.model import Session
from ampsm_engine.trusted_commands import UntrustedCommand
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_while_open, show_error
from ampsm_tui.clean import one_line
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import ConfirmScreen, LetterMenu, MenuLine
from ampsm_tui.screens.script import ScriptScreen
from ampsm_tui.screens.text_dialogs import KeptTextScreen, LineScreen


class SessionSetup:
    """Sets worktrees up from a screen; `retry` offers the last prompt of the selected session again."""

    def __init__(self, screen: AppScreen[None], retry: Callable[[], None]) -> None:
        self._screen = screen
        self._retry = retry

    def open(self, session: Session) -> None:
        """Choose what becomes of the setup."""
        lines = [
            MenuLine("s", "run it", "in its worktree, as before the first iteration"),
            MenuLine("w", "go on without", "the next iteration begins with amp"),
        ]

        def chosen(word: str | None) -> None:
            if word is not None:
                run_while_open(self._screen, self._run(session) if word == "run it" else self._skip(session))

        self._screen.app.push_screen(LetterMenu(f"Setup of {session.name}", lines), chosen)

    async def _run(self, session: Session) -> None:
        from ampsm_engine.engine import setup

        try:
            await ask(setup.command_of, app_of(self._screen).engine, session.id)
        except UntrustedCommand as asked:
            ask_trust(self._screen, asked, lambda: self.show(session))
        except AmpsmError as refusal:
            show_error(self._screen, refusal)
        else:
            self.show(session)

    def show(self, session: Session) -> None:
        """Run the setup command, and see what it prints."""
        self._screen.app.push_screen(ScriptScreen(session, setup=True))

    async def _skip(self, session: Session) -> None:
        from ampsm_engine.engine import setup

        await ask(setup.skip, app_of(self._screen).engine, session.id)
        app_of(self._screen).show_toast(f"{session.name} goes on without its setup")
        self._retry()


class TrustScreen(ConfirmScreen):
    """Begins at the no: Enter, typed ahead, trusts nothing. A yes reads on until the end of the command was seen."""

    AUTO_FOCUS = "#no"

    def action_answer(self, yes: bool) -> None:
        """Close it with the answer; with a yes only where nothing of the command lies below what is seen."""
        text = self.query_one("#text")
        if yes and text.scroll_offset.y < text.max_scroll_y:
            self.action_scroll_text(1, is_page=True)
        else:
            super().action_answer(yes)


def ask_trust(
    screen: AppScreen[Any],
    asked: UntrustedCommand,
    then: Callable[[], object],
    without: Callable[[], object] | None = None,
) -> None:
    """Show a command out of a repository, and ask whether it may run; `then` after a yes, `without` after a no."""

    async def trust() -> None:
        from ampsm_engine.engine import setup

        await ask(setup.trust, app_of(screen).engine, asked.root, asked.command)
        then()

    def answered(answer: bool | None) -> None:
        if answer:
            run_while_open(screen, trust())
        elif answer is False and without is not None:
            without()

    # Cut, so that the command, which has its own limit, is never what has no room in the box.
    where = f"New worktrees of {one_line(asked.root, 200)} are set up as {one_line(asked.origin, 300)} says:"
    risk = "It runs with your rights, and whatever of the repository it calls runs with it."
    no = "Begin without it" if without else "Cancel"
    question = TrustScreen(
        "Trust this command?", f"{where}\n\n{asked.command}\n\n{risk}", yes="Trust it", no=no, id="trust"
    )
    screen.app.push_screen(question, answered)


class SessionAbout:
    """Changes what is noted about sessions, from a screen; `ask_each` asks a verb for one session after the other."""

    def __init__(self, screen: AppScreen[None], ask_each: Callable[..., None]) -> None:
        self._screen = screen
        self._ask_each = ask_each

    def open(self, sessions: Sequence[Session]) -> None:
        """Open a menu of what can be noted about the selected sessions."""
        first, is_away = sessions[0], all(one.archived_at for one in sessions)
        lines = [
            MenuLine("t", "tags", " ".join(f"#{tag}" for tag in _common_tags(sessions))),
            MenuLine("a", "bring back" if is_away else "archive", "in no list, but by its status" if is_away else ""),
        ]
        if len(sessions) == 1:
            own = [("n", "name", first.name), ("o", "notes", first.notes or ""), ("b", "base", first.base_branch)]
            how = [("s", "script", first.script_command or ""), ("m", "mode", first.model_override or "")]
            lines = [*(MenuLine(*one) for one in (*own, *how)), *lines]

        ways: dict[str, Callable[[], None]] = {
            "name": lambda: self._rename(first),
            "notes": lambda: self._write_notes(first),
            "base": lambda: self._change_base(first),
            "script": lambda: self.write_script(first),
            "mode": lambda: self._write_mode(first),
            "tags": lambda: self._write_tags(sessions),
        }

        def chosen(word: str | None) -> None:
            if word is not None:
                ways.get(word, lambda: self._put_away(sessions, archived=not is_away))()

        self._screen.app.push_screen(LetterMenu(f"Change of {labels.session_names(sessions)}", lines), chosen)

    def _put_away(self, sessions: Sequence[Session], *, archived: bool) -> None:
        from ampsm_engine.engine import sessions as verbs

        done = "Archived: {}; the last status of the list shows it" if archived else "Back in the list: {}"
        self._ask_each(verbs.archive if archived else verbs.unarchive, sessions, done=done)

    def _write_tags(self, sessions: Sequence[Session]) -> None:
        from ampsm_engine.engine import sessions as verbs

        common = _common_tags(sessions)

        async def keep(text: str) -> None:
            typed = verbs.checked_tags(text.replace(",", " ").split())
            for one in sessions:
                own = [tag for tag in one.tags if tag not in common]
                await ask(verbs.edit, app_of(self._screen).engine, one.id, tags=[*own, *typed])

        screen = LineScreen(
            f"Tags of {labels.session_names(sessions)}",
            keep,
            owner="+".join(one.id for one in sessions),
            purpose="tags",
            text=" ".join(common),
            note="Words of your own, with spaces between. A filter finds them: #word.",
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen)

    def _rename(self, session: Session) -> None:
        note = "Its branch and its folder keep their names."
        self._write_line(session, f"Rename {session.name}", "name", session.name, note)

    def write_script(self, session: Session) -> None:
        """Change the shell command that checks each iteration of a session."""
        note = "A shell command, such as make test, for each iteration from the next one on; empty: none."
        self._write_line(session, f"Script of {session.name}", "script", session.script_command or "", note)

    def _write_mode(self, session: Session) -> None:
        note = "amp's mode from the next iteration on, such as medium or high; empty: amp's own default."
        self._write_line(session, f"Mode of {session.name}", "mode", session.model_override or "", note)

    def _write_line(self, session: Session, title: str, field: str, text: str, note: str) -> None:
        """Write one field of a session; `field` is what `sessions.edit` calls it."""
        from ampsm_engine.engine import sessions as verbs

        async def write(typed: str) -> None:
            await ask(verbs.edit, app_of(self._screen).engine, session.id, **{field: typed.strip()})  # type: ignore[arg-type]

        self._screen.app.push_screen(
            LineScreen(title, write, owner=session.id, purpose=field, text=text, note=note, may_be_empty=True)
        )

    def _change_base(self, session: Session) -> None:
        from ampsm_engine.engine import base_change

        async def change(text: str) -> None:
            changed = await ask(base_change.change_base, app_of(self._screen).engine, session.id, text.strip())
            app_of(self._screen).show_toast(changed.text)

        screen = LineScreen(
            f"Base of {session.name}",
            change,
            owner=session.id,
            purpose="base",
            text=session.base_branch,
            note="A branch, tag or commit that it is compared with and merged into. What is its own stays its own.",
            may_be_empty=False,
        )
        self._screen.app.push_screen(screen)

    def _write_notes(self, session: Session) -> None:
        from ampsm_engine.engine import sessions as verbs

        async def keep(text: str) -> None:
            await ask(verbs.edit, app_of(self._screen).engine, session.id, notes=text.rstrip())

        screen = KeptTextScreen(
            f"Notes on {session.name}",
            keep,
            owner=session.id,
            purpose="notes",
            text=session.notes or "",
            note="For people: amp does not see them.",
            may_be_empty=True,
        )
        self._screen.app.push_screen(screen)


def _common_tags(sessions: Sequence[Session]) -> tuple[str, ...]:
    """The tags that all of these sessions have."""
    return tuple(tag for tag in sessions[0].tags if all(tag in one.tags for one in sessions))


_WHAT = (
    ("i", "id", "id"),
    ("b", "branch", "branch_name"),
    ("p", "path", "worktree_path"),
    ("t", "prompt", "amp_prompt"),
    ("u", "thread", "thread_id"),
)
"""The letter, the word, the field; a thread is copied as its address."""


class CopyScreen(LetterMenu):
    """Answers the word for what is to be copied; `text` gives it: several sessions give a line each."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        chosen = tuple(sessions)
        self._texts = {word: _text(chosen, field) for _, word, field in _WHAT}
        several = f"of {len(chosen)} sessions" if len(chosen) != 1 else f"of {chosen[0].name}"
        super().__init__(f"Copy {several}", [MenuLine(letter, word, self._texts[word]) for letter, word, _ in _WHAT])

    def text(self, word: str) -> str:
        """What is copied for a word of the menu."""
        return self._texts[word]

    def action_pick(self, word: str) -> None:
        """Close it with the choice, if there is something to copy."""
        if self._texts[word]:
            super().action_pick(word)
        else:
            app_of(self).show_toast(f"There is no {word} to copy yet")


def _text(sessions: Iterable[Session], field: str) -> str:
    values = [getattr(session, field) for session in sessions]
    if field == "thread_id":
        values = [thread_address(thread) for thread in values if thread]
    return "\n".join(values)
