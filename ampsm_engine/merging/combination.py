"""The work of several sessions put onto one base, one after the other, as objects only: no branch and no file moves."""

from collections.abc import Sequence
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git import lock
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate import rewrite
from ampsm_engine.git.integrate.commit_writer import Writer
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import RewriteConflict
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.merging import preflight, questions, situation, steps
from ampsm_engine.merging.journal import JournalPlan, Position
from ampsm_engine.merging.questions import Question
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.situation import SessionSpan, Situation
from ampsm_engine.merging.steps import Made, Stopped


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that may be brought into its target, as it was when it was looked at."""

    now: Situation
    span: SessionSpan
    plan: JournalPlan
    """What its commits are made of; its position holds the squash, once that is made."""
    asked: tuple[Question, ...] = ()
    """Questions that have to be answered with yes."""

    @property
    def id(self) -> str:
        """The id of the session that is put onto the others."""
        return self.now.session.id

    @property
    def name(self) -> str:
        """The name of the session that is put onto the others."""
        return self.now.session.name


class Withdrawn(Exception):
    """A session was withdrawn; it is unchanged, and the others may go on."""

    def __init__(self, session_id: str, reason: AmpsmError) -> None:
        super().__init__(session_id, reason)
        self.session_id = session_id
        self.reason = reason


class Unsquashable(Exception):
    """The commits of a session cannot be squashed as is asked for: they do not change places."""

    def __init__(self, conflict: RewriteConflict) -> None:
        super().__init__("the commits do not change places")
        self.conflict = conflict


def considered(
    engine: Engine, session_id: str, options: Options, repo: Repo, objects: ObjectStore, *, asks: bool
) -> Candidate:
    """Look at a session as the ordinary merge does; Refused for what that refuses. Changes nothing.

    The message is drafted. `asks`: find the questions that have to be answered, too.
    """
    now = situation.look(engine.store, session_id, options.onto, repo=repo)
    situation.refuse(tuple(situation.obstacles(engine.store, now)))
    span = situation.span(engine.store, now, objects)
    now = replace(now, start=span.start)
    steps.refuse_nothing(now, span, options)
    options = steps.worded(now, replace(options, message=preflight.drafted(engine, now, span, objects)))
    work = rewrite.without_own_files(objects, now.start or now.base_tip, now.branch_tip)
    plan = JournalPlan(
        options=options,
        position=Position(work),
        moment="",
        status_before=now.session.status.value,
        base_commit_before=now.session.base_commit,
        start=now.start,
        strangers=steps.as_carried(now, span, work),
    )
    asked = questions.before(engine, now, span, options, objects) if asks else ()
    return Candidate(now, span, plan, asked)


def squashed(engine: Engine, one: Candidate, objects: ObjectStore, *, is_trial: bool) -> Candidate:
    """A candidate whose squash is made, once for all that it is put onto; Unsquashable. `is_trial`: unsigned, no hooks.

    Refused when a hook of the user's says no.
    """
    if not one.plan.options.squash:
        return one
    hooks_in = one.now.worktree if engine.settings.switch("commit.hooks") and not is_trial else None
    sign = False if is_trial else None
    tip = one.plan.position.tip
    with lock.writer(one.now.repo.common_dir, f"squash of {one.id}"):
        done, notes = steps.squash_work(objects, tip, one.now.base_tip, one.plan, hooks_in, sign=sign)
        objects.database.flush()
    if isinstance(done, RewriteConflict):
        raise Unsquashable(done)
    position = replace(one.plan.position, squashed=done.tip)
    return replace(one, plan=replace(one.plan, position=position, notes=(*one.plan.notes, *notes)))


@dataclass(frozen=True, slots=True)
class Link:
    """A candidate that was put onto the commit of the one before it."""

    candidate: Candidate
    below: str
    """The commit that it was put onto."""
    made: Made

    @property
    def commit(self) -> str:
        """The commit that the target has with this candidate."""
        return self.made.base


@dataclass(frozen=True, slots=True)
class Misfit:
    """A candidate that conflicts with what comes before it, or has nothing that this lacks (`files` is empty then)."""

    candidate: Candidate
    files: tuple[str, ...]


class Combination:
    """Puts candidates onto commits, each pair once; unsigned and without hooks, but for what is `final`."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects
        """Where it is all made."""
        self._known: dict[tuple[str, str, str], Made | Stopped] = {}

    def chain(self, base: str, candidates: Sequence[Candidate]) -> tuple[tuple[Link, ...], tuple[Misfit, ...]]:
        """Put candidates onto a commit, each on those before it that fit."""
        links: list[Link] = []
        misfits: list[Misfit] = []
        at = base
        for one in candidates:
            made = self.on(at, one)
            if isinstance(made, Stopped):
                misfits.append(Misfit(one, tuple(file.path for file in made.conflict.files)))
            elif made.base == at:
                misfits.append(Misfit(one, ()))
            else:
                links.append(Link(one, at, made))
                at = made.base
        return tuple(links), tuple(misfits)

    def on(self, below: str, one: Candidate) -> Made | Stopped:
        """Put a candidate onto a commit; the commits that it makes, or why it cannot be put there."""
        key = (below, one.id, one.now.branch_tip)
        if key not in self._known:
            self._known[key] = self._put(below, one, sign=False)
        return self._known[key]

    def final(self, engine: Engine, links: Sequence[Link]) -> tuple[Link, ...]:
        """Make a chain as it is to land, with the user's hooks and signatures; as it is where that changes nothing.

        Withdrawn when a hook says no to one.
        """
        forward = all(link.candidate.plan.options.fast_forward for link in links)
        if forward and not Writer(self.objects).signs:
            return tuple(links)
        has_hooks = engine.settings.switch("commit.hooks")
        found: list[Link] = []
        for link in links:
            one, at = link.candidate, found[-1].commit if found else link.below
            try:
                made = self._put(at, one, sign=None, hooks_in=one.now.worktree if has_hooks else None)
            except AmpsmError as reason:
                raise Withdrawn(one.id, reason) from reason
            if isinstance(made, Stopped) or self.objects.tree_of(made.base) != self.objects.tree_of(link.commit):
                message = f"{one.name} comes to other files than those that were tried."  # a hook that changed them
                raise Withdrawn(one.id, Refused(message, f"ampsm preflight {one.id}"))
            found.append(Link(one, at, made))
        return tuple(found)

    def _put(self, below: str, one: Candidate, *, sign: bool | None, hooks_in: Path | None = None) -> Made | Stopped:
        plan = replace(one.plan, position=replace(one.plan.position, onto=below))
        names = {"branch": one.now.session.branch_name, "target": one.now.target}
        return steps.make_commits(self.objects, below, plan, **names, hooks_in=hooks_in, sign=sign)
