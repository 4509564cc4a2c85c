"""Finds, marks and cleans up sessions whose work came into its base without a merge of ampsm's, such as upstream.

Known by the graph, by equal trees, by patch-ids of each commit or of all together, and by what the host says of a
pull request. The marks of the list are looked for when branches have moved, never at a paint.
"""

import contextlib
import time
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.context import Engine
from ampsm_engine.engine import merged_check, session_trash
from ampsm_engine.engine.session_trash import Removed
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import records, repository
from ampsm_engine.git.integrate.proof import reverted_files
from ampsm_engine.home import read_json_object, write_json_object
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.merging import publish, pull_requests, session_branches
from ampsm_engine.merging.pull_requests import MergedRequest
from ampsm_engine.model import Session, State, Status
from ampsm_engine.plain_text import list_some

_MEMORY = "landed.json"


@dataclass(frozen=True, slots=True)
class MergedSession:
    """A session that may go: all of its work is in its base."""

    session_id: str
    name: str
    how: str
    """How that is known, in a few words."""
    note: str = ""
    """What the trash would not keep of its worktree, and unsent comments, in sentences; empty for neither."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """A session whose commits are in its base and that stays all the same."""

    session_id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MergedWork:
    """The sessions that were found; `trouble` has a sentence for each that could not be asked about."""

    merged: tuple[MergedSession, ...]
    staying: tuple[KeptSession, ...]
    trouble: tuple[str, ...] = ()


def find_merged(engine: Engine, repo_root: str | None = None, *, ask_hosts: bool = True) -> MergedWork:
    """Look through the sessions that are idle, those of one repository or all, for work that is in its base.

    With `ask_hosts` `gh` or `glab` is asked about branches that were pushed and that git does not find in the base.
    """
    merged: list[MergedSession] = []
    staying: list[KeptSession] = []
    trouble: list[str] = []
    for session in _idle_sessions(engine, repo_root):
        try:
            found = _judge(engine, session, ask_hosts=ask_hosts)
        except AmpsmError as reason:
            trouble.append(f"{session.name}: {reason.message}")
            continue
        if isinstance(found, MergedSession):
            merged.append(found)
        elif found is not None:
            staying.append(found)
    return MergedWork(tuple(merged), tuple(staying), tuple(dict.fromkeys(trouble)))


def _judge(engine: Engine, session: Session, *, ask_hosts: bool = True) -> MergedSession | KeptSession | None:
    """Whether an idle session can be removed; None where none of its work is in its base."""
    proven = merged_check.prove(engine, session)
    in_base = proven.in_base and _is_merged(session, proven)
    how = proven.text if in_base and not proven.taken_back and not proven.uncommitted else ""
    if not proven.in_base and not proven.uncommitted and ask_hosts and (merged := _at_host(engine, session)):
        how = f"its pull request was merged: {merged.url}"
        if why := _why_reverted(session, merged):
            return KeptSession(session.id, session.name, why)
    if not (in_base or how) or not _has_work(session):
        return None
    if not how:
        return KeptSession(session.id, session.name, proven.text)
    if kept := proven.inventory.whole:
        return KeptSession(session.id, session.name, f"only its worktree has {list_some(kept)}")
    notes = (proven.warning, session_trash.describe_comments(engine, [session.id]))
    return MergedSession(session.id, session.name, how, " ".join(filter(None, notes)))


def remove_merged(engine: Engine, session_id: str) -> Removed:
    """Move a session that was found to the trash; Refused where not all of its work is merged any more.

    It is looked at once more: the answer may have come late, and amp have worked there since.
    """
    resting = next((one for one in _idle_sessions(engine, None) if one.id == session_id), None)
    found = _judge(engine, resting) if resting else None
    if isinstance(found, MergedSession):
        return session_trash.remove(engine, session_id)
    why = found.why if found else "not all of its work is merged any more"
    raise Refused(f"{engine.store.sessions.get(session_id).name} stays: {why}.", f"ampsm show {session_id}")


def _idle_sessions(engine: Engine, repo_root: str | None) -> list[Session]:
    """The sessions that run nothing, wait for nothing, and are neither merged nor archived."""
    store = engine.store
    sessions = store.sessions.all(repo_root=repo_root)
    theirs = store.iterations.of_sessions([one.id for one in sessions])
    busy = {name for name, ones in theirs.items() if any(one.state is not State.SETTLED for one in ones)}
    busy |= set(store.merges.all_open())
    return [
        one
        for one in sessions
        if one.id not in busy and not one.archived_at and not one.history_from and Path(one.repo_root).is_dir()
        and store.batches.open_item_of(one.id) is None
    ]  # fmt: skip


def _has_work(session: Session) -> bool:
    """Whether a session has any work: a session that was made just now is in its base, too."""
    tip = repository.branch_tip(Path(session.repo_root), session.branch_name)
    return session.status is Status.DONE or (tip is not None and tip != session.base_commit)


def _is_merged(session: Session, proven: merged_check.Proven) -> bool:
    """Whether the work was merged into a base: commits that together change nothing are in every base."""
    if proven.how == "ancestor" or session.status is Status.DONE:
        return True
    root = Path(session.repo_root)
    before, after = repository.resolve_all(root, session.base_commit, session.branch_name)
    return bool(records.changed(root, before, after))


def _at_host(engine: Engine, session: Session) -> MergedRequest | None:
    """The pull request whose last commit is the session's and that its host has merged; None without any."""
    root, branch = Path(session.repo_root), session.branch_name
    known = engine.store.reviews.pull_request(session.id)
    pushed = [full for full in repository.refs(root, "refs/remotes/") if full.partition("/")[2].endswith(f"/{branch}")]
    tip = repository.branch_tip(root, branch)
    if tip is None or not (known or pushed):
        return None
    forge, remote = pull_requests.forge_of(root, session.base_branch)
    place = publish.base_repository(root, publish.head_remote(root, branch, session.base_branch) if pushed else remote)
    owner = place.removeprefix(f"{forge.host}/").partition("/")[0]
    found = pull_requests.merged_one(forge, known.number if known else None, owner, branch)
    return found if found and (found.head == tip or _is_in(root, tip, found.head)) else None


def _why_reverted(session: Session, merged: MergedRequest) -> str:
    """Why a merged pull request is in no base any more, as the end of a sentence; empty where nothing says so."""
    root = Path(session.repo_root)
    if not merged.commit or not repository.resolves(root, merged.commit):
        return ""
    for name in (session.base_branch, *merged_check.upstreams(root, session.base_branch)):
        with contextlib.suppress(NotFound):
            base = repository.resolve(root, name)
            if _is_in(root, merged.commit, base) and (
                files := reverted_files(root, f"{merged.commit}^", merged.commit, base)
            ):
                return f"its pull request was merged ({merged.url}), and {name} took {list_some(files)} back since"
    return ""


def _is_in(root: Path, tip: str, head: str) -> bool:
    return repository.resolves(root, head) and repository.is_ancestor(root, tip, head)


def update_merged_marks(engine: Engine, *, budget: float = 60.0) -> int:
    """Bring the marks of the list up to date, for `budget` seconds; how many sessions are still to be looked at.

    Only those are looked at whose branch, or a branch that could have their work, has moved since the last time.
    """
    until = time.monotonic() + budget
    before, after, pending = _read(engine), {}, 0
    tips: dict[str, _Tips] = {}
    for session in engine.store.sessions.all():
        if session.status in (Status.DONE, Status.RUNNING) or session.history_from:
            continue
        with contextlib.suppress(AmpsmError):
            if session.repo_root not in tips:
                tips[session.repo_root] = _tips(Path(session.repo_root))
            if session.base_branch not in tips[session.repo_root].by_name:
                session = session_branches.follow(engine.store, session)  # noqa: PLW2901 - with its base as it is now
            key = tips[session.repo_root].key(session)
            known = before.get(session.id)
            if known is None or known[0] != key:
                if time.monotonic() > until:
                    pending += 1
                    continue
                known = [key, _describe_merge(engine, session)]
            after[session.id] = known
            if (known[1] or None) != session.landed:
                engine.store.sessions.update(session.id, landed=known[1] or None)
    if after != before:
        _write(engine, {**{name: known for name, known in before.items() if pending}, **after})
    return pending


class _Tips(NamedTuple):
    """The commits that the branches of a repository point at."""

    branches: dict[str, str]
    """Local ones, by their names."""
    by_name: dict[str, set[str]]
    """All, by their names with and without a remote's."""

    def key(self, session: Session) -> str:
        """The commits that a session's answer depends on, as a key for the cache."""
        bases = self.by_name.get(session.base_branch, ())
        return " ".join([self.branches.get(session.branch_name, ""), session.base_commit, *sorted(bases)])


def _tips(root: Path) -> _Tips:
    refs = repository.refs(root, repository.BRANCHES, "refs/remotes/") if root.is_dir() else {}
    found = _Tips({}, {})
    for full, tip in refs.items():
        name = repository.short(full)
        is_local = full.startswith(repository.BRANCHES)
        if is_local:
            found.branches[name] = tip
        for one in (name,) if is_local else (name, name.partition("/")[2]):
            found.by_name.setdefault(one, set()).add(tip)
    return found


def _describe_merge(engine: Engine, session: Session) -> str:
    if not _has_work(session):
        return ""
    found = merged_check.in_base(engine, session)
    if found is None or not _is_merged(session, found):
        return ""
    is_here = repository.branch_tip(Path(session.repo_root), found.base) is not None
    return f"merged{'' if is_here else ' upstream'}: {found.text}"


def _read(engine: Engine) -> dict[str, list[str]]:
    found = read_json_object(engine.home.cache / _MEMORY)
    return {name: one for name, one in found.items() if isinstance(one, list)}


def _write(engine: Engine, content: dict[str, list[str]]) -> None:
    with contextlib.suppress(OSError):
        write_json_object(engine.home.cache / _MEMORY, content)
