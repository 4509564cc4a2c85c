"""A conflict laid out in a session's own worktree by git itself: index stages, markers in the user's style, rerere.

HEAD is detached at what the work comes to, and git's own state files (CHERRY_PICK_HEAD, MERGE_HEAD) are there, so that
any editor, `git status` and `git add` work. The branch does not move before `settle`; `abort` goes back to it.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import (
    commits,
    lock,
    program,
    records,
    repository,
    staging,
    stash_commit,
    worktree_status,
    worktrees,
)
from ampsm_engine.git.entities import identity
from ampsm_engine.git.integrate import markers, trees
from ampsm_engine.git.integrate.commit_writer import Writer
from ampsm_engine.git.integrate.laid_conflict import forget, laid, write
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import ConflictFile, LaidOut, RewriteConflict, Stage
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.lean_dataclass import replace
from ampsm_engine.plain_text import list_some

_QUIET = ("-c", "advice.detachedHead=false", "-c", f"core.hooksPath={os.devnull}")
"""Options of git without hooks, and without advice on a detached HEAD."""

_RESOLVED = b"ampsm: resolved, and on its way\n"

_NAMES = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")


def lay_out(worktree: Path, branch: str, conflict: RewriteConflict, *, message: str = "") -> LaidOut:
    """Lay a conflict out in the worktree of a session whose branch it has checked out.

    Refused, with nothing changed, when something there is not committed, an operation is in progress, or an untracked
    file (an ignored one, too) is in the way. `message` is that of the merge commit to be.
    """
    git_dir = repository.linked_git_dir(worktree)
    _refuse_unfit(worktree, git_dir, branch)
    if conflict.kind == "reorder":
        raise _reordering()
    tip = commits.head(worktree).commit
    laid = LaidOut(worktree, branch, tip, conflict.kind, conflict.onto, conflict.commit, message, conflict.files)
    write(git_dir, laid)
    try:
        _detach_at(worktree, conflict.onto)
        return _begin(worktree, git_dir, laid)
    except BaseException:
        _go_back(worktree, git_dir, laid)
        raise


def lay_out_next(worktree: Path, conflict: RewriteConflict) -> LaidOut:
    """Lay out the conflict that comes after one that `finish` made a commit of; branch and way back stay the same."""
    before = required_conflict(worktree)
    git_dir = repository.linked_git_dir(worktree)
    if unmerged(worktree):
        raise Refused(f"There are conflicts left in {worktree}.", f"git -C {worktree} status")
    if conflict.kind == "reorder":
        raise _reordering()
    after = replace(before, kind=conflict.kind, onto=conflict.onto, commit=conflict.commit, files=conflict.files)
    _end_resolution(worktree)
    _detach_at(worktree, conflict.onto)
    write(git_dir, after)
    return _begin(worktree, git_dir, after)


def required_conflict(worktree: Path) -> LaidOut:
    """The conflict in a worktree; NotFound when there is none."""
    found = laid(worktree)
    if found is None:
        raise NotFound(f"No conflict of a merge lies in {worktree}.", f"git -C {worktree} status")
    return found


def finish(worktree: Path) -> str:
    """The commit of a resolved conflict, as an object. Refused while a path is unmerged, naming it.

    A commit that was made by hand in the worktree (`git commit`, `git cherry-pick --continue`) is taken as it is. Where
    nothing is left of a picked commit, that is `onto` itself.
    """
    now = required_conflict(worktree)
    git_dir = repository.linked_git_dir(worktree)
    lock.refuse(lock.index_refusal(git_dir))
    open_paths = unmerged(worktree)
    if open_paths:
        raise Refused(f"There are conflicts left in {list_some(open_paths)}.", f"git -C {worktree} status")
    head = commits.head(worktree)
    if head.commit not in (now.onto, now.tip) and not _is_stand_in(worktree, head.commit):
        if not repository.is_ancestor(worktree, now.onto, head.commit):
            message = f"HEAD of {worktree} went elsewhere while the conflict was open: {head.commit[:12]}."
            raise Refused(message, f"git -C {worktree} checkout --detach {now.onto[:12]}")
        return head.commit
    tree = program.change(worktree, "write-tree").decode().strip()
    objects = ObjectStore(worktree)
    writer = Writer(objects)
    if now.kind == "pick" and tree == objects.tree_of(now.onto):
        return now.onto
    if now.kind == "merge":
        text = (now.message.strip() or f"Merge {now.branch}").encode("utf-8", "surrogateescape") + b"\n"
        made = writer.made(tree, (now.onto, now.commit), writer.author, text)
    else:
        made = writer.rewritten(objects.commit(now.commit), tree, now.onto)
    objects.database.flush()
    return made


def settle(worktree: Path, new: str) -> None:
    """End a conflict well: worktree, branch and HEAD go to `new`, which holds the resolved work; may be done again.

    Refused when the branch moved meanwhile, or files in the worktree that are not committed are in the way.
    """
    now = required_conflict(worktree)
    git_dir = repository.linked_git_dir(worktree)
    tip = repository.branch_tip(worktree, now.branch)
    if tip not in (now.tip, new):
        message = f"The branch {now.branch} moved while the conflict was open: it is at {(tip or 'nothing')[:12]}."
        raise Refused(message, f"git -C {worktree} log --oneline {now.tip[:12]}...{now.branch}")
    if commits.head(worktree).branch != now.branch:
        _end_resolution(worktree)
        answer = program.write(worktree, *_QUIET, "checkout", "--quiet", "--no-overwrite-ignore", "--detach", new, "--")
        if not answer.ok:
            message = f"{worktree} could not be moved to the resolved work: {answer.message}"
            raise Refused(message, f"git -C {worktree} status")
    if tip != new:
        full = f"{BRANCHES}{now.branch}"
        program.change(worktree, "update-ref", "-m", "ampsm: conflict resolved", full, new, now.tip)
    program.change(worktree, "symbolic-ref", "-m", "ampsm: conflict resolved", "HEAD", f"{BRANCHES}{now.branch}")
    forget(git_dir)


def abort(worktree: Path, *, keep_as: str | None = None) -> None:
    """Take a conflict back: branch, HEAD, index and files are as they were before it; may be done again.

    What was resolved already is lost, unless `keep_as` names a ref to keep it under (laid out as the trash does).
    Untracked files that came meanwhile stay.
    """
    now = laid(worktree)
    if now is None:
        return
    git_dir = repository.linked_git_dir(worktree)
    lock.refuse(lock.index_refusal(git_dir))
    if keep_as is not None:
        work, _ = stash_commit.write(worktree, now.branch)
        program.change(worktree, "update-ref", keep_as, work)
    _go_back(worktree, git_dir, now)


def rejoin(worktree: Path, branch: str, tip: str) -> str | None:
    """After an abort: switch to the branch again, also where it was moved or deleted meanwhile; a note of that.

    Its commits since stay on it; a deleted one is made again at `tip`.
    """
    if commits.head(worktree).branch == branch:
        return None
    now = repository.branch_tip(worktree, branch)
    if now is None:
        program.change(worktree, "update-ref", "-m", "ampsm: abort", f"{BRANCHES}{branch}", tip, "0" * len(tip))
    answer = program.write(worktree, *_QUIET, "checkout", "--quiet", "--no-overwrite-ignore", branch, "--")
    if not answer.ok:
        return f"{branch} moved meanwhile, and {worktree} stays at {tip[:12]}, on no branch: {answer.message}"
    if now is None:
        return f"{branch} was deleted meanwhile, and is there again at {tip[:12]}"
    return f"{branch} moved meanwhile: it stays at {now[:12]}, and was at {tip[:12]} before"


def unmerged(worktree: Path) -> tuple[str, ...]:
    """The paths that the index holds as conflicts."""
    return tuple(file.path for file in trees.conflicts_in(worktree))


def _reordering() -> Refused:
    message = "Commits by hand do not change places with those of amp: there is nothing to lay out."
    return Refused(message, "Squash with --manual include.")


def _refuse_unfit(worktree: Path, git_dir: Path, branch: str) -> None:
    if laid(worktree) is not None:
        raise Refused(f"A conflict lies in {worktree} already.", f"git -C {worktree} status")
    lock.refuse(lock.refusal(worktree, git_dir))
    head = commits.head(worktree)
    if head.branch != branch:
        message = f"{worktree} is not on {branch} but {f'on {head.branch}' if head.branch else 'on no branch'}."
        raise Refused(message, f"git -C {worktree} switch {branch}")
    dirty = [entry.path for entry in worktree_status.entries(worktree) if entry.state != "untracked"]
    if dirty:
        raise Refused(
            f"There are changes in {worktree} that are not committed: {list_some(dirty)}.", f"git -C {worktree} status"
        )


def _detach_at(worktree: Path, onto: str) -> None:
    answer = program.write(worktree, *_QUIET, "checkout", "--quiet", "--no-overwrite-ignore", "--detach", onto, "--")
    if not answer.ok:
        raise Refused(f"The conflict cannot be laid out in {worktree}: {answer.message}", f"git -C {worktree} status")


def _begin(worktree: Path, git_dir: Path, laid: LaidOut) -> LaidOut:
    if laid.kind == "merge":
        options = ("merge", "--no-commit", "--no-ff", "--no-verify", "--no-autostash", "--quiet")
        verb = (*options, *(("-m", laid.message) if laid.message else ()), laid.commit)
    else:
        verb = ("cherry-pick", "--keep-redundant-commits", "--no-gpg-sign", laid.commit)
    sizes = markers.sizes_of(worktree, [file.path for file in laid.files])
    answer = program.write(worktree, *_QUIET, *verb)
    if not answer.ok and repository.operation(git_dir) is None:
        raise Refused(f"The conflict cannot be laid out in {worktree}: {answer.message}", f"git -C {worktree} status")
    lies = replace(laid, files=_as_it_lies(worktree, laid.files, sizes))
    write(git_dir, lies)
    return lies


def _as_it_lies(worktree: Path, files: tuple[ConflictFile, ...], sizes: dict[str, int]) -> tuple[ConflictFile, ...]:
    """The conflicts under the names that they got: a file that cannot stay is named after its side."""
    found = []
    for file in trees.conflicts_in(worktree):
        told = next((one for one in files if one.path == file.path), None) or next(
            (one for one in files if _stages(one) == _stages(file)), file
        )
        size = sizes.get(told.path, markers.SIZE)
        lies = replace(told, path=file.path, base=file.base, ours=file.ours, theirs=file.theirs, marker_size=size)
        found.append(lies)
    return tuple(found)


def _stages(file: ConflictFile) -> tuple[Stage | None, ...]:
    return file.base, file.ours, file.theirs


def _go_back(worktree: Path, git_dir: Path, laid: LaidOut) -> None:
    with contextlib.suppress(Failed):
        program.write(worktree, "rerere", "clear")
    _forget_state(worktree)
    answer = program.write(worktree, *_QUIET, "checkout", "--quiet", "--force", "--detach", laid.tip, "--")
    if not answer.ok:
        message = f"{worktree} could not go back to {laid.branch}: {answer.message}"
        raise Failed(message, f"git -C {worktree} checkout --force {laid.branch}")
    if repository.branch_tip(worktree, laid.branch) == laid.tip:
        program.change(worktree, "symbolic-ref", "-m", "ampsm: abort", "HEAD", f"{BRANCHES}{laid.branch}")
    forget(git_dir)


def _end_resolution(worktree: Path) -> None:
    """Have git learn what was resolved, where the user has that on, and put HEAD on a commit of the index.

    From there git moves on as between any two commits, whatever took the place of what.
    """
    program.write(worktree, "rerere")
    tree = program.change(worktree, "write-tree").decode().strip()
    options = ("commit-tree", "-p", "HEAD", tree)
    commit = program.change(worktree, *options, feed=_RESOLVED, variables=identity()).decode().strip()
    program.change(worktree, "update-ref", "--no-deref", "-m", "ampsm: resolved", "HEAD", commit)
    _forget_state(worktree)


def _is_stand_in(worktree: Path, commit: str) -> bool:
    """Whether a commit is the one of `_end_resolution`: a death came after it."""
    return ObjectStore(worktree).commit(commit).message == _RESOLVED


def _forget_state(worktree: Path) -> None:
    """Have git forget that a merge or a cherry-pick is in progress: no file and no commit changes."""
    program.change(worktree, "cherry-pick", "--quit")


def mark_in_progress(worktree: Path, git_dir: Path, laid: LaidOut) -> None:
    """Have git know of the conflict (again): `git status` tells of it, and it does not count as taken back."""
    if laid.kind != "merge":
        program.change(worktree, "update-ref", "--no-deref", "CHERRY_PICK_HEAD", laid.commit)
        return
    # A file wherever refs are kept, which git itself refuses to write as a ref.
    (git_dir / "MERGE_HEAD").write_text(f"{laid.commit}\n")
    if laid.message and not (git_dir / "MERGE_MSG").exists():
        (git_dir / "MERGE_MSG").write_text(f"{laid.message}\n", "utf-8", "surrogateescape")


def put_back(worktree: Path, work: str) -> None:
    """Lay out again what `stash_commit.write` wrote down of a worktree in conflict; may be done again.

    What came since is gone from there, ignored files and secrets aside: keep it before. Refused while a process holds
    the index.
    """
    laid = required_conflict(worktree)
    git_dir = repository.linked_git_dir(worktree)
    lock.refuse(lock.index_refusal(git_dir))
    contents = stash_commit.read(worktree, work)
    answer = program.write(worktree, "checkout", "--quiet", "--force", "--detach", contents.commit or laid.onto, "--")
    if not answer.ok:
        message = f"The conflict in {worktree} could not be put back: {answer.message}"
        raise Failed(message, f"git -C {worktree} status")
    _remove_untracked(worktree)
    stash_commit.fill_files(worktree, git_dir, work)
    stash_commit.overlay(worktree, work, contents)
    mark_in_progress(worktree, git_dir, laid)


def _remove_untracked(worktree: Path) -> None:
    """Delete untracked files that came with the conflict; those of before come back with the rest."""
    entries = [entry for entry in worktree_status.entries(worktree) if entry.state == "untracked"]
    kept = {left.path for left in staging.choose(worktree, entries).left_out}
    for entry in entries:
        if entry.path in kept or entry.path.endswith("/"):
            continue
        (worktree / entry.path).unlink()
        worktrees.drop_empty_parents(worktree, entry.path)


def unadded(worktree: Path) -> tuple[str, ...]:
    """Tracked files that differ from the index, conflicts aside."""
    open_paths = unmerged(worktree)
    return tuple(path for path in _differing(worktree) if path not in open_paths)


def uncommitted(worktree: Path) -> tuple[str, ...]:
    """Files whose content in the index is not that of HEAD; a conflict that a stand-in commit holds has none."""
    return _differing(worktree, "--cached")


def _differing(worktree: Path, *options: str) -> tuple[str, ...]:
    return tuple(records.split(program.query(worktree, *_NAMES, *options, "--")))


def take_in(worktree: Path, paths: Iterable[str]) -> None:
    """Take files into the index as they lie there, resolved or new or gone; a commit made meanwhile makes room.

    HEAD goes back to what the work comes to where the index holds more than that commit: `finish` makes one of it all.
    """
    options = ("--add", "--remove", "-z", "--stdin")
    answer = program.write(worktree, "update-index", *options, feed=records.joined(paths))
    if not answer.ok:
        raise Failed(f"git could not take in what was resolved: {answer.reason}.", f"git -C {worktree} status")
    laid = required_conflict(worktree)
    if uncommitted(worktree):
        why = ("-m", "ampsm: resolved, with what came after the commit")
        program.change(worktree, "update-ref", "--no-deref", *why, "HEAD", laid.onto)
        mark_in_progress(worktree, repository.linked_git_dir(worktree), laid)
