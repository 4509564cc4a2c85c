"""Bases of sessions: which have lost theirs, cheap enough for a list, and what one has come to at its remote."""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ampsm_engine.git import branch_files
from ampsm_engine.model import Session, Status

if TYPE_CHECKING:
    from pathlib import Path

    from ampsm_engine.context import Engine
    from ampsm_engine.model import SessionPlace

FETCH_LIMIT = 300.0
"""Seconds that a fetch may take."""


def gone_bases(sessions: "Iterable[Session | SessionPlace]") -> frozenset[str]:
    """The ids of the unmerged sessions whose base branch does not exist any more.

    git is asked, once a repository, for what its files do not tell at first sight.
    """
    by_root: dict[str, dict[str, list[str]]] = {}
    for session in sessions:
        if session.status is not Status.DONE:
            by_root.setdefault(session.repo_root, {}).setdefault(session.base_branch, []).append(session.id)
    gone: set[str] = set()
    for root, theirs in by_root.items():
        if os.path.isdir(root):  # noqa: PTH112 - a list asks for many
            gone.update(*(theirs[name] for name in _unresolved(root, theirs)))
    return frozenset(gone)


def _unresolved(root: str, theirs: Mapping[str, list[str]]) -> frozenset[str]:
    doubtful = theirs.keys() - branch_files.certain(root, frozenset(theirs))
    if not doubtful:
        return frozenset()
    from pathlib import Path

    from ampsm_engine.git import repository

    return repository.unresolved(Path(root), sorted(doubtful))


def fetched(path: "Path", base: str | None) -> str:
    """The remote branch that a base follows (None: what is checked out), fetched just now: the newest to begin from.

    A remote branch is its own. NotFound for an unknown base, Refused where it follows none, Failed when the remote
    does not answer.
    """
    from ampsm_engine import redact
    from ampsm_engine.errors import Failed, Refused
    from ampsm_engine.git import fetching, program, repository

    repo = repository.locate(path)
    name = repository.base(repo, base).name
    remotes = program.text(program.query(repo.root, "remote")).split()
    remote, _, branch = name.partition("/")
    if remote not in remotes or repository.branch_tip(repo.root, name) is not None:
        remote = program.read(repo.root, "config", "--get", f"branch.{name}.remote").line
        merge = program.read(repo.root, "config", "--get", f"branch.{name}.merge").line
        branch = merge.removeprefix(repository.BRANCHES)
        if not merge and repo.is_bare and len(remotes) == 1:  # `git clone --bare` lets no branch follow another
            remote, branch = remotes[0], name
    if remote not in remotes or not branch:
        message = f"{name} follows no remote branch: there is nothing to fetch."
        raise Refused(message, f"git -C {repo.root} branch --set-upstream-to origin/{name} {name}")
    ref = f"+{repository.BRANCHES}{branch}:refs/remotes/{remote}/{branch}"
    options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--")
    answer = fetching.fetch(repo.root, *options, remote, ref, limit=FETCH_LIMIT)
    if not answer.ok:
        message = f"{branch} could not be fetched from {remote}: {redact.text(answer.reason)}."
        raise Failed(message, f"git -C {repo.root} fetch {remote}, or without --fetch")
    return f"{remote}/{branch}"


def fetch_all(engine: "Engine", repo_root: str | None) -> tuple[str, ...]:
    """Fetch what the bases of sessions follow, those of one repository or all; a sentence for each that failed."""
    from pathlib import Path

    from ampsm_engine.errors import AmpsmError, Refused

    told = []
    for root, base in dict.fromkeys((one.repo_root, one.base_branch) for one in engine.store.sessions.all()):
        if (repo_root is None or root == repo_root) and os.path.isdir(root):  # noqa: PTH112 - as above
            try:
                fetched(Path(root), base)
            except Refused:
                continue  # it follows none: what is here is all there is
            except AmpsmError as reason:
                told.append(reason.message)
    return tuple(told)
