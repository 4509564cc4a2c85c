"""Repositories as they are in life: the right result, or a refusal with its reason and nothing changed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ampsm_engine.engine import merges
from ampsm_engine.errors import AmpsmError, NotFound, Refused
from ampsm_engine.git import busy, integrate
from ampsm_engine.git.integrate import target
from ampsm_engine.merging.steps import ConflictsWait
from ampsm_engine.model import MergeState, Session, Status
from tests.conftest import git
from tests.git.sandboxes import has_lfs
from tests.merging.desk import Desk, lines, refused


def test_a_checkout_of_another_branch_is_not_touched(desk: Desk, task: Session) -> None:
    git(desk.repo, "switch", "-q", "-c", "mine")
    (desk.repo / "one.txt").write_text("my own work\n")
    (desk.repo / "two.txt").write_text(lines(_9="staged"))
    git(desk.repo, "add", "two.txt")
    (desk.repo / "three.txt").write_text("untracked\n")
    git(desk.repo, "status")
    checkout = desk.checkout()
    assert desk.merge(task).checkouts == ()
    assert desk.checkout() == checkout
    assert desk.shown("main", "one.txt") == lines(_3="session")


def test_changes_elsewhere_in_the_checkout_stay(desk: Desk, task: Session) -> None:
    (desk.repo / "two.txt").write_text(lines(_9="mine"))
    (desk.repo / "three.txt").write_text("untracked\n")
    desk.merge(task)
    assert (desk.repo / "one.txt").read_text() == lines(_3="session")
    assert (desk.repo / "two.txt").read_text() == lines(_9="mine")
    assert git(desk.repo, "status", "--porcelain") == " M two.txt\n?? three.txt\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it waits for an index is tested where it waits."""
    monkeypatch.setitem(target.move_target.__kwdefaults__, "patience", 0.1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["changed", "untracked", "locked"])
def test_what_is_in_the_way_in_the_checkout_is_named(desk: Desk, task: Session, kind: str) -> None:
    if kind == "changed":
        (desk.repo / "one.txt").write_text("my own work\n")
    elif kind == "untracked":
        desk.amp(task, {"new.txt": "of amp\n"})
        (desk.repo / "new.txt").write_text("mine\n")
    else:
        (desk.repo / ".git" / "index.lock").touch()
    refused(desk, task, {"changed": r"one\.txt", "untracked": r"new\.txt", "locked": r"index\.lock"}[kind])
    assert desk.last(task).state is MergeState.ROLLED_BACK
    desk.clean(task)


@pytest.mark.parametrize("kind", ["rebasing", "bisecting", "merging", "changed"])
def test_a_base_that_cannot_move_is_refused_before_a_conflict_is_laid_out(desk: Desk, task: Session, kind: str) -> None:
    git(desk.repo, "branch", "side")
    desk.base({"one.txt": lines(_3="base")})
    if kind == "rebasing":
        git(desk.repo, "switch", "-q", "side")
        desk.base({"one.txt": lines(_3="side")})
        git(desk.repo, "switch", "-q", "main")
        assert subprocess.run(
            ["git", "rebase", "-q", "side"], cwd=desk.repo, capture_output=True, check=False
        ).returncode
    elif kind == "bisecting":
        git(desk.repo, "bisect", "start", "main", "main~1")
    elif kind == "merging":
        git(
            desk.repo,
            "merge",
            "-q",
            "--no-ff",
            "--no-commit",
            "-s",
            "ours",
            git(desk.repo, "commit-tree", "-m", "x", "main^{tree}").strip(),
            "--allow-unrelated-histories",
        )
    else:
        (desk.repo / "one.txt").write_text("mine\n")
    words = {"rebasing": "main is being rebased", "bisecting": "bisect", "merging": "A merge is in progress"}
    word = words.get(kind, r"in the way in .*: one\.txt")
    assert any(
        (one.kind, one.level) == ("checkout", "stop") and re.search(word, one.text)
        for one in merges.preflight(desk.engine, task.id).findings
    )
    refused(desk, task, word)
    assert integrate.laid(Path(task.worktree_path)) is None
    desk.clean(task)


@pytest.mark.parametrize("kind", ["dirty", "untracked", "detached", "switched", "rebasing", "gone", "cut off"])
def test_a_worktree_that_is_not_ready(desk: Desk, task: Session, kind: str) -> None:
    at = Path(task.worktree_path)
    if kind == "dirty":
        (at / "one.txt").write_text("not committed\n")
    elif kind == "untracked":
        (at / "new.txt").write_text("not committed\n")
    elif kind == "detached":
        git(at, "checkout", "-q", "--detach")
    elif kind == "switched":
        git(at, "switch", "-q", "-c", "elsewhere")
    elif kind == "rebasing":
        desk.base({"one.txt": lines(_3="base")})
        assert subprocess.run(["git", "rebase", "-q", "main"], cwd=at, capture_output=True, check=False).returncode
    elif kind == "gone":
        shutil.rmtree(at)
    else:
        (at / ".git").unlink()
    words = {"rebasing": "rebase is in progress", "gone": "is gone", "cut off": ".git file is gone"}
    words |= {"detached": "on no branch", "switched": "on elsewhere"}
    with pytest.raises(AmpsmError, match=words.get(kind, "not committed")) as caught:
        desk.merge(task)
    assert caught.value.hint
    assert desk.engine.store.merges(task.id) == ()


def test_secrets_files_that_git_does_not_track_are_no_reason(desk: Desk, task: Session) -> None:
    (Path(task.worktree_path) / ".env").write_text("TOKEN=x\n")
    findings = merges.preflight(desk.engine, task.id).findings
    assert next(finding.text for finding in findings if finding.kind == "left-out").endswith(": .env")
    desk.merge(task)
    assert (Path(task.worktree_path) / ".env").read_text() == "TOKEN=x\n"


def test_a_locked_worktree_merges(desk: Desk, task: Session) -> None:
    git(desk.repo, "worktree", "lock", task.worktree_path)
    assert desk.merge(task).merge.state is MergeState.DONE


def test_a_base_that_was_renamed(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "-m", "main", "trunk")
    with pytest.raises(NotFound, match=r"main.* is not there any more") as caught:
        desk.merge(task)
    assert "--onto" in caught.value.hint
    assert desk.merge(task, onto="trunk").merge.target == "trunk"
    assert desk.shown("trunk", "one.txt") == lines(_3="session")


def test_a_session_branch_that_was_renamed(desk: Desk, task: Session) -> None:
    git(desk.repo, "branch", "-m", task.branch_name, "mine")
    with pytest.raises(NotFound, match="is not there any more"):
        desk.merge(task)


def test_a_base_that_is_no_branch(desk: Desk) -> None:
    git(desk.repo, "tag", "v1")
    session = desk.session(base="v1")
    desk.amp(session, {"one.txt": lines(_3="session")})
    refused(desk, session, "no branch of this repository")
    assert desk.merge(session, onto="main").merge.target == "main"


def test_a_shallow_clone(desk: Desk, task: Session) -> None:
    desk.base({"two.txt": lines(_1="later")})
    fork = git(desk.repo, "merge-base", "main", task.branch_name).strip()
    assert fork != desk.sha("main")
    # The history is cut between the two and what they share.
    (desk.repo / ".git" / "shallow").write_text(f"{desk.sha('main')}\n{desk.tip(task)}\n")
    refused(desk, task, "shallow")
    (desk.repo / ".git" / "shallow").unlink()
    desk.merge(task)


def test_an_upstream_that_was_force_pushed(desk: Desk, task: Session, tmp_path: Path) -> None:
    git(desk.repo, "clone", "-q", "--bare", str(desk.repo), str(tmp_path / "remote.git"))
    git(desk.repo, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "other")
    git(tmp_path / "other", "commit", "-q", "--amend", "-m", "Rewritten")
    git(tmp_path / "other", "push", "-q", "--force", "origin", "HEAD:main")
    git(desk.repo, "config", "branch.main.remote", "origin")
    git(desk.repo, "config", "branch.main.merge", "refs/heads/main")
    found = merges.preflight(desk.engine, task.id, fetch=True)
    told = {finding.kind: finding for finding in found.findings}
    assert told["fetch"].level == "ok"
    assert (told["upstream"].level, "force-pushed" in told["upstream"].text) == ("warn", True)
    refused(desk, task, "would be rejected", push=True)
    assert desk.merge(task).merge.state is MergeState.DONE


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
    merges.undo(desk.engine, session.id)
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


def test_a_common_folder_that_is_bare(desk: Desk, tmp_path: Path) -> None:
    from ampsm_engine.engine import sessions
    from ampsm_engine.errors import Unfit

    git(tmp_path, "clone", "-q", "--bare", str(desk.repo), "bare.git")
    with pytest.raises(Unfit, match="bare"):
        sessions.new(desk.engine, path=tmp_path / "bare.git", prompt=None, name="x", run=False)


def test_a_merge_beside_an_iteration_is_refused(desk: Desk, task: Session) -> None:
    from ampsm_engine.model import Iteration, State

    store = desk.engine.store
    store.enqueue(Iteration("i1", task.id, 0, "More", State.QUEUED, ""))
    assert "ampsm stop" in refused(desk, task, "waits in the queue").hint
    store.claim()
    refused(desk, task, "is running")
    stop = merges.preflight(desk.engine, task.id).findings[0]
    assert (stop.kind, stop.level) == ("session", "stop")


def test_git_taking_the_conflict_back_does_not_lose_the_work(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    at = Path(task.worktree_path)
    for command in (("cherry-pick", "--abort"), ("cherry-pick", "--skip"), ("checkout", "-qf", task.branch_name)):
        tip = desk.tip(task)
        with pytest.raises(ConflictsWait):
            desk.merge(task)
        git(at, *command)
        with pytest.raises(Refused, match=r"taken back|any more|elsewhere|left"):
            merges.continue_(desk.engine, task.id)
        merges.abort(desk.engine, task.id)
        assert desk.tip(task) == tip
        desk.clean(task)


def test_the_base_may_move_while_a_conflict_waits(desk: Desk, task: Session) -> None:
    desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    later = desk.base({"two.txt": lines(_7="later")})
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    merges.continue_(desk.engine, task.id)
    assert desk.sha("main~1") == later
    assert desk.shown("main", "one.txt") == lines(_3="both")
    assert desk.shown("main", "two.txt") == lines(_7="later")
    desk.clean(task)


def test_a_checkout_in_the_way_keeps_a_resolved_conflict(desk: Desk, task: Session) -> None:
    base = desk.base({"one.txt": lines(_3="base")})
    with pytest.raises(ConflictsWait):
        desk.merge(task)
    at = Path(task.worktree_path)
    (at / "one.txt").write_text(lines(_3="both"))
    git(at, "add", "one.txt")
    (desk.repo / "one.txt").write_text("mine\n")
    with pytest.raises(Refused, match=r"one\.txt"):
        merges.continue_(desk.engine, task.id)
    assert desk.sha("main") == base
    assert desk.last(task).state is MergeState.CONFLICTED
    assert desk.now(task).status is Status.AWAITING_INPUT
    git(desk.repo, "restore", "one.txt")
    merges.continue_(desk.engine, task.id)
    assert desk.shown("main", "one.txt") == lines(_3="both")


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
    monkeypatch.setattr(busy.time, "sleep", lambda _: held.unlink(missing_ok=True))
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
    merges.resolve(desk.engine, session.id, "big.bin", choice)
    merges.continue_(desk.engine, session.id)
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
    assert merges.undo(desk.engine, task.id).state is MergeState.UNDONE
