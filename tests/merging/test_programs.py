"""Merging beside real programs: git-lfs, gnupg, ssh-keygen, whoever holds an index, a remote that says no."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ampsm_engine.engine import merges
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import lock
from ampsm_engine.merging import open_conflict, operations
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session
from tests.conftest import git
from tests.git.sandboxes import has_lfs
from tests.merging.desk import Desk, lines, refused


def test_commits_are_signed_where_the_user_signs(desk: Desk, task: Session, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (tmp_path / "allowed").write_text(f"body@example.org {key.with_suffix('.pub').read_text()}")
    for name, value in (
        ("gpg.format", "ssh"), ("user.signingKey", str(key)), ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", str(tmp_path / "allowed")),
    ):  # fmt: skip
        git(desk.repo, "config", name, value)
    desk.base({"two.txt": lines(_1="later")})
    desk.merge(task)
    git(desk.repo, "verify-commit", "main")
    git(desk.repo, "config", "user.signingKey", str(tmp_path / "missing"))
    session = desk.session("other", base="main~1")
    git(desk.repo, "config", "commit.gpgSign", "false")
    desk.amp(session, {"two.txt": lines(_9="other")})
    git(desk.repo, "config", "commit.gpgSign", "true")
    before = desk.sha("main")
    with pytest.raises(AmpsmError, match="sign"):
        desk.merge(session, onto="main")
    assert desk.sha("main") == before
    assert desk.last(session).state is MergeState.ROLLED_BACK


@pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
def test_large_files_keep_their_filter(desk: Desk, hermetic: Path) -> None:
    git(desk.repo, "lfs", "install", "--local")
    desk.base({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    session = desk.session()
    content = os.urandom(4096)
    desk.amp(session, {"big.bin": content})
    desk.base({"two.txt": lines(_1="later")})
    desk.merge(session)
    assert (desk.repo / "big.bin").read_bytes() == content
    assert desk.shown("main", "big.bin").startswith("version https://git-lfs")
    assert git(desk.repo, "status", "--porcelain") == ""
    desk.clean(session)
    operations.undo(desk.engine, session.id)
    assert not (desk.repo / "big.bin").exists()


def test_a_filter_of_the_users_own(desk: Desk) -> None:
    """The same without LFS: what is stored differs from what lies in the files."""
    git(desk.repo, "config", "filter.rot.clean", "tr a-y b-z")
    git(desk.repo, "config", "filter.rot.smudge", "tr b-z a-y")
    desk.base({".gitattributes": "*.rot filter=rot\n"})
    session = desk.session()
    desk.amp(session, {"some.rot": "hello\n"})
    desk.base({"two.txt": lines(_1="later")})
    desk.merge(session)
    assert (desk.repo / "some.rot").read_text() == "hello\n"
    assert desk.shown("main", "some.rot") == "ifmmp\n"
    assert git(desk.repo, "status", "--porcelain") == ""
    desk.clean(session)


@pytest.mark.usefixtures("impatient")
def test_who_holds_the_index_is_named(desk: Desk, task: Session) -> None:
    """A real program that keeps the lock, as a git does that waits for an editor or a slow disk."""
    held = desk.repo / ".git" / "index.lock"
    holding = f"import sys; file = open({str(held)!r}, 'x'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        named = rf"locked by process {program.pid} "
        warned = [one for one in merges.preflight(desk.engine, task.id).findings if one.kind == "checkout"]
        assert [(one.level, bool(re.search(named, one.text))) for one in warned] == [("warn", True)]
        refused(desk, task, named)
        program.communicate()
    held.unlink()
    desk.merge(task)


def test_a_lock_that_goes_in_time_is_waited_for(desk: Desk, task: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    held = desk.repo / ".git" / "index.lock"
    held.touch()
    monkeypatch.setattr(lock.time, "sleep", lambda _: held.unlink(missing_ok=True))
    assert desk.merge(task).checkouts == (str(desk.repo),)
    assert (desk.repo / "one.txt").read_text() == lines(_3="session")


def test_a_signature_of_gnupg(desk: Desk, task: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = Path(tempfile.mkdtemp(prefix="gpg"))  # short: the agent's socket lies in it
    monkeypatch.setenv("GNUPGHOME", str(home))
    made = ("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "body@example.org", "ed25519", "sign")
    try:
        subprocess.run(made, check=True, capture_output=True)
        git(desk.repo, "config", "user.signingKey", "body@example.org")
        git(desk.repo, "config", "commit.gpgSign", "true")
        desk.base({"two.txt": lines(_1="later")})
        desk.merge(task, fast_forward=False)
        git(desk.repo, "verify-commit", "main", "main^2")
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_a_conflict_of_large_files(desk: Desk, choice: str) -> None:
    git(desk.repo, "lfs", "install", "--local")
    desk.base({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "big.bin": os.urandom(2048)})
    session = desk.session()
    sides = {"theirs": os.urandom(4096), "ours": os.urandom(4096)}
    desk.amp(session, {"big.bin": sides["theirs"]})
    desk.base({"big.bin": sides["ours"]})
    with pytest.raises(ConflictsWait):
        desk.merge(session)
    open_conflict.resolve(desk.engine, session.id, "big.bin", choice)
    operations.continue_(desk.engine, session.id)
    assert (desk.repo / "big.bin").read_bytes() == sides[choice]
    assert desk.shown("main", "big.bin").startswith("version https://git-lfs")
    assert git(desk.repo, "status", "--porcelain") == ""


def test_a_branch_that_the_remote_protects(desk: Desk, task: Session, tmp_path: Path) -> None:
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(tmp_path / "remote.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected: open a pull request' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = git(tmp_path / "remote.git", "rev-parse", "main")
    done = desk.merge(task, push=True)
    (published,) = done.published
    assert (published.ok, "could not be pushed" in published.text) == (False, True)
    assert "declined" in published.text
    assert published.hint.startswith("git -C ")
    assert git(tmp_path / "remote.git", "rev-parse", "main") == before
    assert operations.undo(desk.engine, task.id).state is MergeState.UNDONE
