"""Does all that is ready work together? Asked before anything lands: nothing is changed, and no branch moves.

The sessions of one base are put onto each other as objects, in an order in which few conflict, and the script judges
the whole in a scratch worktree. Where it fails, the session at fault is found, then the one that it does not go with,
then the lines of both. An answer is kept by the commits that it is about, and is old when one of them moves.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import Any

from ampsm_engine import redact, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git.integrate import line_changes
from ampsm_engine.git.integrate.line_changes import ChangePiece
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.home import Home, read_json_object, write_json_object
from ampsm_engine.lean_dataclass import asdict, dataclass, field, replace
from ampsm_engine.merging import combination, forecast, train, trial
from ampsm_engine.merging.combination import Candidate, Combination, Link, Misfit, Unsquashable
from ampsm_engine.merging.fault_search import Fault, Fitting, Sorting, last_good
from ampsm_engine.merging.forecast import RadarPair
from ampsm_engine.merging.results import Options
from ampsm_engine.merging.steps import NothingNew
from ampsm_engine.merging.train import ReportLine
from ampsm_engine.merging.trial import FolderScript, Trials
from ampsm_engine.model import Session
from ampsm_engine.plain_text import list_some, printable

KEPT = 50
"""Answers about one repository that are kept; the oldest go first."""

SHOWN = 6
"""Lines of a part of a change that are shown."""


@dataclass(frozen=True, slots=True)
class GuiltyLines:
    """A part of a session's change without which the script would have passed, with what comes before it."""

    path: str
    line: int
    """The first line of the part in the session's version; 0 for the file as a whole."""
    lines: tuple[str, ...] = ()
    """The first of its new lines."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """A session that the script does not pass with."""

    session_id: str
    partner: str
    """The session that it does not go with; empty when it fails on the base alone."""
    is_pair: bool
    """The two fail alone on their base; else it takes others besides."""
    reason: str
    log: str = ""
    """What the script printed; redacted."""
    lines: GuiltyLines | None = None
    partner_lines: GuiltyLines | None = None


@dataclass(frozen=True, slots=True)
class UntriedSession:
    """A session that was not tried, or that conflicts with those before it."""

    session_id: str
    reason: str
    files: tuple[str, ...] = ()
    """The files in conflict; empty for a session that was not ready."""


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Which sessions of one base pass the scripts together, and which do not."""

    repo_root: str
    target: str
    base: str
    """Where the base stood, a commit."""
    tips: tuple[tuple[str, str], ...]
    """The sessions that it is about, by id, and where their branches stood."""
    scripts: tuple[str, ...]
    order: tuple[str, ...] = ()
    """The sessions that pass together, in the order in which to merge them."""
    culprits: tuple[Culprit, ...] = ()
    conflicts: tuple[UntriedSession, ...] = ()
    left_out: tuple[UntriedSession, ...] = ()
    runs: int = 0
    checked_at: str = ""
    """Empty where it was not checked yet."""

    @property
    def is_good(self) -> bool:
        """Whether all that is ready goes together and passes."""
        return bool(self.checked_at) and not (self.culprits or self.conflicts)


@dataclass(frozen=True, slots=True)
class ReadyGroup:
    """The sessions of one repository and base that could be merged as they are, and those that could not, and why."""

    repo_root: str
    target: str
    base: str
    candidates: tuple[Candidate, ...] = field(repr=False, default=())
    left_out: tuple[UntriedSession, ...] = ()

    @property
    def tips(self) -> tuple[tuple[str, str], ...]:
        """The ids of the candidates, each with the commit that its branch points at."""
        return tuple((one.id, one.now.branch_tip) for one in self.candidates)


def with_work(engine: Engine, repo_root: str | None = None) -> tuple[Session, ...]:
    """All sessions, of one repository or all, with work that their base does not have: the others need no look."""
    live = frozenset(forecast.forecast_conflicts(engine, repo_root=repo_root).sessions)
    return tuple(one for one in engine.store.sessions.all(repo_root=repo_root) if one.id in live)


def ready_groups(engine: Engine, sessions: Sequence[Session]) -> tuple[ReadyGroup, ...]:
    """What of these sessions is ready, by repository and base; sessions whose base has all of them are none of them."""
    by_ground: dict[tuple[str, str], list[Session]] = {}
    for session in sorted(sessions, key=lambda one: (one.created_at, one.id)):
        by_ground.setdefault((session.repo_root, session.base_branch), []).append(session)
    found = [_ready(engine, root, target, theirs) for (root, target), theirs in sorted(by_ground.items())]
    return tuple(group for group in found if group.candidates or group.left_out)


def _ready(engine: Engine, root: str, target: str, sessions: Sequence[Session]) -> ReadyGroup:
    try:
        repo, _ = train.same_ground(engine, [session.id for session in sessions])
        objects = ObjectStore(repo.root, repo)
    except AmpsmError as reason:
        return ReadyGroup(root, target, "", (), tuple(UntriedSession(one.id, reason.message) for one in sessions))
    found: list[Candidate] = []
    out: list[UntriedSession] = []
    for session in sessions:
        try:
            found.append(combination.considered(engine, session.id, Options(), repo, objects, asks=False))
        except NothingNew:
            continue
        except AmpsmError as reason:
            out.append(UntriedSession(session.id, reason.message))
    base = found[0].now.base_tip if found else ""
    return ReadyGroup(root, target, base, tuple(found), tuple(out))


def kept_answer(engine: Engine, group: ReadyGroup, script: str = "") -> Compatibility | None:
    """What was found out about exactly these commits; None when that has to be asked."""
    scripts = train.scripts_of([one.now.session for one in group.candidates], script)
    return _AnswerFile(engine.home, group.repo_root).get(_key(group, scripts))


def unasked(group: ReadyGroup) -> Compatibility:
    """What is known of a group before it is checked: `checked_at` is empty."""
    return Compatibility(group.repo_root, group.target, group.base, group.tips, (), left_out=group.left_out)


def look(engine: Engine) -> tuple[Compatibility, ...]:
    """What is known about all sessions that are ready, by repository and base; nothing is run."""
    groups = ready_groups(engine, with_work(engine))
    return tuple(_known(engine, group) or unasked(group) for group in groups)


def _known(engine: Engine, group: ReadyGroup) -> Compatibility | None:
    try:
        return kept_answer(engine, group) if group.candidates else None
    except Refused:
        return None  # without a script there is no answer


def check_ready(engine: Engine, *, report: ReportLine = lambda _: None) -> None:
    """Check all sessions that are ready, where the answer is not known; then the first refusal, if there was one."""
    refusals: list[Refused] = []
    for group in ready_groups(engine, with_work(engine)):
        if group.candidates and _known(engine, group) is None:
            try:
                check(engine, group, report=report)
            except Refused as reason:
                refusals.append(reason)
    if refusals:
        raise refusals[0]


def check(
    engine: Engine, group: ReadyGroup, *, script: str = "", fresh: bool = False, report: ReportLine = lambda _: None
) -> Compatibility:
    """Find out whether a group works together; Refused when the script does not pass on the base itself.

    Failed when a signal ends the script. The answer is kept. `fresh`: nothing that passed before counts.
    """
    scripts = train.scripts_of([one.now.session for one in group.candidates], script)
    repo = group.candidates[0].now.repo
    objects = ObjectStore(repo.root, repo)
    with trial.trials(engine, repo, objects, scripts, fresh=fresh) as judge:
        answer = _Check(engine, group, Combination(objects), judge, report).run()
    _AnswerFile(engine.home, group.repo_root).put(_key(group, scripts), answer)
    return answer


def _key(group: ReadyGroup, scripts: Sequence[FolderScript]) -> str:
    told = json.dumps([group.target, group.base, sorted(group.tips), list(scripts)])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


class _Check:
    """A check in progress: an oracle whose base never moves."""

    def __init__(
        self, engine: Engine, group: ReadyGroup, combined: Combination, judge: Trials, report: ReportLine
    ) -> None:
        self._engine, self._group, self._combined, self._judge, self._report = engine, group, combined, judge, report
        self._candidates: dict[str, Candidate] = {}
        self._below: tuple[str, ...] = ()
        self._misfits: dict[str, Misfit] = {}
        self._found: list[Culprit] = []

    def run(self) -> Compatibility:
        """Sort them out, and look for the partner and the lines of each that is at fault."""
        self._squash()
        pairs = forecast.radar(self._engine, repo_root=self._group.repo_root).pairs
        order = forecast.proposed_order(tuple(self._candidates), [(one.session_id, one.other) for one in pairs])
        sorting = Sorting(order)
        while sorting.waiting:
            known = len(sorting.faults)
            sorting.round(self)
            self._found += [self._culprit(fault) for fault in sorting.faults[known:]]
        return Compatibility(
            self._group.repo_root,
            self._group.target,
            self._group.base,
            self._group.tips,
            self._judge.scripts,
            tuple(sorting.landed),
            tuple(self._found),
            tuple(self._conflict(one, pairs, sorting.landed) for one in sorting.misfits if self._misfits[one].files),
            self._group.left_out,
            self._judge.runs,
            timestamps.now(),
        )

    def _squash(self) -> None:
        out = []
        for one in self._group.candidates:
            try:
                self._candidates[one.id] = combination.squashed(
                    self._engine, one, self._combined.objects, is_trial=True
                )
            except Unsquashable as reason:
                files = tuple(file.path for file in reason.conflict.files)
                out.append(UntriedSession(one.id, f"its commits cannot be squashed: {list_some(files)}"))
        self._group = replace(self._group, left_out=(*self._group.left_out, *out))

    def _chain(self, candidates: Sequence[str]) -> tuple[tuple[Link, ...], tuple[Misfit, ...]]:
        return self._combined.chain(self._group.base, [self._candidates[one] for one in candidates])

    def fitting(self, candidates: Sequence[str]) -> Fitting[str]:
        """Put them onto the base with all that passed."""
        links, misfits = self._chain((*self._below, *candidates))
        self._misfits = {one.candidate.id: one for one in misfits}
        waiting = frozenset(candidates)
        chain = tuple(link.candidate.id for link in links if link.candidate.id in waiting)
        return Fitting(chain, tuple(one for one in self._misfits if one in waiting))

    def passes(self, candidates: Sequence[str]) -> bool:
        """Run the scripts on these, on top of what passed."""
        return self._passes((*self._below, *candidates))

    def check(self) -> None:
        """Refused when the base itself does not pass."""
        if self._below:
            return
        found = self._judge.judge(self._group.base)
        if not found.passed:
            message = f"{printable(self._group.target)} itself does not pass at {self._group.base[:12]}: {found.text}."
            raise Refused(message, f"less {found.log}")

    def land(self, candidates: Sequence[str]) -> None:
        """Count these candidates as part of the base."""
        self._below = (*self._below, *candidates)

    def _passes(self, candidates: Sequence[str]) -> bool:
        """Whether these pass on the base; those that conflict with each other tell nothing, and count as passed."""
        links, misfits = self._chain(candidates)
        if misfits or not links:
            return True
        return self._judged(links[-1].commit, self._named(candidates))

    def _judged(self, commit: str, what: str) -> bool:
        if self._judge.judged(commit) is None:
            self._report(f"Run {self._judge.runs + 1}: {what}")
        found = self._judge.judge(commit)
        took = "" if found.is_known else f" after {found.seconds:.1f} s"
        self._report(f"{'Passed' if found.passed else 'Failed'}{took}: {found.text}.")
        return found.passed

    def _named(self, candidates: Sequence[str]) -> str:
        return list_some([self._candidates[one].name for one in candidates], 4)

    def _culprit(self, fault: Fault[str]) -> Culprit:
        """Find the one that a session at fault does not go with, and the lines."""
        one, below = fault.candidate, fault.below
        links, _ = self._chain((*below, one))
        judged = self._judge.judge(links[-1].commit)
        self._report(f"At fault: {printable(self._candidates[one].name)}. Looking for what it does not go with.")
        if not below or not self._passes((one,)):
            lines = self._guilty((), one)
            return Culprit(one, "", is_pair=False, reason=judged.text, log=judged.log, lines=lines)
        last = last_good(len(below), lambda count: self._passes((*below[:count], one)))
        partner, before = below[last], below[:last]
        is_pair = not before or not self._passes((partner, one))
        around = () if is_pair else before
        lines = self._guilty((*around, partner), one)
        others = self._guilty((*around, one), partner)
        return Culprit(one, partner, is_pair, judged.text, judged.log, lines, others)

    def _guilty(self, below: tuple[str, ...], one: str) -> GuiltyLines | None:
        """The part of a session's change that makes the script fail on top of others; None where nothing tells."""
        before, misfits = self._chain(below)
        whole, more = self._chain((*below, one))
        if misfits or more:
            return None
        objects = self._combined.objects
        old = objects.tree_of(before[-1].commit if before else self._group.base)
        pieces = line_changes.pieces(objects, old, objects.tree_of(whole[-1].commit))

        def passes(count: int) -> bool:
            tree = line_changes.with_pieces(objects, old, pieces[:count])
            commit = objects.stand_in(tree, self._group.base)
            return self._judged(commit, f"{count} of {len(pieces)} parts of {printable(self._candidates[one].name)}")

        return _shown(pieces[last_good(len(pieces), passes)]) if pieces else None

    def _conflict(self, one: str, pairs: Sequence[RadarPair], landed: Sequence[str]) -> UntriedSession:
        overlaps = {(pair.session_id, pair.other) for pair in pairs} | {(pair.other, pair.session_id) for pair in pairs}
        others = [self._candidates[other].name for other in landed if (one, other) in overlaps]
        files = self._misfits[one].files
        where = list_some(others) if others else printable(self._group.target)
        return UntriedSession(one, f"conflicts with {where} in {list_some(files)}", files)


def _shown(piece: ChangePiece) -> GuiltyLines:
    lines = piece.change.lines[:SHOWN] if piece.change else ()
    text = redact.bytes_(b"".join(lines)).decode("utf-8", "replace")
    return GuiltyLines(piece.path, piece.line, tuple(printable(line) for line in text.splitlines()))


class _AnswerFile:
    """The stored answers of one repository, by their subject. A file that cannot be read counts as empty."""

    def __init__(self, home: Home, root: str) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        self._path = home.cache / f"together-{name}.json"

    def get(self, key: str) -> Compatibility | None:
        try:
            return _read(read_json_object(self._path)[key])
        except (KeyError, TypeError, ValueError):
            return None

    def put(self, key: str, answer: Compatibility) -> None:
        known = read_json_object(self._path)
        known.pop(key, None)
        known[key] = asdict(answer)
        write_json_object(self._path, dict(list(known.items())[-KEPT:]))


def _read(plain: dict[str, Any]) -> Compatibility:
    """An answer from its JSON; TypeError or ValueError for what is none."""
    return Compatibility(
        **{
            **plain,
            "tips": tuple((str(one), str(tip)) for one, tip in plain["tips"]),
            "scripts": tuple(plain["scripts"]),
            "order": tuple(plain["order"]),
            "culprits": tuple(_culprit_of(one) for one in plain["culprits"]),
            "conflicts": tuple(UntriedSession(**{**one, "files": tuple(one["files"])}) for one in plain["conflicts"]),
            "left_out": tuple(UntriedSession(**{**one, "files": tuple(one["files"])}) for one in plain["left_out"]),
        }
    )


def _culprit_of(plain: dict[str, Any]) -> Culprit:
    lines = {
        name: GuiltyLines(**{**plain[name], "lines": tuple(plain[name]["lines"])}) if plain[name] else None
        for name in ("lines", "partner_lines")
    }
    return Culprit(**{**plain, **lines})
