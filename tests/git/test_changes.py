"""Changes as git tells them, and a live worktree whose agent notices nothing of being looked at."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampsm_engine.errors import NotFound
from ampsm_engine.git import changes, repository, snapshot
from ampsm_engine.git.entities import FileChange, Worktree
from tests.conftest import examples
from tests.git import scribbles
from tests.git.sandboxes import Sandbox
from tests.git.test_trash_properties import Todo, fresh


def agents(worktree: Path) -> dict[str, tuple[bytes, int]]:
    """Index, HEAD and all objects, with their times."""
    git_dir = repository.git_dir(worktree)
    places = [git_dir / "index", git_dir / "HEAD", *sorted((repository.common_dir(worktree) / "objects").rglob("*"))]
    return {str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns) for path in places}


def test_status_says_what_each_file_is(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"src/main.py": "x", "staged.txt": "1", "untracked.txt": "1", "AGENT_CONTEXT/a": "1"}, at)
    sandbox.git("add", "staged.txt", at=at)
    (at / "src/old.py").unlink()
    (at / "README.md").unlink()
    (at / "README.md").symlink_to("src")
    before = agents(at)
    assert [(file.path, file.kind) for file in changes.status(at)] == [
        ("README.md", "typechange"), ("src/main.py", "modified"), ("src/old.py", "deleted"),
        ("staged.txt", "added"), ("untracked.txt", "untracked"),
    ]  # fmt: skip
    assert agents(at) == before


def test_the_live_tree_touches_nothing_of_the_agents(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"new.txt": "1\n", "src/main.py": "2\n", ".env": "S=1"}, at)
    before = agents(at)
    with snapshot.live_tree(at) as live:
        assert live.objects.is_dir()
        files = changes.files(at, "HEAD", None, live=live)
    assert not live.objects.exists()
    assert {file.path for file in files} == {"new.txt", "src/main.py"}
    assert [item.path for item in live.left_out] == [".env"]
    assert agents(at) == before


def test_a_change_in_the_very_moment_of_the_index_is_seen(sandbox: Sandbox, worktree: Worktree) -> None:
    """Same size, same time as the index: git must compare the bytes, in the copy of the index too."""
    at = worktree.path
    sandbox.git("config", "core.trustctime", "false")
    sandbox.git("config", "core.checkStat", "minimal")
    file, index = at / "src/main.py", repository.git_dir(at) / "index"
    moment = 1_700_000_000 * 10**9
    os.utime(file, ns=(moment, moment))
    sandbox.git("update-index", "--refresh", at=at)
    file.write_text("print('jello')\n")
    os.utime(file, ns=(moment, moment))
    os.utime(index, ns=(moment, moment))
    assert [change.path for change in changes.files(at, "HEAD", None)] == ["src/main.py"]


def test_conflicts_are_in_the_live_tree_as_they_lie_in_the_file(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.commit({"README.md": "ours\n"}, at=at)
    sandbox.commit({"README.md": "theirs\n"})
    with pytest.raises(AssertionError):
        sandbox.git("merge", "main", at=at)
    assert changes.status(at) == (FileChange("README.md", None, "conflicted"),)
    assert b"+<<<<<<< HEAD" in changes.patch(at, "HEAD", None)


@given(first=scribbles.steps, second=scribbles.steps)
@settings(max_examples=examples(25))
def test_files_and_patch_agree_with_git(first: Todo, second: Todo) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = fresh(folder)
        worktree = sandbox.session()
        at = worktree.path
        trees = []
        for todo in (first, second):
            scribbles.scribble(at, todo)
            sandbox.git("add", "--all", "--force", at=at)
            trees.append(sandbox.git("write-tree", at=at))
        files = changes.files(at, *trees)
        told = iter(sandbox.git("diff", "-M", "--name-status", "-z", *trees, at=at).split("\0")[:-1])
        expected = [(word[0], next(told), next(told) if word[0] == "R" else None) for word in told]
        assert expected == [
            ("R", file.old_path, file.path) if file.old_path else (file.kind[0].upper(), file.path, None)
            for file in files
        ]
        counts = sandbox.git("diff", "-M", "--numstat", *trees, at=at).splitlines()
        assert [line.split("\t")[:2] for line in counts] == [
            ["-", "-"] if file.binary else [str(file.additions), str(file.deletions)] for file in files
        ]
        # The patch makes the one tree out of the other.
        sandbox.git("read-tree", trees[0], at=at)
        patch = changes.patch(at, *trees)
        if patch:
            sandbox.git("apply", "--cached", "--whitespace=nowarn", "-", at=at, feed=patch)
        assert sandbox.git("write-tree", at=at) == trees[1]


def test_a_patch_is_not_bent_by_configuration(sandbox: Sandbox, worktree: Worktree) -> None:
    at = worktree.path
    sandbox.write({"src/main.py": "print('hello')\n\nmore\n", "é": "1\n"}, at)
    before = changes.files(at, "HEAD", None), changes.patch(at, "HEAD", None)
    for name, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "diff.context": "0", "color.ui": "always", "color.diff": "always",
        "diff.external": "false", "core.quotePath": "false", "diff.suppressBlankEmpty": "true", "diff.renames": "false",
        "diff.ignoreSubmodules": "all", "diff.submodule": "log", "core.pager": "false", "diff.wordRegex": ".", "diff.orderFile": "/nowhere",
    }.items():  # fmt: skip
        sandbox.git("config", name, value)
    assert (changes.files(at, "HEAD", None), changes.patch(at, "HEAD", None)) == before
    assert sorted((file.additions, file.deletions) for file in before[0]) == [(1, 0), (2, 0)]


def test_reading_a_hostile_repository_runs_nothing(sandbox: Sandbox, worktree: Worktree, tmp_path: Path) -> None:
    """What the configuration of a repository can start is started by none of our questions."""
    at = worktree.path
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{tmp_path}/ran'\nexit 1\n")
    evil.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman", "pre-auto-gc"):
        (hooks / name).symlink_to(evil)
    sandbox.write({".gitattributes": "* diff=evil\n", "src/main.py": "changed\n", "new.txt": "1"}, at)
    for name, value in {
        "core.fsmonitor": str(evil), "core.hooksPath": str(hooks), "core.pager": str(evil), "pager.status": str(evil), "pager.diff": str(evil),
        "diff.external": str(evil), "diff.evil.command": str(evil), "diff.evil.textconv": str(evil), "core.sshCommand": str(evil),
        "core.editor": str(evil), "core.askPass": str(evil), "gpg.program": str(evil), "log.showSignature": "true",
        "alias.status": f"!{evil}", "alias.diff-tree": f"!{evil}", "alias.rev-parse": f"!{evil}", "credential.helper": str(evil),
        "remote.origin.url": "ssh://nowhere/x", "remote.origin.promisor": "true", "extensions.partialClone": "origin",
    }.items():  # fmt: skip
        sandbox.git("config", name, value)
    repository.base(repository.locate(sandbox.root), "main")
    changes.status(at)
    assert changes.files(at, "HEAD", None)
    assert changes.patch(at, "HEAD", None)
    changes.ahead_behind(sandbox.root, worktree.branch, "main")
    changes.merge_base(at, "HEAD", "main")
    with pytest.raises(NotFound):
        changes.files(at, "1" * 40, "HEAD")
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_unknown_revisions_are_named(sandbox: Sandbox, worktree: Worktree) -> None:
    for bad in ("nowhere", "--output=/tmp/x", "-p", "", "a b", "\0"):
        with pytest.raises(NotFound):
            changes.files(worktree.path, bad, "HEAD")
        with pytest.raises(NotFound):
            changes.ahead_behind(sandbox.root, bad, "main")


@given(data=st.data())
@settings(max_examples=examples(10))
def test_ahead_and_behind_agree_with_git(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = fresh(folder)
        commits = [sandbox.git("rev-parse", "HEAD")]
        tree = sandbox.git("rev-parse", "HEAD^{tree}")
        for number in range(data.draw(st.integers(2, 12))):
            parents = data.draw(st.lists(st.sampled_from(commits), max_size=2, unique=True))
            options = [option for parent in parents for option in ("-p", parent)]
            commits.append(sandbox.git("commit-tree", tree, *options, "-m", str(number)))
        one, other = data.draw(st.sampled_from(commits)), data.draw(st.sampled_from(commits))
        expected = sandbox.git("rev-list", "--left-right", "--count", f"{one}...{other}").split()
        assert changes.ahead_behind(sandbox.root, one, other) == tuple(map(int, expected))
        bases = subprocess.run(
            ["git", "-C", sandbox.root, "merge-base", "--all", one, other], capture_output=True, check=False
        )
        found = changes.merge_base(sandbox.root, one, other)
        assert (found in bases.stdout.decode().split()) if bases.stdout else found is None


def test_replaced_commits_count_as_git_counts_them(sandbox: Sandbox, worktree: Worktree) -> None:
    first = sandbox.commit({"x": "1"}, at=worktree.path)
    sandbox.commit({"x": "2"}, at=worktree.path)
    assert changes.ahead_behind(sandbox.root, worktree.branch, "main") == (2, 0)
    sandbox.git("replace", "--graft", sandbox.git("rev-parse", worktree.branch), worktree.head)
    assert changes.ahead_behind(sandbox.root, worktree.branch, "main") == (1, 0)
    assert first


def test_a_sha256_repository_works_throughout(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    sandbox = Sandbox(root)
    sandbox.git("init", "--quiet", "--object-format=sha256")
    sandbox.commit({"a": "1\n"})
    worktree = sandbox.session()
    sandbox.commit({"b": "2\n"}, at=worktree.path)
    sandbox.write({"c": "3\n"}, worktree.path)
    assert changes.ahead_behind(root, worktree.branch, "main") == (1, 0)
    assert changes.merge_base(root, worktree.branch, "main") == worktree.head
    assert [file.path for file in changes.files(worktree.path, "main", None)] == ["b", "c"]
    with pytest.raises(NotFound):
        changes.ahead_behind(root, "nowhere", "main")
