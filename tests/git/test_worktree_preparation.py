"""What a new worktree is given and what is said that it lacks: submodules, edits, upstreams, ignored files, large files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ampsm_engine.git import repository, worktree_preparation
from ampsm_engine.git.setup_source import SetupSource
from tests.conftest import first_commits
from tests.git.sandboxes import Sandbox


@pytest.fixture
def super_project(tmp_path: Path) -> Sandbox:
    """A repository with a submodule that has a submodule, all of them checked out; their origins are gone since."""
    made = {}
    for name, inner in (("inner", None), ("lib", "inner"), ("project", "lib")):
        first_commits(tmp_path / name, ({f"{name}.txt": name}, "Begin"))
        made[name] = Sandbox(tmp_path / name)
        if inner:
            made[name].git("submodule", "--quiet", "add", f"../{inner}", f"deep/{inner}")
            made[name].commit()
    made["project"].git("submodule", "--quiet", "update", "--init", "--recursive")
    shutil.rmtree(tmp_path / "lib")
    shutil.rmtree(tmp_path / "inner")
    return made["project"]


def test_submodules_are_filled_from_what_the_main_worktree_has_at_any_depth(super_project: Sandbox) -> None:
    worktree = super_project.session().path
    config = (super_project.root / ".git" / "config").read_bytes()
    worktree_preparation.prepare(super_project.repo, worktree, SetupSource(), (), 0)
    assert worktree_preparation.missing_parts(worktree, super_project.root) == ()
    assert (worktree / "deep/lib/deep/inner/inner.txt").read_text() == "inner"
    assert super_project.git("status", "--porcelain", at=worktree) == ""
    status = super_project.git("submodule", "status", "--recursive", at=worktree)
    theirs = super_project.git("submodule", "status", "--recursive")
    assert [line.split()[:2] for line in status.splitlines()] == [line.split()[:2] for line in theirs.splitlines()]
    for path in ("deep/lib", "deep/lib/deep/inner"):
        origins = {
            super_project.git("remote", "get-url", "origin", at=at / path) for at in (worktree, super_project.root)
        }
        assert len(origins) == 1
    assert (super_project.root / ".git" / "config").read_bytes() == config


@pytest.mark.parametrize("name", ["../../lib", "/etc", "..", "a/../../lib", "--upload-pack=touch ran", "li=b", "other"])
def test_what_gitmodules_names_elsewhere_is_neither_followed_nor_run(super_project: Sandbox, name: str) -> None:
    outside = super_project.root.parent / "lib"
    super_project.git("clone", "--quiet", "--bare", super_project.root / "deep/lib", outside)
    told = f'[submodule "{name}"]\n\tpath = deep/lib\n\turl = {outside}\n\tupdate = !touch ran\n'
    super_project.commit({".gitmodules": told})
    worktree = super_project.session().path
    worktree_preparation.fill_submodules(worktree, super_project.repo.common_dir / "modules")
    assert worktree_preparation.empty_submodules(worktree) == ["deep/lib"]
    assert "submodule update --init" in worktree_preparation.missing_parts(worktree, super_project.root)[0]
    assert not list(super_project.root.rglob("ran"))


def test_a_commit_that_is_nowhere_here_leaves_its_submodule_empty(super_project: Sandbox) -> None:
    super_project.git("update-index", "--cacheinfo", f"160000,{'1' * 40},deep/lib")
    super_project.git("commit", "--quiet", "-m", "A commit that nobody pushed")
    worktree = super_project.session().path
    worktree_preparation.fill_submodules(worktree, super_project.repo.common_dir / "modules")
    assert worktree_preparation.empty_submodules(worktree) == ["deep/lib"]


def test_a_submodule_that_cannot_be_filled_keeps_no_other_from_it(tmp_path: Path) -> None:
    for name in ("first", "odd", "last"):
        attributes = "*.txt filter=odd\n" if name == "odd" else ""
        first_commits(tmp_path / name, ({"a.txt": name, ".gitattributes": attributes}, "Begin"))
    first_commits(tmp_path / "project", ({"a.txt": "a"}, "Begin"))
    project = Sandbox(tmp_path / "project")
    for name in ("first", "odd", "last"):
        project.git("submodule", "--quiet", "add", f"../{name}", name)
    project.commit()
    project.git("config", "--global", "filter.odd.smudge", "false")
    project.git("config", "--global", "filter.odd.required", "true")
    worktree = project.session().path
    done = worktree_preparation.prepare(project.repo, worktree, SetupSource(), (), 0)
    assert [(worktree / name / "a.txt").exists() for name in ("first", "odd", "last")] == [True, False, True]
    (told,) = worktree_preparation.missing_parts(worktree, project.root, done.empty)
    assert "The submodules are empty here (odd)" in told
    assert worktree_preparation.missing_parts(worktree, project.root) == (told,)
    project.git("config", "--global", "--unset", "filter.odd.required")
    subprocess.run(["sh", "-c", f"export GIT_ALLOW_PROTOCOL=file; {told.partition('To fill them: ')[2]}"], check=True)
    assert (worktree / "odd" / "a.txt").exists()


def test_what_the_checkout_and_the_remote_have_more_is_said(tmp_path: Path) -> None:
    first_commits(tmp_path / "origin", ({"a.txt": "a", ".gitignore": "node_modules/\n.env\n*.pyc\nbuild/\n"}, "Begin"))
    origin = Sandbox(tmp_path / "origin")
    origin.git("clone", "--quiet", origin.root, tmp_path / "clone")
    clone = Sandbox(tmp_path / "clone")
    repo, start = clone.repo, repository.base(clone.repo, None)
    assert worktree_preparation.left_behind(repo, start, worktree_preparation.read_checkout_state(clone.root)) == ()
    origin.commit({"a.txt": "b"})
    clone.git("fetch", "--quiet")
    clone.write({"a.txt": "mine", "new.txt": "mine", ".env": "KEY=1", "x.pyc": ""})
    clone.write({f"node_modules/{number}": "" for number in range(40)} | {"build/out": ""})
    state = worktree_preparation.read_checkout_state(clone.root)
    assert worktree_preparation.left_behind(repo, start, state) == (
        "What is uncommitted in your checkout stays there alone: a.txt, new.txt.",
        "main is 1 commit behind origin/main as it was fetched last: ampsm new --fetch",
    )
    worktree = clone.session().path
    clone.write({".worktreeinclude": "build/\n"})
    ignored = state.ignored
    done = worktree_preparation.prepare(repo, worktree, SetupSource(), (), 0)
    assert done.copied == "Copied from the checkout: 1 ignored file, 0 bytes."
    (told,) = worktree_preparation.not_copied(repo.checkout, worktree, ignored)
    assert told.startswith("Ignored in your checkout, and not here: .env, node_modules/. ")


def test_pointers_of_large_file_storage_are_said_where_its_program_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    root = tmp_path / "shop"
    first_commits(root, ({".gitattributes": "# filter=lfs\n*.txt text\n", "a.bin": pointer}, "Begin"))
    sandbox = Sandbox(root)
    assert worktree_preparation.lacking_large_files(root, root / ".git") == ""
    sandbox.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "b.bin": "itself"})
    (told,) = worktree_preparation.missing_parts(sandbox.session().path, root)
    assert told.startswith("Files of large file storage are pointers here, git-lfs is not installed (a.bin). Install")
