"""Objects are read through one git that stays, and whatever becomes of that git, no answer is another object's."""

import os
import signal
from pathlib import Path

import pytest

from ampsm_engine.errors import Failed
from ampsm_engine.git import libgit2
from ampsm_engine.git.integrate.object_store import ObjectStore
from ampsm_engine.git.libgit2 import AskGit
from ampsm_engine.git.object_reader import ObjectReader
from tests.conftest import git


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
    assert reader.read(names[3]) is None
    assert reader.read(names[3]) == b"3\n3\n3\n"
    reader.close()
    assert reader.name_length == 40


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_a_store_without_libgit2_writes_what_git_reads(
    hermetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def not_loaded(*_: object) -> None:
        raise AskGit

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
