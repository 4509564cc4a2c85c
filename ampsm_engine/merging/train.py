"""The merge train: several sessions come into one branch, in order, and it moves only to what their scripts passed.

They are put onto each other as objects, and the script judges the whole in a scratch worktree. Where it fails, halving
finds the one at fault (`fault_search`); what passed before it lands, it is set aside, and the others go on. What one
move of the branch brings is one commit that was tried; each session has its entry in the journal, and can be undone.
Whoever is killed leaves the branch at such a commit: the same train again goes on from there. Until the branch has
moved, all entries go back; from then on, all go forward, also by a later process.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import lock, repository
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import MovedBranch
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.merging import combination, journal, merge_lock, questions, recovery, situation, steps, trial
from ampsm_engine.merging.combination import Candidate, Combination, Link, Unsquashable, Withdrawn
from ampsm_engine.merging.fault_search import Fitting, Sorting, worst_case
from ampsm_engine.merging.questions import Question
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import NothingNew
from ampsm_engine.merging.trial import FolderScript, TrialRun, Trials
from ampsm_engine.model import Merge, MergeState, Session
from ampsm_engine.plain_text import list_some, plural, printable

RESTARTS = 20
"""How often a train begins again because the branch or a session moved under it, before it gives up."""

ReportLine = Callable[[str], None]
"""Gets a sentence whenever something was done, or takes long."""

Why = Literal["script", "conflict", "refused", "nothing"]
"""`script`: it does not pass together with what landed. `nothing`: its work is there already."""


class BaseMoved(Exception):
    """The target has moved: what was tried on it has to be tried again."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A session that a train did not bring in; it is as it was."""

    session: Session
    why: Why
    reason: str
    hint: str = ""
    files: tuple[str, ...] = ()
    """The paths of the files in conflict."""
    log: str = ""
    """What the script printed; redacted."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The outcome of a train: which sessions landed, and which were set aside."""

    target: str
    base_before: str
    base_after: str
    landed: tuple[Merge, ...]
    aside: tuple[SetAside, ...]
    scripts: tuple[str, ...]
    runs: int
    """How often the scripts ran."""
    extra_runs: int = 0
    """How many of these looked for one at fault: at most log2 of the number of sessions for each."""


def same_ground(engine: Engine, session_ids: Sequence[str], onto: str = "") -> tuple[Repo, str]:
    """The repository and the branch that these sessions are all brought into; Refused when they differ.

    NotFound when the repository is gone.
    """
    sessions = [engine.store.sessions.get(one) for one in session_ids]
    roots = {session.repo_root for session in sessions}
    targets = {onto or session.base_branch for session in sessions}
    if len(roots) > 1:
        message = f"These sessions are of several repositories: {list_some(sorted(roots))}."
        raise Refused(message, "Give those of one repository.")
    if len(targets) > 1:
        message = f"These sessions have several bases: {list_some(sorted(targets))}."
        raise Refused(message, "Give those of one base, or name the branch with --onto BRANCH.")
    root = Path(roots.pop())
    if not root.is_dir():
        raise NotFound(f"The repository {root} is gone.", "Bring it back to where it was.")
    return repository.around(root), targets.pop()


def scripts_of(sessions: Sequence[Session], script: str = "") -> tuple[FolderScript, ...]:
    """The scripts that judge these sessions together: each one once, or the one that is given; Refused without any."""
    theirs = (FolderScript(one.script_command or "", one.folder) for one in sessions)
    found = (FolderScript(script),) if script.strip() else tuple(dict.fromkeys(theirs))
    found = tuple(one for one in found if one.text.strip())
    if not found:
        hint = f"--script 'make test', or for good: ampsm edit {sessions[0].id} --script 'make test'"
        raise Refused("None of these sessions has a script that could judge them together.", hint)
    return found


def run(
    engine: Engine,
    session_ids: Sequence[str],
    options: Options,
    *,
    script: str = "",
    again: str = "",
    report: ReportLine = lambda _: None,
) -> TrainResult:
    """Bring sessions in, in this order; Refused when the scripts do not pass on the branch as it is.

    Unanswered when a question has no yes: `again` is the command that asks for the same. Nothing is changed
    then. Failed when a signal ends a script; what landed before stays.
    """
    session_ids = tuple(dict.fromkeys(session_ids))
    repo, target = same_ground(engine, session_ids, options.onto)
    scripts = scripts_of([engine.store.sessions.get(one) for one in session_ids], script)
    objects = ObjectStore(repo.root, repo)
    with trial.trials(engine, repo, objects, scripts) as judge:
        combined = Combination(objects)
        train = _Train(
            engine, repo, target, options, combined=combined, judge=judge, is_given=bool(script.strip()), report=report
        )
        return train.run(session_ids, again)


class _Train:
    """One train under way: the oracle that its candidates are sorted out by."""

    def __init__(
        self,
        engine: Engine,
        repo: Repo,
        target: str,
        options: Options,
        *,
        combined: Combination,
        judge: Trials,
        is_given: bool,
        report: ReportLine,
    ) -> None:
        self._engine, self._repo, self._target, self._options = engine, repo, target, options
        self._combined, self._judge, self._report = combined, judge, report
        self._is_given = is_given
        """Whether a person chose the script that judges all of them: then their own scripts do not count."""
        self._base = self._began = ""
        self._candidates: dict[str, Candidate] = {}
        self._links: dict[str, Link] = {}
        self._aside: list[SetAside] = []
        self._landed: list[Merge] = []
        self._judgements: dict[str, TrialRun] = {}
        self._conflicts: dict[str, tuple[str, ...]] = {}
        self._answered = options.answered
        self._extra = 0

    def run(self, session_ids: tuple[str, ...], again: str) -> TrainResult:
        """Merge the sessions that pass, and set the others aside."""
        self._base = self._began = self._tip()
        self._inspect(session_ids)
        self._ask(again)
        self._squash(tuple(self._candidates))
        sorting = Sorting(tuple(self._candidates))
        restarts = 0
        try:
            while sorting.waiting:
                try:
                    sorting.round(self)
                except (BaseMoved, Withdrawn) as moved:
                    restarts += 1
                    self._begin_again(moved, restarts)
                self._take_note(sorting)
        except AmpsmError as reason:
            if not self._landed:
                raise
            landed = self._named([entry.session_id for entry in self._landed])
            raise type(reason)(f"{reason.message} What landed before that stays: {landed}.", reason.hint) from reason
        entries, aside, judge = tuple(self._landed), tuple(self._aside), self._judge
        return TrainResult(
            self._target, self._began, self._base, entries, aside, judge.scripts, judge.runs, self._extra
        )

    def _tip(self) -> str:
        tip = repository.branch_tip(self._repo.root, self._target)
        return tip or repository.resolve(self._repo.root, self._target)

    def _inspect(self, session_ids: Sequence[str]) -> None:
        """Look at sessions on the branch as it is; what the ordinary merge would refuse is set aside."""
        objects = self._combined.objects
        for one in session_ids:
            try:
                self._candidates[one] = combination.considered(
                    self._engine, one, self._options, self._repo, objects, asks=True
                )
            except NothingNew:
                self._put_aside(one, "nothing", f"{printable(self._target)} has all of it already")
            except AmpsmError as reason:
                self._set_aside(one, reason)

    def _ask(self, again: str) -> None:
        """Unanswered while there is a question about any of them."""
        asked = [
            question._replace(text=f"{one.name}: {question.text}")
            for one in self._candidates.values()
            for question in self._questions(one)
        ]
        questions.refuse(asked, self._answered, again)
        self._candidates = {one: self._with_answers(found) for one, found in self._candidates.items()}

    def _questions(self, one: Candidate) -> tuple[Question, ...]:
        """What the ordinary merge asks; of its script nothing where another one judges, or where it is about to run."""
        runs = one.now.session.script_command in self._judge.scripts

        def is_moot(question: Question) -> bool:
            not_run = runs and all(item.endswith("not run") for item in question.items)
            return question.kind == "script" and (self._is_given or not_run)

        return tuple(question for question in one.asked if not is_moot(question))

    def _with_answers(self, one: Candidate) -> Candidate:
        answered = tuple(answer for question in one.asked for answer in question.answers)
        return replace(one, plan=replace(one.plan, options=replace(one.plan.options, answered=answered)))

    def _squash(self, session_ids: Sequence[str]) -> None:
        """Make the squash of each, the user's hooks included."""
        for one in session_ids:
            try:
                self._candidates[one] = combination.squashed(
                    self._engine, self._candidates[one], self._combined.objects, is_trial=False
                )
            except AmpsmError as reason:
                self._set_aside(one, reason)
            except Unsquashable as reason:
                files = tuple(file.path for file in reason.conflict.files)
                text = f"its commits cannot be squashed as asked for: {list_some(files)}"
                self._put_aside(one, "conflict", text, hint=f"ampsm squash {one} -m MESSAGE", files=files)

    def _begin_again(self, moved: BaseMoved | Withdrawn, restarts: int) -> None:
        """Take things as they are now: another base, or a session less. Failed when that goes on for ever."""
        if restarts > RESTARTS:
            message = f"{self._target} or these sessions kept moving: {RESTARTS} attempts came to nothing."
            raise Failed(message, f"git -C {self._repo.root} log --oneline {self._target}")
        if isinstance(moved, Withdrawn):
            self._set_aside(moved.session_id, moved.reason)
        else:
            self._report(f"{printable(self._target)} moved meanwhile: beginning again on it.")

    def _renew(self, waiting: Sequence[str]) -> None:
        """Check all waiting sessions again after the branch was moved; new questions set a session aside."""
        tip = self._tip()
        if tip == self._base:
            return
        self._base = tip
        there = [one for one in waiting if one in self._candidates]
        self._inspect(there)
        for one in self._still(there):
            found = self._candidates[one]
            try:
                questions.refuse(self._questions(found), self._answered, f"ampsm merge {one} -m MESSAGE")
            except AmpsmError as reason:
                self._set_aside(one, reason)
            else:
                self._candidates[one] = self._with_answers(found)
        self._squash(self._still(there))

    def _still(self, candidates: Sequence[str]) -> list[str]:
        return [one for one in candidates if one in self._candidates]

    def fitting(self, candidates: Sequence[str]) -> Fitting[str]:
        """Put what waits onto the branch as it is now; Refused when that would not come into its checkout."""
        self._renew(candidates)
        there = self._still(candidates)
        links, misfits = self._combined.chain(self._base, [self._candidates[one] for one in there])
        self._links = {link.candidate.id: link for link in links}
        self._conflicts = {one.candidate.id: one.files for one in misfits}
        if links:
            # Nobody runs scripts for hours for what could not come in after that.
            for blocker in branch_move.collisions(self._repo, self._target, self._base, self._base, links[-1].commit):
                raise Refused(blocker.text, blocker.hint)
        gone = tuple(one for one in candidates if one not in self._candidates)
        return Fitting(tuple(self._links), tuple(self._conflicts), gone)

    def passes(self, candidates: Sequence[str]) -> bool:
        """Run the scripts on these, on top of the branch; BaseMoved when it is not there any more."""
        if self._tip() != self._base:
            raise BaseMoved
        commit = self._links[candidates[-1]].commit
        if self._judge.judged(commit) is None:
            self._extra += len(candidates) < len(self._links)
            most = worst_case(len(self._links), 1)
            self._report(
                f"Run {self._judge.runs + 1}: {self._named(candidates)} (at most {most} runs for one at fault)"
            )
        found = self._judge.judge(commit)
        self._judgements[candidates[-1]] = found
        took = "" if found.is_known else f" after {found.seconds:.1f} s"
        self._report(f"{'Passed' if found.passed else 'Failed'}{took}: {found.text}.")
        return found.passed

    def check(self) -> None:
        """Refused when the target itself does not pass."""
        if self._judge.judged(self._base) is None:
            self._report(f"Run {self._judge.runs + 1}: {printable(self._target)} itself")
        found = self._judge.judge(self._base)
        if not found.passed:
            message = f"{printable(self._target)} itself does not pass at {self._base[:12]}: {found.text}."
            raise Refused(message, f"less {found.log}")

    def land(self, candidates: Sequence[str]) -> None:
        """Move the target to the commit that passed."""
        links = [self._links[one] for one in candidates]
        landed = land(self._engine, self._combined, links)
        self._landed += landed
        self._base = landed[-1].base_after
        self._report(f"{printable(self._target)} is at {self._base[:12]}, with {self._named(candidates)}.")

    def _named(self, candidates: Sequence[str]) -> str:
        names = [self._engine.store.sessions.get(one).name for one in candidates]
        return list_some(names, 4)

    def _take_note(self, sorting: Sorting[str]) -> None:
        """Set aside what was found to be at fault, or in conflict, since the last look."""
        known = {one.session.id for one in self._aside}
        branch = printable(self._target)
        for fault in sorting.faults:
            if fault.candidate not in known:
                found = self._judgements[fault.candidate]
                others = f" and {self._named(fault.below)}" if fault.below else ""
                text = f"with it, {found.text} (it was tried on {branch}{others})"
                hint = f"ampsm iterate {fault.candidate} 'Make it pass'"
                self._put_aside(fault.candidate, "script", text, hint=hint, log=found.log)
        for one in sorting.misfits:
            files = self._conflicts[one]
            if one not in known and files:
                text = f"it conflicts with {branch} as it is now, in {list_some(files)}"
                self._put_aside(one, "conflict", text, hint=f"ampsm merge {one} -m MESSAGE", files=files)
            elif one not in known:
                self._put_aside(one, "nothing", f"{branch} has all of it already")

    def _set_aside(self, session_id: str, reason: AmpsmError) -> None:
        self._put_aside(session_id, "refused", reason.message.rstrip("."), hint=reason.hint)

    def _put_aside(
        self, session_id: str, why: Why, reason: str, *, hint: str = "", files: tuple[str, ...] = (), log: str = ""
    ) -> None:
        self._candidates.pop(session_id, None)
        session = self._engine.store.sessions.get(session_id)
        self._aside.append(SetAside(session, why, reason, hint, files, log))
        self._report(f"Set aside: {printable(session.name)}: {reason}.")
        if why != "nothing":
            self._engine.store.facts.add("set-aside", f"a train left it out: {reason}", session_id=session_id)


def land(engine: Engine, combination: Combination, links: Sequence[Link]) -> tuple[Merge, ...]:
    """Bring a chain into its target, which stands where the chain begins; the entries of the journal, all done.

    BaseMoved when it does not any more, Withdrawn when a session is not as it was or a hook says no to it, Refused when
    something is in the way of the target's checkout: nothing was changed then.
    """
    first = links[0].candidate.now
    with lock.writer(first.repo.common_dir, f"train of {plural(len(links), 'session')}"), ExitStack() as held:
        ready = [_looked_at_again(engine, link.candidate, links[0].below) for link in links]
        links = combination.final(
            engine, [replace(link, candidate=one) for link, one in zip(links, ready, strict=True)]
        )
        span = (links[0].below, links[-1].commit)
        entries: list[Merge] = []
        try:
            for link in links:
                _begin(engine, combination, link, span, held=held, entries=entries)
            entries = [_decided(engine, entry, link) for entry, link in zip(entries, links, strict=True)]
            why = f"ampsm: merged {plural(len(links), 'session')}"
            hooks = engine.settings.switch("commit.hooks")
            moved = branch_move.move_target(first.root, first.target, *span, why=why, hooks=hooks)
            entries = [_followed(engine, entry, moved) for entry in entries]
        except BaseException as reason:
            because = reason.reason if isinstance(reason, Withdrawn) else reason
            _mend(engine, entries, str(because) or "it was interrupted", reason)
            raise
    return tuple(entries)


def _looked_at_again(engine: Engine, one: Candidate, base: str) -> Candidate:
    """The candidate, with ampsm's own files taken out of its branch."""
    before = one.now
    try:
        now = situation.look(engine.store, one.id, one.plan.options.onto, repo=before.repo)
        if now.base_tip != base:
            raise BaseMoved
        if now.branch_tip != before.branch_tip:
            message = f"The branch {now.session.branch_name} moved meanwhile."
            raise Refused(message, f"ampsm preflight {one.id}")
        situation.refuse(tuple(situation.obstacles(engine.store, now)))
    except AmpsmError as reason:
        raise Withdrawn(one.id, reason) from reason
    return replace(one, now=replace(now, start=before.start))


def _begin(
    engine: Engine,
    combination: Combination,
    link: Link,
    span: tuple[str, str],
    *,
    held: ExitStack,
    entries: list[Merge],
) -> None:
    """Open the entry of one link, add it to the others, and keep all that it is made of by refs."""
    one = link.candidate
    template = engine.settings.text("commit.subject")
    now, work = steps.without_own_files(one.now, combination.objects, template)
    entry = journal.new(now, one.plan.options, moved=now.target, work=work, strangers=one.plan.strangers)
    plan = replace(journal.read(entry), group=span, notes=one.plan.notes)
    held.enter_context(merge_lock.at_work(engine.home, entry.id))
    try:
        entry = engine.store.merges.begin(replace(entry, base_before=link.below, plan=journal.written(plan)))
    except AmpsmError as reason:
        raise Withdrawn(one.id, reason) from reason
    entries.append(entry)
    kept = {"branch": entry.branch_before, "base": span[0], "result": link.made.branch}
    kept |= {"carried": work} if work != entry.branch_before else {}
    steps.keep_all(now, plan, kept)


def _decided(engine: Engine, entry: Merge, link: Link) -> Merge:
    """Write down where the target and the session's branch will point."""
    made = link.made
    return engine.store.merges.step(
        entry.id,
        journal.TARGET,
        base_before=link.below,
        base_after=made.base,
        branch_after=made.branch,
        plan=journal.written(replace(journal.read(entry), notes=(*journal.read(entry).notes, *made.notes))),
    )


def _followed(engine: Engine, entry: Merge, moved: MovedBranch) -> Merge:
    """Let a session follow its target, which has moved; what is in its way is told in its history."""
    plan = journal.read(entry)
    notes = (*plan.notes, moved.note) if moved.note else plan.notes
    plan = replace(plan, notes=notes, checkouts=tuple(str(path) for path in moved.checkouts))
    entry = engine.store.merges.step(entry.id, journal.BRANCH, plan=journal.written(plan))
    session = engine.store.sessions.get(entry.session_id)
    try:
        return steps.advance(engine, session, entry)
    except AmpsmError as reason:
        recovery.mend(engine, engine.store.merges.get(entry.id), because=reason.message)
        return engine.store.merges.get(entry.id)


def _mend(engine: Engine, entries: Sequence[Merge], because: str, reason: BaseException) -> None:
    """Bring the open entries of a train to the same end."""
    for entry in entries:
        with suppress(AmpsmError):  # what cannot be mended now is looked after by the next start
            now = engine.store.merges.get(entry.id)
            if now.state is MergeState.WORKING:
                reason.add_note(recovery.mend(engine, now, because=because))
