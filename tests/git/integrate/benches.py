"""A session beside a base that moves on, and what git itself would make of the two: the oracle."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ampsm_engine.git.entities import Worktree
from tests.conftest import revision
from tests.git.sandboxes import Sandbox

LINES = "".join(f"line {number}\n" for number in range(1, 21))


def lines(**changed: str) -> str:
    """Twenty lines, some of them changed: `lines(_3="three")`."""
    return "".join(f"{changed.get(f'_{number}', f'line {number}')}\n" for number in range(1, 21))


@dataclass
class Bench:
    """A repository, and a session's worktree in it."""

    sandbox: Sandbox
    tree: Worktree

    @property
    def root(self) -> Path:
        return self.sandbox.root

    @property
    def at(self) -> Path:
        return self.tree.path

    @property
    def branch(self) -> str:
        return self.tree.branch

    def git(self, *arguments: str | Path, at: Path | None = None) -> str:
        return self.sandbox.git(*arguments, at=at)

    def sha(self, name: str) -> str:
        return revision(self.sandbox.root, name)

    def tree_of(self, name: str) -> str:
        return self.sha(f"{name}^{{tree}}")

    @property
    def tip(self) -> str:
        return self.sha(self.branch)

    @property
    def base(self) -> str:
        return self.sha("main")

    def amp(self, files: dict[str, str | bytes], subject: str = "amp: work") -> str:
        """A commit as an iteration leaves it."""
        message = f"{subject}\n\nAmp-Thread-ID: https://ampcode.com/threads/T-1\nAmpsm-Session: 0123456789"
        return self.sandbox.commit(files, message, at=self.at)

    def hand(self, files: dict[str, str | bytes], subject: str = "By hand") -> str:
        """A commit of the user's in the session's worktree."""
        return self.sandbox.commit(files, subject, at=self.at)

    def on_base(self, files: dict[str, str | bytes], subject: str = "Base moves on") -> str:
        """A commit in the user's own checkout, on main."""
        return self.sandbox.commit(files, subject)

    def remove(self, *names: str, at: Path | None = None) -> None:
        self.git("rm", "-rq", "--", *names, at=at or self.at)

    def show(self, commit: str, path: str) -> str:
        return self.git("show", f"{commit}:{path}")

    def check(self) -> None:
        self.sandbox.check()


class Oracle:
    """git in a worktree of its own, so that it disturbs nobody."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-")
        self.at = Path(self._folder.name) / "tree"

    def __enter__(self) -> Self:
        self.bench.git("worktree", "add", "-q", "--detach", self.at, "main")
        return self

    def __exit__(self, *_: object) -> None:
        self.bench.git("worktree", "remove", "--force", self.at)
        self._folder.cleanup()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", self.at, *arguments], capture_output=True, text=True, check=False)

    def unmerged(self) -> dict[str, list[str]]:
        """Conflicts as the index holds them: path, and its stages."""
        found: dict[str, list[str]] = {}
        for record in self.run("ls-files", "-u", "-z").stdout.split("\0"):
            if record:
                words, _, path = record.partition("\t")
                found.setdefault(path, []).append(words)
        return found

    def rebase(self, tip: str, upstream: str) -> str | dict[str, list[str]]:
        """The tree that `git rebase` comes to, or the conflicts it stops at."""
        self.run("checkout", "-q", "--detach", tip)
        done = self.run("rebase", upstream)
        if done.returncode:
            found = self.unmerged()
            self.run("rebase", "--abort")
            return found
        return self.run("rev-parse", "HEAD^{tree}").stdout.strip()

    def merge(self, ours: str, theirs: str) -> str | dict[str, list[str]]:
        """The tree that `git merge` comes to, or its conflicts."""
        self.run("checkout", "-q", "--detach", ours)
        done = self.run("merge", "--no-ff", "-m", "m", theirs)
        if done.returncode:
            found = self.unmerged()
            self.run("merge", "--abort")
            self.run("reset", "-q", "--hard")
            return found
        return self.run("rev-parse", "HEAD^{tree}").stdout.strip()
