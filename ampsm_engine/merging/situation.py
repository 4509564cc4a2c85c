"""Where a session and its target stand at this moment, what is the session's own, and what would stand in the way.

`target..tip` is not the session's own work: it holds whatever the target lacks, and a session that began on another
branch would bring that branch's work along. Reads only, except that it follows a renamed base.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ampsm_engine import session_problems
from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import branch_files, program, records, repository, worktree_status
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.integrate.commit_range import common, merge_bases
from ampsm_engine.git.integrate.commit_writer import AMP, parts
from ampsm_engine.git.integrate.laid_conflict import laid
from ampsm_engine.git.integrate.object_store import CommitLine, ObjectStore, RangeCommit, range_commits
from ampsm_engine.git.integrate.outcomes import PlannedCommit
from ampsm_engine.git.libgit2 import SYMBOLIC
from ampsm_engine.git.object_reader import ObjectReader
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import session_branches
from ampsm_engine.merging.results import Finding, Kind
from ampsm_engine.model import MergeState, Session, State
from ampsm_engine.plain_text import and_more, list_some, plural, printable
from ampsm_engine.store import Store

SESSION_TRAILER = "Ampsm-Session"

_PEOPLE = ("%H", "%ae", "%ce", f"%(trailers:key={SESSION_TRAILER},valueonly,separator=%x2c)", "%P")


UNTOUCHED = Finding("worktree", "ok", "clean")
"""A worktree whose files and index are those of its branch."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A session, its repository, and the commits that everything is about."""

    session: Session
    repo: Repo
    target: str
    """The branch that would move, or that is rebased onto, as it was named."""
    is_branch: bool
    """Whether the target is a local branch, which alone can be moved."""
    base_tip: str
    branch_tip: str
    start: str = ""
    """The commit that the session's own work comes after; empty where that is what it shares with the target."""
    shared: str = ""
    """What it shares with the target, where that is known."""

    @property
    def root(self) -> Path:
        """The repository's main worktree."""
        return self.repo.root

    @property
    def worktree(self) -> Path:
        """The session's worktree; it may be gone."""
        return Path(self.session.worktree_path)

    @property
    def fork(self) -> str:
        """What the session's own work comes after; NotFound when it shares nothing with its target."""
        return self.start or self.shared or common(self.root, self.base_tip, self.branch_tip)[0]


def look(
    store: Store,
    session_id: str,
    onto: str = "",
    kind: Kind = "merge",
    *,
    repo: Repo | None = None,
    reader: ObjectReader | None = None,
) -> Situation:
    """Where things stand; NotFound when the session's branch or the target is not there, Unfit without repository.

    With `reader`, a git that stays, no other is started while the repository is as its files tell.
    """
    session = store.sessions.get(session_id)
    root = Path(session.repo_root)
    if not root.is_dir():
        message = f"The repository {root} of session {session.name} is gone."
        raise NotFound(message, f"Bring it back to where it was, or: ampsm rm {session.id}")
    repo = repo or (_plain(root) if reader else None) or repository.around(root)
    target = onto or session.base_branch
    try:
        tip, local = repository.branch_tips(root, session.branch_name, target, ask=reader.objects if reader else None)
    except Failed:
        repository.around(root)  # says what is wrong with the repository itself
        raise
    if tip is None:
        repository.refuse_damaged(root, f"{repository.BRANCHES}{session.branch_name}")
        message = f"The branch {session.branch_name} of session {session.name} is not there any more."
        raise NotFound(message, f"git -C {root} branch --list 'amp/*', then: git -C {root} branch -m NEW OLD")
    if local is None and target == session.base_branch:
        session = session_branches.follow(store, session)
        target = session.base_branch
        local = repository.branch_tip(root, target)
    if local is not None:
        return Situation(session, repo, target, is_branch=True, base_tip=local, branch_tip=tip)
    return Situation(
        session, repo, target, is_branch=False, base_tip=_named(repo, session, target, kind), branch_tip=tip
    )


def _plain(root: Path) -> Repo | None:
    """The repository with its main worktree at a folder, as its files tell; what is configured may say otherwise."""
    folder = repository.plain_git_dir(root)
    is_main = folder is not None and repository.common_of(folder) == folder and root.resolve() == root
    return Repo(root, folder, root) if folder is not None and is_main else None


def _named(repo: Repo, session: Session, target: str, kind: Kind) -> str:
    try:
        return repository.base(repo, target).commit
    except NotFound as reason:
        was_base = target == session.base_branch
        role = {"merge": "would be merged into", "rebase": "would be rebased onto", "squash": "started from"}[kind]
        gone = "is not there any more" if was_base else "is no branch or commit of this repository"
        way = {"merge": "merge {} --onto BRANCH -m MESSAGE", "rebase": "rebase {} --onto REF"}.get(kind, "show {}")
        message = f"{printable(target)[:100]}, which {session.name} {role}, {gone}."
        other = session_branches.other_base(session) if was_base else ""
        raise NotFound(message, f"ampsm {way.format(session.id)}{other}. {reason.hint}") from reason


def obstacles(
    store: Store, now: Situation, *, moves_target: bool = True, objects: ObjectStore | None = None
) -> Iterator[Finding]:
    """What was looked at in session, worktree and target; findings of level `stop` are in the way.

    `objects`: what the histories are read with.
    """
    yield from own_obstacles(store, now)
    yield from _target(now, objects, moves_target=moves_target)
    if moves_target and now.is_branch:
        yield from (
            Finding("checkout", "stop", one.text, one.hint) for one in branch_move.operations(now.repo, now.target)
        )


def in_the_way(now: Situation) -> Iterator[Finding]:
    """What is not committed in a checkout of the target, where the session's work would come."""
    if now.is_branch and now.target != now.session.branch_name:
        found = branch_move.collisions(now.repo, now.target, now.base_tip, now.fork, now.branch_tip)
        yield from (Finding("checkout", "stop", one.text, one.hint) for one in found)


def held(now: Situation) -> Iterator[Finding]:
    """Each index that another program holds at this moment; a merge waits a little for it."""
    for branch in dict.fromkeys((now.session.branch_name, *((now.target,) if now.is_branch else ()))):
        yield from (Finding("checkout", "warn", one.text, one.hint) for one in branch_move.locks(now.repo, branch))


def own_obstacles(store: Store, now: Situation) -> Iterator[Finding]:
    """What was looked at in the session and its worktree alone; findings of level `stop` are in the way."""
    yield _session(store, now)
    yield from _worktree(now, waits=store.merges.open_of(now.session.id) is not None)


def refuse(findings: Sequence[Finding]) -> None:
    """Refused with the first finding that is in the way."""
    for finding in findings:
        if finding.level == "stop":
            raise Refused(finding.text, finding.hint)


def _session(store: Store, now: Situation) -> Finding:
    session = now.session
    if session.trashed_at is not None:
        return Finding("session", "stop", f"{session.name} is in the trash.", f"ampsm trash restore {session.id}")
    at_work = [one for one in store.iterations.of(session.id) if one.state is not State.SETTLED]
    if at_work:
        doing = "is queued" if at_work[0].state is State.QUEUED else "is running"
        hint = f"ampsm wait {session.id}, or: ampsm stop {session.id}"
        return Finding("session", "stop", f"Iteration {at_work[0].number} of {session.name} {doing}.", hint)
    merge = store.merges.open_of(session.id)
    if merge is not None:
        waits = merge.state is MergeState.CONFLICTED
        text = f"A {merge.kind} of {session.name} {'waits for its conflicts to be resolved' if waits else 'goes on'}."
        hint = f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort"
        return Finding("session", "stop", text, hint if waits else f"ampsm show {session.id}")
    return Finding("session", "ok", "nothing is running or queued")


def _worktree(now: Situation, *, waits: bool) -> Iterator[Finding]:
    worktree, session = now.worktree, now.session
    if reason := session_problems.missing_part_message(session):
        yield Finding("worktree", "stop", *reason)
        return
    git_dir = repository.linked_git_dir(worktree)
    if laid(worktree) is not None:
        hint = f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort"
        text = f"A conflict that ampsm laid out lies in {worktree}."
        yield Finding("worktree", "stop", text, hint if waits else "ampsm repair --apply takes it back")
        return
    operation = repository.operation(git_dir)
    if operation is not None:
        text = f"A {operation} is in progress in {worktree}; ampsm did not begin it."
        yield Finding("worktree", "stop", text, f"git -C {worktree} status tells how to end it")
        return
    head, entries = worktree_status.with_head(worktree)
    if head.branch != session.branch_name:
        where = f"on {head.branch}" if head.branch else f"at {head.commit[:12]}, on no branch"
        text = f"The worktree of {session.name} stands {where}, and not on its branch {session.branch_name}."
        yield Finding("worktree", "stop", text, back_on_branch(worktree, session.branch_name))
        return
    yield from _uncommitted(now, entries)


def back_on_branch(worktree: Path, branch: str) -> str:
    """The command that puts a worktree on its branch and leaves no commit behind."""
    from ampsm_engine.git import commits

    head = commits.head(worktree)
    tip = repository.branch_tip(worktree, branch)
    if head.branch is not None:
        return f"git -C {worktree} switch {'' if tip else '-c '}{branch}"
    if tip is None or repository.is_ancestor(worktree, tip, head.commit):
        return f"git -C {worktree} switch -C {branch}"
    if repository.is_ancestor(worktree, head.commit, tip):
        return f"git -C {worktree} switch {branch}"
    return f"git -C {worktree} branch {branch}-aside && git -C {worktree} switch {branch}"


def _uncommitted(now: Situation, entries: Sequence[worktree_status.StatusEntry]) -> Iterator[Finding]:
    """What a commit of ours would take in is in the way; what it would leave out is told."""
    if not entries:
        yield UNTOUCHED
        return
    from ampsm_engine.git import changes, staging

    choice = staging.choose(now.worktree, entries)
    out = {left.path for left in choice.left_out}
    changed = [change.path for change in changes.from_entries(entries) if change.path not in out]
    if changed:
        text = (
            f"{plural(len(changed), 'file')} of {now.session.name} {'is' if len(changed) == 1 else 'are'} not committed"
        )
        hint = f"git -C {now.worktree} add -A && git -C {now.worktree} commit, or: ampsm iterate {now.session.id}"
        yield Finding("worktree", "stop", f"{text}: {list_some(changed)}.", hint)
        return
    yield Finding("worktree", "ok", "nothing to commit")
    if choice.left_out:
        text = f"not committed, and not part of a merge: {list_some([left.path for left in choice.left_out])}"
        yield Finding("left-out", "warn", text, f"ampsm diff {now.session.id} --uncommitted")


def _target(now: Situation, objects: ObjectStore | None, *, moves_target: bool) -> Iterator[Finding]:
    session = now.session
    if now.target == session.branch_name:
        text = f"{now.target} is the session's own branch."
        yield Finding("base", "stop", text, f"ampsm merge {session.id} --onto BRANCH -m MESSAGE")
        return
    if moves_target and not now.is_branch:
        text = f"{now.target} is no branch of this repository, so nothing can be merged into it."
        last = now.target.rpartition("/")[2]
        local = last if repository.branch_tip(now.root, last) else "BRANCH"
        yield Finding("base", "stop", text, f"ampsm merge {session.id} --onto {local} -m MESSAGE")
        return
    is_line = objects is not None and objects.line(now.base_tip, now.branch_tip) is not None
    if not is_line and not merge_bases(now.root, now.base_tip, now.branch_tip):
        try:
            common(now.root, now.base_tip, now.branch_tip)
        except NotFound as reason:
            yield Finding("base", "stop", reason.message, reason.hint)
        return
    yield Finding("base", "ok", f"{now.target} is at {now.base_tip[:12]}")


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """The commits of a session that its target lacks."""

    start: str
    """The commit that its own work comes after; empty where that is what it shares with the target."""
    commits: tuple[RangeCommit, ...]
    """What an operation brings along, oldest first."""
    strangers: tuple[PlannedCommit, ...] = ()
    """Commits among `commits` that are not the session's: merged or picked into its branch from elsewhere."""
    stays: tuple[PlannedCommit, ...] = ()
    """What the target lacks, too, and does not get: it was there before the session began."""


def span(store: Store, now: Situation, objects: ObjectStore | None = None) -> SessionSpan:
    """Look at a session's branch against its target; NotFound when the two share no history."""
    objects = objects or ObjectStore(now.root, now.repo)
    commits = range_commits(objects, now.base_tip, now.branch_tip)
    line = objects.line(now.base_tip, now.branch_tip)
    if _is_plain(now, line):
        return SessionSpan("", commits)
    others = _Others(store, now, line)
    start = "" if others.lack_all else _start_beyond_target(store, now)
    own = range_commits(objects, start, now.branch_tip) if start else commits
    brought = {commit.sha for commit in own}
    mine = tuple(commit for commit in commits if commit.sha in brought)
    strange = _strangers(store, now, mine, others)
    stays = [commit.sha for commit in commits if commit.sha not in brought and not commit.merge]
    return SessionSpan(start, mine, described(objects, now, strange), described(objects, now, stays))


def described(objects: ObjectStore, now: Situation, names: Collection[str]) -> tuple[PlannedCommit, ...]:
    """Commits that the target lacks, with their authors and subjects, oldest first."""
    return tuple(one for one in objects.beyond(now.base_tip, now.branch_tip) if one.sha in names) if names else ()


def own_start(store: Store, now: Situation) -> str:
    """The `start` of a session's span alone; NotFound when session and target share no history."""
    line = ObjectStore(now.root, now.repo).line(now.base_tip, now.branch_tip)
    return "" if _is_plain(now, line) else _start_beyond_target(store, now)


def coming(now: Situation, commits: Sequence[PlannedCommit]) -> tuple[PlannedCommit, ...]:
    """The given commits whose change the target does not have yet, from wherever it got it."""
    if not commits:
        return ()
    options = ("rev-list", "--cherry-pick", "--right-only", "--no-merges", f"{now.base_tip}...{now.branch_tip}", "--")
    missing = set(program.query(now.root, *options).decode().split())
    return tuple(commit for commit in commits if commit.sha in missing)


def named_commits(commits: Sequence[PlannedCommit]) -> str:
    """The first commits, with their authors, and how many more there are."""
    shown = [f"{printable(one.subject)[:60]!r} by {printable(one.author.partition(' <')[0])[:40]}" for one in commits]
    return "; ".join(shown[:3]) + and_more(len(shown), 3)


def _is_plain(now: Situation, line: CommitLine | None) -> bool:
    """One line from where the session began to its tip, on the target itself, each commit marked as the session's."""
    mark = f"\n{SESSION_TRAILER}: {now.session.id}".encode()
    if line is None or line.base != now.session.base_commit:
        return False
    return all(mark in commit.message for commit in line.commits)


class _Others:
    """What the other branches have of a session's one line of commits, by one question to git."""

    def __init__(self, store: Store, now: Situation, line: CommitLine | None) -> None:
        self._store = store
        self._now = now
        is_own = line is not None and line.base == now.session.base_commit
        self.line = line if is_own else None
        """The session's line from where it began, which lies on the target; None where it is no such line."""

    @cached_property
    def _refs(self) -> dict[str, str]:
        """The branches, here and at remotes; one that only names another one is none of its own."""
        found = repository.refs(self._now.root, repository.BRANCHES, "refs/remotes/")
        return {full: at for full, at in found.items() if not at.startswith(SYMBOLIC)}

    @cached_property
    def lack_all(self) -> bool:
        """Whether the session's base, wherever it is, never had a commit of the line, as far as files tell."""
        if self.line is None:
            return False
        base = self._now.session.base_branch
        of_base = [full for full in self._refs if base in _names_of(full)]
        elsewhere = {self._refs[full] for full in of_base} - {self._now.base_tip, self.line.base}
        if not base or elsewhere:
            return False
        commits = [commit.sha for commit in self.line.commits]
        return not branch_files.may_have_stood_at(self._now.repo.common_dir, of_base, commits)

    @cached_property
    def of_sessions(self) -> frozenset[str]:
        """The branches that were made for other sessions and are called otherwise than `amp/...`."""
        return session_branches.of_other_sessions(self._store, self._now.session)

    @cached_property
    def has_any(self) -> bool:
        """Whether a branch that is not the session's, the target or another session's may have one of the commits."""
        own, target = self._now.session.branch_name, self._now.target
        known = {self._now.base_tip, self.line.base if self.line is not None else ""}
        return any(
            at not in known and name not in (own, target, *self.of_sessions) and not name.startswith("amp/")
            for full, at in self._refs.items()
            for name in _names_of(full)[-1:]
        )


def _names_of(full: str) -> tuple[str, ...]:
    """How a branch is called: that of a remote with its remote and without, which comes last."""
    if full.startswith(repository.BRANCHES):
        return (full.removeprefix(repository.BRANCHES),)
    name = full.removeprefix("refs/remotes/")
    return name, name.partition("/")[2]


def _start_beyond_target(store: Store, now: Situation) -> str:
    """Where the session's own work begins; empty where that is what it shares with the target."""
    start = _start_of_work(store, now)
    return "" if start and repository.is_ancestor(now.root, start, now.base_tip) else start


def _start_of_work(store: Store, now: Situation) -> str:
    """Where the session's own work begins; empty where it is not known."""
    session, root, tip = now.session, now.root, now.branch_tip
    began = session.base_commit if repository.resolves(root, session.base_commit) else ""
    if began == tip:
        # Merged, and nothing came after: its work is what that merge brought.
        last = next((one for one in store.merges.of(session.id) if one.state is MergeState.DONE), None)
        if last is not None and last.target and last.branch_after == tip and last.base_before != tip:
            return last.base_before if repository.is_ancestor(root, last.base_before, tip) else ""
    own = _nearest(now, [began] if began else [])
    start = _nearest(now, [*([began] if began else []), *session_branches.places_of_base(now.session, now.branch_tip)])
    if own and start and own != start:
        # The base has work of the session itself: it was merged there by other means.
        marked = _described(now, f"^{own}", start)
        return own if start == tip or any(session.id in mark for _, _, _, mark, _ in marked) else start
    return start


def _nearest(now: Situation, others: Sequence[str]) -> str:
    """The one best common ancestor of the session's tip and of all others; empty for none, or several."""
    if not others:
        return ""
    answer = program.read(now.root, "merge-base", "--all", now.branch_tip, *others)
    found = answer.output.decode().split() if answer.ok else []
    return found[0] if len(found) == 1 else ""


def _described(now: Situation, *span: str) -> list[list[str]]:
    """Name, author, committer, sessions and parents of each commit of a span."""
    return records.log(now.root, _PEOPLE, *span)


def _strangers(store: Store, now: Situation, commits: Sequence[RangeCommit], others: _Others) -> frozenset[str]:
    """Names of commits that are on other branches, came by a merge, or were cherry-picked from another author."""
    session, line = now.session, others.line
    plain = {commit.sha for commit in commits if not commit.merge}
    if not plain:
        return frozenset()
    made = {one.commit_sha for one in store.iterations.of(session.id)} | set(_merged(store, now))
    made |= set(session_branches.of_pull_request(store, session, now.base_tip))
    span = (f"^{now.base_tip}", now.branch_tip)
    known = _unmarked(line)
    described = [one for one in (_described(now, *span) if known is None else known) if one[0] in plain]
    ours = {sha for sha, _, _, mark, _ in described if session.id in mark or (not mark and sha in made)}
    people = {who for sha, author, committer, _, _ in described if sha in ours for who in (author, committer)}
    people.add(AMP.partition("<")[2].rstrip(">"))
    alone = _here_alone(now, span, others.of_sessions) if line is None or others.has_any else frozenset(plain)
    first_line = (
        plain
        if line is not None
        else set(program.query(now.root, "rev-list", "--first-parent", *span, "--").decode().split())
    )
    found = set()
    for sha, author, committer, mark, _ in described:
        picked = author != committer and author not in people
        if sha not in ours and (mark or picked or sha not in alone or sha not in first_line):
            found.add(sha)
    return frozenset(found)


def _unmarked(line: CommitLine | None) -> list[list[str]] | None:
    """What `_described` answers of a line of commits none of which names a session; None where git has to read them."""
    key = SESSION_TRAILER.lower().encode()
    if line is None or any(commit.encoding or key in commit.message.lower() for commit in line.commits):
        return None
    return [
        [commit.sha, parts(commit.author)[1], parts(commit.committer)[1], "", " ".join(commit.parents)]
        for commit in line.commits
    ]


def _merged(store: Store, now: Situation) -> Iterator[str]:
    """What merges of ours made of the session's work."""
    for one in store.merges.of(now.session.id):
        if one.state is MergeState.DONE and one.target:
            answer = program.read(now.root, "rev-list", f"^{one.base_before}", one.base_after, "--")
            yield from answer.output.decode().split() if answer.ok else ()


def _here_alone(now: Situation, span: tuple[str, ...], of_sessions: Collection[str]) -> frozenset[str]:
    """The commits that no other branch has; other sessions', and this one's and the target's at a remote, aside."""
    own, ours = now.session.branch_name, sorted(("amp/*", *of_sessions))
    aside = (f"--exclude={own}", *(f"--exclude={name}" for name in ours), "--branches")
    remote = (*(f"--exclude=*/{name}" for name in (own, now.target, *ours)), "--remotes")
    return frozenset(program.query(now.root, "rev-list", *span, "--not", *aside, *remote).decode().split())
