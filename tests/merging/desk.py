"""A home, a repository and sessions whose commits are made at once: merging needs no amp, only what it leaves."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import sessions
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.merging import operations
from ampsm_engine.merging.results import MergeResult, Options
from ampsm_engine.model import Merge, Session
from tests.conftest import git, revision

LINES = "".join(f"line {number}\n" for number in range(1, 21))


def lines(**changed: str) -> str:
    """Twenty lines, some of them changed: `lines(_3="three")`."""
    return "".join(f"{changed.get(f'_{number}', f'line {number}')}\n" for number in range(1, 21))


def options(message: str = "Bring it in", **more: object) -> Options:
    return Options(message=message, **more)


@dataclass
class Desk:
    """What a test does reads like what a person does."""

    engine: Engine
    repo: Path
    made: list[Session] = field(default_factory=list)

    def session(self, name: str = "fix login", **more: object) -> Session:
        session, _ = sessions.new(self.engine, path=self.repo, prompt=None, name=name, run=False, **more)
        self.made.append(session)
        return session

    def write(self, at: Path, files: dict[str, str | bytes | None]) -> None:
        for name, content in files.items():
            path = at / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def amp(self, session: Session, files: dict[str, str | bytes | None], subject: str = "amp: work") -> str:
        """A commit as an iteration leaves it."""
        at = Path(session.worktree_path)
        self.write(at, files)
        git(at, "add", "--all")
        git(at, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\nAmpsm-Session: {session.id}")
        return self.tip(session)

    def by_hand(self, session: Session, files: dict[str, str | bytes | None], subject: str = "By hand") -> str:
        at = Path(session.worktree_path)
        self.write(at, files)
        git(at, "add", "--all")
        git(at, "commit", "-q", "-m", subject)
        return self.tip(session)

    def base(self, files: dict[str, str | bytes | None], subject: str = "The base goes on") -> str:
        """A commit on what the user has checked out."""
        self.write(self.repo, files)
        git(self.repo, "add", "--all")
        git(self.repo, "commit", "-q", "-m", subject)
        return self.sha("HEAD")

    def sha(self, name: str) -> str:
        return revision(self.repo, name)

    def tip(self, session: Session) -> str:
        return self.sha(f"refs/heads/{session.branch_name}")

    def now(self, session: Session) -> Session:
        return self.engine.store.sessions.get(session.id)

    def merge(self, session: Session, message: str = "Bring it in", **more: object) -> MergeResult:
        return operations.merge(self.engine, session.id, options(message, **more))

    def last(self, session: Session) -> Merge:
        return self.engine.store.merges.of(session.id)[0]

    def facts(self, session: Session) -> list[str]:
        return [fact.kind for fact in self.engine.store.facts.read(session_id=session.id)]

    def shown(self, revision: str, path: str) -> str:
        return git(self.repo, "show", f"{revision}:{path}")

    def clean(self, session: Session) -> None:
        """The session's worktree is on its branch, with nothing that is not committed."""
        at = Path(session.worktree_path)
        assert git(at, "status", "--porcelain") == ""
        assert git(at, "symbolic-ref", "HEAD").strip() == f"refs/heads/{session.branch_name}"

    def sound(self) -> None:
        assert "error" not in git(self.repo, "fsck", "--strict", "--no-dangling")

    def checkout(self) -> dict[str, object]:
        """What a user would notice in the own checkout: bytes and times of files and index, HEAD, stash."""
        found: dict[str, object] = {}
        for name in ("index", "HEAD", "config", "refs/stash", "ORIG_HEAD"):
            file = self.repo / ".git" / name
            found[name] = (file.read_bytes(), file.stat().st_mtime_ns) if file.exists() else None
        for folder, names, files in os.walk(self.repo):
            inside = Path(folder).relative_to(self.repo)
            names[:] = [name for name in names if inside / name not in (Path(".git"), Path(".worktrees"))]
            for name in files:
                path = Path(folder) / name
                found[str(inside / name)] = (path.read_bytes(), path.lstat().st_mtime_ns, path.lstat().st_mode)
        return found


def refused(desk: Desk, session: Session, match: str, **more: object) -> AmpsmError:
    """The refusal, with base, checkout and session exactly as before, and a way on."""

    def everything() -> tuple[object, ...]:
        return desk.checkout(), desk.sha("main"), desk.tip(session)

    before = everything()
    with pytest.raises((Refused, NotFound), match=match) as caught:
        desk.merge(session, **more)
    assert everything() == before
    assert desk.engine.store.merges.working() == ()
    assert caught.value.hint
    return caught.value


__all__ = ["LINES", "Desk", "lines", "options", "refused"]
