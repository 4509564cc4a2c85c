"""Making worktrees as git itself would, leaving nothing behind when it fails, and touching nothing of the user's."""

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ampsm_engine.errors import AmpsmError, Failed, NotFound, Refused, Unfit
from ampsm_engine.git import program, repository, worktree_preparation, worktrees
from ampsm_engine.git.entities import Worktree
from tests.git.sandboxes import MOMENT, SESSION, Sandbox, begin_worktree, has_lfs, make_worktree


def leftovers(sandbox: Sandbox) -> tuple[str, str, bool, list[str]]:
    return (
        sandbox.git("worktree", "list", "--porcelain"),
        sandbox.git("for-each-ref", "refs/heads"),
        (sandbox.root / ".worktrees").exists(),
        [str(path) for path in (sandbox.root / ".git" / "worktrees").glob("*")],
    )


def same_as_git(sandbox: Sandbox, worktree: Path) -> None:
    """Against a worktree that git makes by itself: files, modes, index, and no change to be seen."""
    other = sandbox.root.parent / "by-git"
    sandbox.git("worktree", "add", "--quiet", "--detach", other, sandbox.git("rev-parse", "HEAD", at=worktree))
    assert sandbox.git("ls-files", "--stage", "-v", "--debug", at=worktree).count("\n") == sandbox.git(
        "ls-files", "--stage", "-v", "--debug", at=other
    ).count("\n")
    assert sandbox.git("ls-files", "--stage", "-v", "-t", at=worktree) == sandbox.git(
        "ls-files", "--stage", "-v", "-t", at=other
    )
    files = [
        {
            str(path.relative_to(tree)): (
                path.lstat().st_mode,
                str(path.readlink()) if path.is_symlink() else path.is_file() and path.read_bytes(),
            )
            for path in tree.rglob("*")
            if path.name != ".git"
        }
        for tree in (worktree, other)
    ]
    assert files[0] == files[1]
    assert sandbox.git("status", "--porcelain", at=worktree) == ""
    admin = [{path.name for path in repository.git_dir(tree).iterdir()} for tree in (worktree, other)]
    assert admin[0] == admin[1]
    sandbox.git("worktree", "remove", "--force", other)


def test_a_worktree_is_what_git_would_make(sandbox: Sandbox) -> None:
    sandbox.commit({"run.sh": "#!/bin/sh\n", "é/漢": "1", **{f"many/{n}": str(n) for n in range(300)}})
    (sandbox.root / "run.sh").chmod(0o755)
    (sandbox.root / "link").symlink_to("run.sh")
    tip = sandbox.commit()
    sandbox.write({"README.md": "the user is at work\n", "new.txt": "1"})
    sandbox.git("stash", "--quiet", "--include-untracked")
    sandbox.write({"README.md": "again\n"})
    before = sandbox.untouched()
    worktree = sandbox.session(name="Füge ß hinzu: \x1b[31m/../ 漢字?")
    assert sandbox.untouched() == before
    assert worktree == Worktree(
        sandbox.root / ".worktrees" / SESSION, "amp/füge-ss-hinzu-31m-漢字/20260301-120000", tip, tip, root=sandbox.root
    )
    assert sandbox.git("symbolic-ref", "HEAD", at=worktree.path) == f"refs/heads/{worktree.branch}"
    same_as_git(sandbox, worktree.path)
    sandbox.check()


def test_our_folders_are_excluded_once(sandbox: Sandbox) -> None:
    exclude = sandbox.root / ".git/info/exclude"
    exclude.write_text("# mine\n*.swp")
    for number in range(3):
        sandbox.session(f"000000000{number}")
    assert exclude.read_text() == "# mine\n*.swp\n/.worktrees/\n/AGENT_CONTEXT/\n"
    sandbox.write({"AGENT_CONTEXT/a": "1"})
    assert sandbox.git("status", "--porcelain") == ""
    shutil.rmtree(exclude.parent)
    sandbox.session("0000000003")
    assert exclude.read_text() == "/.worktrees/\n/AGENT_CONTEXT/\n"


def _make(root: str, number: int, barrier: object) -> str:
    repo = repository.locate(Path(root))
    base = repository.base(repo, None)
    barrier.wait()  # type: ignore[attr-defined]
    return make_worktree(repo, base, f"000000000{number}", "same name", MOMENT).branch


def test_one_name_in_one_second_from_eight_processes(sandbox: Sandbox) -> None:
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager, context.Pool(8) as pool:
        barrier = manager.Barrier(8)
        made = pool.starmap(_make, [(str(sandbox.root), number, barrier) for number in range(8)])
    first = "amp/same-name/20260301-120000"
    assert len(set(made)) == 8
    assert first in made
    assert all(branch.startswith(first) for branch in made)
    listed = worktrees.listed(sandbox.repo)
    assert {tree.branch for tree in listed} == {"main", *made}
    assert all(sandbox.git("status", "--porcelain", at=tree.path) == "" for tree in listed)
    exclude = (sandbox.root / ".git/info/exclude").read_text()
    assert exclude.count("/.worktrees/") == exclude.count("/AGENT_CONTEXT/") == 1
    sandbox.check()


@pytest.mark.parametrize(
    ("blocking", "hint"),
    [("amp", "branch -m amp amp-branch"), ("amp/fix-login", "branch -m amp/fix-login amp-fix-login-branch")],
)
def test_a_branch_that_leaves_no_room_is_named(sandbox: Sandbox, blocking: str, hint: str) -> None:
    sandbox.git("branch", blocking)
    before = leftovers(sandbox)
    with pytest.raises(Refused, match=f"The branch {blocking} leaves no room") as refused:
        sandbox.session()
    assert refused.value.hint.endswith(hint)
    assert leftovers(sandbox) == before


class TestFailures:
    """Neither folder nor branch nor entry of git's stays."""

    def test_a_smudge_filter_that_fails(self, sandbox: Sandbox) -> None:
        sandbox.commit({".gitattributes": "*.bin filter=broken\n", "a.bin": "1"})
        sandbox.git("config", "filter.broken.smudge", "false")
        sandbox.git("config", "filter.broken.required", "true")
        before = leftovers(sandbox)
        with pytest.raises(Failed, match=r"a\.bin") as failed:
            sandbox.session()
        assert failed.value.hint.startswith("git -C ")
        assert leftovers(sandbox) == before

    def test_a_file_that_is_too_large_for_the_disk(self, sandbox: Sandbox) -> None:
        """git is killed in the middle of a file: as with a full disk, a part of it is written."""
        sandbox.commit({"big.bin": os.urandom(3_000_000), "z.txt": "1"})
        before = leftovers(sandbox)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        try:
            with pytest.raises(Failed):
                sandbox.session()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert leftovers(sandbox) == before
        sandbox.check()

    @pytest.mark.parametrize("place", [".", ".git", ".git/refs/heads", ".git/info/exclude"])
    def test_a_folder_that_cannot_be_written(self, sandbox: Sandbox, place: str) -> None:
        """Made immutable, because root may write into any folder that is only read-only."""
        sandbox.git("pack-refs", "--all")
        folder = sandbox.root / place
        if subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode:
            pytest.skip("chattr does not work here")
        before = leftovers(sandbox)
        try:
            with pytest.raises((Failed, Unfit)) as failed:
                sandbox.session()
        finally:
            subprocess.run(["chattr", "-i", folder], check=True)
        assert failed.value.hint
        assert leftovers(sandbox) == before

    def test_something_at_its_place(self, sandbox: Sandbox) -> None:
        (sandbox.root / ".worktrees" / SESSION).mkdir(parents=True)
        before = leftovers(sandbox)
        with pytest.raises(Refused, match="already"):
            sandbox.session()
        assert leftovers(sandbox) == before

    @pytest.mark.parametrize("link", [False, True])
    def test_no_folder_for_worktrees(self, sandbox: Sandbox, tmp_path: Path, link: bool) -> None:
        """A repository can bring a link of that name; nothing is written through it."""
        place, outside = sandbox.root / ".worktrees", tmp_path / "outside"
        outside.mkdir()
        place.symlink_to(outside) if link else place.write_text("a file")
        with pytest.raises(Refused, match="in the way"):
            sandbox.session()
        assert list(outside.iterdir()) == []
        assert sandbox.git("branch", "--list", "amp/*") == ""

    @pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", ".hidden"])
    def test_an_id_that_is_a_path(self, sandbox: Sandbox, bad: str) -> None:
        with pytest.raises(Refused):
            sandbox.session(bad)

    def test_a_hook_that_takes_for_ever(self, sandbox: Sandbox) -> None:
        hook = sandbox.root / ".git/hooks/post-checkout"
        hook.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
        hook.chmod(0o755)
        before = leftovers(sandbox)
        repo = sandbox.repo
        pending = begin_worktree(repo, repository.base(repo, None), SESSION, "x", MOMENT)
        with pytest.raises(Failed, match=r"more than 0\.5 s"):
            pending.finish(limit=0.5)
        assert leftovers(sandbox) == before

    def test_what_goes_wrong_meanwhile_undoes_it(self, sandbox: Sandbox) -> None:
        before = leftovers(sandbox)
        repo = sandbox.repo
        pending = begin_worktree(repo, repository.base(repo, None), SESSION, "x", MOMENT)
        with pytest.raises(ZeroDivisionError), pending:
            str(pending.finish().path.stat().st_size // 0)
        assert leftovers(sandbox) == before
        pending.undo()

    def test_ctrl_c_before_git_has_registered_it_leaves_no_git_behind(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = leftovers(sandbox)
        begun: list[program.Running] = []
        original = program.start

        def start(*arguments: Any, **options: Any) -> program.Running:
            running = original(*arguments, **options)
            begun.extend([running] if "worktree" in arguments and "add" in arguments else [])
            return running

        def interrupted(_: program.Running) -> bool:
            raise KeyboardInterrupt

        hook = sandbox.root / ".git/hooks/post-checkout"
        hook.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
        hook.chmod(0o755)
        monkeypatch.setattr(program, "start", start)
        monkeypatch.setattr(program.Running, "has_ended", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin_worktree(sandbox.repo, repository.base(sandbox.repo, None), SESSION, "x", MOMENT)
        assert [running._process.returncode is not None for running in begun] == [True]
        assert leftovers(sandbox) == before

    def test_ctrl_c_while_git_works(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """The signal comes while a filter runs, in the middle of the checkout."""
        started, go = tmp_path / "started", tmp_path / "go"
        os.mkfifo(started)
        sandbox.git("config", "filter.slow.smudge", f"echo > '{started}'; exec tail -f /dev/null")
        sandbox.git("config", "filter.slow.clean", "cat")
        sandbox.commit({".gitattributes": "*.slow filter=slow\n", "a.slow": "1"})
        before = leftovers(sandbox)
        code = (
            "import sys; from pathlib import Path; from datetime import datetime\n"
            "from ampsm_engine.git import beginnings, repository, worktrees\n"
            "class Nobody: place = announce = keep = lambda self, *_, **__: None\n"
            "plan = {'plan': beginnings.WorktreeTemplate(), 'witness': Nobody()}\n"
            "repo = repository.locate(Path(sys.argv[1]))\n"
            "start = repository.base(repo, None)\n"
            "worktrees.begin(repo, start, '0123456789', 'x', datetime.now(), **plan).finish()\n"
        )
        process = subprocess.Popen([sys.executable, "-c", code, sandbox.root], stderr=subprocess.PIPE)
        started.read_text()  # until the filter runs
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert b"KeyboardInterrupt" in said
        assert leftovers(sandbox) == before
        assert not go.exists()


class TestConfigurations:
    """What plain `git worktree add` does with a repository, a session's worktree does as well."""

    def test_the_post_checkout_hook_runs(self, sandbox: Sandbox) -> None:
        hook = sandbox.root / ".git/hooks/post-checkout"
        hook.write_text('#!/bin/sh\necho "$@" > hooked\n')
        hook.chmod(0o755)
        worktree = sandbox.session()
        assert (worktree.path / "hooked").read_text() == f"{'0' * 40} {worktree.head} 1\n"
        assert worktree.note is None

    def test_a_hook_that_fails_is_told_and_no_reason_to_fail(self, sandbox: Sandbox) -> None:
        hook = sandbox.root / ".git/hooks/post-checkout"
        hook.write_text("#!/bin/sh\necho 'npm is missing' >&2\nexit 3\n")
        hook.chmod(0o755)
        worktree = sandbox.session()
        assert worktree.note == "The post-checkout hook ended with 3: npm is missing."
        assert sandbox.git("status", "--porcelain", at=worktree.path) == ""

    def test_filters_smudge(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "filter.shout.clean", "tr a-z A-Z")
        sandbox.git("config", "filter.shout.smudge", "tr A-Z a-z")
        sandbox.commit({".gitattributes": "*.shout filter=shout\n", "a.shout": "quiet\n"})
        worktree = sandbox.session()
        assert (worktree.path / "a.shout").read_text() == "quiet\n"
        same_as_git(sandbox, worktree.path)

    @pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
    def test_large_files_are_there(self, sandbox: Sandbox) -> None:
        sandbox.git("lfs", "install", "--local")
        sandbox.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a.bin": os.urandom(5000)})
        worktree = sandbox.session()
        assert (worktree.path / "a.bin").read_bytes() == (sandbox.root / "a.bin").read_bytes()
        same_as_git(sandbox, worktree.path)

    def test_line_endings(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "core.autocrlf", "true")
        worktree = sandbox.session()
        assert b"\r\n" in (worktree.path / "README.md").read_bytes()
        same_as_git(sandbox, worktree.path)

    def test_sparse_checkout(self, sandbox: Sandbox) -> None:
        sandbox.commit({"keep/a": "1", "skip/b": "2"})
        sandbox.git("sparse-checkout", "set", "keep")
        worktree = sandbox.session()
        assert (worktree.path / "keep/a").exists()
        assert not (worktree.path / "skip").exists()
        same_as_git(sandbox, worktree.path)

    def test_configuration_for_one_worktree(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "extensions.worktreeConfig", "true")
        sandbox.git("config", "--worktree", "user.name", "Of the main one")
        worktree = sandbox.session()
        same_as_git(sandbox, worktree.path)

    def test_a_shallow_clone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.commit({"x": "2"})
        sandbox.git("clone", "--quiet", "--depth=1", f"file://{sandbox.root}", tmp_path / "shallow")
        shallow = Sandbox(tmp_path / "shallow")
        worktree = shallow.session()
        same_as_git(shallow, worktree.path)

    def test_a_sha256_repository(self, tmp_path: Path) -> None:
        root = tmp_path / "project"
        root.mkdir()
        sandbox = Sandbox(root)
        sandbox.git("init", "--quiet", "--object-format=sha256")
        sandbox.commit({"a": "1"})
        worktree = sandbox.session()
        assert len(worktree.head) == 64
        same_as_git(sandbox, worktree.path)

    def test_from_a_remote_branch_nothing_is_tracked(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("clone", "--quiet", f"file://{sandbox.root}", tmp_path / "clone")
        clone = Sandbox(tmp_path / "clone")
        before = (clone.root / ".git/config").read_bytes()
        worktree = clone.session(base="origin/main")
        assert worktree.head == sandbox.git("rev-parse", "main")
        assert (clone.root / ".git/config").read_bytes() == before


class TestTakingAway:
    def test_folders_that_cannot_be_written(self, sandbox: Sandbox, worktree: Worktree) -> None:
        sandbox.write({"cache/mod/file": "1"}, worktree.path)
        (worktree.path / "cache/mod").chmod(0o555)
        (worktree.path / "cache").chmod(0o555)
        worktrees.erase(sandbox.repo.common_dir, worktree.path)
        assert not worktree.path.exists()

    def test_links_are_not_followed(self, sandbox: Sandbox, worktree: Worktree, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious").write_text("1")
        (worktree.path / "link").symlink_to(outside)
        worktrees.erase(sandbox.repo.common_dir, worktree.path)
        assert (outside / "precious").exists()

    def test_other_worktrees_whose_disk_is_away_stay_known(
        self, sandbox: Sandbox, worktree: Worktree, tmp_path: Path
    ) -> None:
        sandbox.git("worktree", "add", "--quiet", tmp_path / "stick")
        (tmp_path / "stick").rename(tmp_path / "unplugged")
        worktrees.erase(sandbox.repo.common_dir, worktree.path)
        assert str(tmp_path / "stick") in sandbox.git("worktree", "list")


class TestLists:
    def test_listed_is_what_git_lists(self, sandbox: Sandbox, worktree: Worktree, tmp_path: Path) -> None:
        sandbox.git("worktree", "add", "--quiet", "--detach", tmp_path / "new\nline")
        sandbox.git("worktree", "lock", "--reason", "why", tmp_path / "new\nline")
        sandbox.git("worktree", "add", "--quiet", tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
        trees = {tree.path: tree for tree in worktrees.listed(sandbox.repo)}
        assert next(iter(trees)) == sandbox.root
        assert trees[worktree.path].branch == worktree.branch
        assert (trees[tmp_path / "new\nline"].branch, trees[tmp_path / "new\nline"].locked) == ("", "why")
        assert trees[tmp_path / "gone"].prunable

    def test_orphans_are_ours_and_nobody_elses(self, sandbox: Sandbox, worktree: Worktree) -> None:
        lost = sandbox.session("0000000001", name="lost")
        below = sandbox.root / ".worktrees"
        (below / "0000000002").mkdir()
        (below / "notes").mkdir()
        sandbox.git("worktree", "add", "--quiet", below / "my-feature")
        sandbox.git("branch", "amp/old/20260101-000000-2")
        sandbox.git("branch", "amp/about-amplifiers")
        orphans = worktrees.orphans(sandbox.repo, {worktree.path})
        assert [(orphan.kind, orphan.path, orphan.branch) for orphan in orphans] == [
            ("worktree", lost.path, lost.branch),
            ("folder", below / "0000000002", ""),
            ("branch", None, "amp/old/20260101-000000-2"),
        ]
        known = worktrees.orphans(
            sandbox.repo, {worktree.path, lost.path, below / "0000000002"}, {"amp/old/20260101-000000-2"}
        )
        assert known == ()

    def test_inspecting_a_worktree_made_elsewhere(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("worktree", "add", "--quiet", "-b", "feature/x", tmp_path / "mine")
        found = worktrees.inspect(tmp_path / "mine" / "src")
        assert (found.path, found.branch, found.head, found.root) == (
            tmp_path / "mine", "feature/x", sandbox.git("rev-parse", "HEAD"), sandbox.root,
        )  # fmt: skip
        sandbox.git("checkout", "--quiet", "--detach", at=tmp_path / "mine")
        assert worktrees.inspect(tmp_path / "mine").branch == ""
        with pytest.raises(Refused, match="own checkout"):
            worktrees.inspect(sandbox.root)
        with pytest.raises(AmpsmError):
            worktrees.inspect(tmp_path)

    def test_a_lost_worktree_is_made_again(self, sandbox: Sandbox, worktree: Worktree) -> None:
        tip = sandbox.commit({"x": "1"}, at=worktree.path)
        with pytest.raises(Refused):
            worktrees.recreate(sandbox.repo, worktree.path, worktree.branch, SESSION)
        shutil.rmtree(worktree.path)
        assert worktrees.recreate(sandbox.repo, worktree.path, worktree.branch, SESSION).head == tip
        assert (worktree.path / "x").read_text() == "1"
        with pytest.raises(NotFound):
            worktrees.recreate(sandbox.repo, sandbox.root / ".worktrees/none", "amp/none", SESSION)


def test_making_a_worktree_needs_no_pygit2(sandbox: Sandbox) -> None:
    code = (
        "import sys; from ampsm_engine.git import changes, commits, lock, repository, trash, worktrees\n"
        "assert not {'pygit2', 'asyncio', 'click', 'psutil'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_moment_is_the_callers(sandbox: Sandbox) -> None:
    repo = sandbox.repo
    made = make_worktree(repo, repository.base(repo, None), SESSION, "x", datetime(1999, 12, 31, 23, 59, 58))  # noqa: DTZ001
    assert made.branch == "amp/x/19991231-235958"


def test_empty_submodules_are_named_until_they_are_filled(sandbox: Sandbox, tmp_path: Path) -> None:
    library = Sandbox(tmp_path / "library")
    library.root.mkdir()
    library.git("init", "--quiet")
    library.commit({"lib.txt": "1"})
    sandbox.git("submodule", "--quiet", "add", str(library.root), "lib")
    sandbox.commit()
    worktree = sandbox.session()
    (told,) = worktree_preparation.missing_parts(worktree.path, sandbox.root)
    assert "submodules are empty here (lib)" in told
    subprocess.run(told.partition("To fill them: ")[2], shell=True, check=True, capture_output=True)
    assert worktree_preparation.missing_parts(worktree.path, sandbox.root) == ()
