"""Merging an item that passed: onto its base as that is now, judged again by the script where that has moved.

It goes through the merge that a person would ask for, with its journal, its backups and its undo. One item at a time
is at it in a repository; a conflict is taken back, and the item keeps its branch as it was.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ampsm_engine import timestamps
from ampsm_engine.amp import process
from ampsm_engine.batch import progress
from ampsm_engine.batch.item_run import first_try
from ampsm_engine.batch.values import ItemSpec
from ampsm_engine.context import Engine
from ampsm_engine.engine import scripts
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import changes, repository
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import operations, preflight, situation
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import BatchItem, BatchTry, ItemState, Merge, MergeState, Session, State, TryKind
from ampsm_engine.store.batches import ItemAttempt

TRIES = 3
"""How often a merge is tried that another process was in the way of."""

HAND_PAUSE = 5.0
"""Seconds between two looks whether an iteration that a person sent to the item's session has ended."""

ROUNDS = 5
"""How often a base may move while the script judges what would come of it."""


@dataclass(slots=True)
class ItemMerge:
    """The merge of one item. Blocks: it belongs into a thread."""

    engine: Engine
    item_id: str
    spec: ItemSpec
    stop: Callable[[], bool]
    """Whether the script is to be ended: what it judged then is not judged."""

    def until_ended(self) -> None:
        """Merge, and record the outcome of the item, also of an error; only a full disk raises."""
        store = self.engine.store
        item = store.batches.item(self.item_id)
        if item.state is not ItemState.RUNNING or item.step != progress.MERGE:
            return
        try:
            session = store.sessions.get(item.session_id or "")
            if self._is_taken_up(item, session):
                return
            if any(one.state is not State.SETTLED for one in store.iterations.of(session.id)):
                later = timestamps.stamp(datetime.now(UTC) + timedelta(seconds=HAND_PAUSE))
                said = "It passed; what was sent to its session by hand comes to its end first."
                self._end("later", ItemState.QUEUED, said, next_at=later)
                return
            self._merge(item, session)
        except (Refused, NotFound) as reason:
            hint = f" {reason.hint}" if reason.hint else ""
            self._end("error", ItemState.ERROR, f"It passed, and is not merged: {reason}{hint}")
        except AmpsmError as reason:
            self._try_later(reason)

    def _is_taken_up(self, item: BatchItem, session: Session) -> bool:
        """Look after what a coordinator left that died in the middle; whether the item has ended with that."""
        store = self.engine.store
        left = next((one for one in store.batches.tries(item.id) if one.ended_at is None), None)
        if left is None:
            return False
        waiting = store.merges.open_of(session.id)
        if waiting is not None and waiting.state is MergeState.CONFLICTED:
            operations.abort(self.engine, session.id)
            self._end("conflict", ItemState.CONFLICT, _conflict(session))
            return True
        if left.kind is TryKind.MERGE and (merge := self._merged_since(session, left)) is not None:
            was_judged = repository.is_ancestor(Path(session.repo_root), merge.base_before, merge.branch_before)
            if session.script_command and not was_judged and not self._script(session)[0]:
                return self._is_kept(session, merge)
            self._end("pass", ItemState.SUCCESS, _merged(merge))
            return True
        for iteration in store.iterations.of(session.id)[-1:]:  # its script may run on, and would judge two things
            process.end_leftovers(iteration.id, self.engine.settings.number("stop.terminate"))
        store.batches.end_try(left, "lost", "Its coordinator died.", step=progress.MERGE)
        return False

    def _merged_since(self, session: Session, left: BatchTry) -> Merge | None:
        merge = operations.last_undoable(self.engine, session.id)
        return merge if merge and merge.kind == "merge" and merge.started_at >= left.started_at else None

    def _merge(self, item: BatchItem, session: Session) -> None:
        root = Path(session.repo_root)
        for _ in range(ROUNDS):
            base, tip = repository.branch_tips(root, session.base_branch, session.branch_name)
            if tip is None:
                raise Refused(f"Its branch {session.branch_name} is not there any more.", "ampsm repair")
            if base is None:
                way = f"ampsm merge {session.id} --onto BRANCH -m MESSAGE"
                raise Refused(f"{session.base_branch} is no branch that it could be merged into.", way)
            if self._is_all_there(item, session):
                return
            moved = not repository.is_ancestor(root, base, tip)
            to_judge = session.script_command and (moved or not self._is_judged(session))
            if to_judge and not self._fits(item, session, moved=moved):
                return
            base_now = repository.branch_tip(root, session.base_branch)
            if session.script_command and base_now != base:
                continue
            # Put onto a base that has the same change already, by another item for instance, it is none any more.
            if (moved and self._is_all_there(item, session)) or self._landed(item, session, base):
                return
        raise Refused(f"{session.base_branch} moved {ROUNDS} times while the script judged it.")

    def _is_all_there(self, item: BatchItem, session: Session) -> bool:
        """Whether the base has all of the session's commits; the item has passed then, and ends."""
        if changes.ahead_behind(Path(session.repo_root), session.branch_name, session.base_branch)[0]:
            return False
        self.engine.store.batches.begin_try(ItemAttempt(item.id, progress.MERGE, TryKind.MERGE))
        self._end("pass", ItemState.SUCCESS, f"There is nothing to merge that {session.base_branch} lacks.")
        return True

    def _is_judged(self, session: Session) -> bool:
        """Whether the script is known to pass on this very commit: who put it there may have been killed first."""
        now = situation.look(self.engine.store, session.id)
        return preflight.result_of(self.engine, now) is True

    def _fits(self, item: BatchItem, session: Session, *, moved: bool) -> bool:
        """Put its work onto a base that moved, and judge that; False when that ended the item, or sent it back."""
        self.engine.store.batches.begin_try(ItemAttempt(item.id, progress.MERGE, TryKind.SCRIPT))
        try:
            if moved:
                operations.merge(self.engine, session.id, Options("rebase", answered=("*",)))
        except ConflictsWait:
            operations.abort(self.engine, session.id)
            self._end("conflict", ItemState.CONFLICT, _conflict(session))
            return False
        passed, exit_code = self._script(session)
        if passed:
            tip = situation.look(self.engine.store, session.id).branch_tip
            self.engine.store.facts.add(preflight.CHECKED, f"{tip} pass", session_id=session.id)
            self._end("pass", ItemState.RUNNING, None)
            return True
        if self.stop():
            self._end("stopped", ItemState.STOPPED, "The run was stopped while the script judged the merge.")
            return False
        tries = [one for one in self.engine.store.batches.tries(item.id) if one.number > first_try(item)]
        fixes = sum(one.kind is TryKind.FIX and one.outcome in ("pass", "fail") for one in tries)
        step = f"{progress.FIX_STEP} {fixes}" if fixes else progress.PROMPT
        verdict = progress.after_failing_script(self.spec, step, exit_code)
        why = f"On {session.base_branch} as it is now: {verdict.reason}"
        goes_on = verdict.state is ItemState.RUNNING
        self._end("fail", verdict.state, why, step=verdict.step if goes_on else progress.MERGE)
        return False

    def _script(self, session: Session) -> tuple[bool, int]:
        limit = self.spec.script_timeout_sec
        ran = scripts.run_script(self.engine, session.id, lambda _content: None, stop=self.stop, limit=limit)
        return ran.exit_code == 0 and not ran.stopped, ran.exit_code

    def _landed(self, item: BatchItem, session: Session, judged_base: str) -> bool:
        """Merge, and make sure of it where the base has moved at the last moment; False: once more."""
        self.engine.store.batches.begin_try(ItemAttempt(item.id, progress.MERGE, TryKind.MERGE))
        try:
            result = operations.merge(self.engine, session.id, Options(message=self._message(session)))
        except ConflictsWait:
            operations.abort(self.engine, session.id)
            self._end("conflict", ItemState.CONFLICT, _conflict(session))
            return True
        has_moved = result.merge.base_before != judged_base
        if session.script_command and has_moved and not self._script(session)[0]:
            return self._is_kept(session, result.merge)
        self._end("pass", ItemState.SUCCESS, _merged(result.merge))
        return True

    def _is_kept(self, session: Session, merge: Merge) -> bool:
        """Take a merge back that does not pass on a base that moved in between; True where that cannot be done."""
        why = f"{merge.target} moved while it was merged"
        try:
            operations.undo(self.engine, session.id)
        except AmpsmError as reason:
            text = f"{_merged(merge)} {why}: the script does not pass there, and it was not undone: {reason}"
            self._end("fail", ItemState.FAIL, text)
            return True
        self._end("lost", ItemState.RUNNING, f"{why}.")
        return False

    def _message(self, session: Session) -> str:
        now = situation.look(self.engine.store, session.id)
        objects = ObjectStore(now.root, now.repo)
        return preflight.drafted(self.engine, now, situation.span(self.engine.store, now, objects), objects)

    def _try_later(self, reason: AmpsmError) -> None:
        item = self.engine.store.batches.item(self.item_id)
        tries = self.engine.store.batches.tries(item.id)
        counted = [one for one in tries if one.number > first_try(item)]
        failed = sum(one.kind is TryKind.MERGE and one.outcome == "error" for one in counted)
        if isinstance(reason, Failed) and failed + 1 < TRIES:
            later = timestamps.stamp(datetime.now(UTC) + timedelta(seconds=5.0 * 2**failed))
            self._end("error", ItemState.QUEUED, str(reason), next_at=later)
        else:
            self._end("error", ItemState.ERROR, f"It passed, and is not merged: {reason}")

    def _end(
        self,
        outcome: str,
        state: ItemState,
        reason: str | None,
        *,
        step: str = progress.MERGE,
        next_at: str | None = None,
    ) -> None:
        """Write how the try under way ended, or what became of the item where none is."""
        store = self.engine.store
        columns = {"step": step, "reason": reason, "next_at": next_at}
        columns["ended_at"] = timestamps.now() if state.is_final else None
        under_way = next((one for one in store.batches.tries(self.item_id) if one.ended_at is None), None)
        if under_way is None:
            store.batches.move_item(self.item_id, (ItemState.RUNNING,), state, **columns)
        else:
            error = None if outcome == "pass" else reason
            store.batches.end_try(under_way, outcome, error, after=state, **columns)


def _conflict(session: Session) -> str:
    return f"It passed, and conflicts with {session.base_branch} as it is now. ampsm merge {session.id} lays it out."


def _merged(merge: Merge) -> str:
    return f"Merged into {merge.target} as {merge.base_after[:12]}."
