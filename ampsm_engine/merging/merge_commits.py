"""Making the commits of an operation, as objects only: from a position, as often as it takes. Nothing moves here."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ampsm_engine.errors import Refused
from ampsm_engine.git import integrate
from ampsm_engine.git.integrate.object_store import ObjectStore, held
from ampsm_engine.git.integrate.values import RewriteConflict, Rewritten
from ampsm_engine.merging.journal import JournalPlan, Position

APART = "commits by hand do not change places with amp's here, so amp's are squashed run by run between them"


@dataclass(frozen=True, slots=True)
class Made:
    """Where things would point."""

    branch: str
    """The session's branch."""
    base: str = ""
    """The target; empty when it does not move."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stopped:
    """A conflict, and the position from which it comes again."""

    conflict: RewriteConflict
    position: Position


def make(
    where: Path | ObjectStore,
    base_tip: str,
    plan: JournalPlan,
    *,
    branch: str,
    target: str,
    hooks_in: Path | None = None,
) -> Made | Stopped:
    """Make what a plan asks for, on the target as it is now.

    With `hooks_in`, the session's worktree, the user's hooks run for what is new: a squash, a merge commit.
    """
    with held(where) as objects:
        made = _make(objects, base_tip, plan, branch=branch, target=target, hooks_in=hooks_in)
        objects.database.flush()
        return made


def _make(
    objects: ObjectStore, base_tip: str, plan: JournalPlan, *, branch: str, target: str, hooks_in: Path | None
) -> Made | Stopped:
    options, position = plan.options, plan.position
    if options.kind == "squash":
        return _squashed_only(objects, base_tip, plan, hooks_in)
    notes: tuple[str, ...] = ()
    if position.picked:
        done = integrate.pick(objects, position.picked, position.rest)
        if isinstance(done, Rewritten) and position.onto != base_tip:
            done = integrate.rebase(objects, done.tip, position.onto, base_tip, reapply=options.kind == "merge")
            position = Position(position.tip, base_tip)
    else:
        known = position.squashed if position.onto == base_tip else ""
        position = Position(position.tip, base_tip, squashed=known)
        if options.kind == "merge" and options.squash and not known:
            squashed, notes = _squash(objects, position.tip, base_tip, plan, hooks_in)
            if isinstance(squashed, RewriteConflict):
                return Stopped(squashed, position)
            position = replace(position, squashed=squashed.tip)
        tip = position.squashed or position.tip
        # A change that the base made and took back meanwhile is not dropped by a merge.
        done = integrate.rebase(objects, tip, base_tip, start=plan.start, reapply=options.kind == "merge")
    if isinstance(done, RewriteConflict):
        return Stopped(done, replace(position, rest=done.remaining))
    if options.kind == "rebase" or options.pull_request:
        return Made(done.tip, notes=notes)
    message = merge_message(plan, branch, target)
    merged = integrate.merge(objects, base_tip, done.tip, ff=options.fast_forward, message=message, hooks_in=hooks_in)
    if isinstance(merged, RewriteConflict):  # pragma: no cover - what was put onto the target lies ahead of it
        raise Refused(f"{branch} does not merge into {target}.", f"git -C {objects.where} log --oneline {target}")
    return Made(merged.commit, merged.commit, notes)


def merge_message(plan: JournalPlan, branch: str, target: str) -> str:
    """The message of a merge commit: the user's words where no squash has them."""
    words = plan.options.message.strip()
    if words and not plan.options.squash:
        return words
    title = f"Merge branch '{branch}' into {target}"
    subject = words.partition("\n")[0]
    return f"{title}\n\n{subject}" if subject else title


def _squashed_only(objects: ObjectStore, base_tip: str, plan: JournalPlan, hooks_in: Path | None) -> Made | Stopped:
    squashed, notes = _squash(objects, plan.position.tip, base_tip, plan, hooks_in)
    if isinstance(squashed, RewriteConflict):
        return Stopped(squashed, Position(plan.position.tip, base_tip))
    return Made(squashed.tip, notes=notes)


def _squash(
    objects: ObjectStore, tip: str, base_tip: str, plan: JournalPlan, hooks_in: Path | None
) -> tuple[Rewritten | RewriteConflict, tuple[str, ...]]:
    """The squash; where commits by hand cannot be kept beside one squash, amp's are squashed between them."""
    message, manual = plan.options.message, plan.options.manual
    strangers = frozenset(plan.strangers)
    squash = partial(integrate.squash, start=plan.start, strangers=strangers, hooks_in=hooks_in)
    done = squash(objects, tip, base_tip, message, manual=manual)
    if isinstance(done, RewriteConflict) and done.kind == "reorder":
        return squash(objects, tip, base_tip, message, manual="apart"), (APART,)
    return done, ()
