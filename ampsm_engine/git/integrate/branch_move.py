"""Moving a branch by compare-and-swap, and with it each clean checkout of it; and what would keep it from moving.

First the checkouts are moved, then the branch: a death between the two leaves the branch before, and the same call
again goes on, as does the call that goes back. What is not committed is never overwritten, ignored files neither, and
a checkout that git left half moved is brought back without touching what others changed.
"""

import contextlib
import os
import types
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import hooks, lock, program, records, repository, worktree_status, worktrees
from ampsm_engine.git.entities import Repo, Worktree
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import BranchMove, MovedBranch
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.plain_text import list_some

_REFRESH = ("update-index", "-q", "--refresh")

_NO_TRACES = ("-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")
"""Options of git for a trial: nothing besides its own index is written."""

Stamp = tuple[int, int] | None
"""How a file lies there: inode and time, None for no file."""

_NAMED = 5
"""Files that a message names."""


class Blocker(NamedTuple):
    """A reason why a branch cannot be moved, and the command to run next."""

    text: str
    hint: str


class Stamps(NamedTuple):
    """How the index and files of a checkout lay there."""

    of_index: Stamp
    of_files: dict[str, Stamp]


def move_target(
    repo_root: Path,
    branch: str,
    old: str,
    new: str,
    *,
    why: str = "ampsm: merge",
    patience: float = lock.INDEX_PATIENCE,
    hooks: bool = False,
) -> MovedBranch:
    """Move a branch from `old` to `new`; where it is checked out, files and index move too, else nothing is touched.

    Refused, and nothing changed, when it moved meanwhile, when something uncommitted is in the way (named), when the
    checkout is in the middle of something, or its index stays locked (by whom). Changes elsewhere in a checkout stay,
    as with git's own fast-forward. With `hooks` the post-merge hook runs in each checkout that moved.
    """
    moves = (BranchMove(branch, old, new),)
    return move_together(repo_root, moves, why=why, patience=patience, hooks_for=(branch,) if hooks else ())[0]


def move_together(
    repo_root: Path | ObjectStore,
    moves: Sequence[BranchMove],
    *,
    why: str = "ampsm: merge",
    patience: float = lock.INDEX_PATIENCE,
    hooks_for: Collection[str] = (),
    kept: Mapping[str, str] = types.MappingProxyType({}),
) -> tuple[MovedBranch, ...]:
    """Move several branches; their checkouts are filled side by side, and all refs move at once or none.

    Refused as for `move_target`. `kept`: other refs that go with them, whatever they kept before, by their full names.
    """
    repo = repo_root.repo if isinstance(repo_root, ObjectStore) else repository.around(repo_root)
    objects = repo_root if isinstance(repo_root, ObjectStore) else ObjectStore(repo.root, repo)
    with lock.writer(repo.common_dir, f"moving {moves[0].branch}"):
        listed = worktrees.listed(repo)
        steps = [_step(repo, objects, move, [tree for tree in listed if tree.branch == move.branch]) for move in moves]
        for step in steps:
            for path in step.paths:
                _check(path, step, patience)
        _move_all(repo, steps, why, kept)
    wanted = [path for step in steps if step.move.branch in hooks_for for path in step.paths]
    wanted = [path for path in wanted if hooks.has_any(objects.hooks_folder(path), ("post-merge",))]
    note = _post_merge(wanted) if wanted else None
    return tuple(MovedBranch(*step.move, tuple(step.paths), note) for step in steps)


class _MoveStep(NamedTuple):
    """A branch, its checkouts, and the paths that differ, with git's letter: A, D, M, T."""

    move: BranchMove
    paths: list[Path]
    changed: dict[str, str]
    has_moved: bool
    """The branch is there already."""


def _step(repo: Repo, objects: ObjectStore, move: BranchMove, trees: list[Worktree]) -> _MoveStep:
    now = trees[0].head if trees else repository.branch_tip(repo.root, move.branch)
    if not now or now not in (move.old, move.new):
        at = f"it is at {(now or 'nothing')[:12]}, not at {move.old[:12]}"
        hint = f"git -C {repo.root} log --oneline {move.old[:12]}...{move.branch}"
        raise Refused(f"The branch {move.branch} moved meanwhile: {at}.", hint)
    refuse_rewriting(repo, move.branch)
    paths = [tree.path for tree in trees if (tree.path / ".git").exists()]
    return _MoveStep(move, paths, changed(objects, move.old, move.new), now == move.new)


def _move_all(repo: Repo, steps: Sequence[_MoveStep], why: str, kept: Mapping[str, str]) -> None:
    places = [(path, step) for step in steps for path in step.paths]
    there = {path: stamps(path, repository.git_dir(path), step.changed) for path, step in places}
    running: list[program.Running] = []
    try:
        # Side by side, which is as many hands already; what did not go is tried once more, and told, one by one.
        alone = len(places) == 1
        running += (_started(path, step, *(program.parallel_checkout(40) if alone else ())) for path, step in places)
        answers = [one.wait() for one in running]
        for answer, (path, step) in zip(answers, places, strict=True):
            if not answer.ok:
                _move_again(path, step, there[path])
        _swap(repo, [step for step in steps if not step.has_moved], why, kept)
    except BaseException:
        for one in running:
            one.end()
        for path, step in places:
            if not step.has_moved:
                move_back(path, repository.git_dir(path), step.move, step.changed, there[path])
        raise


def _check(path: Path, step: _MoveStep, patience: float) -> None:
    """Refuse what is sure to fail; the rest is told by the move itself, which goes back then."""
    lock.refuse(lock.refusal(path, repository.git_dir(path), patience))
    lying = untracked(path, step.changed)
    refusal = blocked(path, step.changed, lying) if lying else None
    if refusal is not None:
        raise refusal


def _started(path: Path, step: _MoveStep, *settings: str) -> program.Running:
    return program.start(path, *settings, *_moving(step))


def _moving(step: _MoveStep, *options: str) -> tuple[str, ...]:
    return "read-tree", "-m", "-u", *options, step.move.old, step.move.new


def _could_not(path: Path, answer: program.Answer) -> Failed:
    return Failed(f"git could not move the checkout {path}: {answer.message or answer.reason}", f"git -C {path} status")


def _move_again(path: Path, step: _MoveStep, before: Stamps) -> None:
    git_dir = repository.git_dir(path)
    lock.refuse(lock.index_refusal(git_dir, 0))
    if not step.has_moved:
        move_back(path, git_dir, step.move, step.changed, before)
    # A stat that changed is no change: git compares contents where it may write down that it did.
    with index_apart(git_dir) as apart:
        program.write(path, *_NO_TRACES, *_REFRESH, variables=apart)
        answer = program.write(path, *_NO_TRACES, *_moving(step, "--dry-run"), variables=apart)
    if not answer.ok:
        raise blocked(path, step.changed) or _could_not(path, answer)
    program.write(path, *_REFRESH)
    answer = _started(path, step).wait()
    if not answer.ok:
        raise _could_not(path, answer)


def _swap(repo: Repo, steps: Sequence[_MoveStep], why: str, kept: Mapping[str, str]) -> None:
    if not steps and not kept:
        return
    lines = "".join(f"update {BRANCHES}{step.move.branch} {step.move.new} {step.move.old}\n" for step in steps)
    lines += "".join(f"update {ref} {commit}\n" for ref, commit in kept.items())
    where = next((path for step in steps for path in step.paths), repo.root)
    answer = program.write(where, "update-ref", "-m", why, "--stdin", feed=lines.encode())
    if not answer.ok:
        names = [*(step.move.branch for step in steps), *kept]
        message = f"{' and '.join(names)} could not be moved: {answer.message or answer.reason}"
        raise Refused(message, f"git -C {where} log --oneline -1 {names[0]}")


def _post_merge(paths: list[Path]) -> str | None:
    for path in paths:
        arguments = ("hook", "run", "--ignore-missing", "post-merge", "--", "0")
        answer = program.write(path, *arguments, limit=hooks.LIMIT)
        if not answer.ok:
            return f"The post-merge hook in {path} ended with {answer.code}: {answer.reason}."
    return None


def stamps(path: Path, git_dir: Path, names: Iterable[str]) -> Stamps:
    """The stamps of the index and of some files of a checkout as they are now."""
    return Stamps(_stamp(git_dir / "index"), {name: _stamp(f"{path}/{name}") for name in names})


@contextlib.contextmanager
def index_apart(git_dir: Path) -> Iterator[program.Variables]:
    """A copy of the index to try things with: the one that is there stays as it is, byte for byte."""
    from ampsm_engine.private_folder import private_folder

    with private_folder("index") as folder:
        copy = Path(folder) / "index"
        # With its time: git looks twice at files that are no older than their index.
        with contextlib.suppress(FileNotFoundError):
            import shutil

            shutil.copy2(git_dir / "index", copy)
        yield {"GIT_INDEX_FILE": copy}


def move_back(path: Path, git_dir: Path, move: BranchMove, changed: dict[str, str], before: Stamps) -> None:
    """Bring a checkout back that was moved, or that git left half moved: a filter failed, the disk is full.

    Of half a move, only what git has written or removed is touched; `before` tells how it all was. Where git has
    touched nothing, nothing is: the index would be written anew.
    """
    there = before.of_files
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    if not touched and _stamp(git_dir / "index") == before.of_index:
        return
    if not program.write(path, "read-tree", "-m", "-u", move.new, move.old).ok:
        # One of the files was written meanwhile, and then git takes none back. What was not staged
        # goes back in the index, and the untouched files follow.
        staged = records.split(program.read(path, "diff-index", "--cached", "--name-only", "-z", move.new).output)
        feed = records.joined(name for name in changed if name not in staged)
        options = ("--quiet", "--pathspec-from-file=-", "--pathspec-file-nul", move.old)
        program.write(path, "--literal-pathspecs", "reset", *options, feed=feed)
    touched = [name for name, stamp in there.items() if _stamp(path / name) != stamp]
    wanted = records.in_tree(path, move.new) if touched else {}
    for name in touched:
        if there[name] is None and _holds(path, name, wanted.get(name)):
            (path / name).unlink()
    back = [name for name in touched if there[name] and changed[name] != "A"]
    back = [name for name in back if _stamp(path / name) is None or _holds(path, name, wanted.get(name))]
    if back:
        program.write(
            path, "checkout-index", "--force", "--index", "--quiet", "-z", "--stdin", feed=records.joined(back)
        )


def _stamp(file: Path | str) -> Stamp:
    try:
        found = os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def _holds(path: Path, name: str, entry: TreeEntry | None) -> bool:
    """Whether a file in the checkout is as a commit has it."""
    if entry is None or not (path / name).is_file():
        return False
    return program.read(path, "hash-object", "--path", name, "--", name).line == entry.blob


def operations(repo: Repo, branch: str) -> Iterator[Blocker]:
    """The operations in progress, not started by ampsm, that keep a branch from moving."""
    try:
        refuse_rewriting(repo, branch)
    except Refused as reason:
        yield Blocker(reason.message, reason.hint)
    if not any(repository.operation(folder) for folder in _folders(repo)):
        return  # as nearly always: no need to ask who has it checked out
    for path in _checkouts(repo, branch):
        found = lock.refusal(path, repository.git_dir(path), 0)
        if found is not None and repository.operation(repository.git_dir(path)) is not None:
            yield Blocker(*found)


def locks(repo: Repo, branch: str) -> Iterator[Blocker]:
    """The checkouts of a branch whose index is locked now."""
    for path in _checkouts(repo, branch):
        found = lock.index_refusal(repository.git_dir(path), 0)
        if found is not None:
            yield Blocker(*found)


def collisions(repo: Repo, branch: str, base: str, fork: str, work: str) -> Iterator[Blocker]:
    """Each checkout of a branch, at `base`, with changes not committed in files that `work` changes since `fork`."""
    checkouts = _checkouts(repo, branch)
    if not checkouts:
        return
    objects = ObjectStore(repo.root)
    brought = changed(objects, fork, work)
    differs = changed(objects, base, work)
    coming = {path: letter for path, letter in differs.items() if path in brought}
    for checkout in checkouts:
        # What the base alone took away or put in the place of a folder makes room, and is no stranger.
        lying = [path for path in untracked(checkout, differs) if path in brought]
        refusal = blocked(checkout, coming, lying)
        if refusal is not None:
            yield Blocker(refusal.message, refusal.hint)


def _folders(repo: Repo) -> list[Path]:
    """The git folders of all worktrees."""
    return [repo.common_dir, *sorted((repo.common_dir / "worktrees").glob("*"))]


def _checkouts(repo: Repo, branch: str) -> list[Path]:
    """The worktrees that have a branch checked out."""
    return [tree.path for tree in worktrees.listed(repo) if tree.branch == branch and (tree.path / ".git").exists()]


def _checkout_of(repo: Repo, folder: Path) -> Path:
    """The worktree that a git folder belongs to."""
    if folder == repo.common_dir:
        return repo.root
    try:
        return Path(program.text((folder / "gitdir").read_bytes()).strip()).parent
    except OSError:
        return folder


def refuse_rewriting(repo: Repo, branch: str) -> None:
    """Refused while a worktree rebases or bisects the branch, which moves only at the end: HEAD is detached there."""
    for folder in _folders(repo):
        for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            with contextlib.suppress(OSError):
                named = program.text((folder / name).read_bytes()).strip()
                if named.removeprefix(BRANCHES) == branch:
                    verb, where = ("bisected" if name == "BISECT_START" else "rebased"), _checkout_of(repo, folder)
                    message = f"The branch {branch} is being {verb} at this moment in {where}."
                    raise Refused(message, f"git -C {where} status tells how to end it")


def changed(objects: ObjectStore, old: str, new: str) -> dict[str, str]:
    """The paths that differ between two commits, with git's letter: A, D, M, T."""
    found = objects.merger.changed(*(bytes.fromhex(objects.tree_of(one)) for one in (old, new)))
    return {os.fsdecode(path): letter for path, letter in found}


def blocked(path: Path, changes: dict[str, str], lying: Sequence[str] = ()) -> Refused | None:
    """The refusal that names what is in the way of changes in a checkout, `lying` first; None when nothing is."""
    dirty = {entry.path for entry in worktree_status.entries(path) if entry.state in ("tracked", "unmerged")}
    names = sorted({*lying, *(name for name in dirty if _touches(name, changes))})
    if not names:
        return None
    message = f"Changes that are not committed are in the way in {path}: {list_some(names, _NAMED)}."
    return Refused(message, f"git -C {path} status")


def untracked(path: Path, changes: dict[str, str]) -> list[str]:
    """What lies, untracked or ignored, where files would be written: git itself would overwrite ignored ones."""
    added = [name for name, letter in changes.items() if letter == "A"]
    there = [name for name in added if _lies_there(path, name)]
    if not there:
        return []
    tracked = records.split(program.query(path, "ls-files", "-z"))
    around = {*tracked, *(str(folder) for name in tracked for folder in Path(name).parents)}
    gone = {name for name, letter in changes.items() if letter != "A"}
    # A tracked file may make room for a folder, and a folder of tracked files for a file.
    return [
        name
        for name in there
        if not any(str(one) in gone for one in Path(name).parents)
        and (name not in around or _holds_others(path, name, around))
    ]


def _touches(name: str, changed: dict[str, str]) -> bool:
    return name in changed or any(one.startswith(f"{name}/") or name.startswith(f"{one}/") for one in changed)


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
