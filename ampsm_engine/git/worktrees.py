"""The sessions' worktrees: making one on a branch of its own, taking one away, and what lies about unclaimed.

And git's own register of worktrees (`<common dir>/worktrees/*`): reading it, and taking one worktree out of it.
Making one is the way that people wait for: git fills the files while the caller goes on.
"""

import contextlib
import os
import re
import stat
import time
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ampsm_engine import naming
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused
from ampsm_engine.git import beginnings, libgit2, lock, program, repository
from ampsm_engine.git.beginnings import ExistingBranch, Witness, WorktreeTemplate
from ampsm_engine.git.entities import Base, Orphan, Repo, Worktree
from ampsm_engine.git.libgit2 import AskGit

FILL_LIMIT = 1800.0
"""Seconds that filling a worktree may take, the repository's post-checkout hook included."""

REGISTER_LIMIT = 5.0
"""Seconds that git may take to register a worktree before the next one may be added beside it."""

GONE = "gitdir file points to non-existent location"
"""Why git would forget a worktree whose `.git` file is not there, as it says it."""

_OUR_BRANCH = re.compile(r"amp/[^/]+/\d{8}-\d{6}(-\d+)?")

SCRATCH = "check-"
"""How the worktrees begin that a script is run in for what is not merged yet; what follows is as in a session's id."""

INCLUDE_FILE = ".worktreeinclude"
"""Names, in a checkout, the ignored files that new worktrees are to have: see `included_files`."""

PASSING = "ampsm-commit-"
"""How the worktrees begin that a commit with hooks makes for a moment: no list shows them."""


class Pending:
    """A worktree that git is filling. Finish it or undo it; as a context, an error inside undoes it."""

    def __init__(
        self, repo: Repo, base: Base, place: tuple[Path, str], running: program.Running, on: ExistingBranch | None
    ) -> None:
        self.repo, self.base, (self.path, self.branch) = repo, base, place
        self._running = running
        self._on = on
        self._is_undone = False

    def finish(self, limit: float = FILL_LIMIT) -> Worktree:
        """Wait until it is filled. Failed when it cannot be, with everything undone, as when interrupted."""
        try:
            answer = self._running.wait(limit)
            note = None if answer.ok else self._hook_note(answer, limit)
        except BaseException:
            self.undo()
            raise
        commit = self.base.commit
        return Worktree(self.path, self.branch, commit, commit, root=self.repo.root, note=note)

    def undo(self) -> None:
        """Leave nothing behind: neither folder nor a new branch, nor what git knows of them."""
        self._running.end()
        # Only once: another program may have the name by then.
        if not self._is_undone:
            self._is_undone = True
            _undo(self.repo, self.base, self.path, self.branch, self._on)

    def _hook_note(self, answer: program.Answer, limit: float) -> str:
        """git removes what it could not fill; what is still there is whole, and only its hook complained."""
        if answer.timed_out:
            message = f"Filling {self.path} took more than {limit:g} s."
            raise Failed(message, f"git -C {self.repo.root} worktree add ../try {self.base.name}")
        if "smudge filter lfs failed" in answer.message:
            message = f"git-lfs could not fill {self.path}: {answer.reason}."
            way = f"git -C {self.repo.root} lfs fetch; with pointers in their place: GIT_LFS_SKIP_SMUDGE=1 ampsm new"
            raise Failed(message, way)
        if answer.code < 0 or not program.read(self.path, "rev-parse", "--verify", "HEAD").ok:
            message = f"git could not make the worktree {self.path}: {answer.reason}."
            raise Failed(message, f"git -C {self.repo.root} worktree add ../try {self.base.name}")
        return f"The post-checkout hook ended with {answer.code}: {answer.reason}."

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.undo()


def begin(
    repo: Repo,
    base: Base,
    session_id: str,
    name: str,
    moment: datetime,
    *,
    plan: WorktreeTemplate,
    witness: Witness,
) -> Pending:
    """Let git begin to make a session's worktree: its branch exists on return, its files come meanwhile.

    `plan`: its place and its branch; `witness` is told of each thing before it is made.

    The git program does it in one step as the user's own `git worktree add` would, so that filters, sparse
    checkout and the post-checkout hook come right. It only gets more hands to write files with.
    """
    names = naming.names(session_id, name, moment, repo.root.name)
    if plan.on is None:
        beginnings.refuse_blocked(repo, beginnings.wanted_branch(plan, names))
    try:
        path = beginnings.claim_place(repo, plan.place, names, witness)
    except BaseException:
        beginnings.leave(repo, beginnings.hidden_folder(repo) / session_id)
        raise
    try:
        branch = beginnings.begin_branch(repo, base, plan, names, witness)
    except BaseException:
        _leave_place(repo, path)
        raise
    try:
        running = _start_adding(repo, path, branch, session_id)
    except BaseException:
        _undo(repo, base, path, branch, plan.on)
        raise
    return Pending(repo, base, (path, branch), running, plan.on)


def _start_adding(repo: Repo, path: Path, branch: str, session_id: str) -> program.Running:
    """Start `git worktree add`; on return git has registered it, or has ended.

    Two at once fail now and then ("failed to read .git/worktrees/<id>/commondir"): git reads the registrations of
    all worktrees, also one that another git is writing. So ours are registered one after the other.
    """
    is_plain = path.name == session_id  # and no other worktree's folder has its name
    plain = repo.common_dir / "worktrees" / path.name
    with lock.writer(repo.common_dir, f"worktree {path.name}"):
        running = program.start(repo.root, *program.parallel_checkout(), "worktree", "add", "--quiet", path, branch)
        deadline = time.monotonic() + REGISTER_LIMIT
        try:
            while not running.has_ended() and time.monotonic() < deadline:
                admin = plain if is_plain else admin_dir(repo.common_dir, path)
                with contextlib.suppress(OSError):
                    if admin is not None and (admin / "commondir").stat().st_size:
                        break
                time.sleep(0.001)
            mark(repo, path, session_id)
        except BaseException:  # interrupted: no record of it exists yet, and its filter or hook may never end
            running.end()
            raise
    return running


def recreate(repo: Repo, path: Path, branch: str, session_id: str) -> Worktree:
    """Make a worktree again from its branch after its folder was lost. Refused when something is in its place."""
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", f"git -C {repo.root} worktree repair {path}")
    tip = repository.branch_tip(repo.root, branch)
    if tip is None:
        repository.refuse_damaged(repo.root, f"{repository.BRANCHES}{branch}")
        raise NotFound(f"The branch {branch} does not exist.", f"git -C {repo.root} branch --list 'amp/*'")
    erase(repo.common_dir, path)
    beginnings.hide_room(repo, path)
    answer = program.write(repo.root, *program.parallel_checkout(), "worktree", "add", "--quiet", path, branch)
    if not answer.ok and not (path / ".git").exists():
        message = f"git could not make the worktree {path}: {answer.reason}."
        raise Failed(message, f"git -C {repo.root} worktree add {path} {branch}")
    mark(repo, path, session_id)
    return Worktree(path, branch, tip, root=repo.root)


def mark(repo: Repo, path: Path, session_id: str) -> None:
    """Mark a worktree with the id of its session, where its path does not show it."""
    if path != beginnings.hidden_folder(repo) / session_id:
        admin = admin_dir(repo.common_dir, path)
        if admin is not None:
            (admin / repository.SESSION_MARK).write_text(session_id)


def session_of(repo: Repo, path: Path) -> str:
    """The id of the session that a worktree was made for; empty where it is unknown."""
    if path.parent == beginnings.hidden_folder(repo) and repository.is_session_id(path.name):
        return path.name
    admin = admin_dir(repo.common_dir, path)
    try:
        named = (admin / repository.SESSION_MARK).read_text("ascii", "replace").strip() if admin else ""
    except OSError:
        return ""
    return named if repository.is_session_id(named) else ""


def _marked(repo: Repo) -> frozenset[Path]:
    """The worktrees that carry the mark of a session, in any folder."""
    pointers = [
        mark.with_name("gitdir") for mark in (repo.common_dir / "worktrees").glob(f"*/{repository.SESSION_MARK}")
    ]
    named = [program.text(pointer.read_bytes()).strip() for pointer in pointers if pointer.exists()]
    return frozenset(Path(name).parent for name in named)


def is_linked(repo: Repo, path: Path) -> bool:
    """Whether git and a worktree know each other."""
    admin = admin_dir(repo.common_dir, path)
    try:
        return admin is not None and repository.git_dir(path).resolve() == admin.resolve()
    except AmpsmError:
        return False


def link(repo: Repo, path: Path, branch: str) -> None:
    """Make git and a worktree that was moved know each other again; its files stay as they are.

    Where git has forgotten the worktree, it stands on its branch afterwards, and nothing is staged. Refused when it
    has become a repository of its own, Failed when the branch is gone, too.
    """
    if (path / ".git").is_dir():
        raise Refused(f"{path} is a repository of its own now.", f"git -C {path} log")
    for named in ((path,), ()):  # without a path, git writes what is missing in the worktrees
        if not is_linked(repo, path):
            program.write(repo.root, "worktree", "repair", *named)
    if is_linked(repo, path):
        return
    where = (branch,) if branch not in {tree.branch for tree in listed(repo)} else ("--detach", branch)
    import tempfile

    with tempfile.TemporaryDirectory(prefix=".ampsm-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        program.change(repo.root, "worktree", "add", "--quiet", "--no-checkout", *where[:-1], made, where[-1])
        (made / ".git").replace(path / ".git")
        program.change(repo.root, "worktree", "repair", path)
    program.change(path, "reset", "--quiet")


def orphans(repo: Repo, known: Collection[Path], branches: Collection[str] = ()) -> tuple[Orphan, ...]:
    """What looks like a session's and is no known session's: worktrees, folders, branches.

    `known` are the worktrees and `branches` the branches of all sessions, trashed ones too. Worktrees that the
    user keeps in the same folder, on branches of another form, are no orphans.
    """
    mine = {path.resolve() for path in known}
    all_of_git = listed(repo)
    below, marked = beginnings.hidden_folder(repo), _marked(repo)
    elsewhere = [tree for tree in all_of_git[1:] if tree.path.resolve() not in mine]
    found = [
        Orphan("worktree", tree.path, tree.branch, tree.prunable or f"at {tree.head[:12]}")
        for tree in elsewhere
        if tree.path in marked
        or (tree.path.parent == below and (repository.is_session_id(tree.path.name) or is_session_branch(tree.branch)))
    ]
    registered = {tree.path.resolve() for tree in all_of_git}
    for folder in sorted(below.iterdir()) if below.is_dir() else ():
        is_ours = repository.is_session_id(folder.name) and folder.resolve() not in registered | mine
        if is_ours:
            found.append(Orphan("folder", folder, "", "git does not know it"))
    return (*found, *_branch_orphans(repo, {tree.branch for tree in all_of_git} | set(branches)))


def is_session_branch(branch: str) -> bool:
    """Whether a branch's name is of the form that sessions' branches have."""
    return _OUR_BRANCH.fullmatch(branch) is not None


def is_scratch(name: str) -> bool:
    """Whether the name of a folder is one that only worktrees for scripts have."""
    return name.startswith(SCRATCH) and repository.is_session_id(name.removeprefix(SCRATCH))


def inspect(path: Path) -> Worktree:
    """A worktree made elsewhere, by any path in it. Refused for the main one: a session never works there."""
    repo = repository.around(path)
    top = repo.checkout
    if top == repo.root:
        message = f"{top} is the repository's own checkout, and sessions never work in that."
        raise Refused(message, f"git -C {top} worktree add ../{top.name}-session")
    tree = next((tree for tree in listed(repo) if tree.path.resolve() == top.resolve()), None)
    if tree is None or not tree.head:
        raise NotFound(f"{top} has no commit checked out.", f"git -C {top} status")
    return Worktree(top, tree.branch, tree.head, root=repo.root, locked=tree.locked, prunable=tree.prunable)


def take_back(
    repo: Repo, path: Path, branches: Collection[str], base_commit: str, *, kept: str = "", is_ours: bool = True
) -> bool:
    """Remove what a killed process left of a worktree that it was making; False when it was worked on since.

    `branches`: the names that it may have made, of which those count that still stand where the session was to start;
    `kept`: the one that was there before. Without `is_ours` what is at `path` may be another program's. Failed where a
    branch cannot be deleted now, as while another git packs refs: to be tried again.
    """
    mine = [branch for branch in branches if repository.branch_tip(repo.root, branch) is not None]
    if any(repository.branch_tip(repo.root, branch) != base_commit for branch in (*mine, *([kept] if kept else []))):
        return False
    with lock.writer(repo.common_dir, f"taking back {path.name}"):
        if is_ours:
            erase(repo.common_dir, path)
        else:
            _leave_place(repo, path)
        elsewhere = {tree.branch for tree in listed(repo)}
        for branch in branches:  # a git that was killed as well has left its lock, which no other one takes away
            (repo.common_dir / f"{repository.BRANCHES}{branch}.lock").unlink(missing_ok=True)
        for branch in mine:
            if branch not in elsewhere:
                if delete_branch(repo.root, branch, base_commit):
                    beginnings.forget_upstream(repo, branch)
                elif repository.branch_tip(repo.root, branch) is not None:
                    message = f"its branch {branch} cannot be deleted now, and the next command tries again."
                    raise Failed(message, f"git -C {repo.root} update-ref -d {repository.BRANCHES}{branch}")
        beginnings.leave(repo, path)
    return True


def _leave_place(repo: Repo, path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()  # it is there already where its name might be another's, too
    beginnings.leave(repo, path)


def _undo(repo: Repo, base: Base, path: Path, branch: str, on: ExistingBranch | None) -> None:
    erase(repo.common_dir, path)
    if on is None or on.upstream:
        delete_branch(repo.root, branch, base.commit)
    if on is not None and on.upstream:
        beginnings.forget_upstream(repo, branch)
    beginnings.leave(repo, path)


def _branch_orphans(repo: Repo, taken: Collection[str]) -> list[Orphan]:
    found = [(repository.short(full), tip) for full, tip in repository.refs(repo.root, "refs/heads/amp/").items()]
    return [
        Orphan("branch", None, branch, f"at {tip[:12]}")
        for branch, tip in found
        if is_session_branch(branch) and branch not in taken
    ]


def listed(repo: Repo) -> tuple[Worktree, ...]:
    """All worktrees that git knows, the main one first."""
    with contextlib.suppress(AskGit):
        return _listed_here(repo)
    records = program.query(repo.root, "worktree", "list", "--porcelain", "-z").split(b"\0\0")
    found = [_worktree(program.text(record).split("\0"), repo.root) for record in records if record]
    found = [tree for tree in found if not tree.path.name.startswith(PASSING)]
    # For a git folder that lies elsewhere, git names that folder instead of the main worktree.
    main = Worktree(repo.root, found[0].branch, found[0].head, root=repo.root)
    return (main, *found[1:])


def _listed_here(repo: Repo) -> tuple[Worktree, ...]:
    """All worktrees as libgit2 finds them; whether one is whole and why it is locked is read as git does."""
    head = libgit2.head(repo.root)
    found = [Worktree(repo.root, repository.short(head.ref), head.commit, root=repo.root)]
    for path, (admin, head) in sorted(libgit2.worktrees(repo.common_dir).items(), key=lambda one: os.fsencode(one[0])):
        if not path.name.startswith(PASSING):
            try:
                locked = (admin / "locked").read_text("utf-8", "replace").strip()
            except FileNotFoundError:
                locked = None
            except OSError as reason:
                raise AskGit from reason
            lost = GONE if locked is None and not os.path.lexists(path / ".git") else None
            found.append(Worktree(path, repository.short(head.ref), head.commit, "", repo.root, locked, lost))
    return tuple(found)


def _worktree(lines: list[str], root: Path) -> Worktree:
    fields = {name: value for name, _, value in (line.partition(" ") for line in lines)}
    head = fields.get("HEAD", "")
    return Worktree(
        path=Path(fields["worktree"]),
        branch=repository.short(fields.get("branch", "")),
        head="" if not head.strip("0") else head,
        root=root,
        locked=fields.get("locked"),
        prunable=fields.get("prunable"),
    )


def admin_dir(common_dir: Path, worktree: Path) -> Path | None:
    """The folder in which git keeps a worktree's HEAD and index; found also when the worktree is gone."""
    pointer = worktree / ".git"
    for folder in (common_dir / "worktrees").glob("*"):
        with contextlib.suppress(OSError):
            named = folder / program.text((folder / "gitdir").read_bytes()).removesuffix("\n")
            if os.path.normpath(named) == os.path.normpath(pointer) or _real(named) == _real(pointer):
                return folder
    return None


def _real(pointer: Path) -> tuple[str, str]:
    return os.path.realpath(pointer.parent), pointer.name


def erase(common_dir: Path, worktree: Path) -> None:
    """Remove a worktree's folder and git's entry of it. Failed when files cannot be deleted."""
    try:
        admin = admin_dir(common_dir, worktree)  # the path is compared while it is there
        delete_tree(worktree)
        _forget(admin)
    except OSError as reason:
        message = f"The worktree {worktree} cannot be removed: {reason.strerror}: {reason.filename}."
        raise Failed(message, f"Delete it by hand: rm -r {worktree}") from reason


def forget(common_dir: Path, worktree: Path) -> None:
    """Remove what git knows of a worktree, and nothing of its files."""
    _forget(admin_dir(common_dir, worktree))


def _forget(admin: Path | None) -> None:
    if admin is not None:
        delete_tree(admin)
        with contextlib.suppress(OSError):  # git keeps no empty folder here, and others may just use it
            admin.parent.rmdir()


def delete_tree(folder: Path) -> None:
    """Delete a folder and all in it, read-only folders too (Go's module cache); a link is only unlinked."""
    import shutil  # 10 ms, and nothing is deleted in most starts

    if folder.is_symlink() or folder.is_file():
        folder.unlink()
        return
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            delete_tree(folder)
    except PermissionError:
        for inner, _, _ in os.walk(folder):
            Path(inner).chmod(stat.S_IMODE(Path(inner).stat().st_mode) | stat.S_IRWXU)
        shutil.rmtree(folder)


def drop_empty_parents(worktree: Path, path: str) -> None:
    """Delete the folders above a path of a worktree that have nothing in them any more."""
    with contextlib.suppress(OSError):
        for parent in (worktree / path).parents:
            if parent == worktree:
                break
            parent.rmdir()


def delete_branch(where: Path, branch: str, tip: str) -> bool:
    """Delete a branch if it still points at `tip`; False when it has moved or is gone."""
    return program.write(where, "update-ref", "-d", f"{repository.BRANCHES}{branch}", tip).ok
