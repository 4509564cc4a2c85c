"""Objects that a review needs later, kept from git's sweep by refs of ours: what was looked at, commented on, rejected.

`refs/ampsm/looked/<session>` names a tree; `refs/ampsm/review/<session>/<comment, rejection or iteration>/<name>` an
object.
They are deleted with the session, when it is purged.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.errors import Refused
from ampsm_engine.git import program, repository
from ampsm_engine.git.live import object_variables

LOOKED = "refs/ampsm/looked"
REVIEW = "refs/ampsm/review"
OUTSIDE = "refs/ampsm/outside"
"""What was lost outside of a session's worktree: `<session>/<iteration>/<number>`."""

_NAME = re.compile(r"\w[\w-]*", re.ASCII)
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def keep(where: Path, session_id: str, key: str, objects: Mapping[str, str]) -> None:
    """Keep objects for a comment or a rejection, by names such as `line`; an empty one is not kept (any more)."""
    _checked(session_id, key, *objects)
    lines = []
    for name, oid in objects.items():
        ref = f"{REVIEW}/{session_id}/{key}/{name}"
        lines.append(f"update {ref} {oid}\n" if oid else f"delete {ref}\n")
    if lines:
        program.done(where, "update-ref", "--stdin", feed="".join(lines).encode())


def let_go(where: Path, session_id: str, key: str = "") -> None:
    """Keep nothing more for a comment or a rejection; without a key, nothing at all for the session."""
    _checked(session_id, *([key] if key else []))
    under = f"{REVIEW}/{session_id}/{key}" if key else f"{REVIEW}/{session_id}"
    spaces = [under] if key else [under, f"{LOOKED}/{session_id}", f"{OUTSIDE}/{session_id}"]
    listed = program.told(where, "for-each-ref", "--format=delete %(refname)", *spaces)
    if listed:
        program.done(where, "update-ref", "--stdin", feed=listed)


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
    program.done(where, "update-ref", f"{LOOKED}/{session_id}", tree)


def looked(where: Path, session_id: str) -> str | None:
    """The tree that was looked at; None when there is none."""
    _checked(session_id)
    answer = program.read(where, "rev-parse", "--quiet", "--verify", f"{LOOKED}/{session_id}^{{tree}}")
    return answer.line if answer.ok else None


def tree(where: Path, session_id: str, key: str, name: str) -> str | None:
    """The tree that `keep` was given under a key and a name; None when it is not kept."""
    (found,) = trees(where, session_id, (key, name))
    return found


def trees(where: Path, session_id: str, *names: tuple[str, str]) -> tuple[str | None, ...]:
    """The trees under several keys and names, by one question; None for each that is not kept."""
    _checked(session_id, *(part for pair in names for part in pair))
    feed = "".join(f"{REVIEW}/{session_id}/{key}/{name}^{{tree}}\n" for key, name in names).encode()
    answer = program.read(where, "cat-file", "--batch-check=%(objectname)", feed=feed)
    lines = answer.output.decode("utf-8", "replace").splitlines() if answer.ok else [""] * len(names)
    return tuple(line if _OBJECT.fullmatch(line) else None for line in lines)


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
    own = repository.common_dir(where) / "objects"
    variables = object_variables(objects, own)
    wanted = f"{tree}\n^HEAD\n".encode()
    options = ("pack-objects", "--revs", "--stdout", "--quiet", "--delta-base-offset", "--window=0")
    pack = program.told(where, *options, feed=wanted, variables=variables)
    program.done(where, "unpack-objects", "-q", feed=pack)


def _checked(*names: str) -> None:
    """Session ids and our own ids make parts of refs, and nothing else does."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise Refused(f"{name[:80]!r} is no id.", "ampsm ls")
