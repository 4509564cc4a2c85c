"""The live worktree as a tree: through a copied index and an object folder of its own.

Nothing of the agent's is touched: neither its index nor the repository's objects. The git program adds, so that
filters run as they would for a commit.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed
from ampsm_engine.git import program, repository, staging, worktree_status
from ampsm_engine.git.entities import LeftOut, LiveTree
from ampsm_engine.git.worktree_status import StatusEntry
from ampsm_engine.private_folder import private_folder


class LiveIndex(NamedTuple):
    """A worktree as it is at this moment, in an index of its own."""

    entries: tuple[StatusEntry, ...]
    """What no commit holds, as `git status` lists it."""
    left_out: tuple[LeftOut, ...]
    variables: program.Variables
    """The environment in which git takes this index for the worktree's."""
    objects: Path
    """The private folder of the objects that are in no repository."""
    own_objects: Path
    """The folder of the repository's own objects."""


@contextlib.contextmanager
def live_index(worktree: Path) -> Iterator[LiveIndex]:
    """A worktree as it is now, untracked files included, as an index that lives as long as this context.

    It holds what `commit_all` would commit; conflicts go in as they lie in the files.
    """
    with contextlib.ExitStack() as stack:
        try:
            live = _indexed(worktree, stack.enter_context(private_folder("live")))
        except OSError as reason:
            message = f"The state of {worktree} could not be written down: {reason.strerror}: {reason.filename}."
            import tempfile  # 14 ms, for who needs a place

            raise Failed(message, f"df -h {tempfile.gettempdir()}") from reason
        yield live


def _indexed(worktree: Path, folder: Path) -> LiveIndex:
    git_dir = repository.git_dir(worktree)
    objects, own, index = folder / "objects", repository.common_of(git_dir) / "objects", folder / "index"
    objects.mkdir()
    copy_index(git_dir, index)
    variables = {**object_variables(objects, own), **_uncompressed(), "GIT_INDEX_FILE": index}
    return LiveIndex(*_staged(worktree, index, variables), variables, objects, own)


@contextlib.contextmanager
def live_tree(worktree: Path) -> Iterator[LiveTree]:
    """A worktree as it is now, untracked files included, as a tree that lives as long as this context."""
    with live_index(worktree) as live:
        yield LiveTree(_tree(worktree, live.variables), live.objects, live.own_objects, live.left_out)


def kept_tree(worktree: Path, place: Path) -> tuple[str, tuple[LeftOut, ...]]:
    """The tree of a worktree as it is now, and what it leaves out, kept in a folder that is used again and again.

    What was written for the last tree need not be written once more. The objects are in `place`/objects; `reading`
    tells git where.
    """
    git_dir = repository.git_dir(worktree)
    objects, kept, stamp = place / "objects", place / "index", place / "stamp"
    objects.mkdir(exist_ok=True)
    index = place / f"index.{os.getpid()}"
    now = _stamp(git_dir / "index")
    try:
        if now and kept.exists() and stamp.exists() and stamp.read_text() == now:
            import shutil

            shutil.copy2(kept, index)
        else:
            copy_index(git_dir, index)
        tree, left_out = snapshot(worktree, index, {**reading(worktree, objects), **_uncompressed()})
        stamp.unlink(missing_ok=True)
        index.replace(kept)
        stamp.write_text(now)
    finally:
        for file in place.glob(f"{index.name}*"):
            file.unlink(missing_ok=True)
    return tree, left_out


def reading(worktree: Path, objects: Path) -> program.Variables:
    """The environment in which git finds a folder of objects as well as those of a worktree's repository."""
    return object_variables(objects, repository.common_dir(worktree) / "objects")


def _stamp(index: Path) -> str:
    """A value that changes when an index is written; empty without an index."""
    try:
        found = index.stat()
    except OSError:
        return ""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def snapshot(
    worktree: Path, index: Path, variables: program.Variables | None = None
) -> tuple[str, tuple[LeftOut, ...]]:
    """Write a worktree as a tree with `index`, a copy of its own, to work on; answers what stayed out as well.

    The objects go where the variables say, else into the repository's own folder.
    """
    both = {**(variables or {}), "GIT_INDEX_FILE": index}
    _, left_out = _staged(worktree, index, both)
    return _tree(worktree, both), left_out


def _staged(
    worktree: Path, index: Path, variables: program.Variables
) -> tuple[tuple[StatusEntry, ...], tuple[LeftOut, ...]]:
    """Put a worktree into an index, a copy of its own; answers what no commit holds, and what of it stayed out."""
    entries = worktree_status.entries(worktree, index=index)
    choice = staging.choose(worktree, entries)
    answer = staging.apply(worktree, choice, variables=variables, quiet=True)
    if not answer.ok:
        raise _unreadable(worktree, answer)
    return entries, choice.left_out


def _tree(worktree: Path, variables: program.Variables) -> str:
    answer = program.read(worktree, "write-tree", variables=variables)
    if not answer.ok:
        raise _unreadable(worktree, answer)
    return answer.line


def _uncompressed() -> program.Variables:
    """Objects that are thrown away soon need not be small."""
    return program.configuration({"core.looseCompression": "0"})


def _unreadable(worktree: Path, answer: program.Answer) -> Failed:
    return Failed(f"The state of {worktree} could not be read: {answer.reason}.", f"git -C {worktree} status")


def copy_index(git_dir: Path, copy: Path) -> None:
    """Copy a worktree's index, its time included: git tells by it which files it must compare byte by byte."""
    with contextlib.suppress(FileNotFoundError):
        import shutil

        shutil.copy2(git_dir / "index", copy)


def object_variables(objects: Path, own: Path) -> program.Variables:
    """The environment in which git writes into the folder `objects`, and reads the repository's own as well."""
    quoted = os.fsdecode(own).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return {"GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"'}
