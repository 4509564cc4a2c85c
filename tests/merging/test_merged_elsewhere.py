"""Sessions whose work came into the base by other ways than a merge of ampsm's: found, marked, cleaned up; else kept."""

from pathlib import Path

import pytest

from ampsm_engine.engine import merged_elsewhere, session_trash
from ampsm_engine.errors import Refused
from ampsm_engine.model import Session
from tests.conftest import git
from tests.merging.desk import Desk, lines


@pytest.fixture
def done(desk: Desk) -> Session:
    """Two commits, which somebody else is to bring into the base."""
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="three")})
    desk.amp(session, {"one.txt": lines(_3="three", _9="nine"), "new.txt": "new\n"})
    return session


def upstream(desk: Desk) -> Path:
    """A clone in which others work, and whose main this repository follows."""
    there = desk.repo.parent / "upstream"
    git(desk.repo.parent, "clone", "-q", str(desk.repo), str(there))
    git(desk.repo, "remote", "add", "origin", str(there))
    git(desk.repo, "fetch", "-q", "origin")
    git(desk.repo, "branch", "-q", "--set-upstream-to", "origin/main", "main")
    return there


@pytest.mark.parametrize("way", ["merge", "squash", "pick", "same files"])
def test_what_was_merged_upstream_is_found_and_marked(desk: Desk, done: Session, way: str) -> None:
    there, branch = upstream(desk), f"origin/{done.branch_name}"
    git(there, "commit", "-q", "--allow-empty", "-m", "Others go on")
    match way:
        case "merge":
            git(there, "merge", "-q", "--no-ff", "-m", "Merge", branch)
        case "squash":
            git(there, "merge", "-q", "--squash", branch)
            git(there, "commit", "-q", "-m", "Squashed (#7)")
        case "pick":
            git(there, "cherry-pick", f"{branch}~1", branch)
        case _:
            git(there, "restore", "-s", branch, "--", ".")
            git(there, "add", "-A")
            git(there, "commit", "-q", "-m", "By another way")
    assert merged_elsewhere.find_merged(desk.engine).merged == ()
    git(desk.repo, "fetch", "-q", "origin")
    assert merged_elsewhere.update_merged_marks(desk.engine) == 0
    found = merged_elsewhere.find_merged(desk.engine)
    assert [one.session_id for one in found.merged] == [done.id]
    assert "origin/main" in found.merged[0].how
    assert desk.now(done).landed == f"merged upstream: {found.merged[0].how}"
    git(there, "revert", "--no-edit", *(["-m1"] if way == "merge" else []), "HEAD")
    if way == "pick":
        git(there, "revert", "--no-edit", "HEAD~2")
    git(desk.repo, "fetch", "-q", "origin")
    merged_elsewhere.update_merged_marks(desk.engine)
    assert desk.now(done).landed is None, "it was taken out of the base again"
    assert merged_elsewhere.find_merged(desk.engine).merged == ()


def others(there: Path, one: str, new: str) -> None:
    """Others write the files of the work anew."""
    (there / "one.txt").write_text(one)
    (there / "new.txt").write_text(new)
    git(there, "add", "-A")
    git(there, "commit", "-q", "-m", "Others go on")


@pytest.mark.parametrize("way", ["merge", "squash", "pick", "by hand"])
def test_what_went_on_from_a_revert_is_not_in_the_base(desk: Desk, done: Session, way: str) -> None:
    there, branch = upstream(desk), f"origin/{done.branch_name}"
    git(there, "commit", "-q", "--allow-empty", "-m", "Others go on")
    if way == "pick":
        git(there, "cherry-pick", f"{branch}~1", branch)
    else:
        git(there, "merge", "-q", *(["--no-ff"] if way == "merge" else ["--squash"]), branch)
        git(there, "commit", "-q", "--allow-empty", "-m", "Squashed (#7)")
    if way == "by hand":
        git(there, "restore", "-s", "HEAD~1", "--staged", "--worktree", ".")
        git(there, "commit", "-q", "-m", "Out again")
    else:
        git(there, "revert", "--no-edit", *(["-m1", "HEAD~1"] if way == "merge" else ["HEAD"]))
    others(there, lines(_3="three" if way == "pick" else "other", _9="others'"), "others'\n")
    git(desk.repo, "fetch", "-q", "origin")
    merged_elsewhere.update_merged_marks(desk.engine)
    found = merged_elsewhere.find_merged(desk.engine)
    assert (found.merged, desk.now(done).landed) == ((), None)
    assert "it took new.txt, one.txt back since" in found.staying[0].why
    git(there, "reset", "-q", "--hard", "HEAD~1")
    git(there, "revert", "--no-edit", "HEAD")
    others(there, lines(_3="three and more", _9="nine and more"), "new and more\n")
    git(desk.repo, "fetch", "-q", "origin")
    assert [one.session_id for one in merged_elsewhere.find_merged(desk.engine).merged] == [done.id], (
        "it is back, and went on"
    )


def test_what_differs_in_white_space_or_is_there_in_part_is_not_in_the_base(desk: Desk, done: Session) -> None:
    there = upstream(desk)
    others(there, lines(_3="   three", _9="nine"), "  new\n")
    git(desk.repo, "fetch", "-q", "origin")
    assert merged_elsewhere.find_merged(desk.engine).merged == ()
    git(there, "reset", "-q", "--hard", "HEAD~1")
    git(there, "cherry-pick", f"origin/{done.branch_name}~1")
    git(desk.repo, "fetch", "-q", "origin")
    assert merged_elsewhere.find_merged(desk.engine).merged == ()
    git(there, "reset", "-q", "--hard", "HEAD~1")
    (there / "one.txt").write_text(lines(_3="  three"))
    git(there, "commit", "-qam", "Picked, and indented")
    git(there, "cherry-pick", "--no-commit", "-X", "theirs", f"origin/{done.branch_name}")
    git(there, "restore", "-s", f"origin/{done.branch_name}", "--staged", "--worktree", "new.txt")
    git(there, "commit", "-q", "-m", "And the rest")
    git(desk.repo, "fetch", "-q", "origin")
    assert merged_elsewhere.find_merged(desk.engine).merged == ()


def test_nothing_goes_that_is_nowhere_else(desk: Desk, done: Session) -> None:
    fresh = desk.session("just made")
    ahead = desk.session("ahead")
    desk.amp(ahead, {"two.txt": lines(_4="four")})
    git(desk.repo, "merge", "-q", "--no-ff", "-m", "By hand", done.branch_name, ahead.branch_name)
    desk.amp(ahead, {"two.txt": lines(_4="four", _5="five")})
    loose = Path(done.worktree_path) / "loose.txt"
    loose.write_text("nowhere else\n")
    found = merged_elsewhere.find_merged(desk.engine)
    assert found.merged == ()
    assert [(one.session_id, "loose.txt" in one.why) for one in found.staying] == [(done.id, True)]
    loose.unlink()
    assert [one.session_id for one in merged_elsewhere.find_merged(desk.engine).merged] == [done.id]
    session_trash.remove(desk.engine, done.id)
    assert {one.id for one in desk.engine.store.sessions.all()} == {fresh.id, ahead.id}


def test_commits_that_change_nothing_together_are_in_no_base(desk: Desk) -> None:
    session = desk.session()
    desk.amp(session, {"one.txt": lines(_3="three")})
    git(Path(session.worktree_path), "revert", "--no-edit", "HEAD")
    found = merged_elsewhere.find_merged(desk.engine)
    assert (found.merged, found.staying) == ((), ())


def test_what_was_found_is_looked_at_once_more_when_the_answer_comes(desk: Desk, done: Session) -> None:
    git(desk.repo, "merge", "-q", "--no-ff", "-m", "By hand", done.branch_name)
    (found,) = merged_elsewhere.find_merged(desk.engine).merged
    desk.amp(done, {"two.txt": lines(_4="four")})
    with pytest.raises(Refused, match="not all of its work is merged any more"):
        merged_elsewhere.remove_merged(desk.engine, found.session_id)
    assert desk.now(done).trashed_at is None
    git(desk.repo, "merge", "-q", "--no-ff", "-m", "By hand", done.branch_name)
    assert merged_elsewhere.remove_merged(desk.engine, found.session_id).in_base


def test_a_mark_is_looked_for_only_when_a_branch_has_moved(
    desk: Desk, done: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    describe = merged_elsewhere._describe_merge
    monkeypatch.setattr(merged_elsewhere, "_describe_merge", lambda *a: asked.append(a) or describe(*a))
    for _ in range(3):
        merged_elsewhere.update_merged_marks(desk.engine)
    assert len(asked) == 1
    assert merged_elsewhere.update_merged_marks(desk.engine, budget=-1) == 0
    desk.base({"two.txt": lines(_4="four")})
    assert merged_elsewhere.update_merged_marks(desk.engine, budget=-1) == 1, "there was no time for it"
    merged_elsewhere.update_merged_marks(desk.engine)
    assert len(asked) == 2
    assert desk.now(done).landed is None
