"""The sessions' worktrees: making one on a branch of its own, taking one away, and what lies about unclaimed.

Making one is the way that people wait for: no pygit2 here, and git fills the files while the caller goes on.
"""

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ampsm_engine import naming, plain_text
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.git import damage, hooks, listing, lock, own_files, program, registry, repository
from ampsm_engine.git.places import Base, Orphan, Repo, Worktree
from ampsm_engine.git.registry import listed as listed  # noqa: PLC0414 - part of this module's face

HOOK_LIMIT = 1800.0
"""Seconds that filling a worktree may take, the repository's post-checkout hook included."""

REGISTER_LIMIT = 5.0
"""Seconds that git may take to register a worktree before the next one may be added beside it."""

_ATTEMPTS = 200
"""Names that are tried for one branch before we give up."""

_MISSES = 16
"""How many of them may be free and still not be had: somebody else creates them at this moment, or nobody can."""

_OUR_BRANCH = re.compile(r"amp/[^/]+/\d{8}-\d{6}(-\d+)?")


class Pending:
    """A worktree that git is filling. Finish it or undo it; as a context, an error inside undoes it."""

    def __init__(self, repo: Repo, base: Base, path: Path, branch: str, running: program.Running) -> None:
        self.repo, self.base, self.path, self.branch = repo, base, path, branch
        self._running = running
        self._is_undone = False

    def finish(self, limit: float = HOOK_LIMIT) -> Worktree:
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
        """Leave nothing behind: neither folder nor branch, nor what git knows of them."""
        self._running.end()
        # Only once: the name may be somebody else's by then.
        if not self._is_undone:
            self._is_undone = True
            _undo(self.repo, self.base, self.path, self.branch)

    def _hook_note(self, answer: program.Answer, limit: float) -> str:
        """git removes what it could not fill; what is still there is whole, and only its hook complained."""
        if answer.timed_out:
            message = f"Filling {self.path} took more than {limit:g} s."
            raise Failed(message, f"git -C {self.repo.root} worktree add ../try {self.base.name}")
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


def create(repo: Repo, base: Base, session_id: str, name: str, moment: datetime) -> Worktree:
    """Make a session's worktree at `<root>/.worktrees/<id>` on a new branch; nothing stays behind when it fails."""
    return begin(repo, base, session_id, name, moment).finish()


def begin(
    repo: Repo,
    base: Base,
    session_id: str,
    name: str,
    moment: datetime,
    *,
    announce: Callable[[str], None] = lambda _: None,
) -> Pending:
    """Let git begin to make a session's worktree: its branch exists on return, its files come meanwhile.

    `announce` is told the name of a branch before it is made.

    The git program does it in one step as the user's own `git worktree add` would, so that filters, sparse
    checkout and the post-checkout hook come right. It only gets more hands to write files with.
    """
    path = _free_path(repo, session_id)
    _refuse_blocked(repo, naming.branch_name(name, moment))
    try:
        _make_room(repo)
        branch = _new_branch(repo, base, name, moment, announce)
    except BaseException:
        own_files.leave(repo.root)
        raise
    try:
        running = _start_adding(repo, path, branch)
    except BaseException:
        _undo(repo, base, path, branch)
        raise
    return Pending(repo, base, path, branch, running)


def _start_adding(repo: Repo, path: Path, branch: str) -> program.Running:
    """Start `git worktree add`; on return git has registered it, or has ended.

    Two at once fail now and then ("failed to read .git/worktrees/<id>/commondir"): git reads the registrations of
    all worktrees, also one that another git is writing. So ours are registered one after the other.
    """
    registered = repo.common_dir / "worktrees" / path.name / "commondir"
    with lock.writer(repo.common_dir, f"worktree {path.name}"):
        running = program.start(repo.root, *_faster(), "worktree", "add", "--quiet", path, branch)
        deadline = time.monotonic() + REGISTER_LIMIT
        while not running.has_ended() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if registered.stat().st_size:
                    break
            time.sleep(0.001)
    return running


def recreate(repo: Repo, path: Path, branch: str) -> Worktree:
    """Make a worktree again from its branch after its folder was lost. Refused when something is in its place."""
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", f"git -C {repo.root} worktree repair {path}")
    tip = repository.branch_tip(repo.root, branch)
    if tip is None:
        damage.refuse_damaged(repo.root, f"{repository.BRANCHES}{branch}")
        raise NotFound(f"The branch {branch} does not exist.", f"git -C {repo.root} branch --list 'amp/*'")
    registry.erase(repo.common_dir, path)
    _make_room(repo)
    answer = program.write(repo.root, *_faster(), "worktree", "add", "--quiet", path, branch)
    if not answer.ok and not (path / ".git").exists():
        message = f"git could not make the worktree {path}: {answer.reason}."
        raise Failed(message, f"git -C {repo.root} worktree add {path} {branch}")
    return Worktree(path, branch, tip, root=repo.root)


def lacking(path: Path, root: Path) -> tuple[str, ...]:
    """What a worktree does not have of what the main worktree has, and git says nothing about: hooks, submodules."""
    missing = hooks.missing(path, root)
    empty = _empty_submodules(path)
    found = [missing] if missing else []
    if empty:
        some = ", ".join(plain_text.printable(name) for name in empty[:3]) + (", ..." if len(empty) > 3 else "")
        way = f"git -C {path} submodule update --init --recursive"
        found.append(f"The submodules are empty here ({some}). To fill them: {way}")
    return tuple(found)


def _empty_submodules(path: Path) -> list[str]:
    if not (path / ".gitmodules").is_file():
        return []
    records = program.text(program.told(path, "ls-files", "--stage", "-z")).split("\0")
    links = [record.partition("\t")[2] for record in records if record.startswith(listing.GITLINK)]
    return [name for name in links if not os.path.lexists(path / name / ".git")]


def is_linked(repo: Repo, path: Path) -> bool:
    """Whether git and a worktree know each other."""
    admin = registry.admin_dir(repo.common_dir, path)
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
    for places in ((path,), ()):  # without a path, git writes what is missing in the worktrees
        if not is_linked(repo, path):
            program.write(repo.root, "worktree", "repair", *places)
    if is_linked(repo, path):
        return
    where = (branch,) if branch not in {tree.branch for tree in listed(repo)} else ("--detach", branch)
    with tempfile.TemporaryDirectory(prefix=".ampsm-", dir=path.parent) as folder:
        made = Path(folder) / path.name
        program.done(repo.root, "worktree", "add", "--quiet", "--no-checkout", *where[:-1], made, where[-1])
        (made / ".git").replace(path / ".git")
        program.done(repo.root, "worktree", "repair", path)
    program.done(path, "reset", "--quiet")


def remove(repo: Repo, path: Path, branch: str, *, delete_branch: bool) -> None:
    """Take a worktree away with all that is in it, and its branch if asked to. The trash is the way that keeps it.

    Refused for the main worktree and for one that somebody locked.
    """
    if path.resolve() == repo.root:
        raise Refused(f"{path} is the repository's own checkout.", f"git -C {path} worktree list")
    admin = registry.admin_dir(repo.common_dir, path)
    if admin is not None and (admin / "locked").exists():
        message = f"The worktree {path} is locked: {(admin / 'locked').read_text('utf-8', 'replace').strip()}."
        raise Refused(message, f"git -C {repo.root} worktree unlock {path}")
    registry.erase(repo.common_dir, path)
    tip = repository.branch_tip(repo.root, branch) if delete_branch else None
    if tip is not None and not registry.delete_branch(repo.root, branch, tip):
        raise Failed(f"The branch {branch} could not be deleted.", f"git -C {repo.root} branch -D {branch}")


def orphans(repo: Repo, known: Collection[Path], branches: Collection[str] = ()) -> tuple[Orphan, ...]:
    """What looks like a session's and is no known session's: worktrees, folders, branches.

    `known` are the worktrees and `branches` the branches of all sessions, trashed ones too. Worktrees that the
    user keeps in the same folder, on branches of another form, are nobody's orphans.
    """
    mine = {path.resolve() for path in known}
    all_of_git = listed(repo)
    below = repo.root / repository.WORKTREES
    stray = [tree for tree in all_of_git[1:] if tree.path.parent == below and tree.path.resolve() not in mine]
    found = [
        Orphan("worktree", tree.path, tree.branch, tree.prunable or f"at {tree.head[:12]}")
        for tree in stray
        if repository.is_session_id(tree.path.name) or is_session_branch(tree.branch)
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


def _faster() -> tuple[str, ...]:
    """More hands to write files with."""
    hands = min(4, os.cpu_count() or 1)
    return ("-c", f"checkout.workers={hands}", "-c", "checkout.thresholdForParallelism=100")


def _make_room(repo: Repo) -> None:
    """The folder of worktrees, hidden from git before there is something in it."""
    below = repo.root / repository.WORKTREES
    try:
        below.mkdir(exist_ok=True)
    except OSError as reason:
        raise Unfit(f"{below} cannot be made: {reason.strerror}.", f"ls -ld {below.parent}") from reason
    own_files.ensure(repo)


def _free_path(repo: Repo, session_id: str) -> Path:
    below = repo.root / repository.WORKTREES
    # A repository can bring a link of that name, and git would follow it out of the repository.
    if below.is_symlink() or (below.exists() and not below.is_dir()):
        message = f"{below} is in the way: sessions' worktrees need a folder there."
        raise Refused(message, f"ls -ld {below}")
    path = below / session_id
    if session_id != path.name or session_id.startswith("."):
        raise Refused(f"{plain_text.printable(session_id)[:80]!r} cannot name a folder.")
    if os.path.lexists(path):
        raise Refused(f"There is something at {path} already.", f"ls -ld {path}")
    return path


def _new_branch(repo: Repo, base: Base, name: str, moment: datetime, announce: Callable[[str], None]) -> str:
    """Claim a branch name by creating it: of two with one name, the second gets the next number."""
    nothing = "0" * len(base.commit)
    reason, misses = "", 0
    for attempt in range(1, _ATTEMPTS):
        branch = naming.branch_name(name, moment, attempt)
        full = f"{repository.BRANCHES}{branch}"
        announce(branch)
        answer = program.write(repo.root, "update-ref", "-m", "ampsm: new session", full, base.commit, nothing)
        if answer.ok:
            return branch
        reason = answer.reason
        if repository.branch_tip(repo.root, branch) is None:
            misses += 1
            if misses > _MISSES:
                break
    raise Failed(f"The branch {branch} could not be created: {reason}.", f"git -C {repo.root} branch {branch}")


def _refuse_blocked(repo: Repo, branch: str) -> None:
    """A branch `amp` or `amp/<slug>` leaves no room for branches below it."""
    first, slug, _ = branch.split("/")
    candidates = (first, f"{first}/{slug}")
    asked = "".join(f"{repository.BRANCHES}{name}\n" for name in candidates).encode()
    answers = program.told(repo.root, "cat-file", "--batch-check=%(objecttype)", feed=asked).splitlines()
    for blocking, answer in zip(candidates, answers, strict=True):
        if answer == b"commit":
            message = f"The branch {blocking} leaves no room for sessions' branches below it ({branch})."
            raise Refused(message, f"git -C {repo.root} branch -m {blocking} {blocking.replace('/', '-')}-branch")


def take_back(repo: Repo, path: Path, branches: Collection[str], base_commit: str) -> bool:
    """Remove what a killed process left of a worktree that it was making; False when somebody worked on it since.

    `branches`: the names that it may have made, of which those count that still stand where the session was to start.
    """
    mine = [branch for branch in branches if repository.branch_tip(repo.root, branch) is not None]
    if any(repository.branch_tip(repo.root, branch) != base_commit for branch in mine):
        return False
    with lock.writer(repo.common_dir, f"taking back {path.name}"):
        registry.erase(repo.common_dir, path)
        elsewhere = {tree.branch for tree in listed(repo)}
        for branch in mine:
            if branch not in elsewhere:
                registry.delete_branch(repo.root, branch, base_commit)
        own_files.leave(repo.root)
    return True


def _undo(repo: Repo, base: Base, path: Path, branch: str) -> None:
    registry.erase(repo.common_dir, path)
    registry.delete_branch(repo.root, branch, base.commit)
    own_files.leave(repo.root)


def _branch_orphans(repo: Repo, taken: Collection[str]) -> list[Orphan]:
    wanted = "--format=%(refname)%00%(objectname)"
    lines = program.text(program.told(repo.root, "for-each-ref", wanted, "refs/heads/amp/")).splitlines()
    found = [(repository.short(full), tip) for full, _, tip in (line.partition("\0") for line in lines)]
    return [
        Orphan("branch", None, branch, f"at {tip[:12]}")
        for branch, tip in found
        if is_session_branch(branch) and branch not in taken
    ]
