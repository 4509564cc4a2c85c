"""Sessions that the store does not know (any more), rebuilt from what they left.

That is branches, worktrees and their AGENT_CONTEXT, the trash, trailers of commits, and run directories.
Nothing in a repository is changed. What a session's own row knew better (notes, comments, marks, merges) may be lost.
"""

import contextlib
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from ampsm_engine import plain_text, redact, timestamps
from ampsm_engine.amp import endings, process, stream, transcript
from ampsm_engine.amp.events import Init
from ampsm_engine.amp.transcript import Transcript
from ampsm_engine.context import Engine
from ampsm_engine.engine import merged_check
from ampsm_engine.engine.relocation import Disagreement
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import beginnings, changes, history, program, repository, stash_commit, worktrees
from ampsm_engine.git.entities import Base, Repo, Worktree
from ampsm_engine.home import IterationDirectory
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import Iteration, Outcome, Session, State, Status, ToolCall
from ampsm_engine.plain_text import plural
from ampsm_engine.worker import iteration_directory
from ampsm_engine.worker.agent_context import FOLDER
from ampsm_engine.worker.iteration_directory import IterationRecord

_TRASHED = re.compile(r"refs/ampsm/trash/([^/]+)/tip")
_BRANCH = re.compile(r"amp/([^/]+)/(\d{8}-\d{6})(?:-\d+)?")
_STREAM_HEAD = 1 << 18
_LOST_WITH_IT = "lost: review comments and marks, the journal of its merges, whether its worktree was set up"


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run directory that the store does not know, or that knows more than the store."""

    directory: IterationDirectory
    record: IterationRecord | None
    worktree: str
    """Where amp ran; empty when nothing says so."""

    @property
    def id(self) -> str:
        """The id of the iteration that the directory belongs to."""
        return self.directory.path.name

    @property
    def began(self) -> float:
        """When it was asked for (seconds since the epoch)."""
        if self.record:
            return timestamps.parse(self.record.iteration.queued_at).timestamp()
        return min((file.stat().st_mtime for file in self.directory.path.iterdir()), default=0.0)


@dataclass(slots=True)
class Remains:
    """What is left of one session in one repository."""

    repo: Repo
    id: str
    worktree: Path
    branch: str
    trashed: bool = False
    runs: list[FoundRun] = field(default_factory=list)
    commits: tuple[history.LoggedCommit, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    """The fields of SESSION.md."""

    @property
    def record(self) -> IterationRecord | None:
        """The newest record among its runs; None without one."""
        return next((run.record for run in reversed(self.runs) if run.record), None)


def unknown_runs(engine: Engine) -> tuple[FoundRun, ...]:
    """The run directories that no row of the store knows, or knows only as lost; oldest first."""
    store, found = engine.store, []
    sessions = (*store.sessions.all(), *store.sessions.all(trashed=True))
    known = {
        one.id: one
        for ones in store.iterations.of_sessions([session.id for session in sessions]).values()
        for one in ones
    }
    folders = engine.home.iterations.iterdir() if engine.home.iterations.is_dir() else ()
    for folder in folders:
        row = known.get(folder.name)
        if not repository.is_session_id(folder.name) or not folder.is_dir() or (row and not _is_doubtful(row)):
            continue
        directory = engine.home.iteration(folder.name)
        record = iteration_directory.read_record(directory)
        worktree = record.session.worktree_path if record else _worktree_of(directory)
        of_another = record and record.database != str(engine.home.database)
        if not of_another and worktree and not (row and record is None):
            found.append(FoundRun(directory, record, worktree))
    return tuple(sorted(found, key=lambda run: run.began))


def _is_doubtful(row: Iteration) -> bool:
    """Whether a row came from a copy that was older than its end: see store/salvage."""
    return row.outcome is Outcome.STOPPED and (row.error or "").startswith("The database was lost")


def _worktree_of(directory: IterationDirectory) -> str:
    """Where amp ran, by the first lines of its stream."""
    try:
        with directory.stream.open("rb") as file:
            head = file.read(_STREAM_HEAD)
    except OSError:
        return ""
    events = stream.EventReader().feed(head)
    return next((event.cwd for event in events if isinstance(event, Init) and event.cwd), "")


def remembered_repositories(engine: Engine, runs: Sequence[FoundRun]) -> set[Path]:
    """The repositories of sessions, by the list beside the database and the run directories."""
    found = set(engine.store.repositories())
    found |= {Path(run.record.session.repo_root) for run in runs if run.record}
    for run in runs:
        below = Path(run.worktree).parent
        if run.record is None and below.name == repository.WORKTREES:
            found.add(below.parent)
    return found


def find_lost(
    engine: Engine, repo: Repo, known: Sequence[Session], runs: Sequence[FoundRun], *, apply: bool
) -> "Rebuilt":
    """Find the sessions of a repository that the store lost, and iterations of those it knows; `apply` enters them."""
    rebuilt = Rebuilt(engine, apply)
    # By every repository's: a copy of a repository has the sessions of the first in it, and they are there.
    store = engine.store
    known_ids = {session.id for session in (*store.sessions.all(), *store.sessions.all(trashed=True))}
    for remains in _LostSessionSearch(repo, known, runs, known_ids).lost():
        rebuilt.add_session(remains)
    for session in known:
        mine = [run for run in runs if run.worktree == session.worktree_path]
        if mine:
            rebuilt.add_iterations(repo, session, mine)
    return rebuilt


class _LostSessionSearch:
    """The search for unknown sessions in one repository."""

    def __init__(
        self, repo: Repo, known: Sequence[Session], runs: Sequence[FoundRun], known_ids: Collection[str]
    ) -> None:
        self.repo = repo
        self.known = known
        self.known_ids = known_ids
        self.taken = {session.branch_name for session in known}
        self.places = {Path(session.worktree_path) for session in known}
        self.runs: dict[str, list[FoundRun]] = defaultdict(list)
        for run in runs:
            self.runs[run.worktree].append(run)

    def lost(self) -> Iterator[Remains]:
        """What is left of each unknown session, with as much evidence that it is one."""
        found: dict[str, Remains] = {}
        for remains in itertools.chain(self._worktrees(), self._trashed(), self._recorded(), self._branches()):
            is_new = remains.id not in found and remains.branch not in self.taken
            if is_new and remains.id not in self.known_ids:
                self._complete(remains)
                if remains.runs or remains.notes or remains.trashed or any(one.iteration for one in remains.commits):
                    found[remains.id] = remains
                    self.taken.add(remains.branch)
        yield from found.values()

    @cached_property
    def _listed(self) -> tuple[Worktree, ...]:
        return worktrees.listed(self.repo)

    def _worktrees(self) -> Iterator[Remains]:
        for tree in self._listed[1:]:
            if tree.path in self.places or not tree.branch:
                continue
            notes = _session_notes(tree.path)
            named = worktrees.session_of(self.repo, tree.path) or notes.get("session", "")
            if repository.is_session_id(named):
                yield Remains(self.repo, named, tree.path, tree.branch, notes=notes)

    def _trashed(self) -> Iterator[Remains]:
        for match in filter(None, map(_TRASHED.fullmatch, repository.refs(self.repo.root, "refs/ampsm/trash/"))):
            try:
                work = repository.ref_commit(self.repo.root, f"refs/ampsm/trash/{match[1]}/work")
                contents = stash_commit.read(self.repo.root, work or "")
            except (AmpsmError, ValueError, TypeError):
                continue
            yield Remains(self.repo, match[1], Path(contents.worktree), contents.branch, trashed=True)

    def _recorded(self) -> Iterator[Remains]:
        for run in itertools.chain.from_iterable(self.runs.values()):
            session = run.record.session if run.record else None
            if session and Path(session.repo_root) == self.repo.root and self._tip(session.branch_name):
                yield Remains(self.repo, session.id, Path(session.worktree_path), session.branch_name)

    def _branches(self) -> Iterator[Remains]:
        """Branches that no worktree has and others do not build on: the trailers of their tips name the session."""
        checked_out = {tree.branch for tree in self._listed}
        wanted = "--format=%(refname:short)%00%(contents:trailers:key=Ampsm-Session,valueonly,separator=%x2c)"
        lines = program.text(program.query(self.repo.root, "for-each-ref", wanted, repository.BRANCHES)).splitlines()
        shared = {session.base_branch for session in self.known} | beginnings.default_branches(self.repo)
        for branch, _, named in (line.partition("\0") for line in lines):
            session_id = named.partition(",")[0].strip()
            if branch not in checked_out | shared and repository.is_session_id(session_id):
                place = self.repo.root / repository.WORKTREES / session_id
                yield Remains(self.repo, session_id, place, branch)

    def _tip(self, branch: str) -> str | None:
        return repository.branch_tip(self.repo.root, branch)

    def _complete(self, remains: Remains) -> None:
        remains.runs = self.runs.get(str(remains.worktree), [])
        remains.notes = remains.notes or _session_notes(remains.worktree)
        start = _base(remains)
        if self._tip(remains.branch):
            remains.commits = history.since(self.repo.root, start.commit, remains.branch)


def _session_notes(worktree: Path) -> dict[str, str]:
    """The fields of AGENT_CONTEXT/SESSION.md; empty when it does not exist."""
    file = worktree / FOLDER / "SESSION.md"
    try:
        text = file.read_text(encoding="utf-8", errors="replace") if not file.is_symlink() else ""
    except OSError:
        return {}
    head, _, rest = text.partition("\n## Task\n")
    own = re.split(r"\n## (?:This worktree|Pull request)\n", rest, maxsplit=1)[0]
    task, _, notes = own.partition("\n## Notes\n")
    found = dict(re.findall(r"^- (\w+): (.+)$", head, re.MULTILINE))
    title = re.match(r"# (.+)", head)
    if not title or "session" not in found:
        return {}
    asked = "" if task.strip() == "(none yet)" else task.strip()
    return found | {"name": title[1], "task": asked, "notes": notes.strip()}


def _base(remains: Remains) -> Base:
    """Where a session's branch started: by its records, its SESSION.md, or its merge base with what is checked out."""
    record, root = remains.record, remains.repo.root
    if record and record.session.base_commit:
        return Base(record.session.base_branch, record.session.base_commit)
    named = re.fullmatch(r"(.+) \(([0-9a-f]{7,64})\)", remains.notes.get("base", ""))
    if named:
        try:
            return Base(named[1], repository.resolve(root, named[2]))
        except AmpsmError:
            pass
    try:
        base = repository.base(remains.repo._replace(checkout=root), None)
        return Base(base.name, changes.merge_base(root, base.commit, remains.branch) or "")
    except AmpsmError:
        return Base("", "")


def _session(engine: Engine, remains: Remains) -> Session:
    """The row of a session, as far as it can be rebuilt from its remains."""
    record, notes, base = remains.record, remains.notes, _base(remains)
    at = _BRANCH.fullmatch(remains.branch)
    made = datetime.strptime(at[2], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) if at else datetime.now(UTC)
    script = re.match(r"`(.+)` \(run after each iteration\)", notes.get("script", ""))
    session = Session(
        id=remains.id,
        name=plain_text.printable(notes.get("name", ""))[:200] or (at[1] if at else remains.branch),
        amp_prompt=notes.get("task", ""),
        repo_root=str(remains.repo.root),
        base_branch=base.name,
        base_commit=base.commit,
        branch_name=remains.branch,
        worktree_path=str(remains.worktree),
        status=Status.IDLE,
        created_at=notes.get("created") or timestamps.stamp(made),
        script_command=script[1] if script else None,
        notes=notes.get("notes") or None,
        folder=_folder(notes.get("folder", "")),
    )
    if record:
        session = replace(record.session, branch_name=remains.branch, worktree_path=str(remains.worktree))
    # Where nothing says that it was made for the session it stays when that goes.
    is_ours = at is not None and worktrees.session_of(remains.repo, remains.worktree) == remains.id
    session = replace(session, branch_made_by="ampsm" if is_ours or (record and session.owns_branch) else "user")
    thread = next((one.thread.rpartition("/")[2] for one in remains.commits if one.thread), None)
    return replace(
        session,
        status=_status(engine, remains, session),
        thread_id=session.thread_id or thread,
        trashed_at=timestamps.now() if remains.trashed else None,
    )


def _folder(written: str) -> str:
    """The folder that a line of SESSION.md names, where it lies in the worktree: the file may be written by anyone."""
    named = re.match(r"`(.+)` \(", written)
    path = PurePosixPath(named[1] if named else "")
    return "" if path.is_absolute() or ".." in path.parts or not path.name else str(path)


def _status(engine: Engine, remains: Remains, session: Session) -> Status:
    """The status by the session's work: done, awaiting input, or idle."""
    if remains.trashed:
        return session.status if session.status is not Status.RUNNING else Status.AWAITING_INPUT
    try:
        proven = merged_check.prove(engine, session)
        if remains.commits and proven.in_base and proven.how != "nothing new" and not proven.uncommitted:
            return Status.DONE
    except AmpsmError:
        pass
    known = session.status if remains.record else _last_status(remains.worktree)
    if known is not None and known is not Status.RUNNING:
        return known
    return Status.AWAITING_INPUT if remains.runs or remains.commits else Status.IDLE


def _last_status(worktree: Path) -> Status | None:
    try:
        return Status(json.loads((worktree / FOLDER / "LAST_STATUS.json").read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Rebuilt:
    """Collects the findings, and enters what was found when that is wanted."""

    def __init__(self, engine: Engine, apply: bool) -> None:
        self._engine, self._apply = engine, apply
        self.findings: list[Disagreement] = []
        self.sessions: list[Session] = []

    def add_session(self, remains: Remains) -> None:
        """A session that the store does not know, with its iterations."""
        session = _session(self._engine, remains)
        iterations, calls = _iterations(session, remains.runs, remains.commits, ())
        if not session.amp_prompt and iterations:
            session = replace(session, amp_prompt=iterations[0].prompt)
        if any(one.state is State.RUNNING for one in iterations):
            session = replace(session, status=Status.RUNNING)
        if iterations and session.last_run is None:
            session = replace(session, last_run=iterations[-1].start_time)
        where = "in the trash" if remains.trashed else f"on {session.branch_name}"
        text = f"session {session.name} ({session.id}), {where}, is not in the store"
        self._enter(session, iterations, calls, text)
        self.sessions.append(session)

    def add_iterations(self, repo: Repo, session: Session, runs: Sequence[FoundRun]) -> None:
        """Iterations that the store does not know, of a session that it does."""
        commits: tuple[history.LoggedCommit, ...] = ()
        if repository.branch_tip(repo.root, session.branch_name):
            commits = history.since(repo.root, session.base_commit, session.branch_name)
        known = self._engine.store.iterations.of(session.id)
        iterations, calls = _iterations(session, runs, commits, known)
        if iterations:
            many = f"{plural(len(iterations), 'iteration')} of session {session.name}"
            self._enter(
                session, iterations, calls, f"{many} {'is' if len(iterations) == 1 else 'are'} not in the store"
            )
            for one in iterations if self._apply else ():
                if one.state is State.SETTLED:  # no worker ever sees to what was typed for it
                    with contextlib.suppress(OSError):
                        iteration_directory.clean(self._engine.home.iteration(one.id))

    def _enter(self, session: Session, iterations: list[Iteration], calls: list[ToolCall], text: str) -> None:
        many = plural(len(iterations), "iteration")
        if not self._apply:
            self.findings.append(Disagreement("lost", text, f"ampsm repair --apply rebuilds it with {many}"))
            return
        how = f"rebuilt with {many} (prompts, commits, tokens, transcripts as far as they are there); {_LOST_WITH_IT}"
        self._engine.store.sessions.rebuild(session, iterations, calls, how)
        self.findings.append(Disagreement("lost", text, how, mended=True))


def _iterations(
    session: Session, runs: Iterable[FoundRun], commits: Sequence[history.LoggedCommit], known: Sequence[Iteration]
) -> tuple[list[Iteration], list[ToolCall]]:
    """The iterations of run directories, and of trailers that no run directory is left of, in their order."""
    doubtful = {one.id: one for one in known if _is_doubtful(one)}
    there = {one.id for one in known} - doubtful.keys()
    found = [_of_run(session, run) for run in runs if run.id not in there]
    with_runs = {one.id for one, _ in found} | there
    by_iteration: dict[str, list[history.LoggedCommit]] = defaultdict(list)
    for commit in reversed(commits):
        by_iteration[commit.iteration].append(commit)
    for iteration_id, its in by_iteration.items():
        if repository.is_session_id(iteration_id) and iteration_id not in with_runs:
            found.append((_of_commit(session, iteration_id, its), []))
    found.sort(key=lambda pair: pair[0].queued_at)
    taken = {one.number for one in known if one.id not in doubtful}
    iterations = []
    for iteration, _ in found:
        number = doubtful[iteration.id].number if iteration.id in doubtful else iteration.number
        if number < 1 or number in taken:
            number = max(taken, default=0) + 1
        taken.add(number)
        numbered = replace(iteration, number=number, session_id=session.id)
        iterations.append(_with_commits(session, numbered, by_iteration.get(iteration.id, [])))
    return iterations, [call for _, calls in found for call in calls]


def _of_run(session: Session, run: FoundRun) -> tuple[Iteration, list[ToolCall]]:
    """The iteration of a run directory. One that was not settled is given back to the workers, which adopt it."""
    said = Transcript(run.directory)
    said.read_to_end()
    calls = said.fold.take_tool_calls()
    if run.record and run.record.iteration.state is State.SETTLED:
        return run.record.iteration, list(calls)
    began = timestamps.stamp(datetime.fromtimestamp(run.began, UTC))
    start = run.record.iteration if run.record else Iteration(run.id, session.id, 0, "", State.QUEUED, began)
    start = replace(start, prompt=start.prompt or _prompt(run.directory), thread_id=said.fold.thread_id)
    if run.directory.settings.exists() or process.adopt(run.directory, run.id) is not None:
        return replace(start, state=State.RUNNING, start_time=began, attempts=1), []
    if not said.position:
        error = "It never began: its program was killed before it was queued, or the store was lost."
        return replace(start, state=State.SETTLED, outcome=Outcome.STOPPED, end_time=began, error=error), []
    ending = endings.classify(
        we_stopped=False,
        timed_out=False,
        silent=False,
        fold=said.fold,
        exit_code=None,
        stderr=redact.text(transcript.tail(run.directory.stderr)),
        head=said.head.decode("utf-8", "replace"),
    )
    ended = timestamps.stamp(datetime.fromtimestamp(run.directory.stream.stat().st_mtime, UTC))
    settled = replace(
        start,
        state=State.SETTLED,
        start_time=began,
        end_time=ended,
        outcome=ending.outcome,
        failure=ending.failure,
        error=ending.error,
        offset=said.position,
        attempts=1,
        tally=said.fold.tally,
    )
    return settled, list(calls)


def _prompt(directory: IterationDirectory) -> str:
    try:
        return redact.text(directory.prompt.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def _of_commit(session: Session, iteration_id: str, commits: Sequence[history.LoggedCommit]) -> Iteration:
    """An iteration of which only commits are left."""
    at = timestamps.stamp(datetime.fromisoformat(commits[-1].time))
    return Iteration(
        id=iteration_id,
        session_id=session.id,
        number=0,
        prompt=commits[0].subject.removeprefix("amp: "),
        state=State.SETTLED,
        queued_at=at,
        start_time=at,
        end_time=at,
        outcome=Outcome.DONE,
        thread_id=commits[-1].thread.rpartition("/")[2] or None,
        attempts=1,
    )


def _with_commits(session: Session, iteration: Iteration, commits: Collection[history.LoggedCommit]) -> Iteration:
    """The iteration with the commits that name it, oldest first, where its row has none."""
    ordered = list(commits)
    if not ordered or iteration.commit_sha:
        return iteration
    root, last = Path(session.repo_root), ordered[-1].sha
    try:
        before = repository.resolve(root, f"{ordered[0].sha}^")
        files = len(changes.files(root, before, last))
    except AmpsmError:
        return replace(iteration, commit_sha=last)
    return replace(iteration, commit_sha=last, start_sha=iteration.start_sha or before, changed_files=files)
