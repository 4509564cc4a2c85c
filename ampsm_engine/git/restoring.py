"""Laying a worktree out again from what the trash wrote down of it (stash_commit.py).

First the index and its files, then what differed from it, then what lay aside: the order in which they came about.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.git import program, registry, repository, stash_commit
from ampsm_engine.git.discarded_files import DiscardedFiles
from ampsm_engine.git.places import Repo
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.git.stash_commit import Contents
from ampsm_engine.private_folder import private_folder

_FASTER = ("-c", "checkout.workers=2", "-c", "checkout.thresholdForParallelism=100")


def fill(repo: Repo, aside: DiscardedFiles, worktree: Path, branch: str, *, tip: str, work: str | None) -> str | None:
    """Make the worktree and fill it; a note to tell when HEAD could not go back to its branch."""
    if work is None:
        is_free = _is_free(repo, branch, tip)
        where = (worktree, branch) if is_free else ("--detach", worktree, tip)
        program.done(repo.root, *_FASTER, "worktree", "add", "--quiet", *where)
        return None if is_free else _note(branch)
    contents = stash_commit.read(repo.root, work)
    note = _stand(repo, worktree, branch or tip, contents)
    git_dir = repository.git_dir(worktree)
    aside.lend_settings(git_dir)
    fill_files(worktree, git_dir, work)
    overlay(worktree, work, contents)
    return note


def give(repo: Repo, aside: DiscardedFiles, worktree: Path, work: str | None) -> None:
    """Put back what lay aside, which makes the worktree whole; may be done again."""
    if work is not None:
        contents = stash_commit.read(repo.root, work)
        aside.give(worktree, contents.aside, repository.git_dir(worktree))
        _set_modes(worktree, contents.folders)  # a folder may forbid to write in it
        program.write(worktree, "update-index", "-q", "--refresh")


def _stand(repo: Repo, worktree: Path, branch: str, contents: Contents) -> str | None:
    """Make the worktree without files, with HEAD where it stood."""
    add = ("worktree", "add", "--quiet", "--no-checkout")
    was_on = contents.head.removeprefix(BRANCHES) if contents.head else ""
    taken = {tree.branch for tree in registry.listed(repo)}
    note = None
    if was_on and _is_free(repo, was_on, contents.commit):
        program.done(repo.root, *add, worktree, was_on)
        return None
    program.done(repo.root, *add, "--detach", worktree, contents.commit or branch)
    if was_on and not contents.commit and was_on not in taken and repository.branch_tip(repo.root, was_on) is None:
        program.done(worktree, "symbolic-ref", "HEAD", contents.head)
    elif was_on:
        note = _note(was_on)
    return note


def _is_free(repo: Repo, branch: str, commit: str) -> bool:
    """Whether a branch stands at a commit and is checked out nowhere."""
    taken = {tree.branch for tree in registry.listed(repo)}
    return bool(branch) and branch not in taken and repository.branch_tip(repo.root, branch) == commit


def _note(branch: str) -> str:
    return f"HEAD was on {branch}, which has moved or is in use: it is detached at the same commit."


def fill_files(worktree: Path, git_dir: Path, work: str) -> None:
    """The index, byte for byte, and the files that it speaks of."""
    index = program.told(worktree, "cat-file", "blob", f"{stash_commit.kept_of(worktree, work)}:index")
    (git_dir / "index").write_bytes(index)
    with private_folder("trash") as folder:
        lay_out = ("checkout-index", "--all", "--force", "--quiet")
        unborn = _empty_links(worktree)
        if not unborn:
            program.done(worktree, *_FASTER, *lay_out, "--index")
            return
        variables = {"GIT_INDEX_FILE": Path(folder) / "index"}
        variables["GIT_INDEX_FILE"].write_bytes(index)
        feed = "".join(f"{path}\0" for path in unborn).encode("utf-8", "surrogateescape")
        program.told(worktree, "update-index", "--force-remove", "-z", "--stdin", feed=feed, variables=variables)
        program.done(worktree, *_FASTER, *lay_out, variables=variables)


def _empty_links(worktree: Path) -> list[str]:
    """Symbolic links that are only intended to be added: their target is empty in the index, which no disk takes."""
    empty = program.told(worktree, "hash-object", "--no-filters", "--stdin", feed=b"").decode().strip()
    records = program.text(program.told(worktree, "ls-files", "--stage", "-z")).split("\0")
    return [record.partition("\t")[2] for record in records if record.startswith(f"120000 {empty} ")]


def overlay(worktree: Path, work: str, contents: Contents) -> None:
    """What differed from the index: files that were gone, files that were written, and their modes."""
    for path in contents.removed:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            registry.delete_tree(worktree / path)
        _drop_empty_parents(worktree, path)
    with private_folder("trash") as folder:
        variables = {"GIT_INDEX_FILE": Path(folder) / "index"}
        program.done(worktree, "read-tree", work, variables=variables)
        feed = "".join(f"{path}\0" for path in contents.written).encode("utf-8", "surrogateescape")
        program.done(worktree, *_FASTER, "checkout-index", "--force", "-z", "--stdin", feed=feed, variables=variables)
    kept = stash_commit.kept_of(worktree, work)
    for number, path in enumerate(contents.raw):
        content = program.told(worktree, "cat-file", "blob", f"{kept}:raw/{number}")
        descriptor = os.open(worktree / path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    for path in filter(lambda path: _is_inside(worktree, path), contents.folders):
        (worktree / path).mkdir(parents=True, exist_ok=True)
    _set_modes(worktree, contents.modes)
    for path, moment in contents.times.items():
        if _is_inside(worktree, path) and (worktree / path).exists():
            os.utime(worktree / path, ns=(moment, moment))


def _set_modes(worktree: Path, modes: Mapping[str, int]) -> None:
    """The innermost first: an outer one may forbid to go in."""
    for path, mode in sorted(modes.items(), key=lambda item: -len(item[0])):
        if _is_inside(worktree, path) and (worktree / path).exists():
            (worktree / path).chmod(mode)


def _is_inside(worktree: Path, path: str) -> bool:
    """Whether a path leads nowhere else: it is no link, and none of its folders is one that leads out."""
    place = worktree / path
    return not place.is_symlink() and place.resolve().is_relative_to(worktree.resolve())


def _drop_empty_parents(worktree: Path, path: str) -> None:
    with contextlib.suppress(OSError):
        for parent in (worktree / path).parents:
            if parent == worktree:
                break
            parent.rmdir()
