"""The journal's own side: the steps, and what an operation's plan remembers, as JSON in the store."""

import json

from ampsm_engine import naming, timestamps
from ampsm_engine.lean_dataclass import asdict, dataclass, replace
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Merge, MergeState

# What is done next, as the column `step` has it.
BEGUN = "begun"
"""Objects are made; no branch and no file has been touched."""
LAY = "lay-out"
"""A conflict goes into the session's worktree, for the first time."""
WAIT = "wait"
"""Nothing is being done: the conflict lies there."""
RESUME = "resume"
"""Objects are made from a resolved conflict, which lies there still."""
RELAY = "next-conflict"
"""The next conflict takes the place of a resolved one."""
TARGET = "target"
"""The target and its checkouts move."""
BRANCH = "branch"
"""The session's branch and its worktree move."""
ABORT = "abort"
UNDO_TARGET = "undo-target"
UNDO_BRANCH = "undo-branch"
END = "end"


@dataclass(frozen=True, slots=True)
class Position:
    """How far the making of commits has come; from here it can always be done again."""

    tip: str
    """The session's work, before it is squashed."""
    onto: str = ""
    """Where the target stood when commits were last put onto it."""
    picked: str = ""
    """The last commit that is in place, after a conflict was resolved; empty before the first."""
    rest: tuple[str, ...] = ()
    """Commits that come after the one in conflict, or after `picked`."""
    squashed: str = ""
    """What `tip` was squashed to, for `onto`: the user's hooks have run for it, and run once."""


@dataclass(frozen=True, slots=True)
class JournalPlan:
    """What finishing an operation or taking it back needs to know."""

    options: Options
    position: Position
    moment: str
    """The moment that names the operation's backups."""
    status_before: str
    base_commit_before: str
    start: str = ""
    """The commit that the session's own work comes after; empty where that is what it shares with the target."""
    strangers: tuple[str, ...] = ()
    """Commits of others in that work that the user chose to bring along."""
    given: str = ""
    """The iteration that was asked to resolve a conflict."""
    given_tree: str = ""
    """A commit of the worktree as it was then, conflict and all."""
    shown: str = ""
    """The tree of the resolution that was shown to a person last."""
    accepted: str = ""
    """The tree of the resolution that a person took for good."""
    meant: tuple[str, ...] = ()
    """Blobs with lines that look like conflict markers, and are meant."""
    conflicts: int = 0
    """How many were laid out so far."""
    checkouts: tuple[str, ...] = ()
    """Checkouts that were moved with the target."""
    notes: tuple[str, ...] = ()
    group: tuple[str, str] | tuple[()] = ()
    """Of a train: the commits between which the target moves at once for several sessions; empty for one alone."""


def new(now: Situation, options: Options, *, moved: str, work: str = "", strangers: tuple[str, ...] = ()) -> Merge:
    """The entry of an operation that begins. `moved`: the branch that will move besides the session's, or empty.

    `work`: the commits to work on, where that is not the session's branch; `strangers`: those that are not its own.
    """
    started = timestamps.now()
    moment = "".join(letter for letter in started if letter.isdigit())
    key = naming.new_id()
    plan = JournalPlan(
        options=options,
        position=Position(work or now.branch_tip),
        moment=f"{moment[:8]}-{moment[8:14]}-{key}",
        status_before=now.session.status.value,
        base_commit_before=now.session.base_commit,
        start=now.start,
        strangers=strangers,
    )
    return Merge(
        id=key,
        session_id=now.session.id,
        kind=options.kind,
        state=MergeState.WORKING,
        step=BEGUN,
        started_at=started,
        target=moved,
        base_before=now.base_tip,
        branch_before=now.branch_tip,
        message=options.message,
        plan=written(plan),
    )


def written(plan: JournalPlan) -> str:
    """A plan as the store keeps it; the message has a column of its own, in which secrets are redacted."""
    return json.dumps(asdict(replace(plan, options=replace(plan.options, message=""))))


def read(merge: Merge) -> JournalPlan:
    """The plan that a journal entry carries."""
    plain = json.loads(merge.plan)
    asked = plain.pop("options")
    options = Options(**(asked | {"message": merge.message, "answered": tuple(asked.get("answered", ()))}))
    position = plain.pop("position")
    for name in ("notes", "checkouts", "strangers", "meant", "group"):
        plain[name] = tuple(plain.get(name, ()))
    return JournalPlan(options, Position(**(position | {"rest": tuple(position["rest"])})), **plain)
