"""Moving a branch by compare-and-swap, and with it each clean checkout of it; the git program does both.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import busy, listing, lock, program, registry, repository
from ampsm_engine.git.integrate.ground import Ground
from ampsm_engine.git.integrate.values import Moved
from ampsm_engine.git.places import Repo
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.naming import printable

_FASTER = ("-c", "checkout.workers=2", "-c", "checkout.thresholdForParallelism=40")
"""More hands to write files with."""

_There = dict[str, tuple[int, int] | None]
"""How files lay there: inode and time, None for no file."""

_NAMED = 5
"""Files that a message names."""

_HOOK_LIMIT = 900.0
"""Seconds that a post-merge hook may take."""


def move_target(
    repo_root: Path,
    branch: str,
    old: str,
    new: str,
    *,
    why: str = "ampsm: merge",
    patience: float = busy.PATIENCE,
    hooks: bool = False,
) -> Moved:
    """Move a branch from `old` to `new`; where it is checked out, files and index move too, else nothing is touched.

    Refused, and nothing changed, when it moved meanwhile, when something uncommitted is in the way (named), when the
    checkout is in the middle of something, or its index stays locked (by whom). Changes elsewhere in a checkout stay,
    as with git's own fast-forward. With `hooks` the post-merge hook runs in each checkout that moved.
    """
    repo = repository.around(repo_root)
    with lock.writer(repo.common_dir, f"moving {branch}"):
        trees = [tree for tree in registry.listed(repo) if tree.branch == branch]
        now = trees[0].head if trees else repository.branch_tip(repo.root, branch)
        if not now or now not in (old, new):
            message = f"The branch {branch} moved meanwhile: it is at {(now or 'nothing')[:12]}, not at {old[:12]}."
            raise Refused(message, f"git -C {repo.root} log --oneline {old[:12]}...{branch}")
        _refuse_rewriting(repo, branch)
        paths = [tree.path for tree in trees if (tree.path / ".git").exists()]
        step = _Step(old, new, _changed(repo.root, old, new), has_moved=now == new)
        for path in paths:
            _check(path, step, patience, try_out=len(paths) > 1)
        _move_all(repo, branch, paths, step, why)
    note = _post_merge(paths) if hooks and old != new else None
    return Moved(branch, old, new, tuple(paths), note)


class _Step(NamedTuple):
    """From one commit to another, and the paths that differ, with git's letter: A, D, M, T."""

    old: str
    new: str
    changed: dict[str, str]
    has_moved: bool
    """The branch is there already."""


def _move_all(repo: Repo, branch: str, paths: list[Path], step: _Step, why: str) -> None:
    moved: dict[Path, _There] = {}
    try:
        for path in paths:
            moved[path] = {name: _stamp(path / name) for name in step.changed}
            _move(path, step, moved[path])
        if not step.has_moved:
            _swap(paths[0] if paths else repo.root, branch, step, why)
    except BaseException:
        for path, there in moved.items():
            _put_back(path, step, there)
        raise


def _refuse_rewriting(repo: Repo, branch: str) -> None:
    """Somebody rebases or bisects the branch in a worktree: HEAD is detached there, and the branch moves at the end."""
    folders = [repo.common_dir, *(repo.common_dir / "worktrees").glob("*")]
    for folder in folders:
        for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with contextlib.suppress(OSError):
                named = program.text((folder / name).read_bytes()).strip()
                if named.removeprefix(BRANCHES) == branch:
                    verb = "bisected" if name == "BISECT_START" else "rebased"
                    message = f"The branch {branch} is being {verb} at this moment ({folder})."
                    raise Refused(message, f"git -C {repo.root} worktree list")


def _changed(where: Path, old: str, new: str) -> dict[str, str]:
    ground = Ground(where)
    found = ground.merger.changed(*(bytes.fromhex(ground.tree_of(one)) for one in (old, new)))
    return {os.fsdecode(path): letter for path, letter in found}


def _check(path: Path, step: _Step, patience: float, *, try_out: bool) -> None:
    """Refuse what is sure to fail; trying it out is left to the move itself where nothing else has moved before."""
    why_not = busy.refusal(path, _git_dir(path), patience)
    if why_not is not None:
        raise Refused(*why_not)
    in_the_way = _untracked(path, step.changed)
    answer = _tried_out(path, step) if try_out and not in_the_way else None
    if in_the_way or (answer and not answer.ok):
        raise _blocked(path, step, in_the_way) or _could_not(path, answer or program.Answer(1, b"", ""))


def _moves(path: Path, step: _Step, *options: str) -> program.Answer:
    return program.write(path, *_FASTER, "read-tree", "-m", "-u", *options, step.old, step.new)


def _tried_out(path: Path, step: _Step) -> program.Answer:
    # A stat that changed is no change: git compares contents where it may write down that it did.
    program.write(path, "update-index", "-q", "--refresh")
    return _moves(path, step, "--dry-run")


def _blocked(path: Path, step: _Step, in_the_way: list[str]) -> Refused | None:
    """The refusal that names what is in the way; None when nothing is."""
    dirty = {entry.path for entry in listing.entries(path) if entry.state in ("tracked", "unmerged")}
    names = sorted({*in_the_way, *(name for name in dirty if _touches(name, step.changed))})
    if not names:
        return None
    message = f"Changes that are not committed are in the way in {path}: {_some(names)}."
    return Refused(message, f"git -C {path} status")


def _could_not(path: Path, answer: program.Answer) -> Failed:
    return Failed(f"git could not move the checkout {path}: {answer.said or answer.reason}", f"git -C {path} status")


def _git_dir(path: Path) -> Path:
    """The git folder of a worktree, read where that is plain."""
    own = path / ".git"
    if own.is_dir():
        return own
    named = Path(program.text(own.read_bytes()).removeprefix("gitdir: ").rstrip("\n"))
    return named if named.is_absolute() and (named / "HEAD").exists() else repository.git_dir(path)


def _touches(name: str, changed: dict[str, str]) -> bool:
    return name in changed or any(one.startswith(f"{name}/") or name.startswith(f"{one}/") for one in changed)


def _untracked(path: Path, changed: dict[str, str]) -> list[str]:
    """What lies, untracked or ignored, where files would be written: git itself would overwrite ignored ones."""
    added = [name for name, letter in changed.items() if letter == "A"]
    there = [name for name in added if _lies_there(path, name)]
    if not there:
        return []
    tracked = program.text(program.told(path, "ls-files", "-z")).split("\0")[:-1]
    around = {*tracked, *(str(folder) for name in tracked for folder in Path(name).parents)}
    gone = {name for name, letter in changed.items() if letter != "A"}
    # A tracked file may make room for a folder, and a folder of tracked files for a file.
    return [
        name
        for name in there
        if not any(str(one) in gone for one in Path(name).parents)
        and (name not in around or _holds_others(path, name, around))
    ]


def _holds_others(path: Path, name: str, around: set[str]) -> bool:
    """Whether a folder that makes room for a file holds what git does not track."""
    files = (path / name).rglob("*") if (path / name).is_dir() and not (path / name).is_symlink() else ()
    return any(str(file.relative_to(path)) not in around for file in files if not file.is_dir())


def _lies_there(path: Path, name: str) -> bool:
    """Whether something is at a path, or a file in place of one of its folders."""
    if os.path.lexists(path / name):
        return True
    parents = list(Path(name).parents)[:-1]
    return any((path / one).is_symlink() or (path / one).is_file() for one in parents)


def _some(names: list[str]) -> str:
    shown = ", ".join(printable(name) for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _move(path: Path, step: _Step, there: _There) -> None:
    answer = _moves(path, step)
    if answer.ok:
        return
    why_not = busy.index_refusal(repository.git_dir(path), 0)
    if why_not is not None:
        raise Refused(*why_not)
    _put_back(path, step, there)
    answer = _tried_out(path, step)
    if not answer.ok:
        raise _blocked(path, step, []) or _could_not(path, answer)
    answer = _moves(path, step)
    if not answer.ok:
        raise _could_not(path, answer)


def _put_back(path: Path, step: _Step, there: _There) -> None:
    """Bring a checkout back that was moved, or that git left half moved: a filter failed, the disk is full.

    Of half a move, only what git has written or removed is touched; `there` tells the files as they were before.
    """
    program.write(path, "read-tree", "-m", "-u", step.new, step.old)
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    wanted = _blobs(path, step.new) if touched else {}
    for name in touched:
        if there[name] is None and _holds(path, name, wanted.get(name)):
            (path / name).unlink()
    back = [name for name in touched if there[name] and step.changed[name] != "A"]
    back = [name for name in back if _stamp(path / name) is None or _holds(path, name, wanted.get(name))]
    if back:
        feed = "".join(f"{name}\0" for name in back).encode("utf-8", "surrogateescape")
        program.write(path, "checkout-index", "--force", "--index", "--quiet", "-z", "--stdin", feed=feed)


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def _blobs(path: Path, commit: str) -> dict[str, str]:
    records = program.text(program.told(path, "ls-tree", "-r", "-z", commit)).split("\0")[:-1]
    return {name: words.split(" ")[2] for words, _, name in (record.partition("\t") for record in records)}


def _holds(path: Path, name: str, blob: str | None) -> bool:
    """Whether a file lies there as a commit has it."""
    if blob is None or not (path / name).is_file():
        return False
    return program.read(path, "hash-object", "--path", name, "--", name).line == blob


def _swap(where: Path, branch: str, step: _Step, why: str) -> None:
    answer = program.write(where, "update-ref", "-m", why, f"{BRANCHES}{branch}", step.new, step.old)
    if not answer.ok:
        message = f"The branch {branch} could not be moved: {answer.said or answer.reason}"
        raise Refused(message, f"git -C {where} log --oneline -1 {branch}")


def _post_merge(paths: list[Path]) -> str | None:
    for path in paths:
        arguments = ("hook", "run", "--ignore-missing", "post-merge", "--", "0")
        answer = program.write(path, *arguments, limit=_HOOK_LIMIT)
        if not answer.ok:
            return f"The post-merge hook in {path} ended with {answer.code}: {answer.reason}."
    return None
