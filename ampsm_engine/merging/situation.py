"""Where a session and its target stand at this moment, and what would stand in the way of merging. Reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ampsm_engine import session_problems
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git import changes, commits, damage, listing, repository, staging
from ampsm_engine.git.integrate import blockers
from ampsm_engine.git.integrate.commit_range import common, merge_bases
from ampsm_engine.git.integrate.conflict_checkout import laid
from ampsm_engine.git.places import Repo
from ampsm_engine.merging.values import Finding, Kind
from ampsm_engine.model import MergeState, Session, State
from ampsm_engine.plain_text import printable
from ampsm_engine.store import Store

NAMED = 3
"""Files that a finding names; it counts the others."""


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
        return self.start or common(self.root, self.base_tip, self.branch_tip)[0]


def look(store: Store, session_id: str, onto: str = "", kind: Kind = "merge", *, repo: Repo | None = None) -> Situation:
    """Where things stand; NotFound when the session's branch or the target is not there, Unfit without repository."""
    session = store.sessions.get(session_id)
    root = Path(session.repo_root)
    if not root.is_dir():
        message = f"The repository {root} of session {session.name} is gone."
        raise NotFound(message, f"Bring it back to where it was, or: ampsm rm {session.id}")
    repo = repo or repository.around(root)
    target = onto or session.base_branch
    tip, local = repository.branch_tips(root, session.branch_name, target)
    if tip is None:
        damage.refuse_damaged(root, f"{repository.BRANCHES}{session.branch_name}")
        message = f"The branch {session.branch_name} of session {session.name} is not there any more."
        raise NotFound(message, f"git -C {root} branch --list 'amp/*', then: git -C {root} branch -m NEW OLD")
    if local is not None:
        return Situation(session, repo, target, is_branch=True, base_tip=local, branch_tip=tip)
    return Situation(
        session, repo, target, is_branch=False, base_tip=_named(repo, session, target, kind), branch_tip=tip
    )


def _named(repo: Repo, session: Session, target: str, kind: Kind) -> str:
    try:
        return repository.base(repo, target).commit
    except NotFound as reason:
        was_base = target == session.base_branch
        role = {"merge": "would be merged into", "rebase": "would be rebased onto", "squash": "started from"}[kind]
        gone = "is not there any more" if was_base else "is no branch or commit of this repository"
        way = {"merge": "merge {} --onto BRANCH -m MESSAGE", "rebase": "rebase {} --onto REF"}.get(kind, "show {}")
        message = f"{printable(target)[:100]}, which {session.name} {role}, {gone}."
        raise NotFound(message, f"ampsm {way.format(session.id)}. {reason.hint}") from reason


def obstacles(store: Store, now: Situation, *, kind: Kind = "merge", moves_target: bool = True) -> Iterator[Finding]:
    """What was looked at in session, worktree and target; findings of level `stop` are in the way."""
    yield from own_obstacles(store, now)
    moves = moves_target and kind == "merge"
    yield from _target(now, moves_target=moves)
    if moves and now.is_branch:
        yield from (
            Finding("checkout", "stop", one.text, one.hint) for one in blockers.operations(now.repo, now.target)
        )


def in_the_way(now: Situation) -> Iterator[Finding]:
    """What is not committed in a checkout of the target, where the session's work would come."""
    if now.is_branch and now.target != now.session.branch_name:
        found = blockers.collisions(now.repo, now.target, now.base_tip, now.fork, now.branch_tip)
        yield from (Finding("checkout", "stop", one.text, one.hint) for one in found)


def held(now: Situation) -> Iterator[Finding]:
    """Each index that another program holds at this moment; a merge waits a little for it."""
    for branch in dict.fromkeys((now.session.branch_name, *((now.target,) if now.is_branch else ()))):
        yield from (Finding("checkout", "warn", one.text, one.hint) for one in blockers.locks(now.repo, branch))


def own_obstacles(store: Store, now: Situation) -> Iterator[Finding]:
    """The same of the session and its worktree alone."""
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
        doing = "waits in the queue" if at_work[0].state is State.QUEUED else "is running"
        hint = f"ampsm wait {session.id}, or: ampsm stop {session.id}"
        return Finding("session", "stop", f"Iteration {at_work[0].number} of {session.name} {doing}.", hint)
    merge = store.merges.open_of(session.id)
    if merge is not None:
        waits = merge.state is MergeState.CONFLICTED
        text = f"A {merge.kind} of {session.name} {'waits for its conflicts to be resolved' if waits else 'goes on'}."
        hint = f"ampsm merge {session.id} --continue, or: ampsm merge {session.id} --abort"
        return Finding("session", "stop", text, hint if waits else f"ampsm show {session.id}")
    return Finding("session", "ok", "nothing runs or waits in it")


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
    head = commits.head(worktree)
    if head.branch != session.branch_name:
        where = f"on {head.branch}" if head.branch else f"at {head.commit[:12]}, on no branch"
        text = f"The worktree of {session.name} stands {where}, and not on its branch {session.branch_name}."
        yield Finding("worktree", "stop", text, back_on_branch(worktree, session.branch_name))
        return
    yield from _uncommitted(now)


def back_on_branch(worktree: Path, branch: str) -> str:
    """The command that puts a worktree on its branch and leaves no commit behind."""
    head = commits.head(worktree)
    tip = repository.branch_tip(worktree, branch)
    if head.branch is not None:
        return f"git -C {worktree} switch {'' if tip else '-c '}{branch}"
    if tip is None or repository.is_ancestor(worktree, tip, head.commit):
        return f"git -C {worktree} switch -C {branch}"
    if repository.is_ancestor(worktree, head.commit, tip):
        return f"git -C {worktree} switch {branch}"
    return f"git -C {worktree} branch {branch}-aside && git -C {worktree} switch {branch}"


def _uncommitted(now: Situation) -> Iterator[Finding]:
    """What a commit of ours would take in is in the way; what it would leave out is told."""
    entries = listing.entries(now.worktree)
    choice = staging.choose(now.worktree, entries)
    out = {left.path for left in choice.left_out}
    changed = [change.path for change in changes.told(entries) if change.path not in out]
    if changed:
        text = (
            f"{many(len(changed), 'file')} of {now.session.name} {'is' if len(changed) == 1 else 'are'} not committed"
        )
        hint = f"git -C {now.worktree} add -A && git -C {now.worktree} commit, or: ampsm iterate {now.session.id}"
        yield Finding("worktree", "stop", f"{text}: {named(changed)}.", hint)
        return
    yield Finding("worktree", "ok", "clean")
    if choice.left_out:
        text = f"not committed, and not part of a merge: {named([left.path for left in choice.left_out])}"
        yield Finding("left-out", "warn", text, f"ampsm diff {now.session.id} --uncommitted")


def _target(now: Situation, *, moves_target: bool) -> Iterator[Finding]:
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
    if not merge_bases(now.root, now.base_tip, now.branch_tip):
        try:
            common(now.root, now.base_tip, now.branch_tip)
        except NotFound as reason:
            yield Finding("base", "stop", reason.message, reason.hint)
        return
    yield Finding("base", "ok", f"{now.target} is at {now.base_tip[:12]}")


def many(number: int, thing: str) -> str:
    """`1 file`, `3 files`."""
    return f"{number} {thing}{'s' * (number != 1)}"


def named(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED
    shown = ", ".join(printable(name)[:100] for name in names[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
