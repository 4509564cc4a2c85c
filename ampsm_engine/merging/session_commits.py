"""What belongs to a session: the commits between its own start and its tip, and which of them are somebody else's.

`target..tip` is not that: it holds whatever the target lacks, and a session that began on another branch would bring
that branch's work along. Reads only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ampsm_engine.git import program, repository
from ampsm_engine.git.integrate.commit_range import plan_commits
from ampsm_engine.git.integrate.commit_writer import AMP
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.values import PlannedCommit
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import MergeState
from ampsm_engine.plain_text import printable
from ampsm_engine.store import Store

SESSION_TRAILER = "Ampsm-Session"

_PEOPLE = "%x1f".join(("%H", "%ae", "%ce", f"%(trailers:key={SESSION_TRAILER},valueonly,separator=%x2c)", "%P"))


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """The commits of a session that its target lacks."""

    start: str
    """The commit that its own work comes after; empty where that is what it shares with the target."""
    commits: tuple[PlannedCommit, ...]
    """What an operation brings along, oldest first."""
    strangers: tuple[PlannedCommit, ...] = ()
    """Those of them that are not the session's: merged or picked into its branch from elsewhere."""
    stays: tuple[PlannedCommit, ...] = ()
    """What the target lacks, too, and does not get: it was there before the session began."""


def span(store: Store, now: Situation, objects: ObjectStore | None = None) -> SessionSpan:
    """Look at a session's branch against its target; NotFound when the two share no history."""
    commits = plan_commits(now.root, now.base_tip, now.branch_tip)
    if _is_plain(now, objects or ObjectStore(now.root, now.repo)):
        return SessionSpan("", commits)
    start = _start_beyond_target(store, now)
    own = plan_commits(now.root, start, now.branch_tip) if start else commits
    brought = {commit.sha for commit in own}
    mine = tuple(commit for commit in commits if commit.sha in brought)
    strange = _strangers(store, now, mine)
    stays = tuple(commit for commit in commits if commit.sha not in brought and not commit.merge)
    return SessionSpan(start, mine, tuple(commit for commit in mine if commit.sha in strange), stays)


def own_start(store: Store, now: Situation) -> str:
    """The `start` of a session's span alone; NotFound when session and target share no history."""
    return "" if _is_plain(now, ObjectStore(now.root, now.repo)) else _start_beyond_target(store, now)


def coming(now: Situation, commits: Sequence[PlannedCommit]) -> tuple[PlannedCommit, ...]:
    """Those whose change the target does not have yet, from wherever it got it."""
    if not commits:
        return ()
    options = ("rev-list", "--cherry-pick", "--right-only", "--no-merges", f"{now.base_tip}...{now.branch_tip}", "--")
    missing = set(program.told(now.root, *options).decode().split())
    return tuple(commit for commit in commits if commit.sha in missing)


def named(commits: Sequence[PlannedCommit], most: int = 3) -> str:
    """The first commits, with their authors, and how many more there are."""
    shown = [f"{printable(one.subject)[:60]!r} by {printable(one.author.partition(' <')[0])[:40]}" for one in commits]
    more = f" and {len(commits) - most} more" if len(commits) > most else ""
    return "; ".join(shown[:most]) + more


def _is_plain(now: Situation, objects: ObjectStore) -> bool:
    """One line from where the session began to its tip, on the target itself, each commit marked as the session's."""
    line = objects.line(now.base_tip, now.branch_tip)
    mark = f"\n{SESSION_TRAILER}: {now.session.id}".encode()
    if line is None or line.base != now.session.base_commit:
        return False
    return all(mark in commit.message for commit in line.commits)


def _start_beyond_target(store: Store, now: Situation) -> str:
    """Where the session's own work begins; empty where that is what it shares with the target."""
    start = _start(store, now)
    return "" if start and repository.is_ancestor(now.root, start, now.base_tip) else start


def _start(store: Store, now: Situation) -> str:
    """Where the session's own work begins; empty where nothing tells."""
    session, root, tip = now.session, now.root, now.branch_tip
    began = session.base_commit if repository.resolves(root, session.base_commit) else ""
    if began == tip:
        # Merged, and nothing came after: its work is what that merge brought.
        last = next((one for one in store.merges.of(session.id) if one.state is MergeState.DONE), None)
        if last is not None and last.target and last.branch_after == tip and last.base_before != tip:
            return last.base_before if repository.is_ancestor(root, last.base_before, tip) else ""
    own = _nearest(now, [began] if began else [])
    start = _nearest(now, [*([began] if began else []), *_of_base(now)])
    if own and start and own != start:
        # The base has work of the session itself: somebody merged it there by other means.
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


def _of_base(now: Situation) -> Iterator[str]:
    """Where the session's base stands, here and at its remotes, and where it stood when the session came upon it."""
    root, base = now.root, now.session.base_branch
    if not base:
        return
    wanted = [f"{space}{base}" for space in (repository.BRANCHES, "refs/remotes/", "refs/remotes/*/")]
    listed = program.read(root, "for-each-ref", "--format=%(objecttype) %(objectname) %(refname)", *wanted)
    for line in program.text(listed.output).splitlines() if listed.ok else ():
        kind, commit, full = line.split(" ", 2)
        name = full.removeprefix(repository.BRANCHES).removeprefix("refs/remotes/")
        # A name that is listed for being below one of these is another branch.
        if kind == "commit" and base in (name, name.partition("/")[2]):
            yield commit
            forked = program.read(root, "merge-base", "--fork-point", full, now.branch_tip)
            if forked.ok and forked.line:
                yield forked.line


def _described(now: Situation, *span: str) -> list[tuple[str, str, str, str, str]]:
    """Name, author, committer, sessions and parents of each commit of a span."""
    options = (
        "log",
        "-z",
        f"--format={_PEOPLE}",
        "--encoding=UTF-8",
        "--no-color",
        "--no-mailmap",
        "--no-show-signature",
    )
    records = program.told(now.root, *options, *span, "--").decode("utf-8", "replace").split("\0")
    lines = (record.strip("\n").split("\x1f") for record in records if record.strip("\n"))
    return [(sha, author, committer, mark, parents) for sha, author, committer, mark, parents in lines]


def _strangers(store: Store, now: Situation, commits: Sequence[PlannedCommit]) -> frozenset[str]:
    """Those that other branches have, that came by a merge, or that somebody else made and that were picked here."""
    session = now.session
    plain = {commit.sha for commit in commits if not commit.merge}
    if not plain:
        return frozenset()
    made = {one.commit_sha for one in store.iterations.of(session.id)} | set(_merged(store, now))
    span = (f"^{now.base_tip}", now.branch_tip)
    described = [one for one in _described(now, *span) if one[0] in plain]
    ours = {sha for sha, _, _, mark, _ in described if session.id in mark or (not mark and sha in made)}
    people = {who for sha, author, committer, _, _ in described if sha in ours for who in (author, committer)}
    people.add(AMP.partition("<")[2].rstrip(">"))
    alone = _here_alone(now, span)
    first_line = set(program.told(now.root, "rev-list", "--first-parent", *span, "--").decode().split())
    found = set()
    for sha, author, committer, mark, _ in described:
        picked = author != committer and author not in people
        if sha not in ours and (mark or picked or sha not in alone or sha not in first_line):
            found.add(sha)
    return frozenset(found)


def _merged(store: Store, now: Situation) -> Iterator[str]:
    """What merges of ours made of the session's work."""
    for one in store.merges.of(now.session.id):
        if one.state is MergeState.DONE and one.target:
            answer = program.read(now.root, "rev-list", f"^{one.base_before}", one.base_after, "--")
            yield from answer.output.decode().split() if answer.ok else ()


def _here_alone(now: Situation, span: tuple[str, ...]) -> frozenset[str]:
    """The commits that no other branch has; other sessions', and this one's and the target's at a remote, aside."""
    own = now.session.branch_name
    aside = (f"--exclude={own}", "--exclude=amp/*", "--branches")
    remote = (f"--exclude=*/{own}", f"--exclude=*/{now.target}", "--exclude=*/amp/*", "--remotes")
    return frozenset(program.told(now.root, "rev-list", *span, "--not", *aside, *remote).decode().split())
