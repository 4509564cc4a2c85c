"""A repository to work on, with git itself as the oracle."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from ampsm_engine.git import repository, worktrees
from ampsm_engine.git.beginnings import WorktreeTemplate
from ampsm_engine.git.entities import Base, Repo, Worktree
from tests.conftest import first_commits, revision

MOMENT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SESSION = "0123456789"


class Nobody:
    """A witness that notes nothing."""

    def place(self, path: Path, *, is_ours: bool) -> None: ...

    def announce(self, branch: str) -> None: ...

    def keep(self, branch: str) -> None: ...


def begin_worktree(repo: Repo, base: Base, session_id: str, name: str, moment: datetime) -> worktrees.Pending:
    """A session's worktree at its usual place, on a branch that is made for it, as git begins to make it."""
    return worktrees.begin(repo, base, session_id, name, moment, plan=WorktreeTemplate(), witness=Nobody())


def make_worktree(repo: Repo, base: Base, session_id: str, name: str, moment: datetime) -> Worktree:
    """A worktree as `begin_worktree` has it, once it is made."""
    return begin_worktree(repo, base, session_id, name, moment).finish()


class Sandbox:
    """A repository to work on, and git as the oracle."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str | Path, at: Path | None = None, feed: bytes | None = None) -> str:
        done = subprocess.run(["git", "-C", at or self.root, *arguments], input=feed, capture_output=True, check=False)
        if done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def write(self, files: dict[str, str | bytes], at: Path | None = None) -> None:
        for name, content in files.items():
            path = (at or self.root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "work", at: Path | None = None) -> str:
        self.write(files or {}, at)
        self.git("add", "--all", at=at)
        self.git("commit", "--quiet", "--allow-empty", "-m", message, at=at)
        return revision(at or self.root)

    @property
    def repo(self) -> Repo:
        return repository.locate(self.root)

    def session(self, session_id: str = SESSION, name: str = "fix login", base: str | None = None) -> Worktree:
        repo = self.repo
        start: Base = repository.base(repo, base)
        return make_worktree(repo, start, session_id, name, MOMENT)

    def untouched(self) -> dict[str, object]:
        """What a user would notice of us in the repository: bytes and times of all that is not ours."""
        git_dir = Path(self.git("rev-parse", "--absolute-git-dir"))
        found: dict[str, object] = {}
        for name in ("index", "HEAD", "config", "refs/stash", "packed-refs", "ORIG_HEAD"):
            file = git_dir / name
            found[name] = (file.read_bytes(), file.stat().st_mtime_ns) if file.exists() else None
        for file in sorted(self.root.rglob("*")):
            inside = file.relative_to(self.root)
            if inside.parts[0] not in (".git", ".worktrees"):
                found[str(inside)] = (file.lstat().st_mtime_ns, file.lstat().st_mode)
        found["status"] = self.git("--no-optional-locks", "status", "--porcelain")
        return found

    def check(self) -> None:
        """git finds nothing wrong with the repository."""
        assert "error" not in self.git("fsck", "--strict", "--no-dangling")


def has_lfs() -> bool:
    return shutil.which("git-lfs") is not None


def small_project(place: Path) -> Sandbox:
    """A repository with one commit of three files."""
    root = place / "project"
    files = {"README.md": "# Project\n", "src/main.py": "print('hello')\n", "src/old.py": "x = 1\ny = 2\nz = 3\n"}
    first_commits(root, (files, "work"))
    return Sandbox(root)
