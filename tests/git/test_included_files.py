"""`.worktreeinclude`: the ignored files that a new worktree gets, and those that it must not get."""

import os
import socket
import stat
from pathlib import Path

import pytest

from ampsm_engine.git import commits, included_files, own_files, repository, setup_source, staging
from tests.conftest import first_commits, git


class Checkout:
    """A repository with ignored files, and a worktree beside it that was just made."""

    def __init__(self, root: Path) -> None:
        self.root, self.worktree = root / "shop", root / "fix"
        first_commits(self.root, ({".gitignore": ".env*\ncache/\n*.local\n", "src/a.py": "a\n"}, "Begin"))
        git(self.root, "worktree", "add", "-q", self.worktree, "-b", "fix")

    def write(self, path: str, content: str = "x\n", mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        file.chmod(mode)
        return file

    def copy(self, patterns: str) -> included_files.Included:
        (self.root / ".worktreeinclude").write_text(patterns)
        return included_files.copy(self.root, self.worktree)

    def there(self) -> set[str]:
        """What stands in the worktree and git ignores there."""
        return set(git(self.worktree, "ls-files", "-o", "-i", "--exclude-standard").split())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_what_a_pattern_names_and_git_ignores_is_copied_as_it_is(checkout: Checkout) -> None:
    env = checkout.write("web/.env", "KEY=1\n", 0o600)
    os.utime(env, ns=(1, 1_000_000_000))
    tool = checkout.write("cache/deep/tool", "#!/bin/sh\n", 0o755)
    (tool.parent / "again").symlink_to("../deep/tool")
    checkout.write("cache/not.tmp")
    checkout.write("other.local")
    checkout.write("notes.txt")
    done = checkout.copy("# settings\n.env\ncache/**\n!*.tmp\nnotes.txt\n")
    assert checkout.there() == {"web/.env", "cache/deep/tool", "cache/deep/again"}
    assert (done.files, done.bytes, done.left) == (3, 16, ())
    copied = checkout.worktree / "web" / ".env"
    assert (copied.read_text(), stat.S_IMODE(copied.stat().st_mode)) == ("KEY=1\n", 0o600)
    assert copied.stat().st_mtime_ns == 1_000_000_000
    assert os.access(checkout.worktree / "cache/deep/tool", os.X_OK)
    copied.write_text("KEY=2\n")
    assert env.read_text() == "KEY=1\n"
    assert git(checkout.worktree, "status", "--porcelain") == ""


def test_without_the_file_nothing_is_copied(checkout: Checkout) -> None:
    checkout.write(".env")
    assert included_files.copy(checkout.root, checkout.worktree) == included_files.Included()
    assert checkout.there() == set()


def test_what_would_be_committed_there_stays_out(checkout: Checkout) -> None:
    (checkout.worktree / ".gitignore").write_text("cache/\n")
    checkout.write(".env.local")
    checkout.write("cache/a")
    done = checkout.copy(".env*\ncache/\n")
    assert [(one.path, one.reason) for one in done.left] == [(".env.local", included_files.NOT_IGNORED)]
    assert not (checkout.worktree / ".env.local").exists()
    assert done.copied() == "Copied from the checkout: 1 ignored file, 2 bytes."
    assert done.left_out() == ("Not copied, it is not ignored there, and would be committed: .env.local.",)


def test_no_link_is_followed_out_of_the_checkout_or_of_the_worktree(checkout: Checkout, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s\n")
    checkout.write("cache/kept")
    (checkout.root / "cache" / "link").symlink_to(outside / "secret")
    (checkout.root / "cache" / "up").symlink_to("../../outside/secret")
    (checkout.root / "cache" / "folder").symlink_to(outside)
    # A worktree whose commit has links where the checkout has folders.
    (checkout.worktree / "web").symlink_to(outside)
    checkout.write("web/.env", "KEY=1\n")
    git(checkout.worktree, "config", "core.excludesFile", tmp_path / "ignore")
    (tmp_path / "ignore").write_text("*\n")
    done = checkout.copy("cache/\n.env\n")
    assert {one.path: one.reason for one in done.left} == {
        "cache/link": included_files.LEADS_OUT,
        "cache/up": included_files.LEADS_OUT,
        "cache/folder": included_files.LEADS_OUT,
        "web/.env": included_files.TAKEN,
    }
    assert [one.name for one in outside.iterdir()] == ["secret"]
    assert [one.name for one in (checkout.worktree / "cache").iterdir()] == ["kept"]


def test_no_repository_or_file_of_ampsm_is_copied_and_none_is_written_over(checkout: Checkout) -> None:
    for inner in ("cache/clone", ".worktrees/abc"):
        (checkout.root / inner).mkdir(parents=True)
        git(checkout.root / inner, "init", "-q")
        (checkout.root / inner / ".env").write_text("KEY=1\n")
    checkout.write("AGENT_CONTEXT/.env")
    checkout.write("taken.local", "theirs\n")
    (checkout.worktree / "taken.local").write_text("mine\n")
    done = checkout.copy("*\n")
    assert {one.path: one.reason for one in done.left} == {
        "cache/clone/": included_files.REPOSITORY,
        "taken.local": included_files.TAKEN,
    }
    assert (checkout.worktree / "taken.local").read_text() == "mine\n"
    assert checkout.there() == {"taken.local"}


def test_pipes_sockets_and_links_in_shared_folders_stay_and_are_told(checkout: Checkout, tmp_path: Path) -> None:
    for top in (checkout.root, checkout.worktree):
        (top / ".gitignore").write_text("cache\nlinked/\ninner/\n")
    checkout.write("cache/deep/kept")
    os.mkfifo(checkout.root / "cache" / "deep" / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(checkout.root / "cache" / "socket"))  # a path of 108 bytes at most
    git(checkout.root / "cache", "init", "-q", "clone")
    os.mkfifo(checkout.root / "cache" / "clone" / "pipe")
    # In the checkout, by way of its own name: out of the worktree, and into the checkout.
    (checkout.root / "cache" / "in").symlink_to("deep/kept")
    (checkout.root / "cache" / "out").symlink_to("../../shop/.gitignore")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.mkfifo(outside / "pipe")
    (checkout.root / "linked").symlink_to(outside)
    (checkout.root / "inner").symlink_to("cache")
    done = included_files.copy(checkout.root, checkout.worktree, ["cache", "linked", "inner/deep", "nowhere"])
    assert {one.path: one.reason for one in done.left} == {
        "cache/deep/pipe": included_files.SPECIAL,
        "cache/socket": included_files.SPECIAL,
        "cache/clone/": included_files.REPOSITORY,
        "cache/out": included_files.LEADS_OUT,
        "linked": included_files.LINKED,
        "inner": included_files.LINKED,
    }
    assert "Not copied, it is a pipe, a socket or a device: cache/socket, cache/deep/pipe." in done.left_out()
    assert {one.name for one in (checkout.worktree / "cache").iterdir()} == {"deep", "in"}


def test_a_link_that_leads_to_itself_is_copied_as_it_is(checkout: Checkout) -> None:
    (checkout.root / "loop.local").symlink_to("loop.local")
    assert checkout.copy("*.local\n").left == ()
    assert (checkout.worktree / "loop.local").readlink() == Path("loop.local")


@pytest.mark.parametrize("patterns", ["[\n", "**/**/**\n" * 50, "\x00\xff\n", "!*\n", "/../*\n", "\n" * 1000, "\\"])
def test_no_pattern_takes_more_than_ignored_files(checkout: Checkout, patterns: str) -> None:
    checkout.write(".env")
    checkout.write("untracked.txt")
    (checkout.root / ".worktreeinclude").write_bytes(patterns.encode("latin-1"))
    done = included_files.copy(checkout.root, checkout.worktree)
    assert checkout.there() <= {".env"}
    assert done.left == ()
    assert git(checkout.worktree, "status", "--porcelain") == ""


def test_a_shared_folder_is_copied_whole_without_links_that_lead_out(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.root / ".gitignore").write_text("cache/\n.venv/\n*.tmp\n")
    (checkout.worktree / ".gitignore").write_text("cache/\n.venv/\n*.tmp\n")
    checkout.write("cache/a/one", "1\n")
    checkout.write("cache/a/b/two", "2\n")
    checkout.write("cache/z", "3\n", 0o755)
    (checkout.root / "cache" / "in").symlink_to("a/b/two")
    (checkout.root / "cache" / "out").symlink_to(tmp_path)
    checkout.write(".venv/pyvenv.cfg")
    done = included_files.copy(checkout.root, checkout.worktree, ["cache", ".venv", "src", "missing"])
    assert (done.files, [(one.path, one.reason) for one in done.left]) == (5, [("cache/out", included_files.LEADS_OUT)])
    assert checkout.there() == {"cache/a/one", "cache/a/b/two", "cache/z", "cache/in", ".venv/pyvenv.cfg"}
    assert "python3 -m venv .venv" in done.notes[0]
    assert own_files.read_copies(repository.git_dir(checkout.worktree)).folders == ("cache/", ".venv/")


def test_what_is_named_twice_is_copied_and_told_once(checkout: Checkout, tmp_path: Path) -> None:
    for top in (checkout.root, checkout.worktree):
        (top / ".gitignore").write_text("cache/\n")
    checkout.write("cache/a/one", "1\n")
    (checkout.root / "cache" / "a" / "out").symlink_to(tmp_path)
    (checkout.root / ".worktreeinclude").write_text("one\n")
    done = included_files.copy(checkout.root, checkout.worktree, ["cache/a", "cache"])
    assert (done.files, done.bytes) == (1, 2)
    assert [(one.path, one.reason) for one in done.left] == [("cache/a/out", included_files.LEADS_OUT)]


@pytest.mark.parametrize("name", [".worktrees", "AGENT_CONTEXT/", ".worktrees/1a2b3c4d5e"])
def test_what_is_ampsms_own_is_not_shared(name: str) -> None:
    assert setup_source.why_not_shared(name) == "it is a folder of ampsm's own"
    assert setup_source.named_folders(f"cache {name}") == ("cache",)


def test_what_the_disk_would_hold_twice_is_copied_up_to_a_bound(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(included_files, "FICLONE", 0)  # no file system shares blocks for this
    checkout.write("cache/big", "x" * 5_000)
    done = included_files.copy(checkout.root, checkout.worktree, ["cache"], 4_000)
    assert [(one.path, one.reason) for one in done.left] == [("cache (5.0 kB)", "the disk would have to hold it twice")]
    assert checkout.there() == set()
    assert included_files.copy(checkout.root, checkout.worktree, ["cache"], 5_000).files == 1


def test_a_list_that_is_no_file_or_giant_is_not_read_and_that_is_said(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.write(".env")
    (tmp_path / "list").write_text(".env\n")
    place = checkout.root / ".worktreeinclude"
    monkeypatch.setattr(included_files, "LARGEST", 4)
    for make, word in (
        (place.mkdir, "a folder"),
        (lambda: os.mkfifo(place), "no file"),
        (lambda: place.write_text(".env\n"), "larger than 4 bytes"),
        (None, "a link"),
    ):
        make() if make else place.symlink_to(tmp_path / "list")
        done = included_files.copy(checkout.root, checkout.worktree)
        assert done.left_out() == (f".worktreeinclude is {word}, so nothing that it may name was copied.",)
        place.rmdir() if place.is_dir() else place.unlink()
    assert checkout.there() == set()


def test_a_copy_is_never_committed_even_where_the_branch_ignores_it_no_more(checkout: Checkout) -> None:
    checkout.write("a.local", "KEY=1\n")
    checkout.write("cache/b", "KEY=2\n")
    (checkout.root / ".worktreeinclude").write_text("*.local\n")
    included_files.copy(checkout.root, checkout.worktree, ["cache"])
    (checkout.worktree / ".gitignore").write_text("")
    (checkout.worktree / "own.local").write_text("amp's own\n")
    git(checkout.worktree, "add", "-f", "a.local")
    done = commits.commit_all(checkout.worktree, branch="fix", subject="Do it", body="", hooks=False, base="HEAD")
    assert {one.path: one.reason for one in done.left_out} == dict.fromkeys(("a.local", "cache/b"), staging.COPIED)
    changed = git(checkout.worktree, "show", "--name-only", "--format=", "HEAD").split()
    assert changed == [".gitignore", "own.local"]
