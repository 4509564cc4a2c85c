"""Objects kept from git's sweep by refs of ours, for reviews, merges and branches that others delete.

    refs/ampsm/looked/<session>                                             the tree that was looked at
    refs/ampsm/review/<session>/<comment, rejection or iteration>/<name>    what is commented on, or was rejected
    refs/ampsm/backup/<session>/<moment>/<name>                             what a merge leaves behind
    refs/ampsm/batch/<run>/<number>-<host>                                  what came from a host; too late: <run>/late/
    refs/ampsm/tip/<session>                                                where its branch stood when we last saw it
    refs/ampsm/outside/<session>/<iteration>/<number>                       what was lost outside of its worktree

They are deleted with the session, when it is purged.
"""

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import libgit2, program, repository

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.outcomes import Backup

LOOKED = "refs/ampsm/looked"
REVIEW = "refs/ampsm/review"
TIP = "refs/ampsm/tip"
BATCH = "refs/ampsm/batch"
OUTSIDE = "refs/ampsm/outside"
"""What was lost outside of a session's worktree: `<session>/<iteration>/<number>`."""

_NAME = re.compile(r"\w[\w-]*", re.ASCII)
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

BACKUPS = "refs/ampsm/backup"

_PART = re.compile(r"\w[\w-]*", re.ASCII)


def keep(where: Path, session_id: str, key: str, objects: Mapping[str, str]) -> None:
    """Keep objects for a comment or a rejection, by names such as `line`; an empty one is not kept (any more)."""
    _checked(session_id, key, *objects)
    lines = []
    for name, oid in objects.items():
        ref = f"{REVIEW}/{session_id}/{key}/{name}"
        lines.append(f"update {ref} {oid}\n" if oid else f"delete {ref}\n")
    if lines:
        program.change(where, "update-ref", "--stdin", feed="".join(lines).encode())


def let_go(where: Path, session_id: str, key: str = "") -> None:
    """Delete the refs of a comment or a rejection; without a key, all of the session but its backups."""
    _checked(session_id, *([key] if key else []))
    under = f"{REVIEW}/{session_id}/{key}" if key else f"{REVIEW}/{session_id}"
    of_session = (f"{space}/{session_id}" for space in (LOOKED, OUTSIDE, TIP))
    spaces = [under] if key else [under, *of_session]
    listed = program.query(where, "for-each-ref", "--format=delete %(refname)", *spaces)
    if listed:
        program.change(where, "update-ref", "--stdin", feed=listed)


def forget_batch(where: Path, batch_id: str) -> None:
    """Keep nothing more of what came from hosts for a run."""
    listed = program.query(where, "for-each-ref", "--format=delete %(refname)", f"{BATCH}/{batch_id}/")
    if listed:
        program.change(where, "update-ref", "--stdin", feed=listed)


def keep_tip(where: Path, session_id: str, commit: str) -> None:
    """Keep the commit that a session's branch points at, in case the branch is deleted."""
    _checked(session_id)
    program.change(where, "update-ref", f"{TIP}/{session_id}", commit)


def tip(where: Path, session_id: str) -> str | None:
    """The commit that `keep_tip` was given last; None when there is none."""
    _checked(session_id)
    return repository.ref_commit(where, f"{TIP}/{session_id}")


def follow_worktree(where: Path, session_id: str, worktree: Path) -> str | None:
    """Keep what was committed in a worktree since `keep_tip`, as the worktree's log of HEAD knows; the commit kept now.

    For a branch that was deleted after a commit by hand.
    """
    kept = tip(where, session_id)
    with contextlib.suppress(libgit2.AskGit):
        last = libgit2.last_head(worktree)
        if kept and last and last != kept and libgit2.is_ancestor(where, kept, last):
            keep_tip(where, session_id, last)
            return last
    return kept


def restore_branch(where: Path, session_id: str, branch: str) -> None:
    """Make a deleted branch again where `keep_tip` saw it last.

    NotFound when nothing is kept, Failed when there is such a branch.
    """
    kept = tip(where, session_id)
    if kept is None:
        raise NotFound(f"The branch {branch} is gone, and nothing of it is kept.", "ampsm repair")
    said = "ampsm: the branch was deleted"
    program.change(where, "update-ref", "-m", said, f"{repository.BRANCHES}{branch}", kept, "0" * len(kept))


def keep_looked(where: Path, session_id: str, tree: str, objects: Path | None = None) -> None:
    """Keep the tree that was looked at; `objects` is the private folder that holds what the repository does not.

    Refused when some of it is nowhere to be found.
    """
    _checked(session_id)
    if not _OBJECT.fullmatch(tree):
        raise Refused(f"{tree[:80]!r} is no tree.", "")
    if objects is not None and objects.is_dir():
        _take_in(where, tree, objects)
    if tree_of(where, tree) is None:
        message = "What was looked at is not there any more: it was of a worktree that has changed since."
        raise Refused(message, "Look at it again.")
    program.change(where, "update-ref", f"{LOOKED}/{session_id}", tree)


def looked(where: Path, session_id: str) -> str | None:
    """The tree that was looked at; None when there is none."""
    _checked(session_id)
    return repository.ref_commit(where, f"{LOOKED}/{session_id}", "tree")


def tree(where: Path, session_id: str, key: str, name: str) -> str | None:
    """The tree that `keep` was given under a key and a name; None when it is not kept."""
    _checked(session_id, key, name)
    return repository.ref_commit(where, f"{REVIEW}/{session_id}/{key}/{name}", "tree")


def tree_of(where: Path, name: str) -> str | None:
    """The tree that an object's name stands for; None when there is none."""
    if not _OBJECT.fullmatch(name):
        return None
    answer = program.read(where, "rev-parse", "--quiet", "--verify", f"{name}^{{tree}}")
    return answer.line if answer.ok else None


def has(where: Path, oid: str) -> bool:
    """Whether the repository has an object."""
    return bool(_OBJECT.fullmatch(oid)) and program.read(where, "cat-file", "-e", oid).ok


def _take_in(where: Path, tree: str, objects: Path) -> None:
    """Copy the objects of a tree that HEAD does not have into the repository."""
    from ampsm_engine.git.snapshot import object_variables  # with all that a snapshot takes

    own = repository.common_dir(where) / "objects"
    variables = object_variables(objects, own)
    wanted = f"{tree}\n^HEAD\n".encode()
    options = ("pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset", "--window=0")
    pack = program.query(where, *options, feed=wanted, variables=variables)
    program.change(where, "unpack-objects", "-q", feed=pack)


def _checked(*names: str) -> None:
    """Session ids and our own ids make parts of refs, and nothing else does."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise Refused(f"{name[:80]!r} is no id.", "ampsm ls")


def backup(repo_root: Path, session_id: str, moment: str, name: str, commit: str) -> "Backup":
    """Keep a commit. `moment` and `name` are letters, digits, `-` and `_`; the same again changes nothing.

    Refused when the ref keeps another commit already.
    """
    full = f"{BACKUPS}/{_part(session_id)}/{_part(moment)}/{_part(name)}"
    there = repository.ref_commit(repo_root, full)
    if there not in (None, commit):
        raise Refused(f"{full} keeps another commit already.", f"git -C {repo_root} log -1 {full}")
    if there is None:
        answer = program.write(repo_root, "update-ref", "-m", "ampsm: kept", full, commit, "0" * len(commit))
        if not answer.ok:
            message = f"{commit[:12]} could not be kept as {full}: {answer.reason}."
            raise Failed(message, f"git -C {repo_root} update-ref {full} {commit}")
    from ampsm_engine.git.integrate.outcomes import Backup

    return Backup(full, moment, name, commit)


def backup_all(repo_root: Path, session_id: str, moment: str, commits: Mapping[str, str]) -> bool:
    """Keep several commits by name at one moment; False, and none of them is kept, where that does not go."""
    place = f"{BACKUPS}/{_part(session_id)}/{_part(moment)}"
    lines = "".join(f"create {place}/{_part(name)} {commit}\n" for name, commit in commits.items())
    return program.write(repo_root, "update-ref", "-m", "ampsm: kept", "--stdin", feed=lines.encode()).ok


def backups(repo_root: Path, session_id: str) -> "tuple[Backup, ...]":
    """The backup refs of a session, by moment and name."""
    from ampsm_engine.git.integrate.outcomes import Backup

    place = f"{BACKUPS}/{_part(session_id)}/"
    found = []
    for full, commit in repository.refs(repo_root, place).items():
        moment, _, name = full.removeprefix(place).partition("/")
        found.append(Backup(full, moment, name, commit))
    return tuple(found)


def forget_backups(repo_root: Path, session_id: str) -> None:
    """Drop all that is kept of a session, as a purge asks for."""
    lines = "".join(f"delete {one.ref} {one.commit}\n" for one in backups(repo_root, session_id))
    if lines:
        program.change(repo_root, "update-ref", "--stdin", feed=lines.encode())


def _part(part: str) -> str:
    if not _PART.fullmatch(part):
        raise NotFound(f"{part!r} cannot name a backup.")
    return part
