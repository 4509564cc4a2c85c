"""The sources of reviews: repositories, the live worktree written into a private folder, and git's renames.

The folder holds the objects of live worktrees; it is made when the first one is wanted, locked for as long as the
process lives, and removed with it. What a killed process left is swept by the next one.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from ampsm_engine import private_folder
from ampsm_engine.differ.comparison import Comparison
from ampsm_engine.errors import AmpsmError, Failed, Unfit
from ampsm_engine.git import diff_program
from ampsm_engine.git.diff_program import Source
from ampsm_engine.home import PRIVATE_FOLDER

T = TypeVar("T")


class Repositories:
    """The repositories that one diff process compares in."""

    def __init__(self, folder: str) -> None:
        self.folder, self._lease = "", -1
        self._sources: dict[tuple[str, str], Source] = {}
        self.has_library = False
        """Whether libgit2 reads, and not the git program."""
        with contextlib.suppress(OSError):  # of a diff process that died, and gone or taken by now
            if folder:
                self._lease, self.folder = private_folder.hold(Path(folder)), folder

    def snapshot(self, worktree: str, _repo_root: str) -> Callable[[], Any]:
        """The task that writes a worktree as a tree; it gives [tree, files left out, True]."""
        from ampsm_engine.git import snapshot  # noqa: F401 - once here, and not in each child

        place = self._place(worktree)
        return functools.partial(_write_tree, Path(worktree), place)

    def source(self, worktree: str, repo_root: str) -> Source:
        """The repository, with the live worktree's objects if there are any. Unfit when it cannot be read."""
        path = worktree if os.path.isdir(worktree) else repo_root  # noqa: PTH112 - text as it came
        objects = self._objects(worktree)
        key = (path, str(objects or ""))
        if key not in self._sources:
            found = self._by_library(key) if self.has_library else None
            self._sources[key] = found or diff_program.Program(Path(path), self.variables(worktree))
        return self._sources[key]

    def load_library(self, comparisons: Iterable[Comparison]) -> None:
        """Let libgit2 read from now on, for these comparisons too.

        It takes 70 ms to load: the git program has read the first patches by then.
        """
        self.has_library = True
        for key, source in self._sources.items():
            found = self._by_library(key)
            if found is not None:
                source.rest()
                self._sources[key] = found
                for made in comparisons:
                    if made.source is source:
                        made.source = found

    def _by_library(self, key: tuple[str, str]) -> Source | None:
        from ampsm_engine.git import diff_library

        path, objects = key
        return diff_library.library(Path(path), Path(objects) if objects else None)

    def variables(self, worktree: str) -> dict[str, str | Path]:
        """The environment in which the git program finds the live worktree's objects."""
        objects = self._objects(worktree)
        if objects is None:
            return {}
        from ampsm_engine.git import snapshot  # for who compares what is not committed

        return dict(snapshot.reading(Path(worktree), objects))

    def objects(self, worktree: str) -> str:
        """The folder of a live worktree's objects; empty when there is none."""
        return str(self._objects(worktree) or "")

    def moves(self, worktree: str, repo_root: str, made: Comparison) -> Callable[[], Any]:
        """A function for a child process that asks git which files were renamed."""
        where = Path(worktree if os.path.isdir(worktree) else repo_root)  # noqa: PTH112
        variables = self.variables(worktree)
        if not made.old_tree or not made.new_tree or not made.may_have_renames:
            return list
        return functools.partial(diff_program.moves, where, made.old_tree, made.new_tree, variables)

    def counts(self, worktree: str, repo_root: str, made: Comparison) -> Callable[[], Any]:
        """The task that counts the lines that each file gained and lost; it gives None when git fails."""
        from ampsm_engine.git import changes  # noqa: F401 - once here, and not in each child

        where = Path(worktree if os.path.isdir(worktree) else repo_root)  # noqa: PTH112
        return functools.partial(_count_lines, where, made, self.variables(worktree))

    def forget(self, used: Iterable[Comparison]) -> None:
        """Close repositories that none of these comparisons uses."""
        kept = {id(made.source) for made in used}
        for key, source in tuple(self._sources.items()):
            if id(source) not in kept:
                source.rest()
                del self._sources[key]

    def release_caches(self) -> None:
        """Free the caches of all repositories."""
        for source in self._sources.values():
            source.rest()

    def close(self) -> None:
        """Remove the folder with the live worktrees' objects."""
        if self.folder:
            import shutil

            shutil.rmtree(self.folder, ignore_errors=True)

    def _objects(self, worktree: str) -> Path | None:
        if not self.folder:
            return None
        objects = self._place(worktree) / "objects"
        return objects if objects.is_dir() else None

    def _place(self, worktree: str) -> Path:
        """The folder for the objects of one worktree, made when it is not there."""
        if not self.folder:
            self._make_folder()
        import hashlib  # OpenSSL, for who compares what is not committed

        name = hashlib.sha1(os.fsencode(worktree), usedforsecurity=False).hexdigest()[:16]
        place = Path(self.folder) / name
        place.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        return place

    def _make_folder(self) -> None:
        private_folder.remove_abandoned()
        try:
            folder, self._lease = private_folder.make("differ")
        except OSError as reason:
            import tempfile

            message = f"There is no room for the state of a worktree: {reason.strerror}: {reason.filename}."
            raise Unfit(message, f"df -h {tempfile.gettempdir()}") from reason
        self.folder = str(folder)


def attempt(action: Callable[[], T]) -> T | list[str]:
    """The answer of an action, or its refusal as it crosses the pipe: kind, message, hint."""
    try:
        return action()
    except AmpsmError as reason:
        return [type(reason).__name__, reason.message, reason.hint]


def _write_tree(worktree: Path, place: Path) -> list[Any]:
    from ampsm_engine.git import snapshot

    try:
        tree, left_out = snapshot.kept_tree(worktree, place)
    except OSError as reason:
        import tempfile

        message = f"The state of {worktree} could not be written down: {reason.strerror}: {reason.filename}."
        raise Failed(message, f"df -h {tempfile.gettempdir()}") from reason
    return [tree, [[one.path, one.reason] for one in left_out], True]


def _count_lines(where: Path, made: Comparison, variables: dict[str, str | Path]) -> dict[str, Any] | None:
    from ampsm_engine.git import changes, records

    nothing = records.empty_tree(made.old_tree or made.new_tree)
    sides = (made.old_tree or nothing, made.new_tree or nothing)
    try:
        return dict(changes.line_counts(where, *sides, ignore_whitespace=made.ignore_whitespace, variables=variables))
    except AmpsmError:
        return None  # something is missing or damaged, and the file says so
