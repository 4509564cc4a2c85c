"""Objects are read through one git that stays, and whatever becomes of that git, no answer is another object's."""

import os
import signal
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed
from ampsm_engine.git import libgit2
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.integrate.outcomes import PlannedCommit
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.git.object_reader import ObjectReader
from tests.conftest import git


def not_loaded(*_: object) -> None:
    raise AskGit


def name_of(repo: Path, text: str) -> str:
    (repo / "blob").write_text(text)
    return git(repo, "hash-object", "-w", "blob").strip()


def test_it_reads_what_is_there_and_goes_on_after_its_git_died(repo: Path) -> None:
    names = [name_of(repo, f"{number}\n" * number) for number in range(700)]
    reader = ObjectReader(repo)
    assert reader.read_all([*names, "0" * 40]) == {name: b"%d\n" % at * at for at, name in enumerate(names)}
    assert reader.sizes(names[:12]) == {name: len(str(at) + "\n") * at for at, name in enumerate(names[:12])}
    assert reader.read("0" * 40) is None
    talk = reader._talk
    assert talk is not None
    os.kill(talk.pid, signal.SIGKILL)
    talk.wait()
    assert reader.sizes(names[:12])[names[3]] == 6, "what was not answered is asked anew, and is not 0"
    reader.close()
    assert reader.name_length == 40


def test_a_git_that_tells_nothing_is_an_error_and_no_object_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Failed):
        ObjectReader(tmp_path).sizes(["0" * 40])
    with pytest.raises(Failed):
        ObjectReader(tmp_path).objects(["HEAD"])


def test_lines_that_are_walked_are_those_that_git_lists(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = git(repo, "rev-parse", "HEAD").strip()

    def grown(start: str, count: int, *more: str) -> str:
        git(repo, "checkout", "--quiet", "--detach", start)
        for number in range(count):
            git(repo, "commit", "--quiet", "--allow-empty", "--message", f"{count} {number}")
        if more:
            git(repo, "merge", "--quiet", "--no-ff", "--message", "Merge", *more)
        return git(repo, "rev-parse", "HEAD").strip()

    base, tip = grown(fork, 3), grown(fork, 150)
    within = git(repo, "rev-parse", f"{tip}~100").strip()
    aside = grown(within, 40)
    merged = grown(base, 1, aside)
    asked: list[tuple[str, str]] = []

    def beyond(_: ObjectStore, base: str, tip: str) -> tuple[PlannedCommit, ...]:
        asked.append((base, tip))
        return ()

    monkeypatch.setattr(libgit2, "opened", not_loaded)
    monkeypatch.setattr(ObjectStore, "beyond", beyond)
    found = ObjectStore(repo, fork=fork)
    for one, other in ((base, tip), (tip, base), (fork, tip), (within, tip), (tip, aside), (aside, tip), (tip, tip)):
        line = found.line(one, other)
        assert line is not None
        assert line.base == git(repo, "merge-base", one, other).strip()
        listed = git(repo, "rev-list", "--reverse", f"{one}..{other}").split()
        assert [commit.sha for commit in line.commits] == listed
    assert not asked
    for store, one, other in ((found, merged, tip), (found, base, merged), (ObjectStore(repo, fork=aside), base, tip)):
        store.line(one, other)
    assert len(asked) == 3, "where a merge is on the way, or that is not where they part, git is asked"
    git(repo, "replace", "--graft", f"{tip}~5", fork)
    ObjectStore(repo, fork=fork).line(base, tip)
    assert len(asked) == 4, "git sees another history than the objects tell"


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_store_without_libgit2_writes_what_git_reads(
    hermetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(libgit2, "opened", not_loaded)
    root = tmp_path / "formed"
    root.mkdir()
    git(root, "init", "--quiet", f"--object-format={form}")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    base = git(root, "rev-parse", "HEAD").strip()
    for many in (3, 30):
        objects = ObjectStore(root)
        tip = base
        for number in range(many):
            commit = objects.commit(tip)
            raw = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\n%d of %d\n"
            values = commit.tree.encode(), tip.encode(), commit.author, commit.committer, number, many
            tip = objects.database.write("commit", raw % values)
        line = objects.line(base, tip)
        assert line is not None
        assert (line.base, len(line.commits)) == (base, many)
        objects.database.flush()
        git(root, "fsck", "--strict")
        assert git(root, "rev-list", "--count", f"{base}..{tip}").strip() == str(many)
        again = ObjectStore(root).line(base, tip)
        assert again == line
    with pytest.raises(Failed):
        objects.commit("1" * len(base))
