"""Every way to begin, killed at each git that it starts: the repository is as before, byte for byte, or has a session."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from ampsm_engine import config, file_lock
from ampsm_engine.engine import creation, repair, sessions, startup
from ampsm_engine.engine.startup import open_engine
from tests.conftest import git
from tests.merging.desk import Desk
from tests.merging.test_kills import killed, moments
from tests.soak import one_in
from tests.waiting import until

OURS_TO_WRITE = ("objects", "logs", "info/exclude", "index", "ampsm.lock", "refs/ampsm", "refs/heads/amp")
"""Of git's folder: what is only added to, git's own notes, our lines that hide folders, and folders that git empties."""


class Beginning(NamedTuple):
    """What is asked for, and where worktrees are."""

    options: dict[str, str]
    place: str = ".worktrees/{id}"
    is_bare: bool = False


BEGINNINGS = {
    "copies and a submodule": Beginning({}),
    "a local branch": Beginning({"branch": "feature"}),
    "a remote branch": Beginning({"branch": "origin/theirs"}, "../trees/{slug}"),
    "a bare repository": Beginning({}, is_bare=True),
    "a folder": Beginning({"folder": "src"}, ".trees/{id}"),
    "another commit": Beginning({"head": "feature"}, "~/worktrees/{repo}/{slug}"),
}


@pytest.fixture
def full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A repository with a submodule, ignored files to copy, a branch of its own and one of a remote."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    root = desk.repo
    library = root.parent / "library"
    git(root, "clone", "-q", ".", str(library))
    git(root, "submodule", "--quiet", "add", str(library), "vendor/lib")
    desk.base({"src/a.txt": "a\n", ".gitignore": ".env\nnode_modules\n", ".ampsm.toml": 'share = ["node_modules"]\n'})
    for name, content in (
        (".env", "KEY=velvet9quartz\n"),
        (".worktreeinclude", ".env\n"),
        ("node_modules/a.js", "1\n"),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content)
    git(root, "branch", "feature")
    git(root, "clone", "-q", "--bare", ".", str(root.parent / "remote.git"))
    git(root.parent / "remote.git", "branch", "theirs", "feature")
    git(root, "remote", "add", "origin", str(root.parent / "remote.git"))
    git(root, "fetch", "-q", "origin")
    return desk


def everything(desk: Desk) -> dict[str, object]:
    """All that a beginning could leave behind: in the repository, beside it, in the user's home and in ampsm's."""
    git_dir = next(place for place in (desk.repo / ".git", desk.repo) if (place / "objects").is_dir())
    found: dict[str, object] = {"worktrees": git(desk.repo, "worktree", "list", "--porcelain")}
    for path in (*desk.repo.rglob("*"), *desk.repo.parent.glob("trees/**/*"), *Path.home().glob("worktrees/**/*")):
        inside = str(path.relative_to(git_dir)) if path.is_relative_to(git_dir) else ""
        if not inside.startswith(OURS_TO_WRITE):
            found[str(path)] = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    home = desk.engine.home
    for folder in (home.creations, home.secret_files, home.iterations):
        found[folder.name] = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return found


@pytest.mark.parametrize("name", one_in(3, BEGINNINGS))
def test_it_leaves_nothing_or_a_session(full: Desk, name: str) -> None:
    asked, desk = BEGINNINGS[name], full
    if asked.is_bare:
        bare = desk.repo.parent / "alone.git"
        git(desk.repo, "clone", "-q", "--bare", ".", str(bare))
        desk = Desk(desk.engine, bare)
    config.store(desk.engine.config, "worktree.place", asked.place)
    options: dict[str, str] = {
        key: git(desk.repo, "rev-parse", value).strip() if key == "head" else value
        for key, value in asked.options.items()
    }
    desk.session("known")
    before = everything(desk)
    for moment in moments():
        died = killed(
            lambda: sessions.new(desk.engine, path=desk.repo, name="half", run=False, **options),
            moment,
            each_git=True,
        )
        open_engine()
        names = [session.name for session in desk.engine.store.sessions.all()]
        assert repair.find_disagreements(desk.engine, path=desk.repo) == ()
        if names != ["known"]:
            break
        assert everything(desk) == before, moment
    assert names == ["half", "known"]
    assert not died or moment > 5


def begin(desk: Desk) -> object:
    return sessions.new(desk.engine, path=desk.repo, name="half", run=False)


def test_a_git_that_died_too_or_is_at_the_refs_leaves_no_branch_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(startup, "report_recovered", told.append)
    desk.session("known")
    before = git(desk.repo, "for-each-ref")
    git_dir = desk.repo / ".git"
    for lock in ("{0}.lock", "packed-refs.lock"):
        for moment in moments():
            assert killed(lambda: begin(desk), moment, each_git=True)
            if made := set(git(desk.repo, "for-each-ref").splitlines()) - set(before.splitlines()):
                break
            open_engine()
        told.clear()
        (branch,) = (line.split("\t")[1] for line in made)
        place = git_dir / lock.format(branch)
        place.touch()
        open_engine()
        if place.exists():
            assert "cannot be deleted now, and the next command tries again." in told[0]
            assert len(list(desk.engine.home.creations.iterdir())) == 1
            place.unlink()
            open_engine()
        assert "its worktree and its branch are taken back" in told[-1]
        assert git(desk.repo, "for-each-ref") == before
        assert [one.name for one in git_dir.rglob("*.lock") if one.name != "ampsm.lock"] == []
        assert list(desk.engine.home.creations.iterdir()) == []


def test_a_git_that_outlives_its_ampsm_makes_no_branch_later(desk: Desk) -> None:
    desk.session("known")
    before = git(desk.repo, "for-each-ref")
    hook, ran = desk.repo / ".git" / "hooks" / "reference-transaction", desk.repo.parent / "ran"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = prepared ] && grep -q refs/heads/amp && echo $$ > {ran} && exec sleep 600\nexit 0\n'
    )
    hook.chmod(0o755)
    child = os.fork()
    if not child:
        begin(desk)
        os._exit(0)
    waiting = psutil.Process(int(until(lambda: ran.exists() and ran.read_text(), "the hook")))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    hook.unlink()
    open_engine()
    assert not waiting.is_running() or waiting.status() == psutil.STATUS_ZOMBIE
    assert git(desk.repo, "for-each-ref") == before
    assert [one.name for one in (desk.repo / ".git").rglob("*.lock") if one.name != "ampsm.lock"] == []


def test_an_entry_that_another_start_deleted_before_it_was_locked_is_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, seen = file_lock.acquire, list[Path]()

    def late(descriptor: int, patience: float | None) -> bool:
        if not seen:
            seen.extend(desk.engine.home.creations.iterdir())
            creation.roll_back_interrupted(desk.engine.home, desk.engine.store)
            assert not seen[0].exists()
        return acquire(descriptor, patience)

    with monkeypatch.context() as patch:
        patch.setattr(creation.file_lock, "acquire", late)
        made = creation.Creation(desk.engine.home, "0123456789", desk.repo, desk.sha("HEAD"))
    assert not creation.has_interrupted(desk.engine.home)
    assert [one.name for one in desk.engine.home.creations.iterdir()] == ["0123456789"]
    made.end()
    assert list(desk.engine.home.creations.iterdir()) == []
