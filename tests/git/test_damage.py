"""A damaged ref is no absent one: it is named, with a way back that works."""

import subprocess
from pathlib import Path

import pytest

from ampsm_engine.context import Engine
from ampsm_engine.engine import merges, repair, session_trash, sessions, views
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.errors import AmpsmError, Failed, NotFound, Unfit
from ampsm_engine.git import pinned_refs, program, repository
from tests.git.sandboxes import Sandbox

MISSING = "1234567890" * 4 + "\n"


@pytest.fixture
def engine(hermetic: Path) -> Engine:
    return open_engine()


@pytest.mark.parametrize("content", ["", "garbage\n", MISSING], ids=["empty", "garbage", "missing"])
@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside others"])
def test_a_damaged_branch_is_no_repository_without_a_commit(sandbox: Sandbox, content: str, *, others: bool) -> None:
    tip = sandbox.git("rev-parse", "HEAD")
    if others:
        sandbox.git("branch", "other")
    (sandbox.root / ".git/refs/heads/main").write_text(content)
    with pytest.raises(Unfit, match=r"refs/heads/main .*damaged") as unfit:
        repository.base(repository.locate(sandbox.root), None)
    looks, _, again = unfit.value.hint.partition(" names its last commit as dangling; then: ")
    found = subprocess.run(looks.split(), capture_output=True, text=True, check=False).stdout
    assert others or tip in found
    subprocess.run(again.replace("COMMIT", tip), shell=True, check=True)
    assert repository.base(repository.locate(sandbox.root), None).commit == tip


@pytest.mark.parametrize("content", ["", "garbage\n", "ref: \n"])
@pytest.mark.parametrize("around", [False, True], ids=["alone", "inside another"])
def test_a_damaged_head_is_no_folder_without_a_repository(
    sandbox: Sandbox, tmp_path: Path, content: str, *, around: bool
) -> None:
    if around:  # git would go on to that one
        Sandbox(tmp_path).git("init", "--quiet")
        Sandbox(tmp_path).git("commit", "--quiet", "--allow-empty", "-m", "outer")
    (sandbox.root / ".git/HEAD").write_text(content)
    for path in (sandbox.root, sandbox.root / "src"):
        with pytest.raises(Unfit, match="damaged") as unfit:
            repository.locate(path)
    again = unfit.value.hint.partition("is no ref: ")[2].replace("BRANCH", "main")
    subprocess.run(again, shell=True, check=True)
    assert repository.locate(sandbox.root).root == sandbox.root


def test_a_detached_head_whose_commit_is_gone(sandbox: Sandbox) -> None:
    (sandbox.root / ".git/HEAD").write_text(MISSING)
    with pytest.raises(Unfit, match=r"HEAD .*not there") as unfit:
        repository.locate(sandbox.root)
    subprocess.run(unfit.value.hint.partition("then: ")[2].replace("BRANCH", "main").split(), check=True)
    assert repository.locate(sandbox.root).root == sandbox.root


def test_damaged_packed_refs_are_named(sandbox: Sandbox) -> None:
    sandbox.git("pack-refs", "--all")
    packed = sandbox.root / ".git/packed-refs"
    packed.write_text(packed.read_text() + "garbage\n")
    with pytest.raises(Unfit, match=r"damaged: .*garbage") as unfit:
        repository.locate(sandbox.root)
    asked = subprocess.run(
        unfit.value.hint.partition("editor: ")[2].split(), capture_output=True, text=True, check=True
    )
    assert asked.stdout == ".git/packed-refs\n"


def test_a_damaged_branch_of_a_session_is_not_gone(engine: Engine, sandbox: Sandbox) -> None:
    session, _ = sessions.new(engine, path=sandbox.root, name="x", run=False)
    (sandbox.root / ".git/refs/heads" / session.branch_name).write_text("")
    with pytest.raises(Unfit, match="damaged"):
        merges.preflight(engine, session.id)
    with pytest.raises(Unfit, match="damaged"):
        repository.base(sandbox.repo, session.branch_name)


@pytest.mark.parametrize("content", ["", "garbage\n"], ids=["empty", "garbage"])
def test_a_damaged_branch_of_a_session_is_not_called_deleted_and_comes_back(
    engine: Engine, sandbox: Sandbox, content: str
) -> None:
    session, _ = sessions.new(engine, path=sandbox.root, name="x", run=False)
    worktree, place = Path(session.worktree_path), sandbox.root / ".git/refs/heads" / session.branch_name
    (worktree / "new.txt").write_text("new\n")
    sandbox.git("add", "-A", at=worktree)
    sandbox.git("commit", "-q", "-m", "Only here", at=worktree)
    tip = sandbox.git("rev-parse", "HEAD", at=worktree)
    pinned_refs.keep_tip(sandbox.root, session.id, tip)
    place.write_text(content)
    assert "is damaged" in (views.show(engine, session).trouble or "")
    (found,) = repair.find_disagreements(engine, apply=True)
    assert "is damaged" in found.text
    with pytest.raises(Unfit, match="damaged"):
        session_trash.remove(engine, session.id)
    with pytest.raises(Unfit, match="damaged"):
        repository.resolve(worktree, "HEAD")
    subprocess.run(found.action, shell=True, check=True)
    assert sandbox.git("rev-parse", session.branch_name) == tip
    assert repair.find_disagreements(engine) == ()
    session_trash.remove(engine, session.id)


def test_what_is_only_absent_stays_absent(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        repository.base(sandbox.repo, "nowhere")
    inner = sandbox.root / "vendor"
    (inner / ".git").mkdir(parents=True)  # an empty folder of that name is nobody's repository
    assert repository.locate(inner).root == sandbox.root


def test_a_commit_that_damaged_refs_hide_is_not_called_unknown(sandbox: Sandbox) -> None:
    sandbox.git("pack-refs", "--all")
    with pytest.raises(NotFound):
        repository.resolve(sandbox.root, "nothing")
    with (sandbox.root / ".git/packed-refs").open("a") as file:
        file.write("garbage\n")
    with pytest.raises(AmpsmError, match="packed-refs") as failed:
        repository.resolve(sandbox.root, "nothing")
    assert not isinstance(failed.value, NotFound)


def test_refs_that_another_git_has_locked_are_not_called_damaged(sandbox: Sandbox) -> None:
    sandbox.git("branch", "other")
    sandbox.git("pack-refs", "--all")
    sandbox.git("config", "core.packedRefsTimeout", "0")
    (sandbox.root / ".git/packed-refs.lock").touch()
    with pytest.raises(Failed, match=r"packed-refs\.lock"):
        program.change(sandbox.root, "update-ref", "-d", "refs/heads/other")
