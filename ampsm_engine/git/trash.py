"""The trash: a session's branch and uncommitted content are kept until they are purged, and come back exactly.

Kept as refs/ampsm/trash/<session>/tip (the branch) and /work (see stash_commit.py): files, index, conflicts, modes,
HEAD.
Kept beside, never as objects: secrets files and repositories inside the worktree (ignored ones, at any depth, too),
checked out submodules, AGENT_CONTEXT. Not kept: other ignored files (they are told before), sockets, reflogs.
"""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import lock, own_files, program, repository, stash_commit, worktrees
from ampsm_engine.git.entities import Repo, Trashed
from ampsm_engine.git.pinned_refs import LOOKED, REVIEW, TIP
from ampsm_engine.git.pinned_refs import tip as seen_last
from ampsm_engine.git.repository import BRANCHES
from ampsm_engine.git.stash_commit import Contents
from ampsm_engine.git.worktrees import delete_tree
from ampsm_engine.home import PRIVATE_FOLDER, write_private

REFS = "refs/ampsm/trash"

_UNFINISHED = "leaving"
"""The ref that stands while a session is on its way into the trash."""

_SETTINGS = ("config.worktree", "info/sparse-checkout")
"""What git keeps for one worktree and does not make again."""

_MODULES = ("modules",)
"""The repositories of the submodules that are checked out in one worktree."""


class TrashFolder:
    """The folder of one trashed session."""

    def __init__(self, common_dir: Path, session_id: str) -> None:
        self.folder = common_dir / "ampsm" / "trash" / session_id
        self._files = self.folder / "files"
        self._admin = self.folder / "admin"
        self._stage = self.folder / "restoring"

    @property
    def stage(self) -> str:
        """How far a restore came that did not end: `filling` (the worktree is not whole), `giving`; empty: none."""
        return self._stage.read_text() if self._stage.exists() else ""

    def mark(self, stage: str) -> None:
        """Record the stage that a restore has reached."""
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(self._stage, stage.encode())

    def unmark(self) -> None:
        """Note that no restore is in progress."""
        self._stage.unlink(missing_ok=True)

    def take(self, worktree: Path, paths: Iterable[str], admin: Path | None) -> None:
        """Move these out of a worktree, and what git keeps for it out of its folder; may be done again."""
        self.folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        _move(worktree, self._files, paths)
        if admin is not None:
            _move(admin, self._admin, (*_SETTINGS, *_MODULES))

    def lend_settings(self, admin: Path) -> None:
        """Copy a worktree's settings back: they decide which files belong into it."""
        for name in _SETTINGS:
            if (self._admin / name).exists():
                (admin / name).parent.mkdir(exist_ok=True)
                shutil.copy2(self._admin / name, admin / name)

    def give(self, worktree: Path, paths: Iterable[str], admin: Path) -> None:
        """Move all kept files back to a worktree; can be repeated."""
        _move(self._files, worktree, paths)
        _move(self._admin, admin, _MODULES)

    def delete(self) -> None:
        """Delete the folder; its parents too when they are empty then."""
        delete_tree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()
            self.folder.parent.parent.rmdir()

    def size(self) -> int:
        """Bytes of all files in it."""
        return sum(file.lstat().st_size for file in self.folder.rglob("*") if not file.is_dir())


def keep(repo_root: Path, worktree: Path, branch: str, session_id: str, *, delete_branch: bool = True) -> Trashed:
    """Put a session into the trash: its worktree and its branch are gone then, and nothing of them is lost.

    Without `delete_branch` the branch stays: it is the user's. Refused with an operation in progress, a locked index
    or a locked worktree. Done again after a crash, it goes on where it stopped. A worktree that is gone already
    leaves only its branch to keep.
    """
    with _writing(repo_root, session_id) as (repo, aside):
        _end_restore(repo, aside, worktree, session_id)
        if worktree.is_dir():
            _write_down(repo, worktree, branch, session_id)
            worktree.rename(_leaving(worktree))
        elif os.path.lexists(worktree):  # a file, or a link to nothing: not ours to delete
            message = f"The worktree {worktree} is gone, and something else is at its place."
            raise Refused(message, f"ls -ld {worktree}, and put it aside: mv {worktree} {worktree}.aside")
        elif _ref(repo, session_id, "tip") is None:
            _keep_tip(repo, branch, session_id)
        trashed, contents = _kept(repo, branch, session_id)
        _clear(repo, worktree, aside, contents)
        if delete_branch:
            _drop_branch(repo, worktree, branch, trashed.tip)
        program.change(repo.root, "update-ref", "-d", f"{REFS}/{session_id}/{_UNFINISHED}")
    return trashed


def restore(
    repo_root: Path,
    session_id: str,
    worktree: Path,
    branch: str,
    *,
    own_branch: bool = True,
) -> str | None:
    """Bring a session back as it was: branch, HEAD, index, changed, untracked and secrets files; a note to tell.

    Refused when something is at the worktree's place, or the branch's name is taken by other work; a branch that is
    not the session's own may have moved. The repository's post-checkout hook does not run. What cannot be laid out
    leaves the trash as it was.
    """
    with _writing(repo_root, session_id) as (repo, aside):
        tip = _ref(repo, session_id, "tip")
        if tip is None:
            raise _nothing(session_id)
        if not _end_restore(repo, aside, worktree, session_id):
            return None
        if worktree.exists() or worktree.is_symlink():
            raise Refused(f"There is something at {worktree} already.", f"ls -ld {worktree}")
        work = _ref(repo, session_id, "work")
        is_there = not own_branch and repository.branch_tip(repo.root, branch) is not None
        made = not is_there and _make_branch(repo, branch, tip)
        aside.mark("filling")
        try:
            note = _fill(repo, aside, worktree, branch, tip=tip, work=work)
        except BaseException:
            worktrees.erase(repo.common_dir, worktree)
            if made:
                worktrees.delete_branch(repo.root, branch, tip)
            aside.unmark()
            raise
        worktrees.mark(repo, worktree, session_id)
        aside.mark("giving")
        _end_restore(repo, aside, worktree, session_id)
    return note


def purge(repo_root: Path, session_id: str) -> None:
    """Forget a trashed session for good; git sweeps its objects away in its own time. NotFound when it holds none."""
    with _writing(repo_root, session_id) as (repo, aside):
        tip, work = _ref(repo, session_id, "tip"), _ref(repo, session_id, "work")
        if tip is None and work is None and not aside.folder.exists():
            raise _nothing(session_id)
        if work is not None:
            _delete(_leaving(Path(stash_commit.read(repo.root, work).worktree)))
        for inner in _locked_by(repo, session_id):
            worktrees.forget(repo.common_dir, inner)
        _forget(repo, session_id, aside)


def is_unfinished(repo_root: Path, session_id: str) -> bool:
    """Whether `keep` died on its way: done again, it comes to its end."""
    return _ref(repository.around(repo_root), session_id, _UNFINISHED) is not None


def holds(repo_root: Path, session_id: str) -> bool:
    """Whether the trash keeps a session's branch."""
    return _ref(repository.around(repo_root), session_id, "tip") is not None


def kept_beside(repo_root: Path, session_id: str) -> tuple[str, ...]:
    """What the trash keeps of a session that is no object of the repository: secrets files, repositories."""
    repo = repository.around(repo_root)
    work = _ref(repo, session_id, "work")
    paths = stash_commit.read(repo.root, work).aside if work else []
    return tuple(path for path in paths if path not in own_files.FOLDERS)


def size(repo_root: Path, session_id: str) -> int:
    """Bytes that purging would free: files kept beside, and packed objects that no other ref reaches.

    Approximate: objects as they lie on the disk now, and git frees them at its next sweep.
    """
    repo = repository.around(repo_root)
    mine = f"{REFS}/{_checked(session_id)}"
    if _ref(repo, session_id, "tip") is None:
        raise _nothing(session_id)
    # What its merges and its reviews kept goes with it.
    spaces = (mine, f"refs/ampsm/backup/{session_id}", f"{REVIEW}/{session_id}")
    single = (f"--exclude={space}/{session_id}" for space in (LOOKED, TIP))
    ours = (*single, *(f"--exclude={space}/*" for space in spaces))
    sides = (*(f"--glob={space}" for space in spaces), "--not", *ours, "--all")
    options = ("--objects", "--disk-usage", *sides)
    return int(program.query(repo.root, "rev-list", *options)) + TrashFolder(repo.common_dir, session_id).size()


@contextlib.contextmanager
def _writing(repo_root: Path, session_id: str) -> Iterator[tuple[Repo, TrashFolder]]:
    repo = repository.around(repo_root)
    with lock.writer(repo.common_dir, f"trash {_checked(session_id)}"):
        try:
            yield repo, TrashFolder(repo.common_dir, session_id)
        except OSError as reason:
            message = f"The trash of {repo.root} could not be written: {reason.strerror}: {reason.filename}."
            raise Failed(message, f"df -h {repo.root}") from reason


def _end_restore(repo: Repo, aside: TrashFolder, worktree: Path, session_id: str) -> bool:
    """Bring a restore to its end that came so far, or undo one that did not; False when it is ended."""
    stage = aside.stage
    if stage == "giving" and worktree.is_dir():
        _give_back(repo, aside, worktree, _ref(repo, session_id, "work"))
        for inner in _locked_by(repo, session_id):
            program.change(repo.root, "worktree", "unlock", inner)
        _forget(repo, session_id, aside)
        return False
    if stage:
        worktrees.erase(repo.common_dir, worktree)
        aside.unmark()
    return True


def _checked(session_id: str) -> str:
    """A session's id as a part of a ref and of a path."""
    if not re.fullmatch(r"\w[\w-]*", session_id, re.ASCII):
        raise NotFound(f"There is no session {session_id!r} in the trash.", "ampsm trash ls")
    return session_id


def _nothing(session_id: str) -> NotFound:
    return NotFound(f"The trash holds nothing of session {session_id}.", "ampsm trash ls")


def _ref(repo: Repo, session_id: str, name: str) -> str | None:
    return repository.ref_commit(repo.root, f"{REFS}/{_checked(session_id)}/{name}")


def _leaving(worktree: Path) -> Path:
    """Where a worktree is while it is being deleted: at its own place it is always whole."""
    return worktree.with_name(f".{worktree.name}.trashed")


def _write_down(repo: Repo, worktree: Path, branch: str, session_id: str) -> None:
    if worktree.resolve() == repo.root:
        raise Refused(f"{worktree} is the repository's own checkout.", f"git -C {worktree} worktree list")
    if repo.common_dir.is_relative_to(worktree.resolve()) or repo.root.is_relative_to(worktree.resolve()):
        raise Refused(f"The repository {repo.root} lies inside {worktree}.", f"git -C {repo.root} worktree list")
    admin = worktrees.admin_dir(repo.common_dir, worktree)
    if admin is None:
        raise Refused(
            f"git does not know {worktree} as a worktree of {repo.root}.", "ampsm repair --apply links it again"
        )
    if (admin / "locked").exists():
        raise Refused(f"The worktree {worktree} is locked.", f"git -C {repo.root} worktree unlock {worktree}")
    if repository.linked_git_dir(worktree).resolve() != admin.resolve():
        message = f"{worktree} belongs to another repository now: its link was replaced."
        raise Refused(message, "ampsm repair")
    lock.refuse(lock.refusal(worktree, admin))
    work, contents = stash_commit.write(worktree, branch)
    _lock_inner_worktrees(repo, worktree, session_id)
    tip = repository.branch_tip(repo.root, branch) or contents.commit
    if not tip:
        repository.refuse_damaged(repo.root, f"{BRANCHES}{branch}", seen=seen_last(repo.root, session_id) or "")
        raise Refused(f"There is no commit to keep of {worktree}.", f"git -C {worktree} status")
    named = (("tip", tip), ("work", work), (_UNFINISHED, tip))
    refs = "".join(f"update {REFS}/{session_id}/{name} {commit}\n" for name, commit in named)
    program.change(repo.root, "update-ref", "--stdin", feed=refs.encode())


def _lock_inner_worktrees(repo: Repo, worktree: Path, session_id: str) -> None:
    """Keep `git worktree prune` from worktrees that go to the trash with the one around them."""
    for tree in worktrees.listed(repo):
        if tree.locked is None and tree.path != worktree and tree.path.is_relative_to(worktree):
            program.change(repo.root, "worktree", "lock", "--reason", _lock_reason(session_id), tree.path)


def _locked_by(repo: Repo, session_id: str) -> list[Path]:
    return [tree.path for tree in worktrees.listed(repo) if tree.locked == _lock_reason(session_id)]


def _lock_reason(session_id: str) -> str:
    return f"in the trash of ampsm with session {session_id}"


def _keep_tip(repo: Repo, branch: str, session_id: str) -> None:
    tip = repository.branch_tip(repo.root, branch)
    if tip is None:
        repository.refuse_damaged(repo.root, f"{BRANCHES}{branch}")
        raise NotFound(f"Neither the worktree nor the branch {branch} exists any more.", "ampsm doctor")
    program.change(repo.root, "update-ref", f"{REFS}/{session_id}/tip", tip)


def _kept(repo: Repo, branch: str, session_id: str) -> tuple[Trashed, Contents | None]:
    tip, work = _ref(repo, session_id, "tip"), _ref(repo, session_id, "work")
    contents = stash_commit.read(repo.root, work) if work else None
    return Trashed(session_id, branch, tip or "", work, contents.ignored if contents else 0), contents


def _clear(repo: Repo, worktree: Path, aside: TrashFolder, contents: Contents | None) -> None:
    """Take aside what cannot be an object, then delete the rest; may stop anywhere and be done again."""
    leaving = _leaving(worktree)
    admin = worktrees.admin_dir(repo.common_dir, worktree)
    if contents is not None:
        aside.take(leaving, contents.aside, admin)
    _delete(leaving)
    worktrees.erase(repo.common_dir, worktree)


def _delete(folder: Path) -> None:
    try:
        worktrees.delete_tree(folder)
    except OSError as reason:
        message = f"{folder} cannot be deleted: {reason.strerror}: {reason.filename}."
        raise Failed(message, f"All of it is in the trash. Delete it by hand: rm -r {folder}") from reason


def _drop_branch(repo: Repo, worktree: Path, branch: str, tip: str) -> None:
    """Delete a branch that still points at the kept commit and is checked out nowhere else."""
    elsewhere = {tree.branch for tree in worktrees.listed(repo) if tree.path != worktree}
    if branch and branch not in elsewhere:
        worktrees.delete_branch(repo.root, branch, tip)


def _make_branch(repo: Repo, branch: str, tip: str) -> bool:
    """Make the branch again; False when it is there and right."""
    there = repository.branch_tip(repo.root, branch)
    if not branch or there == tip:
        return False
    if there is not None:
        message = f"The branch {branch} exists and points elsewhere, at {there[:12]}."
        raise Refused(message, f"git -C {repo.root} branch -m {branch} {branch}-other")
    made = program.write(
        repo.root, "update-ref", "-m", "ampsm: out of the trash", f"{BRANCHES}{branch}", tip, "0" * len(tip)
    )
    if not made.ok:
        raise Failed(
            f"The branch {branch} could not be made again: {made.reason}.", f"git -C {repo.root} branch {branch} {tip}"
        )
    return True


def _forget(repo: Repo, session_id: str, aside: TrashFolder) -> None:
    refs = "".join(f"delete {REFS}/{session_id}/{name}\n" for name in ("tip", "work", _UNFINISHED))
    program.change(repo.root, "update-ref", "--stdin", feed=refs.encode())
    aside.delete()


def _fill(repo: Repo, aside: TrashFolder, worktree: Path, branch: str, *, tip: str, work: str | None) -> str | None:
    """Make the worktree and fill it; a note for the user when HEAD could not go back to its branch."""
    if work is None:
        is_free = _is_free(repo, branch, tip)
        where = (worktree, branch) if is_free else ("--detach", worktree, tip)
        program.change(repo.root, *program.parallel_checkout(), "worktree", "add", "--quiet", *where)
        return None if is_free else _head_note(branch)
    contents = stash_commit.read(repo.root, work)
    note = _make_empty(repo, worktree, branch or tip, contents)
    git_dir = repository.git_dir(worktree)
    aside.lend_settings(git_dir)
    stash_commit.fill_files(worktree, git_dir, work)
    stash_commit.overlay(worktree, work, contents)
    return note


def _give_back(repo: Repo, aside: TrashFolder, worktree: Path, work: str | None) -> None:
    """Put back what lay aside, which makes the worktree whole; may be done again."""
    if work is not None:
        contents = stash_commit.read(repo.root, work)
        aside.give(worktree, contents.aside, repository.git_dir(worktree))
        stash_commit.set_modes(worktree, contents.folders)  # a folder may forbid to write in it
        program.write(worktree, "update-index", "-q", "--refresh")


def _make_empty(repo: Repo, worktree: Path, branch: str, contents: Contents) -> str | None:
    """Make the worktree without files, with HEAD where it stood."""
    add = ("worktree", "add", "--quiet", "--no-checkout")
    was_on = contents.head.removeprefix(BRANCHES) if contents.head else ""
    taken = {tree.branch for tree in worktrees.listed(repo)}
    note = None
    if was_on and _is_free(repo, was_on, contents.commit):
        program.change(repo.root, *add, worktree, was_on)
        return None
    program.change(repo.root, *add, "--detach", worktree, contents.commit or branch)
    if was_on and not contents.commit and was_on not in taken and repository.branch_tip(repo.root, was_on) is None:
        program.change(worktree, "symbolic-ref", "HEAD", contents.head)
    elif was_on:
        note = _head_note(was_on)
    return note


def _is_free(repo: Repo, branch: str, commit: str) -> bool:
    """Whether a branch stands at a commit and is checked out nowhere."""
    taken = {tree.branch for tree in worktrees.listed(repo)}
    return bool(branch) and branch not in taken and repository.branch_tip(repo.root, branch) == commit


def _head_note(branch: str) -> str:
    return f"HEAD was on {branch}, which has moved or is in use: it is detached at the same commit."


def _move(source: Path, target: Path, paths: Iterable[str]) -> None:
    """Move what is there, over what git made in its place meanwhile."""
    for path in paths:
        if os.path.lexists(source / path):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(target / path):
                delete_tree(target / path)
            _move_one(source / path, target / path)


def _move_one(source: Path, target: Path) -> None:
    """Move a file or a folder, also where the permissions of its owner forbid it; it keeps its own."""
    try:
        shutil.move(source, target)
    except PermissionError:
        source.parent.chmod(stat.S_IMODE(source.parent.stat().st_mode) | stat.S_IRWXU)
        own = stat.S_IMODE(source.stat().st_mode) if source.is_dir() and not source.is_symlink() else None
        if own is not None:
            source.chmod(own | stat.S_IRWXU)
        shutil.move(source, target)
        if own is not None:
            target.chmod(own)
