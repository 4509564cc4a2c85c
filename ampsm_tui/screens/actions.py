"""What can be done with the selected sessions, the same from every screen that has some.

Each action asks a verb; the answer comes back with the board. Nothing is destroyed: the trash can be undone.
"""

import asyncio
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType

from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.model import BoardRow, Iteration, Session, State
from ampsm_tui import aside, clipboard
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, asking, see_through, tell
from ampsm_tui.bindings import bind
from ampsm_tui.screens.base import AppScreen

NEW_KEYS: list[BindingType] = [
    bind("session.new", "new", "New"),
    bind("session.new-from", "new_from"),
]
"""For the list alone: elsewhere n goes to the next match."""

SESSION_KEYS: list[BindingType] = [
    bind("session.message", "message", "Message"),
    bind("session.review", "review", "Review"),
    bind("session.merge", "merge", "Merge"),
    bind("session.stop", "stop", "Stop"),
    bind("session.retry", "retry"),
    bind("session.script", "script"),
    bind("session.trash", "trash"),
    bind("session.undo", "undo"),
    bind("session.rename", "rename"),
    bind("session.notes", "notes"),
    bind("session.editor", "editor"),
    bind("session.shell", "shell"),
    bind("session.copy", "copy"),
]

MESSAGE = "message"
"""The purpose of a follow-up that is not sent yet, for the box of the list and that of the session's screen."""

_CHANGING = frozenset(
    {"message", "stop", "retry", "script", "trash", "undo", "rename", "notes", "new", "new_from", "settings", "merge"}
)
_STEPPING = frozenset({"editor", "shell"})


class SessionActions(AppScreen[None]):
    """A screen with selected sessions. Its heirs say which by `selected_sessions`."""

    BINDINGS: ClassVar[list[BindingType]] = SESSION_KEYS

    @abstractmethod
    def selected_sessions(self) -> list[Session]:
        """The marked sessions, else the one that the cursor or the screen is on."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing that changes something, nor a program in the worktree, from a screen that only watches."""
        if app_of(self).read_only and action in _CHANGING | _STEPPING:
            return False
        return super().check_action(action, parameters)

    def action_new(self) -> None:
        """Open the form for a new session."""
        self._open_form(None)

    def action_new_from(self) -> None:
        """A new session with the repository, base, script and mode of this one."""
        if session := self._only_one("New from"):
            self._open_form(session)

    def _open_form(self, like: Session | None) -> None:
        from ampsm_tui.screens.new_session import Beginning, NewSessionScreen

        self.app.push_screen(NewSessionScreen(Beginning.of(like) if like else None), self.session_made)

    def session_made(self, session_id: str | None) -> None:
        """A new session was made, or not; an heir may go to it."""

    def action_message(self) -> None:
        """Write a follow-up for the chosen sessions."""
        sessions = self._selected()
        if not sessions:
            return
        from ampsm_engine.engine import runs
        from ampsm_tui.screens.writing import TextScreen

        left = list(sessions)

        async def send(text: str) -> None:
            while left:  # one that refuses is shown; those before it have their message
                await ask(runs.iterate, app_of(self).engine, left[0].id, text)
                left.pop(0)

        waits = [row for row in self._rows(sessions) if row.queued or _is_at_work(row)]
        note = "It waits until amp has finished what it does now." if waits else "amp starts at once."
        owner = "+".join(one.id for one in sessions)
        title = f"Message to {names(sessions)}"
        screen = TextScreen(title, send, owner=owner, purpose=MESSAGE, note=note, may_be_empty=False)
        self.app.push_screen(screen)

    def action_review(self) -> None:
        """Read what the session changed."""
        if session := self._only_one("Review of"):
            app_of(self).open_review(session)

    def action_merge(self) -> None:
        """From the session to its base, step by step; an open conflict is gone on with."""
        if session := self._only_one("Merge of"):
            from ampsm_tui.screens.merge import MergeScreen

            self.app.push_screen(MergeScreen(session))

    def action_stop(self) -> None:
        """Ask what runs to end, and empty the queue."""
        rows = [row for row in self._rows(self._selected()) if row.queued or _is_at_work(row)]
        if not rows:
            self._refuse("Nothing runs or waits in", self._selected())
            return
        waiting = sum(row.queued for row in rows)
        sentence = "amp is asked to end; what it changed is committed"
        sentence += f", and {waiting} waiting prompt{'s' * (waiting != 1)} will not run." if waiting else "."
        sessions = [row.session for row in rows]
        self._after_yes(f"Stop {names(sessions)}?", sentence, "Stop", lambda: self._stop(sessions))

    def _stop(self, sessions: Sequence[Session]) -> None:
        from ampsm_engine.engine import runs

        def asked(iterations: Sequence[Iteration]) -> None:
            left = [one for one in iterations or () if one.state is not State.SETTLED]
            if left:
                self.app.run_worker(self._end_what_stays(left), group="stopping")

        self._each(runs.stop, sessions, answered=asked)

    async def _end_what_stays(self, iterations: Sequence[Iteration]) -> None:
        """End by force what has not ended when its time is over, and name what goes on even so."""
        from ampsm_engine.engine import runs

        engine = app_of(self).engine
        try:
            await asyncio.sleep(await ask(runs.stop_limit, engine))
            found = await ask(runs.end_by_force, engine, iterations)
        except AmpsmError as refusal:
            tell(self, refusal)
            return
        for one in found:
            if one.state is not State.SETTLED:
                doing = one.activity or one.state.value
                tell(self, Failed(f"Iteration {one.number} has not ended: {doing}.", f"ampsm stop {one.session_id}"))

    def action_retry(self) -> None:
        """Run the last prompt again, once it was read."""
        self._retry(self._selected())

    @asking
    async def _retry(self, sessions: Sequence[Session]) -> None:
        """Show the last prompt of each of these sessions, one after the other, to be sent or left."""
        from ampsm_engine.engine import runs
        from ampsm_tui.screens.writing import TextScreen

        if not sessions:
            return
        session, *others = sessions
        prompt = await ask(runs.last_prompt, app_of(self).engine, session.id) or ""

        async def send(text: str) -> None:
            await ask(runs.iterate, app_of(self).engine, session.id, text)

        def answered(answer: bool | None) -> None:
            if answer:
                app_of(self).say(f"Sent again: {session.name}")
                self._retry(others)

        title = f"Send the last prompt of {session.name} again?"
        screen = TextScreen(
            title,
            send,
            owner=session.id,
            purpose="the last prompt again",
            text=prompt,
            note="amp gets it as it stands here.",
            may_be_empty=False,
        )
        self.app.push_screen(screen, answered)

    @asking
    async def action_trash(self) -> None:
        """Into the trash, after one sentence about what that takes away."""
        from ampsm_engine.engine import removal

        sessions = self._selected()
        if not sessions:
            return
        sentences = [await ask(removal.what_would_be_lost, app_of(self).engine, one.id) for one in sessions[:5]]
        more = len(sessions) - len(sentences)
        if more:
            sentences.append(f"{more} more go with {'it' if more == 1 else 'them'}.")
        text = "\n".join(sentences).replace("ampsm trash restore", "undo")
        told = "In the trash: {}; u brings it back"
        self._after_yes(
            f"Move {names(sessions)} to the trash?",
            text,
            "To the trash",
            lambda: self._each(removal.remove, sessions, told=told),
        )

    @asking
    async def action_undo(self) -> None:
        """Take back the merge of the session, or bring back what went to the trash last: whichever came later."""
        from ampsm_engine.engine import removal
        from ampsm_tui.screens import merge_actions

        sessions = self.selected_sessions()
        if len(sessions) == 1 and await merge_actions.offered(self, sessions[0]):
            return
        session = await see_through(ask(removal.restore_last, app_of(self).engine))
        app_of(self).say(f"{session.name} is back")

    def action_rename(self) -> None:
        """Ask for another name of the one chosen session."""
        from ampsm_engine.engine import sessions as verbs
        from ampsm_tui.screens.writing import LineScreen

        if session := self._only_one("Rename"):

            async def rename(text: str) -> None:
                await ask(verbs.edit, app_of(self).engine, session.id, name=text)

            note = "Its branch and its folder keep their names."
            title = f"Rename {session.name}"
            screen = LineScreen(
                title, rename, owner=session.id, purpose="name", text=session.name, note=note, may_be_empty=True
            )
            self.app.push_screen(screen)

    def action_notes(self) -> None:
        """Notes of a person, kept in ampsm alone."""
        from ampsm_engine.engine import sessions as verbs
        from ampsm_tui.screens.writing import KeptTextScreen

        if session := self._only_one("Notes of"):

            async def keep(text: str) -> None:
                await ask(verbs.edit, app_of(self).engine, session.id, notes=text.rstrip())

            note = "For people: amp is not told of them."
            title = f"Notes on {session.name}"
            screen = KeptTextScreen(
                title,
                keep,
                owner=session.id,
                purpose="notes",
                text=session.notes or "",
                note=note,
                may_be_empty=True,
            )
            self.app.push_screen(screen)

    def action_script(self) -> None:
        """Run the script, and see what it prints."""
        from ampsm_tui.screens.script import ScriptScreen

        session = self._only_one("The script of")
        if session is not None and not session.script_command:
            message = f"Session {session.name} has no script."
            tell(self, Refused(message, f"ampsm edit {session.id} --script 'make test'"))
        elif session is not None:
            self.app.push_screen(ScriptScreen(session))

    def action_editor(self) -> None:
        """The editor in the worktree."""
        self._step_aside(("VISUAL", "EDITOR"), "vim", ".")

    def action_shell(self) -> None:
        """A shell in the worktree."""
        self._step_aside(("SHELL",), "/bin/bash")

    def action_copy(self) -> None:
        """Choose what to copy."""
        from ampsm_tui.screens.copying import CopyScreen

        def copied(chosen: tuple[str, str] | None) -> None:
            if chosen:
                try:
                    clipboard.copy(self.app, chosen[1], os.environ)
                except AmpsmError as refusal:
                    tell(self, refusal)
                    return
                without = ", without its secrets," if "[redacted:" in chosen[1] else ""
                app_of(self).say(f"The {chosen[0]}{without} is in the clipboard, where the terminal allows it")

        if sessions := self._selected():
            self.app.push_screen(CopyScreen(sessions), copied)

    def _selected(self) -> list[Session]:
        """The selected sessions; a toast when there are none."""
        sessions = self.selected_sessions()
        if not sessions:
            app_of(self).say("There is no session under the cursor")
        return sessions

    def _only_one(self, what: str) -> Session | None:
        sessions = self._selected()
        if len(sessions) > 1:
            tell(self, Refused(f"{what} {len(sessions)} sessions at once does not work.", "Take the marks away."))
        return sessions[0] if len(sessions) == 1 else None

    def _rows(self, sessions: Sequence[Session]) -> list[BoardRow]:
        board = app_of(self).board
        wanted = {session.id for session in sessions}
        return [row for row in board.rows if row.session.id in wanted] if board else []

    def _refuse(self, sentence: str, sessions: Sequence[Session]) -> None:
        if sessions:
            app_of(self).say(f"{sentence} {names(sessions)}")

    def _after_yes(self, title: str, sentence: str, yes: str, then: Callable[[], object]) -> None:
        from ampsm_tui.screens.confirm import ConfirmScreen

        def answered(answer: bool | None) -> None:
            if answer:
                then()

        self.app.push_screen(ConfirmScreen(title, sentence, yes=yes), answered)

    def _each(
        self,
        verb: Callable[..., Any],
        sessions: Sequence[Session],
        *,
        told: str = "",
        answered: Callable[[Any], None] | None = None,
    ) -> None:
        """Ask a verb for one session after the other; several that take long show how far they are."""
        if sessions:
            self.run_worker(self._one_by_one(verb, sessions, told, answered), group="ask")

    async def _one_by_one(
        self, verb: Callable[..., Any], sessions: Sequence[Session], told: str, answered: Callable[[Any], None] | None
    ) -> None:
        from ampsm_tui.screens.progress import Progress

        done: list[Session] = []
        with Progress(self, len(sessions)) as progress:
            for session in sessions:
                progress.at(session.name)
                try:
                    answer = await see_through(ask(verb, app_of(self).engine, session.id))
                except AmpsmError as refusal:
                    tell(self, refusal)
                else:
                    done.append(session)
                    if answered is not None:
                        answered(answer)
                if progress.unwanted:
                    break
        if told and done:
            app_of(self).say(told.format(names(done)))

    def _step_aside(self, variables: Sequence[str], example: str, *arguments: str) -> None:
        if session := self._only_one("A program in"):
            try:
                command = aside.words(os.environ, variables, example)
                aside.step_aside(self.app, [*command, *arguments], Path(session.worktree_path))
            except AmpsmError as refusal:
                tell(self, refusal)


def names(sessions: Sequence[Session]) -> str:
    """The one name, or how many."""
    return sessions[0].name if len(sessions) == 1 else f"{len(sessions)} sessions"


def _is_at_work(row: BoardRow) -> bool:
    return row.current is not None and row.current.state.value in {"running", "settling"}
