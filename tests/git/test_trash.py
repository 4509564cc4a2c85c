"""The trash loses nothing: what goes in comes back, staged as staged, untracked as untracked."""

import os
import stat
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import commits, trash, worktree_status
from ampsm_engine.git.entities import Worktree
from tests.git.sandboxes import SESSION, Sandbox, has_lfs
from tests.soak import one_in


def contents(worktree: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its permissions and bytes, git's own pointer aside."""
    found = {}
    for file in worktree.rglob("*"):
        inside = str(file.relative_to(worktree))
        mode = file.lstat().st_mode
        if inside == ".git" or stat.S_ISDIR(mode):
            continue
        found[inside] = (mode, os.fsencode(file.readlink()) if stat.S_ISLNK(mode) else file.read_bytes())
    return found


def state(sandbox: Sandbox, worktree: Path) -> dict[str, str]:
    """All that git says about a worktree."""
    return {
        "status": sandbox.git("status", "--porcelain=v2", "--branch", "-z", "-uall", at=worktree),
        "index": sandbox.git("ls-files", "--stage", "-v", "-z", at=worktree),
        "head": (sandbox.git("rev-parse", "--symbolic-full-name", "HEAD", at=worktree)),
        "commit": sandbox.git("rev-parse", "HEAD", at=worktree),
    }


def there_and_back(sandbox: Sandbox, worktree: Worktree, *, sweep: bool = True) -> None:
    before, files = state(sandbox, worktree.path), contents(worktree.path)
    tip = sandbox.git("rev-parse", worktree.branch)
    untouched = sandbox.untouched()
    kept = trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    assert kept.tip == tip
    assert not worktree.path.exists()
    assert worktree.branch not in sandbox.git("branch", "--list")
    assert str(worktree.path) not in sandbox.git("worktree", "list")
    assert trash.holds(sandbox.root, SESSION)
    sandbox.check()
    if sweep:
        sandbox.git("prune", "--expire=now")
    trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    assert state(sandbox, worktree.path) == before
    assert contents(worktree.path) == files
    assert sandbox.git("rev-parse", worktree.branch) == tip
    assert not trash.holds(sandbox.root, SESSION)
    assert sandbox.git("for-each-ref", "refs/ampsm/trash") == ""
    assert not (sandbox.root / ".git" / "ampsm").exists()
    assert {**sandbox.untouched(), "packed-refs": None} == {**untouched, "packed-refs": None}
    sandbox.check()


@pytest.mark.parametrize("then", one_in(2, ["kept", "deleted"]))
def test_a_link_that_is_only_intended_to_be_added_comes_back(sandbox: Sandbox, worktree: Worktree, then: str) -> None:
    (worktree.path / "link").symlink_to("nowhere")
    sandbox.git("add", "--intent-to-add", "link", at=worktree.path)
    if then == "deleted":
        (worktree.path / "link").unlink()
    there_and_back(sandbox, worktree)


def test_staged_unstaged_and_untracked_come_back_as_such(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"src/main.py": "staged\n", "new.txt": "staged new\n"}, at)
    sandbox.git("add", "src/main.py", "new.txt", at=at)
    sandbox.write({"src/main.py": "unstaged on top\n", "untracked.txt": "?\n", "deep/er/x": "\0bin"}, at)
    (at / "src/old.py").unlink()
    (at / "link").symlink_to("src/main.py")
    (at / "dangling").symlink_to("/nowhere")
    (at / "run.sh").write_text("#!/bin/sh\n")
    (at / "run.sh").chmod(0o755)
    (at / "private.txt").write_text("x")
    (at / "private.txt").chmod(0o600)
    there_and_back(sandbox, worktree)


def test_a_clean_worktree_comes_back_clean(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.commit({"done.txt": "1"}, at=worktree.path)
    there_and_back(sandbox, worktree)


def test_flags_of_the_index_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"later.txt": "intent\n"}, at)
    sandbox.git("add", "--intent-to-add", "later.txt", at=at)
    sandbox.git("update-index", "--assume-unchanged", "README.md", at=at)
    sandbox.git("rm", "--cached", "-q", "src/old.py", at=at)
    there_and_back(sandbox, worktree)


def test_conflicts_come_back_as_conflicts(sandbox: Sandbox, worktree: Worktree) -> None:
    """Both sides survive even a sweep: they are in no commit."""
    at = worktree.path
    sandbox.write({"README.md": "theirs\n"}, at)
    sandbox.git("stash", "--quiet", at=at)
    sandbox.commit({"README.md": "ours\n"}, at=at)
    with pytest.raises(AssertionError):
        sandbox.git("stash", "pop", at=at)
    sandbox.git("stash", "drop", "--quiet", at=at)
    there_and_back(sandbox, worktree)


def test_a_detached_head_comes_back_detached(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.git("checkout", "--quiet", "--detach", at=at)
    sandbox.commit({"apart.txt": "1"}, at=at)
    sandbox.write({"more.txt": "2"}, at)
    there_and_back(sandbox, worktree)


def test_a_branch_of_the_agents_own_comes_back(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.git("checkout", "--quiet", "-b", "side", at=worktree.path)
    sandbox.commit({"side.txt": "1"}, at=worktree.path)
    there_and_back(sandbox, worktree)


def test_a_branch_without_a_commit_comes_back(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.git("checkout", "--quiet", "--orphan", "fresh", at=at)
    sandbox.write({"fresh.txt": "1"}, at)
    status = sandbox.git("status", "--porcelain=v2", "--branch", at=at)
    trash.keep(sandbox.root, at, worktree.branch, SESSION)
    trash.restore(sandbox.root, SESSION, at, worktree.branch)
    assert sandbox.git("status", "--porcelain=v2", "--branch", at=at) == status


def test_secrets_come_back_and_are_never_objects(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.commit({".gitignore": ".env\nbuild/\n"}, at=at)
    sandbox.write({".env": "TOKEN=very-secret-1", "id_rsa": "very-secret-2", "build/out": "made"}, at)
    (at / "id_rsa").chmod(0o600)
    before = {name: (at / name).read_bytes() for name in (".env", "id_rsa")}
    kept = trash.keep(sandbox.root, at, worktree.branch, SESSION)
    assert kept.ignored == 1  # build/ is not kept, and that is told
    everything = sandbox.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    for line in everything:
        if " blob " in line:
            assert "very-secret" not in sandbox.git("cat-file", "blob", line.split()[0])
    aside = sandbox.root / ".git" / "ampsm" / "trash" / SESSION
    assert stat.S_IMODE(aside.stat().st_mode) == 0o700
    trash.restore(sandbox.root, SESSION, at, worktree.branch)
    assert {name: (at / name).read_bytes() for name in before} == before
    assert stat.S_IMODE((at / "id_rsa").stat().st_mode) == 0o600
    assert not (at / "build").exists()


def test_inner_repositories_come_back_whole(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    for name in ("nest", "staged-nest"):
        sandbox.git("init", "--quiet", at / name)
        sandbox.commit({"inner.txt": "1"}, at=at / name)
        sandbox.write({"dirty.txt": "2"}, at / name)
    sandbox.git("add", "staged-nest", at=at)
    there_and_back(sandbox, worktree)
    assert "dirty.txt" in sandbox.git("status", "--porcelain", at=at / "nest")


def test_a_submodule_with_its_own_commits_comes_back(sandbox: Sandbox, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "library")
    other.root.mkdir()
    other.git("init", "--quiet")
    other.commit({"lib.txt": "1"})
    sandbox.git("submodule", "--quiet", "add", str(other.root), "lib")
    sandbox.commit(message="with a submodule")
    worktree = sandbox.session()
    sandbox.git("submodule", "--quiet", "update", "--init", at=worktree.path)
    made = sandbox.commit({"by-agent.txt": "2"}, at=worktree.path / "lib")
    sandbox.write({"dirty.txt": "3"}, worktree.path / "lib")
    there_and_back(sandbox, worktree)
    assert sandbox.git("rev-parse", "HEAD", at=worktree.path / "lib") == made
    assert "dirty.txt" in sandbox.git("status", "--porcelain", at=worktree.path / "lib")


def test_files_that_filters_would_change_come_back_byte_for_byte(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.git("config", "filter.shout.clean", "tr a-z A-Z")
    sandbox.git("config", "filter.shout.smudge", "cat")
    sandbox.commit({".gitattributes": "*.shout filter=shout\n*.crlf text eol=crlf\n"}, at=at)
    sandbox.write({"a.shout": "quiet\n", "b.crlf": "unix line\nwindows line\r\n", "c.txt": "plain\r\n"}, at)
    there_and_back(sandbox, worktree)


def test_strange_names_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    for name in (
        b"-dash",
        b"new\nline",
        b'quo"te',
        b"back\\slash",
        b"tab\t",
        b"\xff\xfe bytes",
        "héllo Ω 漢".encode(),
        b":(top)x",
        b"*",
        b" ",
    ):
        (worktree.path / os.fsdecode(name)).write_bytes(name)
    there_and_back(sandbox, worktree)


def test_files_and_folders_that_took_each_others_place(sandbox: Sandbox) -> None:
    sandbox.commit({"thing": "file\n", "folder/a": "1\n", "folder/b": "2\n", "linked/x": "3\n"})
    worktree = sandbox.session()
    at = worktree.path
    (at / "thing").unlink()
    sandbox.write({"thing/inside": "now a folder\n"}, at)
    for name in ("folder/a", "folder/b", "linked/x"):
        (at / name).unlink()
    (at / "folder").rmdir()
    (at / "folder").write_text("now a file\n")
    (at / "linked").rmdir()
    (at / "linked").symlink_to("src")
    (at / "src/old.py").unlink()
    (at / "src/main.py").unlink()
    (at / "src").rmdir()
    there_and_back(sandbox, worktree)
    assert not (at / "src").exists()


def test_a_sparse_checkout_comes_back(sandbox: Sandbox) -> None:
    sandbox.commit({"keep/a": "1\n", "skip/b": "2\n"})
    worktree = sandbox.session()
    sandbox.git("sparse-checkout", "set", "keep", at=worktree.path)
    assert not (worktree.path / "skip").exists()
    sandbox.write({"keep/a": "changed\n"}, worktree.path)
    there_and_back(sandbox, worktree)
    assert sandbox.git("sparse-checkout", "list", at=worktree.path) == "keep"


def test_a_split_index_comes_back(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.git("update-index", "--split-index", at=worktree.path)
    sandbox.write({"src/main.py": "staged\n"}, worktree.path)
    sandbox.git("add", "-A", at=worktree.path)
    there_and_back(sandbox, worktree)


def test_context_files_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.write({"AGENT_CONTEXT/SESSION.md": "# Session\n"}, worktree.path)
    there_and_back(sandbox, worktree)


def test_a_lost_worktree_leaves_its_branch_to_keep(sandbox: Sandbox, worktree: Worktree) -> None:
    tip = sandbox.commit({"x": "1"}, at=worktree.path)
    import shutil

    shutil.rmtree(worktree.path)
    kept = trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    assert (kept.tip, kept.work) == (tip, None)
    trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    assert sandbox.git("status", "--porcelain", at=worktree.path) == ""
    assert (worktree.path / "x").read_text() == "1"


@pytest.mark.parametrize("what", one_in(2, ["a file", "a link to nothing"]))
def test_what_took_the_place_of_a_worktree_is_not_deleted(sandbox: Sandbox, worktree: Worktree, what: str) -> None:
    import shutil

    shutil.rmtree(worktree.path)
    worktree.path.write_text("mine") if what == "a file" else worktree.path.symlink_to("nowhere")
    with pytest.raises(Refused, match="something else is at its place"):
        trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    assert os.path.lexists(worktree.path)
    assert not trash.holds(sandbox.root, SESSION)


def test_purging_frees_what_nothing_else_holds(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.write({"big.bin": os.urandom(300_000), ".env": "x" * 1000}, worktree.path)
    trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    assert 301_000 < trash.size(sandbox.root, SESSION) < 320_000
    trash.purge(sandbox.root, SESSION)
    assert not trash.holds(sandbox.root, SESSION)
    assert not (sandbox.root / ".git" / "ampsm").exists()
    with pytest.raises(NotFound):
        trash.purge(sandbox.root, SESSION)
    with pytest.raises(NotFound):
        trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)


def test_a_rebase_in_progress_is_not_swept_away(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.commit({"README.md": "mine\n"}, at=at)
    sandbox.commit({"README.md": "theirs\n"})
    with pytest.raises(AssertionError):
        sandbox.git("rebase", "main", at=at)
    with pytest.raises(Refused, match="rebase is in progress") as refused:
        trash.keep(sandbox.root, at, worktree.branch, SESSION)
    assert "rebase" in refused.value.hint
    assert (at / "README.md").exists()


def test_a_locked_worktree_stays(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.git("worktree", "lock", worktree.path)
    with pytest.raises(Refused, match="locked"):
        trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    assert worktree.path.is_dir()


def test_nothing_is_restored_over_something(sandbox: Sandbox, worktree: Worktree) -> None:
    sandbox.write({"x": "1"}, worktree.path)
    trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    sandbox.git("branch", worktree.branch, sandbox.commit({"y": "2"}))
    with pytest.raises(Refused, match="points elsewhere"):
        trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    sandbox.git("branch", "-D", worktree.branch)
    worktree.path.mkdir(parents=True)
    with pytest.raises(Refused, match="already"):
        trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    worktree.path.rmdir()
    trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    assert (worktree.path / "x").read_text() == "1"


def test_the_commit_refused_before_is_still_there(sandbox: Sandbox, worktree: Worktree) -> None:
    """After a failed hook the index holds everything staged; the trash keeps it so."""
    hook = sandbox.root / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    sandbox.write({"x": "1"}, worktree.path)
    assert commits.commit_all(worktree.path, branch=worktree.branch, subject="s", body="", hooks=True).refused
    there_and_back(sandbox, worktree)


@pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
def test_large_files_come_back(sandbox: Sandbox) -> None:
    sandbox.git("lfs", "install", "--local")
    sandbox.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin": os.urandom(5000)})
    worktree = sandbox.session()
    sandbox.write({"a.bin": os.urandom(6000), "b.bin": os.urandom(7000)}, worktree.path)
    there_and_back(sandbox, worktree)


def test_a_sha256_repository(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "--object-format=sha256")
    sandbox.commit({"a": "1\n", "b": "2\n"})
    worktree = sandbox.session()
    sandbox.write({"a": "changed\n", "c": "new\n"}, worktree.path)
    (worktree.path / "b").unlink()
    there_and_back(sandbox, worktree)


def test_a_made_up_list_leads_nowhere(sandbox: Sandbox, worktree: Worktree, tmp_path: Path) -> None:
    """Whoever can write refs could name paths outside of the worktree."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    sandbox.write({"x": "1"}, worktree.path)
    kept = trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    old = sandbox.git("cat-file", "blob", f"{kept.work}^2:list")
    new = old.replace('"removed": []', '"removed": ["../../../victim"]')
    assert new != old
    blob = sandbox.git("hash-object", "-w", "--stdin", feed=new.encode())
    listed = sandbox.git("ls-tree", f"{kept.work}^2").replace(sandbox.git("rev-parse", f"{kept.work}^2:list"), blob)
    tree = sandbox.git("mktree", feed=f"{listed}\n".encode())
    parent = sandbox.git("commit-tree", tree, "-m", "kept")
    work = sandbox.git("commit-tree", f"{kept.work}^{{tree}}", "-p", f"{kept.work}^1", "-p", parent, "-m", "work")
    sandbox.git("update-ref", f"refs/ampsm/trash/{SESSION}/work", work)
    with pytest.raises(Failed, match="outside of its worktree"):
        trash.restore(sandbox.root, SESSION, worktree.path, worktree.branch)
    assert victim.read_text() == "precious"


def test_ids_are_no_paths(sandbox: Sandbox, worktree: Worktree) -> None:
    for bad in ("../x", "", "a/b", "a b", ".x"):
        with pytest.raises(NotFound):
            trash.restore(sandbox.root, bad, worktree.path, worktree.branch)


def test_what_lies_below_ignored_folders_comes_back(sandbox: Sandbox, worktree: Worktree) -> None:
    """git status tells of an ignored folder by one entry, whatever is in it."""
    at = worktree.path
    sandbox.commit({".gitignore": "scratch/\nprivate/\n*.tmp/\n"}, at=at)
    sandbox.git("clone", "--quiet", sandbox.root, at / "scratch/deep/work")
    only = sandbox.commit({"only.txt": "1"}, message="only here", at=at / "scratch/deep/work")
    sandbox.git("clone", "--quiet", "--bare", at / "scratch/deep/work", at / "private/bare.git")
    sandbox.git("worktree", "add", "--quiet", "--detach", at / "scratch/beside")
    apart = sandbox.commit({"apart.txt": "1"}, message="only there", at=at / "scratch/beside")
    sandbox.write({"private/.env": "A=1", "private/a/id_rsa": "2", "x.tmp/.hg/store": "3", "scratch/o.log": "4"}, at)
    (at / "private/a/id_rsa").chmod(0o600)
    (at / "private/a").chmod(0o700)
    assert worktree_status.inventory_of(at).ignored == worktree_status.Ignored(("scratch",), 1)
    there = {path: found for path, found in contents(at).items() if path != "scratch/o.log"}
    kept = trash.keep(sandbox.root, at, worktree.branch, SESSION)
    assert kept.ignored == 1
    sandbox.git("worktree", "prune", "--expire=now")
    sandbox.git("gc", "--quiet", "--prune=now")
    trash.restore(sandbox.root, SESSION, at, worktree.branch)
    assert contents(at) == there
    assert sandbox.git("rev-parse", "HEAD", at=at / "scratch/deep/work") == only
    assert sandbox.git("rev-parse", "HEAD", at=at / "private/bare.git") == only
    assert sandbox.git("rev-parse", "HEAD", at=at / "scratch/beside") == apart
    assert sandbox.git("status", "--porcelain", at=at / "scratch/beside") == ""
    assert "locked" not in sandbox.git("worktree", "list", "--porcelain")
    assert (at / "private/a").stat().st_mode & 0o777 == 0o700


def test_repositories_around_tracked_files_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.git("init", "--quiet", at / "src")
    only = sandbox.commit({"inner.txt": "1"}, message="only here", at=at / "src")
    sandbox.git("init", "--quiet", "--bare", at / "new.git")
    sandbox.git("push", "--quiet", at / "new.git", "HEAD:refs/heads/main", at=at / "src")
    there_and_back(sandbox, worktree)
    assert sandbox.git("rev-parse", "HEAD", at=at / "src") == only
    assert sandbox.git("rev-parse", "main", at=at / "new.git") == only


def test_permissions_times_and_empty_folders_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.commit({"token": "tracked", "run.sh": "#!/bin/sh\n"}, at=at)
    (at / "token").chmod(0o600)
    (at / "run.sh").chmod(0o700)
    sandbox.git("config", "core.fileMode", "false")
    (at / "README.md").chmod(0o755)
    (at / "empty/in/it").mkdir(parents=True)
    (at / "src").chmod(0o2750)
    sandbox.write({"made.txt": "1"}, at)
    os.utime(at / "made.txt", ns=(10**18, 10**18))
    there_and_back(sandbox, worktree)
    assert (at / "empty/in/it").is_dir()
    assert (at / "src").stat().st_mode & 0o7777 == 0o2750
    assert (at / "made.txt").stat().st_mtime_ns == 10**18


@pytest.mark.parametrize("flag", one_in(2, ["--skip-worktree", "--assume-unchanged"]))
def test_changes_that_git_is_told_to_overlook_come_back(sandbox: Sandbox, worktree: Worktree, flag: str) -> None:
    sandbox.git("update-index", flag, "README.md", at=worktree.path)
    sandbox.write({"README.md": "changed by hand\n"}, worktree.path)
    there_and_back(sandbox, worktree)


def test_files_in_place_of_a_submodule_come_back(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub", at=at)
    sandbox.write({"sub/kept.txt": "1"}, at)
    there_and_back(sandbox, worktree)


def test_purging_forgets_worktrees_inside_and_nothing_else_of_the_place(sandbox: Sandbox, worktree: Worktree) -> None:
    inner = worktree.path / "scratch/beside"
    sandbox.git("worktree", "add", "--quiet", "-b", "beside", inner)
    trash.keep(sandbox.root, worktree.path, worktree.branch, SESSION)
    inner.mkdir(parents=True)
    (inner / "by_hand.txt").write_text("1")
    trash.purge(sandbox.root, SESSION)
    assert "beside" not in sandbox.git("worktree", "list")
    assert (inner / "by_hand.txt").read_text() == "1"
    assert sandbox.git("rev-parse", "beside") == sandbox.git("rev-parse", "main")


def test_a_branch_of_the_users_stays_and_may_move_meanwhile(sandbox: Sandbox, worktree: Worktree) -> None:
    at, tip = worktree.path, sandbox.commit({"mine.txt": "1"}, at=worktree.path)
    sandbox.write({"loose.txt": "2"}, at)
    trash.keep(sandbox.root, at, worktree.branch, SESSION, delete_branch=False)
    assert not trash.is_unfinished(sandbox.root, SESSION)
    assert sandbox.git("rev-parse", worktree.branch) == tip
    sandbox.git("checkout", "--quiet", worktree.branch)
    moved = sandbox.commit({"more.txt": "3"})
    note = trash.restore(sandbox.root, SESSION, at, worktree.branch, own_branch=False)
    assert "detached" in (note or "")
    assert sandbox.git("rev-parse", "HEAD", at=at) == tip
    assert (at / "loose.txt").read_text() == "2"
    assert sandbox.git("rev-parse", worktree.branch) == moved
