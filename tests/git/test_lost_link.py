"""A worktree without its link to git lies inside the user's checkout: nothing may be done to that by mistake."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.errors import AmpsmError, Unfit
from ampsm_engine.git import changes, commits, trash
from ampsm_engine.git.entities import Worktree
from tests.git.sandboxes import SESSION, Sandbox

VERBS: dict[str, Callable[[Path, str], object]] = {
    "commit": lambda at, branch: commits.commit_all(at, branch=branch, subject="x", body="", hooks=True),
    "keep commits": lambda at, branch: commits.keep_commits_off_branch(
        at, branch=branch, start="HEAD", iteration_id="i"
    ),
    "head": lambda at, _: commits.head(at),
    "status": lambda at, _: changes.status(at),
    "diff": lambda at, _: changes.patch(at, "HEAD", None),
    "trash": lambda at, branch: trash.keep(at.parent.parent, at, branch, SESSION),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_missing_link_is_told(sandbox: Sandbox, worktree: Worktree, verb: str) -> None:
    sandbox.write({"README.md": "the user is at work\n", "staged.txt": "1"})
    sandbox.git("add", "staged.txt")
    before = sandbox.untouched()
    (worktree.path / ".git").unlink()
    with pytest.raises(Unfit, match="no worktree any more") as unfit:
        VERBS[verb](worktree.path, worktree.branch)
    assert sandbox.untouched() == before
    assert unfit.value.hint == "ampsm repair --apply links it again"
    sandbox.git("worktree", "repair")
    assert changes.status(worktree.path) == ()


@pytest.mark.parametrize("verb", ["commit", "keep commits", "trash"])
def test_a_repository_in_its_place_is_not_written(sandbox: Sandbox, worktree: Worktree, verb: str) -> None:
    (worktree.path / ".git").unlink()
    sandbox.git("init", "--quiet", at=worktree.path)
    own = sandbox.commit({"own": "1"}, at=worktree.path)
    sandbox.write({"more": "1"}, worktree.path)
    with pytest.raises(AmpsmError):
        VERBS[verb](worktree.path, worktree.branch)
    assert sandbox.git("rev-parse", "HEAD", at=worktree.path) == own
    assert (worktree.path / "more").exists()
