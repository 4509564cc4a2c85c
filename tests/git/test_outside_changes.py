"""What changed outside of a session's worktree is told as git knows it, and every way back that is told works."""

import subprocess
from pathlib import Path

import pytest

from ampsm_engine.git import outside_changes, repository_state
from ampsm_engine.git.outside_changes import OutsideChange
from ampsm_engine.git.repository_state import RepositoryState
from tests.conftest import git

BRANCH = "amp/task/20261130-120000"


class Ground:
    """A repository with a session's worktree, a second branch, a stash entry, and a user at work in the checkout."""

    def __init__(self, root: Path) -> None:
        self.root, self.worktree = root, root / ".worktrees" / "0123456789"
        (root / ".git" / "info" / "exclude").write_text("/.worktrees/\n/AGENT_CONTEXT/\n")
        git(root, "worktree", "add", "-q", "-b", BRANCH, str(self.worktree))
        git(root, "branch", "release")
        (root / "app.py").write_text("stashed\n")
        git(root, "stash", "push", "-q", "-m", "for later")
        (root / "README.md").write_text("# Mine, not committed\n")
        self.before = repository_state.read(root)

    def run(self, script: str, where: Path | None = None) -> None:
        subprocess.run(["sh", "-ec", script], cwd=where or self.worktree, check=True, capture_output=True)

    def commit(self, where: Path, name: str, message: str) -> None:
        (where / name).write_text(f"{message}\n")
        git(where, "add", name)
        git(where, "commit", "-q", "-m", message)

    def changes(self) -> tuple[OutsideChange, ...]:
        after = self.now()
        parts = repository_state.difference(self.before, after)
        parts = [part for part in parts if BRANCH not in part.name or part.name.startswith("refs/remotes/")]
        session = outside_changes.WatchedSession(self.root, self.worktree, BRANCH, "T-1", "refs/ampsm/outside/s1/i1")
        return outside_changes.explain(session, parts, self.before, after)

    def change(self) -> OutsideChange:
        (found,) = self.changes()
        return found

    def now(self) -> RepositoryState:
        return repository_state.read(self.root)

    def take_back(self, change: OutsideChange, which: int = 0) -> None:
        """Do what the hint says: its command is all up to the words about it."""
        command = change.hint.split(", or: ")[which]
        for words in (" puts ", " brings ", " goes ", " makes ", " takes ", " sets ", " lays ", " shows ", " lists "):
            command = command.partition(words)[0]
        subprocess.run(["sh", "-ec", command], check=True, capture_output=True)


@pytest.fixture
def ground(repo: Path) -> Ground:
    return Ground(repo)


def test_nothing_is_told_where_nothing_changed(ground: Ground) -> None:
    ground.commit(ground.worktree, "own.txt", "The session's own work")
    git(ground.root, "update-ref", "refs/ampsm/trash/x/tip", "HEAD")
    git(ground.root, "pack-refs", "--all")
    git(ground.root, "gc", "-q")
    assert ground.changes() == ()


def test_a_commit_in_the_users_checkout_and_the_way_back(ground: Ground) -> None:
    ground.run("cd ../..; echo x > new.txt; git add new.txt; git commit -q -m 'Take over' -m 'Amp-Thread-ID: T-1'")
    change = ground.change()
    old, new = ground.before["ref"]["refs/heads/main"], git(ground.root, "rev-parse", "main").strip()
    words = f'branch main moved {old[:12]}..{new[:12]} (1 commit by amp in this session\'s thread: "Take over")'
    assert change.text == words
    assert (change.label, change.quiet) == ("branch main moved", False)
    ground.take_back(change)
    assert ground.now() == ground.before
    git(ground.root, "reflog", "expire", "--expire=now", "--all")
    git(ground.root, "gc", "-q", "--prune=now")
    assert git(ground.root, "cat-file", "-t", new) == "commit\n"


@pytest.mark.parametrize("way", [0, 1])
def test_a_branch_that_moved_under_its_checkout(ground: Ground, way: int) -> None:
    ground.commit(ground.worktree, "own.txt", "The session's own work")
    ground.run("echo more >> app.py; git commit -qam 'Change the answer'; git update-ref refs/heads/main HEAD")
    change = ground.change()
    assert "the next commit there would undo this in 2 files (app.py, own.txt)" in change.text
    assert "2 commits" in change.text
    ground.take_back(change, way)
    expected = git(ground.root, "rev-parse", BRANCH).strip() if way == 0 else ground.before["ref"]["refs/heads/main"]
    assert git(ground.root, "rev-parse", "main").strip() == expected
    assert git(ground.root, "status", "--porcelain") == " M README.md\n"
    assert (ground.root / "README.md").read_text() == "# Mine, not committed\n"


def test_a_branch_that_was_rewound_is_kept_and_brought_back(ground: Ground) -> None:
    ground.commit(ground.root, "kept.txt", "Work of the user")
    ground.before = ground.now()
    ground.run("cd ../..; git reset -q --keep HEAD~1")
    change = ground.change()
    assert 'it does not have 1 commit by Ada: "Work of the user" any more, kept as refs/ampsm/outside' in change.text
    git(ground.root, "reflog", "expire", "--expire=now", "HEAD", "main")
    git(ground.root, "gc", "-q", "--prune=now")
    ground.take_back(change)
    assert ground.now()["ref"] == ground.before["ref"]
    assert (ground.root / "kept.txt").exists()


WAYS: dict[str, tuple[str, str]] = {
    "branch deleted": ("git branch -q -D release", "branch release is gone; it was at "),
    "tag made": ("git tag v1", "tag v1 was made at "),
    "branch of another commit moved": ("git branch -q -f release $(git commit-tree HEAD^{tree} -p HEAD -m x)", "branch release moved"),
    "stash dropped": ("git stash drop -q", 'the entry "On main: for later" of the stash is gone'),
    "checkout switched": ("git -C ../.. switch -q release", "your checkout stands on branch release, and stood on branch main"),
    "checkout detached": ("git -C ../.. switch -q --detach", "your checkout stands at "),
    "key set": ("git config core.hooksPath /tmp/nowhere", 'core.hookspath is "/tmp/nowhere"; it was not set'),
    "key changed": ("git config core.filemode false", 'core.filemode is "false"; it was "true"'),
    "key unset": ("git config --unset core.filemode", 'core.filemode is not set any more; it was "true"'),
    "global key": ("git config --global user.email a@b", 'user.email is "a@b"; it was "ada@example.org"'),
    "remote added": ("git config remote.x.url https://h/x", "remote.x.url"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), WAYS.values(), ids=WAYS.keys())
def test_each_way_back_works(ground: Ground, script: str, words: str) -> None:
    ground.run(script)
    change = ground.change()
    assert words in change.text
    assert not change.quiet
    if "made" not in change.label:
        ground.take_back(change)
        assert ground.now() == ground.before


TOLD: dict[str, tuple[str, str]] = {
    "file in the checkout": ("echo x > ../../left.txt", "added, changed or deleted in your checkout: 1 file (left.txt)"),
    "a change changed": ("echo x >> ../../README.md", "changed again in your checkout: 1 file (README.md)"),
    "a change lost": ("git -C ../.. checkout -q -- README.md", "uncommitted changes in 1 file (README.md)"),
    "a secrets file that git ignores": ("echo '.env' >> ../../.git/info/exclude; echo x > ../../.env", "1 file (.env)"),
    "a stash of the worktree": ("echo x >> app.py; git stash -q", 'the stash has a new entry, "WIP on amp/task'),
    "a hook": ("echo x > ../../.git/hooks/pre-commit", ".git/hooks/pre-commit was added"),
    "a worktree on no branch": (
        "git worktree add -q --detach ../../../x; cd ../../../x; git commit -q --allow-empty -m only; echo y > z",
        "with 1 uncommitted file (z), a commit that no branch has, kept as refs/ampsm/outside/s1/i1/",
    ),
    "a merge begun": (
        ("cd ../..; git checkout -q README.md; git switch -q release; echo a > app.py; git commit -qam a;"
        " git switch -q main; echo b > app.py; git commit -qam b; git merge -q release || true"),
        "a merge is in progress in your checkout",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), TOLD.values(), ids=TOLD.keys())
def test_it_is_told(ground: Ground, script: str, words: str) -> None:
    ground.run(script)
    assert [change for change in ground.changes() if words in change.text and not change.quiet]


def test_a_worktree_made_elsewhere_can_be_adopted(ground: Ground) -> None:
    ground.run("git worktree add -q -b feature-x ../../../feature-x; echo x > ../../../feature-x/new.txt")
    branch, worktree = sorted(ground.changes(), key=lambda change: change.label)
    assert (branch.label, branch.quiet) == ("branch feature-x made", True)
    assert worktree.text.endswith("was made, on branch feature-x, with 1 uncommitted file (new.txt)")
    assert worktree.hint.startswith("ampsm adopt ")


def test_what_was_staged_and_thrown_away_is_kept(ground: Ground) -> None:
    (ground.root / "app.py").write_text("staged work\n")
    git(ground.root, "add", "app.py")
    ground.before = ground.now()
    ground.run("git -C ../.. reset -q --hard")
    change = ground.change()
    git(ground.root, "gc", "-q", "--prune=now")
    assert "2 files (README.md, app.py)" in change.text
    kept = change.text.rpartition("kept as ")[2]
    assert git(ground.root, "cat-file", "blob", kept) == "staged work\n"


def test_a_stash_that_was_cleared_and_collected_comes_back(ground: Ground) -> None:
    outside_changes.hold_stash(ground.root, "refs/ampsm/outside/s1/i1", ground.before)
    ground.run("git reflog expire --expire=now --all; git stash clear; git gc -q --prune=now")
    change = ground.change()
    ground.take_back(change)
    assert ground.now() == ground.before
    assert git(ground.root, "for-each-ref", "--format=%(refname)", "refs/ampsm") == "refs/ampsm/outside/s1/i1/1\n"


def test_no_way_back_is_told_for_what_is_gone_for_good(ground: Ground) -> None:
    ground.run("git stash clear; git gc -q --prune=now")
    change = ground.change()
    assert change.text.endswith("which is not in the repository any more")
    assert change.hint == ""


def test_a_push_is_told_and_a_fetch_is_only_noted(ground: Ground, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(ground.root), "hub.git")
    git(ground.root, "remote", "add", "origin", str(tmp_path / "hub.git"))
    git(ground.root, "fetch", "-q")
    ground.before = ground.now()
    ground.commit(ground.worktree, "own.txt", "The session's own work")
    ground.run("git push -q origin HEAD:main HEAD:new")
    pushed = {change.label: change.quiet for change in ground.changes()}
    assert pushed == {"remote branch origin/main pushed": False, "remote branch origin/new made": False}
    git(tmp_path, "clone", "-q", "hub.git", "other")
    ground.before = ground.now()
    ground.commit(tmp_path / "other", "theirs.txt", "A colleague's")
    git(tmp_path / "other", "push", "-q")
    git(ground.root, "fetch", "-q")
    assert [change.quiet for change in ground.changes()] == [True]


def test_what_a_user_commits_of_his_own_changes_is_one_change(ground: Ground) -> None:
    git(ground.root, "commit", "-q", "-am", "What lay here before")
    assert [change.label for change in ground.changes()] == ["branch main moved"]


def test_names_from_a_repository_are_inert(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground.root / "evil\x1b]0;x\x07\n.txt").write_text("x")
    git(ground.root, "config", "x.y", "a\x1b[31mb")
    text = "".join(f"{change.text}{change.label}" for change in ground.changes())
    assert not {"\x1b", "\x07", "\n"} & set(text)


def test_reading_runs_nothing_and_writes_nothing(ground: Ground) -> None:
    mark = ground.root.parent / "ran"
    hook = ground.root / ".git" / "hooks" / "monitor"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git(ground.root, "config", "core.fsmonitor", str(hook))
    index = (ground.root / ".git" / "index").stat().st_mtime_ns
    (ground.root / "app.py").touch()
    ground.now()
    assert not mark.exists()
    assert (ground.root / ".git" / "index").stat().st_mtime_ns == index


def test_a_secret_in_the_configuration_is_compared_and_never_kept(ground: Ground) -> None:
    secret = "ghp_" + "A1b2C3d4E5f6G7h8I9j0" + "K1l2M3n4O5p6"
    git(ground.root, "config", "http.extraHeader", f"Authorization: Bearer {secret}")
    now = ground.now()
    assert secret not in repr(now)
    git(ground.root, "config", "http.extraHeader", f"Authorization: Bearer {secret[::-1]}")
    assert now["configuration"] != ground.now()["configuration"]
