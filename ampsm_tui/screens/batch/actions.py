"""What can be done to runs of batches, the same from the list of runs and from the screen of one."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.model import Batch, BatchItem, BatchState, ItemState, Session
from ampsm_engine.plain_text import plural
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_holding_keys, run_to_end, run_while_open, show_error
from ampsm_tui.bindings import bind
from ampsm_tui.hints import in_app, with_keys
from ampsm_tui.screens.base import AppScreen
from ampsm_tui.screens.dialog import Progress, confirm
from ampsm_tui.screens.table import TableScreen

if TYPE_CHECKING:
    from ampsm_engine.batch.overview import RunLine, RunView

NAMED = 5
"""Sessions whose loss is told one by one; the others are counted."""

_AT_WORK = (BatchState.RUNNING, BatchState.STOPPING)
_BAD = (ItemState.STOPPED, ItemState.FAIL, ItemState.ERROR, ItemState.TIMEOUT)
"""Ends of items from which a run is taken up again."""


class RunActions:
    """Acts on the run that is selected on a screen; `changed` is called after each verb that went well."""

    def __init__(
        self, screen: AppScreen[Any], selected: "Callable[[], RunLine | RunView | None]", changed: Callable[[], object]
    ) -> None:
        self._screen = screen
        self._selected = selected
        self._changed = changed
        self.has_removed = False
        """Whether a run was removed from here, so that no toast need say that it is gone."""

    def lives(self, key_id: str) -> bool:
        """Whether one of the keys of runs does something to the run that is selected now."""
        selected = self._selected()
        if selected is None:
            return False
        state, counts = selected.batch.state, selected.progress.counts
        if key_id in {"run.stop", "run.end"}:
            return state in _AT_WORK
        if key_id == "run.resume":
            is_waiting = state is BatchState.RUNNING and selected.batch.wait_until is not None
            return (
                state is BatchState.STOPPED or is_waiting or (state is BatchState.ENDED and any(map(counts.get, _BAD)))
            )
        return state not in _AT_WORK

    def _batch(self) -> Batch | None:
        selected = self._selected()
        return selected.batch if selected is not None else None

    def stop(self) -> None:
        """Let what is at work come to its end, and start nothing more, after one question."""
        if batch := self._run_at_work():
            what = "What amp is at comes to its end; no follow-up and no merge is begun. {run.resume} goes on."
            sentence = with_keys(self._screen, what)
            self._confirm(f"Stop {batch.name}?", sentence, "Stop", lambda: self._stop(batch, force=False))

    def end(self) -> None:
        """End what is at work, too, after one question."""
        if batch := self._run_at_work():
            what = (
                "amp is ended in every item at work; what it changed is committed. {run.resume} goes on with the run."
            )
            sentence = with_keys(self._screen, what)
            self._confirm(f"End {batch.name} now?", sentence, "End it", lambda: self._stop(batch, force=True))

    def _stop(self, batch: Batch, *, force: bool) -> None:
        from ampsm_engine.batch import runs

        said = "is being ended" if force else "stops when what is at work has ended"
        self._ask(runs.stop, batch.id, force=force, done=f"{batch.name} {said}")

    def resume(self) -> None:
        """Take up again what was stopped or failed; a run that waits for a moment goes on at once."""
        batch = self._batch()
        if batch is None:
            self._report_no_run()
        else:
            from ampsm_engine.batch import runs

            def report(found: runs.ResumedRun) -> str:
                return " ".join((f"{batch.name} goes on.", *found.stay[:NAMED]))

            self._ask(runs.resume, batch.id, done=report)

    def retry(self, items: Sequence[BatchItem]) -> None:
        """Try items again that ended badly; those that passed, or did not end yet, are left alone."""
        again = [item for item in items if item.state.is_final and item.state is not ItemState.SUCCESS]
        if again:
            run_while_open(self._screen, self._retry(again))
        elif not items:
            app_of(self._screen).show_toast("There is no item under the cursor")
        else:
            passed = all(item.state is ItemState.SUCCESS for item in items)
            app_of(self._screen).show_toast("It has passed" if passed else "It has not ended yet")

    async def _retry(self, items: Sequence[BatchItem]) -> None:
        from ampsm_engine.batch import runs

        for item in items:
            await run_to_end(ask(runs.retry, app_of(self._screen).engine, item.id))
        names = items[0].name if len(items) == 1 else plural(len(items), "item")
        app_of(self._screen).show_toast(f"Tried again: {names}")
        self._changed()

    def remove(self) -> None:
        """Remove the run, its sessions to the trash, after a question that says what that takes away."""
        batch = self._batch()
        if batch is None:
            self._report_no_run()
        elif batch.state in _AT_WORK:
            show_error(self._screen, Refused(f"{batch.name} is {batch.state}.", f"ampsm batch stop {batch.id}"))
        else:
            run_holding_keys(self._screen, self._offer_to_remove(batch))

    async def _offer_to_remove(self, batch: Batch) -> None:
        from ampsm_engine.batch import overview
        from ampsm_engine.engine import session_trash

        engine = app_of(self._screen).engine
        sessions = await ask(overview.sessions_of_run, engine, batch.id)
        sentences = [await ask(session_trash.describe_loss, engine, one.id) for one in sessions[:NAMED]]
        if more := len(sessions) - len(sentences):
            sentences.append(f"{more} more go with {'it' if more == 1 else 'them'}.")
            sentences.append(await ask(session_trash.describe_comments, engine, [one.id for one in sessions[NAMED:]]))
        text = in_app(self._screen, "\n".join(filter(None, sentences))) or "It has no sessions to lose."

        def go() -> None:
            run_while_open(self._screen, self._remove(batch, sessions))

        self._confirm(f"Remove {batch.name}?", text, "Remove", go)

    async def _remove(self, batch: Batch, sessions: Sequence[Session]) -> None:
        """One session after the other, then the run; what cannot go keeps the run."""
        from ampsm_engine.batch import runs
        from ampsm_engine.engine import session_trash

        engine = app_of(self._screen).engine
        with Progress(self._screen, len(sessions)) as progress:
            for session in sessions:
                progress.at(session.name)
                gone = await run_to_end(ask(session_trash.remove, engine, session.id))
                if gone is not None and gone.not_archived:
                    app_of(self._screen).show_toast(gone.not_archived)
                if progress.unwanted:
                    self._changed()
                    return
        _, stay = await run_to_end(ask(runs.remove, engine, batch.id))
        if stay:
            raise Failed(f"{batch.name} stays: {stay[0]}", f"ampsm batch rm {batch.id}")
        self.has_removed = True
        app_of(self._screen).show_toast(f"{batch.name} is removed; its sessions are in the trash")
        self._changed()

    def _run_at_work(self) -> Batch | None:
        batch = self._batch()
        if batch is None:
            self._report_no_run()
        elif batch.state not in _AT_WORK:
            app_of(self._screen).show_toast(f"{batch.name} does not run")
            return None
        return batch

    def _report_no_run(self) -> None:
        app_of(self._screen).show_toast("There is no run under the cursor")

    def _confirm(self, title: str, sentence: str, yes: str, then: Callable[[], object]) -> None:
        confirm(self._screen, title, sentence, yes=yes, then=then)

    def _ask(self, verb: Callable[..., Any], *args: Any, done: str | Callable[[Any], str], **more: Any) -> None:
        async def carry_out() -> None:
            found = await run_to_end(ask(verb, app_of(self._screen).engine, *args, **more))
            app_of(self._screen).show_toast(done if isinstance(done, str) else done(found))
            self._changed()

        run_while_open(self._screen, carry_out())


class RunActionsScreen(TableScreen):
    """A screen around a table whose keys act on the run that is selected on it; it makes `actions`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("run.stop", "run('stop')", "Stop"),
        bind("run.end", "run('end')"),
        bind("run.resume", "run('resume')", "Resume"),
        bind("run.remove", "run('remove')"),
        bind("list.metrics", "metrics", "Numbers"),
    ]

    actions: RunActions

    def offers(self, key_id: str) -> bool:
        """The keys of runs live where the selected run lets them."""
        if key_id in {"run.stop", "run.end", "run.resume", "run.remove"}:
            return self.actions.lives(key_id)
        return super().offers(key_id)

    def action_run(self, action: str) -> None:
        """Act on the selected run."""
        getattr(self.actions, action)()
