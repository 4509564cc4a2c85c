"""Every way to begin, killed at each git that it starts: the repository is as before, byte for byte, or has a session."""

from pathlib import Path
from typing import NamedTuple

import pytest

from ampsm_engine import config
from ampsm_engine.engine import repair, sessions
from ampsm_engine.engine.startup import open_engine
from tests.conftest import git
from tests.merging.desk import Desk
from tests.merging.test_kills import killed, moments
from tests.soak import one_in

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
    for folder in (home.creations, home.secret_files, home.runs):
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
