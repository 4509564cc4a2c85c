"""Finding a repository and a base, from any path, with a clear word where there is none."""

import os
import shutil
from pathlib import Path

import pytest

from ampsm_engine.errors import NotFound, Refused, Unfit
from ampsm_engine.git import changes, commits, repository, snapshot
from ampsm_engine.git.entities import Base, Repo, Worktree
from ampsm_engine.git.integrate import rewrite
from ampsm_engine.git.integrate.outcomes import Rewritten
from tests.git.sandboxes import Sandbox


def test_any_path_inside_will_do(sandbox: Sandbox, tmp_path: Path) -> None:
    expected = Repo(sandbox.root, sandbox.root / ".git", sandbox.root)
    (tmp_path / "shortcut").symlink_to(sandbox.root / "src")
    for path in (
        sandbox.root, sandbox.root / "src", sandbox.root / "src/main.py", sandbox.root / ".git", sandbox.root / ".git/refs",
        tmp_path / "shortcut",
    ):  # fmt: skip
        assert repository.locate(path) == expected


@pytest.mark.parametrize("name", ["with space", "new\nline", "quo'te\"", "漢字", "-dash", "true\n"])
def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet")
    sandbox.commit({"sub/a": "1"})
    assert repository.locate(root / "sub").root == root
    assert sandbox.session().path.is_dir()


def test_where_nothing_is(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        repository.locate(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        repository.locate(tmp_path / ("x" * 10_000))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(Unfit, match="not in a git repository") as unfit:
        repository.locate(empty)
    assert unfit.value.hint == f"git -C {empty} init"


def test_a_bare_repository_is_the_top_of_its_worktrees(sandbox: Sandbox, tmp_path: Path) -> None:
    bare, tree = tmp_path / "bare.git", tmp_path / "tree"
    sandbox.git("clone", "--quiet", "--bare", ".", bare)
    sandbox.git("worktree", "add", "--quiet", tree, at=bare)
    for place, checkout in ((bare, bare), (bare / "hooks", bare), (tree, tree)):
        assert repository.locate(place) == Repo(bare, bare, checkout, is_bare=True)
    assert repository.git_dir(bare) == bare
    with pytest.raises(Unfit, match="its link to the session's was replaced"):
        repository.linked_git_dir(bare)


def test_a_repository_without_a_commit_is_unfit(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.git("init", "--quiet")
    with pytest.raises(Unfit, match="no commit yet") as unfit:
        repository.locate(tmp_path)
    assert "commit --allow-empty" in unfit.value.hint


def test_an_unborn_branch_has_no_base_but_others_do(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "--quiet", "--orphan", "fresh")
    repo = repository.locate(sandbox.root)
    with pytest.raises(Unfit, match="no commit yet") as unfit:
        repository.base(repo, None)
    assert "--base" in unfit.value.hint
    assert repository.base(repo, "main").name == "main"


def test_a_broken_repository_is_unfit(sandbox: Sandbox) -> None:
    (sandbox.root / ".git/config").write_text("[core\n")
    with pytest.raises(Unfit):
        repository.locate(sandbox.root)


def test_a_session_starts_from_no_session(sandbox: Sandbox, worktree: Worktree) -> None:
    for path in (worktree.path, worktree.path / "src"):
        with pytest.raises(Refused, match="inside the worktree of session 0123456789") as refused:
            repository.locate(path)
        assert str(sandbox.root) in refused.value.hint
    nested = Sandbox(worktree.path / "clone")
    nested.root.mkdir()
    nested.git("init", "--quiet")
    nested.commit({"a": "1"})
    with pytest.raises(Refused):
        repository.locate(nested.root)
    assert repository.locate(sandbox.root / ".worktrees").root == sandbox.root
    assert repository.around(worktree.path).checkout == worktree.path


def test_the_users_own_worktree_leads_to_the_main_one(sandbox: Sandbox, tmp_path: Path) -> None:
    for place in (tmp_path / "mine", sandbox.root / ".worktrees" / "my-feature"):
        sandbox.git("worktree", "add", "--quiet", "-b", place.name, place)
        tip = sandbox.commit({"x": place.name}, at=place)
        repo = repository.locate(place / "src")
        assert (repo.root, repo.checkout) == (sandbox.root, place)
        # Not naming a base means what is checked out where one stands.
        assert repository.base(repo, None) == Base(place.name, tip)
        assert repository.base(repo, "HEAD~1").commit == sandbox.git("rev-parse", "main")


def test_a_git_folder_that_lies_elsewhere(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "store"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "--separate-git-dir", elsewhere)
    sandbox.commit({"a": "1"})
    assert repository.locate(root) == Repo(root, elsewhere, root)
    worktree = sandbox.session()
    assert worktree.path == root / ".worktrees" / worktree.path.name
    assert sandbox.git("status", "--porcelain") == ""
    sandbox.git("worktree", "add", "--quiet", tmp_path / "linked")
    with pytest.raises(Unfit, match="cannot be told"):
        repository.locate(tmp_path / "linked")
    sandbox.git("config", "core.worktree", str(root))
    assert repository.locate(tmp_path / "linked").root == root


def test_a_submodule_is_a_repository_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    library = Sandbox(tmp_path / "library")
    library.root.mkdir()
    library.git("init", "--quiet")
    library.commit({"lib.txt": "1"})
    sandbox.git("submodule", "--quiet", "add", str(library.root), "lib")
    sandbox.commit()
    inner = Sandbox(sandbox.root / "lib")
    assert repository.locate(inner.root).root == inner.root
    assert inner.session().path.is_dir()
    assert sandbox.git("status", "--porcelain") == ""


class TestBase:
    def test_of_every_kind(self, sandbox: Sandbox) -> None:
        first = sandbox.git("rev-parse", "HEAD")
        second = sandbox.commit({"x": "2"})
        sandbox.git("branch", "topic/one", first)
        sandbox.git("tag", "v1", first)
        sandbox.git("tag", "-a", "v2", "-m", "annotated", first)
        sandbox.git("update-ref", "refs/remotes/origin/main", first)
        repo = repository.locate(sandbox.root)
        for ref, expected in {
            None: Base("main", second), "main": Base("main", second), "HEAD": Base("main", second), "@": Base("main", second),
            "topic/one": Base("topic/one", first), "refs/heads/main": Base("main", second), "v1": Base("v1", first), "v2": Base("v2", first),
            "origin/main": Base("origin/main", first), first: Base(first, first), first[:10]: Base(first, first), "HEAD~1": Base(first, first),
            ":/work": Base(second, second), "main^{/work}": Base(second, second),
        }.items():  # fmt: skip
            assert repository.base(repo, ref) == expected, ref

    def test_a_detached_head_is_its_commit(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "--quiet", "--detach")
        commit = sandbox.git("rev-parse", "HEAD")
        assert repository.base(repository.locate(sandbox.root), None) == Base(commit, commit)

    def test_a_branch_goes_before_a_tag_of_its_name(self, sandbox: Sandbox) -> None:
        sandbox.git("tag", "main")
        tip = sandbox.commit({"x": "2"})
        assert repository.base(repository.locate(sandbox.root), "main") == Base("main", tip)

    @pytest.mark.parametrize(
        "ref",
        [
            "nowhere",
            "",
            "-h",
            "--all",
            "main..HEAD",
            "HEAD:README.md",
            "a\0b",
            "a\nb",
            "x" * 10_000,
            "\udcff",
            "main@{9}",
        ],
    )
    def test_what_names_no_commit_is_not_found(self, sandbox: Sandbox, ref: str) -> None:
        with pytest.raises(NotFound):
            repository.base(repository.locate(sandbox.root), ref)

    def test_the_likely_ones_are_named(self, sandbox: Sandbox) -> None:
        sandbox.git("branch", "develop")
        sandbox.git("update-ref", "refs/remotes/origin/feature", "HEAD")
        repo = repository.locate(sandbox.root)
        for typed, meant in (("devlop", "develop"), ("mian", "main"), ("feature", "origin/feature")):
            with pytest.raises(NotFound) as missing:
                repository.base(repo, typed)
            assert meant in missing.value.hint
        with pytest.raises(NotFound) as missing:
            repository.base(repo, "zzz")
        assert "develop, main" in missing.value.hint


def test_somebody_elses_repository_is_unfit(sandbox: Sandbox) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(sandbox.root, 12345, 12345)
    os.chown(sandbox.root / ".git", 12345, 12345)
    with pytest.raises(Unfit, match="belongs to another user") as unfit:
        repository.locate(sandbox.root)
    assert "safe.directory" in unfit.value.hint


@pytest.mark.parametrize(
    ("told", "is_fit"),
    [
        ("git version 2.30.2", False),
        ("git version 2.37.9 (Apple Git-1)", False),
        ("git version 1.8.3.1", False),
        ("git version 2.38.0.rc1", True),
        ("git version 3.0.0", True),
        ("gitoxide", True),
    ],
)
def test_an_old_git_is_refused_before_anything_is_made(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, *, is_fit: bool
) -> None:
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{told}"; exit; }}\nexec {real} "$@"\n')
    fake.chmod(0o755)
    before = sandbox.untouched()
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    if is_fit:
        assert sandbox.repo.root == sandbox.root
        return
    with pytest.raises(Unfit, match="too old") as unfit:
        sandbox.session()
    assert told in unfit.value.message
    assert "2.38" in unfit.value.hint
    assert sandbox.untouched() == before
    assert not (sandbox.root / ".worktrees").exists()


def _as_variables(configuration: dict[str, str], how: str) -> dict[str, str]:
    """Configuration as a user gives it in the environment."""
    if how == "parameters":
        return {"GIT_CONFIG_PARAMETERS": " ".join(f"'{name}'='{value}'" for name, value in configuration.items())}
    pairs = list(enumerate(configuration.items()))
    keys = {f"GIT_CONFIG_KEY_{number}": name for number, (name, _) in pairs}
    return {**keys, **{f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in pairs}, "GIT_CONFIG_COUNT": str(len(pairs))}


@pytest.mark.parametrize("how", ["count", "parameters"])
def test_configuration_in_variables_is_the_users(
    sandbox: Sandbox, hermetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (hermetic / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    worktree = sandbox.session()
    if os.geteuid() == 0:
        for place in (sandbox.root, sandbox.root / ".git", worktree.path, worktree.path / ".git"):
            os.chown(place, 12345, 12345)
        with pytest.raises(Unfit, match="another user"):
            repository.locate(sandbox.root)
    given = {"safe.directory": "*", "user.name": "Grace", "user.email": "grace@example.org", "core.fsmonitor": "/x"}
    for name, value in _as_variables(given, how).items():
        monkeypatch.setenv(name, value)
    assert repository.locate(sandbox.root).root == sandbox.root
    sandbox.write({"a": "1"}, worktree.path)
    made = commits.commit_all(worktree.path, branch=worktree.branch, subject="amp: x", body="", hooks=True)
    assert (made.refused, made.note) == (None, None)
    assert sandbox.git("log", "-1", "--format=%an <%ae> %cn", at=worktree.path) == "Grace <grace@example.org> Grace"
    assert changes.ahead_behind(sandbox.root, worktree.branch, "main") == (1, 0)
    (tmp_path / "kept").mkdir()
    assert snapshot.kept_tree(worktree.path, tmp_path / "kept")[0]
    squashed = rewrite.squash(sandbox.root, str(made.sha), sandbox.git("rev-parse", "main"), "One")
    assert isinstance(squashed, Rewritten)
    assert sandbox.git("log", "-1", "--format=%cn", squashed.tip) == "Grace"
