"""Each row of `libgit2.ROUTES`: where libgit2 is asked it says what git says, and where git is asked libgit2 would not."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest

from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import (
    changes,
    commits,
    diff_library,
    diff_program,
    libgit2,
    program,
    records,
    repository,
    worktrees,
)
from ampsm_engine.git.entities import Repo
from ampsm_engine.git.integrate import commit_range
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.libgit2 import AskGit
from tests.git.sandboxes import Sandbox


def both_ways(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> list[object]:
    """The answer with libgit2, and that of the git program alone; errors are answers, too."""

    @contextlib.contextmanager
    def closed(_: Path) -> Iterator[pygit2.Repository]:
        raise AskGit
        yield

    def answer() -> object:
        try:
            return ask()
        except AmpsmError as reason:
            return type(reason), reason.message

    here = answer()
    with monkeypatch.context() as patch:
        patch.setattr(libgit2, "opened", closed)
        return [here, answer()]


def alike(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], object]) -> object:
    """What both ways answer; that libgit2 did answer is shown by a git that must not be asked."""
    here, by_git = both_ways(monkeypatch, ask)
    assert here == by_git
    with monkeypatch.context() as patch:
        patch.setattr(program, "read", lambda *_, **__: pytest.fail("git was asked"))
        assert ask() == here
    return here


@pytest.fixture
def odd(sandbox: Sandbox) -> Sandbox:
    """Worktrees of all kinds, beside the repository."""
    for number in range(8):
        sandbox.git("worktree", "add", "--quiet", "-b", f"b{number}", f"../w{number}")
    sandbox.git("worktree", "add", "--quiet", "--detach", "../detached")
    sandbox.git("worktree", "add", "--quiet", "-b", "a/b", "../two\nlines-é")
    at = sandbox.root.parent
    sandbox.git("worktree", "lock", "--reason", "a reason\nin two lines", "../w1")
    sandbox.git("worktree", "lock", "../w2")
    for name in ("w2", "w3"):
        subprocess.run(["rm", "-r", at / name], check=True)
    (at / "w4").rename(at / "moved")
    (at / "w5" / ".git").unlink()
    sandbox.git("checkout", "--quiet", "--orphan", "unborn", at=at / "w6")
    sandbox.commit({"more.txt": "more\n"}, at=at / "w7")
    return sandbox


def test_each_row_of_the_table_has_its_test() -> None:
    assert [route.test for route in libgit2.ROUTES if f"test_{route.test}" not in globals()] == []
    assert {route.by for route in libgit2.ROUTES} == {"libgit2", "git", "files"}
    assert len({route.operation for route in libgit2.ROUTES}) == len(libgit2.ROUTES)


def test_it_is_loaded_without_the_certificates_of_a_network_that_it_is_not_used_for() -> None:
    """They are a quarter of the time that loading takes, and 2 MB of every process that has it."""
    code = """
import ssl
before = ssl.get_default_verify_paths()
from ampsm_engine.git import diff_library, libgit2
import pygit2
print(pygit2.settings.ssl_cert_file, ssl.get_default_verify_paths() == before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]


def test_nothing_is_opened_in_a_process_without_pygit2(sandbox: Sandbox) -> None:
    code = f"""
import sys, pathlib
from ampsm_engine.git import repository, worktrees
root = pathlib.Path({str(sandbox.root)!r})
repo = repository.around(root)
print(repository.branch_tip(root, "main"), len(worktrees.listed(repo)), "pygit2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().split() == [sandbox.git("rev-parse", "HEAD"), "1", "False"]


def test_worktrees_are_listed_alike(odd: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = odd.repo
    found = alike(monkeypatch, lambda: worktrees.listed(repo))
    assert isinstance(found, tuple)
    named = {tree.path.name: tree for tree in found}
    assert (named["w1"].locked, named["w2"].locked, named["w0"].locked) == ("a reason\nin two lines", "", None)
    assert {name for name, tree in named.items() if tree.prunable} == {"w3", "w4", "w5"}
    assert (named["detached"].branch, named["w6"].head, named["w6"].branch) == ("", "", "unborn")
    assert named["two\nlines-é"].branch == "a/b"


def test_a_worktree_that_is_only_half_registered_is_left_to_git(odd: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    (odd.repo.common_dir / "worktrees" / "w0" / "commondir").unlink()
    with pytest.raises(AskGit):
        libgit2.worktrees(odd.repo.common_dir)
    here, by_git = both_ways(monkeypatch, lambda: worktrees.listed(odd.repo))
    assert here == by_git


def test_a_worktree_that_is_named_by_a_relative_path_is_found(odd: Sandbox) -> None:
    """git writes such since 2.48, and before that reads them from where it stands."""
    admin = odd.repo.common_dir / "worktrees" / "w0"
    (admin / "gitdir").write_text("../../../../w0/.git\n")
    (odd.root.parent / "w0" / ".git").write_text("gitdir: ../project/.git/worktrees/w0\n")
    found = {tree.path: tree for tree in worktrees.listed(odd.repo)}
    assert found[odd.root.parent / "w0"].branch == "b0"
    assert worktrees.admin_dir(odd.repo.common_dir, odd.root.parent / "w0") == admin


def test_refs_are_read_alike(odd: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    root = odd.root
    odd.git("tag", "-a", "-m", "one", "v1")
    odd.git("branch", "v1", "main")
    odd.git("symbolic-ref", "refs/heads/alias", "refs/heads/b7")
    odd.git("update-ref", "refs/remotes/origin/far", "b7")
    odd.git("pack-refs", "--all")
    odd.commit({"after.txt": "packed\n"})
    main = odd.git("rev-parse", "main")
    alike(monkeypatch, lambda: repository.all_branch_tips(root))
    assert alike(monkeypatch, lambda: repository.branch_tip(root, "main")) == main
    for name in ("b7", "a/b", "alias", "none", "v1"):
        alike(monkeypatch, lambda name=name: repository.branch_tip(root, name))
        alike(monkeypatch, lambda name=name: repository.branch_tips(root, name, "main", ""))
    for name in ("main", "v1", "origin/far", main, "HEAD"):
        alike(monkeypatch, lambda name=name: repository.resolve(root, name))
    for name in ("main~1", "main@{0}", "@", ":/work", main[:10], "none", "a..b", "-q", "two words", ""):
        here, by_git = both_ways(monkeypatch, lambda name=name: repository.resolve(root, name))
        assert here == by_git
        assert repository.branch_tip(root, name) is None
    alike(monkeypatch, lambda: repository.ref_commit(root, "refs/tags/v1", "tree"))
    for spaces in (("refs/",), ("refs/heads/a/", "refs/tags/"), ("refs/none/",)):
        alike(monkeypatch, lambda spaces=spaces: repository.refs(root, *spaces))
    (odd.repo.common_dir / "refs" / "heads" / "broken").write_text("nonsense\n")
    (odd.repo.common_dir / "refs" / "heads" / "gone").write_text(f"{'1' * 40}\n")
    for name in ("broken", "gone"):
        here, by_git = both_ways(monkeypatch, lambda name=name: repository.branch_tip(root, name))
        assert (here, by_git) == (None, None)


def test_refs_are_moved_by_git(sandbox: Sandbox) -> None:
    """A ref that somebody else has moved since stays where it is; pygit2 moves it all the same."""
    first = sandbox.git("rev-parse", "HEAD")
    last = sandbox.commit({"a.txt": "1\n"})
    assert not worktrees.delete_branch(sandbox.root, "main", first)
    assert sandbox.git("rev-parse", "main") == last
    assert "old" not in (pygit2.Reference.set_target.__doc__ or "")


def test_heads_are_read_alike(odd: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    at = odd.root.parent
    for name in ("project", "w0", "w1", "w6", "w7", "detached", "two\nlines-é"):
        alike(monkeypatch, lambda name=name: commits.head(at / name))
    for name in ("w3", "w5"):
        here, by_git = both_ways(monkeypatch, lambda name=name: commits.head(at / name))
        assert here == by_git
    with pytest.raises(AskGit):  # the repository around it is another one
        libgit2.head(odd.root / "src")
    assert alike(monkeypatch, lambda: repository.around(odd.root)) == Repo(odd.root, odd.root / ".git", odd.root)
    for name in ("w0", "w6", "project/src"):
        here, by_git = both_ways(monkeypatch, lambda name=name: repository.around(at / name))
        assert here == by_git
    odd.git("clone", "--quiet", "--bare", ".", "../bare.git")
    here, by_git = both_ways(monkeypatch, lambda: repository.around(at / "bare.git"))
    assert here == by_git


def test_a_deleted_branchs_last_head(sandbox: Sandbox) -> None:
    worktree = sandbox.session()
    sandbox.git("commit", "--quiet", "--allow-empty", "-m", "by hand", at=worktree.path)
    last = sandbox.git("rev-parse", "HEAD", at=worktree.path)
    sandbox.git("update-ref", "-d", f"refs/heads/{worktree.branch}")
    assert libgit2.last_head(worktree.path) == last
    log = Path(sandbox.git("rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD", at=worktree.path))
    log.unlink()
    assert libgit2.last_head(worktree.path) is None


def crossed(sandbox: Sandbox) -> tuple[str, str]:
    """Two lines of work that merged each other: two best common ancestors."""
    sandbox.git("checkout", "--quiet", "-b", "other")
    one = sandbox.commit({"one.txt": "1\n"})
    sandbox.git("checkout", "--quiet", "main")
    two = sandbox.commit({"two.txt": "2\n"})
    sandbox.git("merge", "--quiet", "--no-edit", one)
    sandbox.git("checkout", "--quiet", "other")
    sandbox.git("merge", "--quiet", "--no-edit", two)
    sandbox.commit({"three.txt": "3\n"})
    sandbox.git("checkout", "--quiet", "main")
    return one, two


@pytest.mark.parametrize("how", ["plain", "shallow", "grafted"])
def test_histories_agree(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    crossed(sandbox)
    sandbox.git("checkout", "--quiet", "--orphan", "apart")
    sandbox.commit({"apart.txt": "apart\n"})
    sandbox.git("checkout", "--quiet", "main")
    root, names = sandbox.root, ["refs/heads/main", "refs/heads/other", "refs/heads/apart"]
    if how == "grafted":
        (root / ".git" / "info" / "grafts").write_text(sandbox.git("rev-parse", "other"))
    if how == "shallow":
        root = tmp_path / "shallow"
        sandbox.git("clone", "--quiet", "--depth=3", "--no-single-branch", f"file://{sandbox.root}", root)
        names = ["refs/heads/main", "refs/remotes/origin/other", "refs/remotes/origin/apart"]
    objects = ObjectStore(root)
    for one in names:
        for other in names:
            alike(monkeypatch, lambda one=one, other=other: repository.is_ancestor(root, one, other))
            bases = commit_range.merge_bases(root, one, other)
            assert libgit2.merge_base(root, one, other) in (bases or (None,))
            tips = [sandbox.git("rev-parse", name, at=root) for name in (one, other)]
            alike(monkeypatch, lambda tips=tips: changes.ahead_behind(root, *tips))
        raw = subprocess.run(["git", "-C", root, "cat-file", "commit", one], capture_output=True, check=True).stdout
        assert objects.database.read("commit", sandbox.git("rev-parse", one, at=root)) == raw


def test_compared_alike(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sandbox.git("rev-parse", "HEAD^{tree}")
    sandbox.git("mv", "src/old.py", "src/new.py")
    (sandbox.root / "src" / "main.py").unlink()
    (sandbox.root / "src" / "main.py").symlink_to("new.py")
    sandbox.commit({"README.md": "# Other\n", "link/deep.txt": b"\0binary", ".gitattributes": "*.md -diff\n"})
    after = sandbox.git("rev-parse", "HEAD^{tree}")
    names = ["README.md", "src/main.py", "link/deep.txt", ".gitattributes", "src/old.py", "src/new.py"]
    found = alike(monkeypatch, lambda: sorted(records.changed(sandbox.root, before, "HEAD")))
    assert sorted(change.path for change in found) == sorted(names)
    assert [one.old_path for one in changes.files(sandbox.root, before, after) if one.kind == "renamed"] == [
        "src/old.py"
    ]
    library, by_git = diff_library.library(sandbox.root), diff_program.Program(sandbox.root, {})
    assert library is not None
    deltas = library.deltas(before, after)
    assert deltas == by_git.deltas(before, after)
    for delta in deltas:
        patches = [one.patch(delta, context=3, ignore_whitespace=False) for one in (library, by_git)]
        assert patches[0] == patches[1]


def test_found_by_its_path(odd: Sandbox, tmp_path: Path) -> None:
    """The folder in which git keeps a worktree's HEAD is found by the worktree, gone or reached by another way."""
    at, admin = odd.root.parent, odd.repo.common_dir / "worktrees"
    (at / "way").symlink_to(at)
    for name in ("w0", "w3", "w5", "way/w1"):
        assert worktrees.admin_dir(odd.repo.common_dir, at / name) == admin / Path(name).name
    assert worktrees.admin_dir(odd.repo.common_dir, at / "moved") is None


def test_lost_link_is_noticed(odd: Sandbox) -> None:
    """libgit2 takes a worktree for whole as long as its folder is there."""
    assert not pygit2.Repository(odd.root).lookup_worktree("w5").is_prunable
    (lost,) = [tree for tree in worktrees.listed(odd.repo) if tree.path.name == "w5"]
    assert lost.prunable == worktrees.GONE


def test_pygit2_lacks_locks(odd: Sandbox) -> None:
    assert [name for name in dir(pygit2.Worktree) if "lock" in name] == []
    worktrees.listed(odd.repo)
    reason = odd.repo.common_dir / "worktrees" / "w1" / "locked"
    assert reason.read_text().strip() == "a reason\nin two lines"


def test_locked_worktrees_are_forgotten(odd: Sandbox) -> None:
    """As the trash does of those that it locked; git's own `worktree prune` would take w3 and w4 along."""
    at = odd.root.parent
    with pytest.raises(pygit2.GitError, match="locked"):
        pygit2.Repository(odd.root).lookup_worktree("w1").prune(True)
    worktrees.forget(odd.repo.common_dir, at / "w1")
    left = {tree.path.name for tree in worktrees.listed(odd.repo)}
    assert "w1" not in left
    assert {"w2", "w3", "w4", "w5"} <= left
    assert (at / "w1" / "README.md").exists()


def test_several_merge_bases_are_gits(sandbox: Sandbox) -> None:
    one, two = crossed(sandbox)
    assert set(commit_range.merge_bases(sandbox.root, "main", "other")) == {one, two}
    assert not hasattr(pygit2.Repository, "merge_bases")


def test_filters_decide_what_differs(sandbox: Sandbox) -> None:
    """A clean filter makes of the file what the index has: nothing differs, and libgit2 would commit the file as it is."""
    sandbox.git("config", "filter.upper.clean", "tr a-z A-Z")
    sandbox.git("config", "filter.upper.smudge", "tr A-Z a-z")
    sandbox.commit({".gitattributes": "*.txt filter=upper\n", "loud.txt": "hello\n"})
    assert sandbox.git("show", "HEAD:loud.txt") == "HELLO"
    (sandbox.root / "loud.txt").unlink()
    (sandbox.root / "loud.txt").write_text("hello\n")
    assert changes.status(sandbox.root) == ()
    index = sandbox.repo.common_dir / "index"
    (sandbox.root / "loud.txt").unlink()
    (sandbox.root / "loud.txt").write_text("hello\n")
    before = index.read_bytes()
    assert pygit2.Repository(sandbox.root).status() != {}
    index.write_bytes(before)


def test_configuration_is_gits(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in program.configuration({"user.name": "Grace"}).items():
        monkeypatch.setenv(name, value)
    assert program.read(sandbox.root, "config", "user.name").line == "Grace"
    known = pygit2.Repository(sandbox.root).config
    assert "user.name" not in known or known["user.name"] != "Grace"


@pytest.mark.parametrize("how", ["replaced", "packed"])
def test_replaced_histories_are_gits(sandbox: Sandbox, how: str) -> None:
    first = sandbox.git("rev-parse", "HEAD")
    last = sandbox.commit({"a.txt": "1\n"})
    sandbox.git("replace", "--graft", last)
    if how == "packed":
        sandbox.git("pack-refs", "--all")
    with pytest.raises(AskGit):
        libgit2.is_ancestor(sandbox.root, first, last)
    assert pygit2.Repository(sandbox.root).descendant_of(last, first)
    assert not repository.is_ancestor(sandbox.root, first, last)


def test_what_libgit2_cannot_open_is_gits(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "sha256")
    sandbox.root.mkdir()
    sandbox.git("init", "--quiet", "--object-format=sha256")
    tip = sandbox.commit({"a.txt": "1\n"})
    assert len(tip) == 64
    with pytest.raises(AskGit):
        libgit2.head(sandbox.root)
    assert commits.head(sandbox.root) == commits.Head(tip, "main")
    assert repository.all_branch_tips(sandbox.root) == {"main": tip}
    assert [tree.head for tree in worktrees.listed(repository.around(sandbox.root))] == [tip]
