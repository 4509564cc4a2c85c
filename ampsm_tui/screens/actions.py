"""What can be done with the selected sessions, the same from every screen that has some.

Each action asks a verb; the answer comes back with the board. Nothing is destroyed: the trash can be undone.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from ampsm_engine import labels
from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.model import BoardRow, Iteration, Merge, Session, State, Status
from ampsm_engine.plain_text import plural
from ampsm_tui import suspend
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_holding_keys, run_to_end, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.hints import in_app, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.widgets.line_widgets import copy_text

if TYPE_CHECKING:
    from ampsm_engine.engine.session_trash import Removed

_NAMED = ("message", "review", "merge", "stop")
"""The actions that a line of keys names."""


class SessionActions:
    """Acts on the sessions that are selected on a screen, which owns it.

    `selected` gives them; `own` has, by the name of an action, what the screen does in its place.
    """

    def __init__(
        self, screen: AppScreen[None], selected: Callable[[], list[Session]], **own: Callable[[], object]
    ) -> None:
        self._screen = screen
        self._selected_sessions = selected
        self._own = own

    def run(self, action: str) -> None:
        """Do what a key stands for: `action` is the name of a method, such as `message`."""
        (self._own.get(action) or getattr(self, action))()

    def lives(self, action: str) -> bool:
        """Whether there is anything for it to act on."""
        sessions = self._selected_sessions()
        if action == "stop":
            return any(row.queued or _is_at_work(row) for row in self._rows(sessions))
        return bool(sessions)

    def message(self) -> None:
        """Write a follow-up for the selected sessions."""
        sessions = self._selected()
        if not sessions:
            return
        from ampsm_engine.engine import iterations
        from ampsm_tui.screens.text_dialogs import MESSAGE, TextScreen

        left = list(sessions)

        async def send(text: str) -> None:
            while left:  # one that refuses is shown; those before it have their message
                await ask(iterations.iterate, app_of(self._screen).engine, left[0].id, text)
                left.pop(0)

        waits = [row for row in self._rows(sessions) if row.queued or _is_at_work(row)]
        note = "It is queued until amp has finished." if waits else "amp starts at once."
        owner = "+".join(one.id for one in sessions)
        title = f"Message to {labels.session_names(sessions)}"
        screen = TextScreen(title, send, owner=owner, purpose=MESSAGE, note=note, may_be_empty=False)
        self._screen.app.push_screen(screen)

    def review(self) -> None:
        """Read what the session changed."""
        if session := self.only_one("Review of"):
            app_of(self._screen).opener.open_review(session)

    def merge(self) -> None:
        """Open the merge of the session into its base, step by step; an open conflict is gone on with."""
        if session := self.only_one("Merge of"):
            app_of(self._screen).opener.open_merge(session)

    def stop(self) -> None:
        """Ask what runs to end, and empty the queue, after one question."""
        sessions = self._selected()
        rows = [row for row in self._rows(sessions) if row.queued or _is_at_work(row)]
        if not rows:
            if sessions:
                app_of(self._screen).show_toast(f"Nothing is running or queued in {labels.session_names(sessions)}")
            return
        queued = sum(row.queued for row in rows)
        sentence = "amp is asked to end; what it changed is committed"
        sentence += f", and {plural(queued, 'queued prompt')} will not run." if queued else "."
        stopped = [row.session for row in rows]
        _confirm(self._screen, f"Stop {labels.session_names(stopped)}?", sentence, "Stop", lambda: self._stop(stopped))

    def _stop(self, sessions: Sequence[Session]) -> None:
        from ampsm_engine.engine import iterations

        def end_by_force(asked: Sequence[Iteration]) -> None:
            left = [one for one in asked or () if one.state is not State.SETTLED]
            if left:
                run_while_open(self._screen.app, self._end_by_force(left), group="stopping")

        self._ask_each(iterations.stop, sessions, on_answer=end_by_force)

    async def _end_by_force(self, asked: Sequence[Iteration]) -> None:
        """End what has not ended when its time is over, and name what goes on even so."""
        from ampsm_engine.engine import iterations

        engine = app_of(self._screen).engine
        try:
            await asyncio.sleep(await ask(iterations.stop_limit, engine))
            found = await ask(iterations.end_by_force, engine, asked)
        except AmpsmError as refusal:
            show_error(self._screen, refusal)
            return
        for one in found:
            if one.state is not State.SETTLED:
                message = f"Iteration {one.number} has not ended: {one.activity or one.state.value}."
                show_error(self._screen, Failed(message, f"ampsm stop {one.session_id}"))

    def retry(self) -> None:
        """Run the last prompt again, once it was read."""
        run_holding_keys(self._screen, self._retry(self._selected()))

    async def _retry(self, sessions: Sequence[Session]) -> None:
        """Show the last prompt of each of these sessions, one after the other, to be sent or left."""
        from ampsm_engine.engine import iterations
        from ampsm_tui.screens.text_dialogs import TextScreen

        if not sessions:
            return
        session, *others = sessions
        engine = app_of(self._screen).engine
        prompt = await ask(iterations.last_prompt, engine, session.id) or ""

        async def send(text: str) -> None:
            await ask(iterations.iterate, engine, session.id, text)

        def go_on(was_sent: bool | None) -> None:
            if was_sent:
                app_of(self._screen).show_toast(f"Sent again: {session.name}")
                run_holding_keys(self._screen, self._retry(others))

        screen = TextScreen(
            f"Send the last prompt of {session.name} again?",
            send,
            owner=session.id,
            purpose="the last prompt again",
            text=prompt,
            note="amp gets it as it stands here.",
            may_be_empty=False,
        )
        self._screen.app.push_screen(screen, go_on)

    def trash(self) -> None:
        """Into the trash, after one sentence about what that takes away."""
        if sessions := self._selected():
            self.trash_these(sessions, f"Move {labels.session_names(sessions)} to the trash?", "To the trash")

    def trash_these(
        self, sessions: Sequence[Session], title: str, yes: str, note: str = "", *, merged: bool = False
    ) -> None:
        """Ask once, and move these sessions to the trash; `note` stands before what that takes away.

        With `merged` those stay of which not all work is merged any more when the answer comes.
        """
        run_holding_keys(self._screen, self._trash(sessions, title, yes, note, merged=merged))

    async def _trash(self, sessions: Sequence[Session], title: str, yes: str, note: str, *, merged: bool) -> None:
        from ampsm_engine.engine import merged_elsewhere, session_trash

        engine = app_of(self._screen).engine
        sentences = [note] if note else []
        sentences += [await ask(session_trash.describe_loss, engine, one.id) for one in sessions[:5]]
        done = "In the trash: {}; " + with_keys(self._screen, "{session.undo} brings it back")

        def warn(gone: "Removed | None") -> None:
            if gone is not None and gone.not_archived:
                app_of(self._screen).show_toast(gone.not_archived)

        more = len(sessions) - len(sessions[:5])
        if more:
            sentences.append(f"{more} more go with {'it' if more == 1 else 'them'}.")
            sentences.append(await ask(session_trash.describe_comments, engine, [one.id for one in sessions[5:]]))
        _confirm(
            self._screen,
            title,
            in_app(self._screen, "\n".join(filter(None, sentences))),
            yes,
            lambda: self._ask_each(
                merged_elsewhere.remove_merged if merged else session_trash.remove, sessions, done=done, on_answer=warn
            ),
        )

    def undo(self) -> None:
        """Take back the merge of the session, or bring back what went to the trash last: whichever came later."""
        run_holding_keys(self._screen, self._undo(self._selected_sessions()))

    async def _undo(self, sessions: Sequence[Session]) -> None:
        from ampsm_engine.engine import session_trash

        if len(sessions) == 1 and await self._offer_to_undo_merge(sessions[0]):
            return
        session = await run_to_end(ask(session_trash.restore_last, app_of(self._screen).engine))
        app_of(self._screen).show_toast(f"{session.name} is back")

    async def _offer_to_undo_merge(self, session: Session) -> bool:
        """Ask whether the session's merge is to be undone; False without one, or if something was trashed later."""
        from ampsm_engine.merging import operations
        from ampsm_tui.screens.merge.run import confirm_undo

        if session.status is not Status.DONE:
            return False
        merge = await ask(operations.last_undoable, app_of(self._screen).engine, session.id)
        board = app_of(self._screen).board
        ended = merge.ended_at or "" if merge else ""
        later = [fact for fact in (board.facts if board else ()) if fact.kind == "trashed" and fact.time > ended]
        if merge is None or merge.kind != "merge" or later:
            return False

        def report(undone: Merge) -> None:
            where = undone.target or session.branch_name
            app_of(self._screen).show_toast(f"Undone: {where} is as before the merge of {session.name}")

        confirm_undo(self._screen, session, merge, report)
        return True

    def about(self) -> None:
        """Choose what is changed of what a person notes about the selected sessions."""
        from ampsm_tui.screens.session_dialogs import SessionAbout

        if sessions := self._selected():
            SessionAbout(self._screen, self._ask_each).open(sessions)

    def script(self) -> None:
        """Run the script, and see what it prints."""
        from ampsm_tui.screens.script import ScriptScreen
        from ampsm_tui.screens.session_dialogs import SessionAbout

        session = self.only_one("The script of")
        if session is not None and not session.script_command:
            SessionAbout(self._screen, self._ask_each).write_script(session)
        elif session is not None:
            self._screen.app.push_screen(ScriptScreen(session))

    def setup(self) -> None:
        """Run the setup of the worktree again, or go on without."""
        from ampsm_tui.screens.session_dialogs import SessionSetup

        if session := self.only_one("The setup of"):
            SessionSetup(self._screen, self.retry).open(session)

    def editor(self) -> None:
        """The editor in the worktree."""
        self._run_program(("VISUAL", "EDITOR"), "vim", ".")

    def shell(self) -> None:
        """A shell in the worktree."""
        self._run_program(("SHELL",), "/bin/bash")

    def _run_program(self, variables: Sequence[str], default: str, *arguments: str) -> None:
        if session := self.only_one("A program in"):
            try:
                command = suspend.command_of(os.environ, variables, default)
                suspend.run_in_terminal(self._screen.app, [*command, *arguments], Path(session.worktree_path))
            except AmpsmError as refusal:
                show_error(self._screen, refusal)

    def copy(self) -> None:
        """Choose what to copy."""
        from ampsm_tui.screens.session_dialogs import CopyScreen

        sessions = self._selected()
        if not sessions:
            return
        menu = CopyScreen(sessions)

        def copy(word: str | None) -> None:
            if word is None:
                return
            text = menu.text(word)
            without = ", without its secrets," if "[redacted:" in text else ""
            copy_text(self._screen, text, f"The {word}{without} is in the clipboard, where the terminal allows it")

        self._screen.app.push_screen(menu, copy)

    def _selected(self) -> list[Session]:
        """The selected sessions; a toast when there are none."""
        sessions = self._selected_sessions()
        if not sessions:
            app_of(self._screen).show_toast("There is no session under the cursor")
        return sessions

    def only_one(self, what: str) -> Session | None:
        """The one selected session; a toast when there is none, or more than one of which `what` makes no sense."""
        sessions = self._selected()
        if len(sessions) > 1:
            refusal = Refused(f"{what} {len(sessions)} sessions at once does not work.", "Take the marks away.")
            show_error(self._screen, refusal)
        return sessions[0] if len(sessions) == 1 else None

    def _rows(self, sessions: Sequence[Session]) -> list[BoardRow]:
        board = app_of(self._screen).board
        wanted = {session.id for session in sessions}
        return [row for row in board.rows if row.session.id in wanted] if board else []

    def _ask_each(
        self,
        verb: Callable[..., Any],
        sessions: Sequence[Session],
        *,
        done: str = "",
        on_answer: Callable[[Any], None] | None = None,
    ) -> None:
        """Ask a verb for one session after the other; several that take long show how far they are."""
        run_while_open(self._screen, self._ask_one_by_one(verb, sessions, done, on_answer))

    async def _ask_one_by_one(
        self, verb: Callable[..., Any], sessions: Sequence[Session], done: str, on_answer: Callable[[Any], None] | None
    ) -> None:
        from ampsm_tui.screens.dialog import Progress

        finished: list[Session] = []
        with Progress(self._screen, len(sessions)) as progress:
            for session in sessions:
                progress.at(session.name)
                try:
                    answer = await run_to_end(ask(verb, app_of(self._screen).engine, session.id))
                except AmpsmError as refusal:
                    show_error(self._screen, refusal)
                else:
                    finished.append(session)
                    if on_answer is not None:
                        on_answer(answer)
                if progress.unwanted:
                    break
        if done and finished:
            app_of(self._screen).show_toast(done.format(labels.session_names(finished)))


class SessionActionsScreen(AppScreen[None]):
    """A screen whose keys act on the sessions that are selected on it; it makes `actions`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("session.message", "session('message')", "Message"),
        bind("session.review", "session('review')", "Review"),
        bind("session.merge", "session('merge')", "Merge"),
        bind("session.stop", "session('stop')", "Stop"),
        bind("session.retry", "session('retry')"),
        bind("session.script", "session('script')"),
        bind("session.setup", "session('setup')"),
        bind("session.trash", "session('trash')"),
        bind("session.undo", "session('undo')"),
        bind("session.about", "session('about')"),
        bind("session.editor", "session('editor')"),
        bind("session.shell", "session('shell')"),
        bind("session.copy", "session('copy')"),
    ]

    PASSING_KEYS: ClassVar[tuple[str, ...]] = tuple(f"session.{action}" for action in _NAMED)
    """The ids of the keys in the line of keys that live now and then."""

    actions: SessionActions
    _living: tuple[bool, ...] = ()

    def renew_keys(self) -> None:
        """Have the line of keys shown anew where other keys live than before."""
        living = tuple(map(self.offers, self.PASSING_KEYS))
        if living != self._living:
            self._living = living
            self.refresh_bindings()

    def offers(self, key_id: str) -> bool:
        """The keys that act on sessions live where there is one to act on."""
        room, _, action = key_id.partition(".")
        return self.actions.lives(action) if room == "session" and action in _NAMED else super().offers(key_id)

    def action_session(self, action: str) -> None:
        """Act on the selected sessions."""
        self.actions.run(action)


def _confirm(screen: AppScreen[None], title: str, sentence: str, yes: str, then: Callable[[], object]) -> None:
    from ampsm_tui.screens.dialog import confirm

    confirm(screen, title, sentence, yes=yes, then=then)


def _is_at_work(row: BoardRow) -> bool:
    return row.current is not None and row.current.state.value in {"running", "settling"}
