"""Conflicts lie in the session's worktree as git would lay them, each kind has a way out, and abort goes back exactly."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.git.integrate import branch_move, conflict_checkout, conflict_resolution, laid_conflict, rewrite
from ampsm_engine.git.integrate.outcomes import LaidOut, RewriteConflict, Rewritten
from tests.git.integrate.benches import Bench, Oracle, lines
from tests.soak import one_in


def conflict(bench: Bench) -> RewriteConflict:
    answer = rewrite.rebase(bench.root, bench.tip, bench.base)
    assert isinstance(answer, RewriteConflict), answer
    return answer


def both_edit(bench: Bench) -> RewriteConflict:
    """Two hunks in a file, and another file on each side."""
    bench.amp({"a.txt": lines(_3="amp three", _15="amp fifteen"), "mine": "m\n"})
    bench.on_base({"a.txt": lines(_3="base three", _15="base fifteen"), "theirs": "t\n"})
    return conflict(bench)


def whole_state(bench: Bench) -> dict[str, object]:
    files = {
        str(file.relative_to(bench.at)): (file.is_symlink(), file.lstat().st_mode, file.read_bytes())
        for file in sorted(bench.at.rglob("*"))
        if not file.is_dir()
    }
    head = bench.git("symbolic-ref", "HEAD", at=bench.at)
    index = bench.git("ls-files", "-s", at=bench.at)
    return {"files": files, "head": head, "index": index, "tip": bench.tip, "status": status(bench)}


def status(bench: Bench) -> str:
    return bench.git("status", "--porcelain", "-uall", at=bench.at)


def ended(bench: Bench, stopped: RewriteConflict) -> Rewritten:
    """What `--continue` does."""
    commit = conflict_checkout.finish(bench.at)
    answer = rewrite.pick(bench.root, commit, stopped.remaining)
    assert isinstance(answer, Rewritten)
    conflict_checkout.settle(bench.at, answer.tip)
    assert bench.tip == answer.tip
    assert bench.git("symbolic-ref", "--short", "HEAD", at=bench.at) == bench.branch
    assert status(bench) == ""
    assert laid_conflict.laid(bench.at) is None
    bench.check()
    return answer


@pytest.mark.parametrize("style", one_in(3, ["zdiff3", "diff3", "merge"]))
def test_markers_and_stages_are_those_of_git(bench: Bench, style: str) -> None:
    bench.git("config", "merge.conflictStyle", style)
    stopped = both_edit(bench)
    before = bench.sandbox.untouched()
    laid = conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    with Oracle(bench) as oracle:
        oracle.run("checkout", "-q", "--detach", bench.branch)
        oracle.run("rebase", "main")
        assert (bench.at / "a.txt").read_bytes() == (oracle.at / "a.txt").read_bytes()
        assert bench.git("ls-files", "-s", at=bench.at) == oracle.run("ls-files", "-s").stdout.rstrip("\n")
    assert bench.sandbox.untouched() == before
    assert [file.path for file in laid.files] == ["a.txt"]
    (opened,) = conflict_resolution.conflicts(bench.at)
    assert [(hunk.ours, hunk.theirs) for hunk in opened.hunks] == [
        ("base three\n", "amp three\n"),
        ("base fifteen\n", "amp fifteen\n"),
    ]
    assert [hunk.base for hunk in opened.hunks] == ([None] * 2 if style == "merge" else ["line 3\n", "line 15\n"])


def test_hunks_are_chosen_one_by_one(bench: Bench) -> None:
    stopped = both_edit(bench)
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    with pytest.raises(Refused, match=r"conflicts left in a\.txt"):
        conflict_checkout.finish(bench.at)
    with pytest.raises(NotFound, match="no hunk 3"):
        conflict_resolution.resolve(bench.at, "a.txt", {3: "ours"})
    with pytest.raises(Refused, match="markers left"):
        conflict_resolution.resolve(bench.at, "a.txt", "edited")
    (left,) = conflict_resolution.resolve(bench.at, "a.txt", {2: "both"})
    assert [hunk.theirs for hunk in left.hunks] == ["amp three\n"]
    assert conflict_resolution.resolve(bench.at, "a.txt", {1: "theirs"}) == ()
    made = ended(bench, stopped)
    wanted = lines(_3="amp three", _15="base fifteen\namp fifteen")
    assert (bench.at / "a.txt").read_text() == wanted
    assert bench.sha(f"{made.tip}^") == bench.base
    assert bench.git("log", "-1", "--format=%s", made.tip) == "amp: work"


@pytest.mark.parametrize("how", ["git add", "git commit"])
def test_an_editor_and_git_are_enough(bench: Bench, how: str) -> None:
    stopped = both_edit(bench)
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    bench.sandbox.write({"a.txt": "edited\n"}, bench.at)
    bench.git("add", "a.txt", at=bench.at)
    if how == "git commit":
        bench.git("commit", "-q", "--no-edit", at=bench.at)
    ended(bench, stopped)
    assert bench.show(bench.branch, "a.txt") == "edited"


def test_abort_goes_back_exactly_and_keeps_what_it_is_told_to(bench: Bench) -> None:
    (bench.root / ".git/info/exclude").write_text(".worktrees\nignored\n")
    bench.sandbox.write({"untracked": "u\n", "ignored": "i\n"}, bench.at)
    stopped = both_edit_beside(bench)
    before = whole_state(bench)
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    assert whole_state_differs(bench, before)
    bench.sandbox.write({"a.txt": "half resolved\n"}, bench.at)
    bench.git("add", "a.txt", at=bench.at)
    conflict_checkout.abort(bench.at, keep_as="refs/ampsm/backup/s/now/resolution")
    assert whole_state(bench) == before
    assert bench.show("refs/ampsm/backup/s/now/resolution", "a.txt") == "half resolved"
    conflict_checkout.abort(bench.at)
    assert whole_state(bench) == before
    assert not (Path(bench.git("rev-parse", "--absolute-git-dir", at=bench.at)) / "CHERRY_PICK_HEAD").exists()


def both_edit_beside(bench: Bench) -> RewriteConflict:
    bench.sandbox.write({"a.txt": lines(_3="amp three")}, bench.at)
    bench.git("commit", "-qam", "amp: three", at=bench.at)
    bench.on_base({"a.txt": lines(_3="base three"), "theirs": "t\n"})
    return conflict(bench)


def whole_state_differs(bench: Bench, before: dict[str, object]) -> bool:
    now = bench.git("ls-files", "-s", at=bench.at)
    return now != before["index"]


def test_the_next_conflict_comes_after_the_first(bench: Bench) -> None:
    bench.amp({"a.txt": lines(_3="amp three")}, "amp: one")
    bench.amp({"b.txt": lines(_3="amp three")}, "amp: two")
    bench.amp({"c.txt": "c\n"}, "amp: three")
    bench.on_base({"a.txt": lines(_3="base"), "b.txt": lines(_3="base")})
    before = whole_state(bench)
    stopped = conflict(bench)
    assert len(stopped.remaining) == 2
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    conflict_resolution.resolve(bench.at, "a.txt", "theirs")
    again = rewrite.pick(bench.root, conflict_checkout.finish(bench.at), stopped.remaining)
    assert isinstance(again, RewriteConflict)
    conflict_checkout.lay_out_next(bench.at, again)
    assert [file.path for file in conflict_resolution.conflicts(bench.at)] == ["b.txt"]
    conflict_resolution.resolve(bench.at, "b.txt", "ours")
    made = ended(bench, again)
    assert bench.git("log", "--format=%s", f"main..{made.tip}").splitlines() == ["amp: three", "amp: one"]
    branch_move.move_target(bench.root, bench.branch, made.tip, str(before["tip"]))
    assert whole_state(bench) == before


def test_a_merge_is_laid_out_as_one(bench: Bench) -> None:
    both_edit(bench)
    stopped = rewrite.merge(bench.root, bench.base, bench.tip, ff=False, message="Merge it")
    assert isinstance(stopped, RewriteConflict)
    tip = bench.tip
    conflict_checkout.lay_out(bench.at, bench.branch, stopped, message="Merge it")
    conflict_resolution.resolve(bench.at, "a.txt", "theirs")
    commit = conflict_checkout.finish(bench.at)
    assert bench.git("log", "-1", "--format=%s %P", commit) == f"Merge it {bench.base} {tip}"
    conflict_checkout.abort(bench.at)
    assert bench.tip == tip
    assert status(bench) == ""


def test_rerere_is_respected(bench: Bench) -> None:
    bench.git("config", "rerere.enabled", "true")
    stopped = both_edit(bench)
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    bench.sandbox.write({"a.txt": lines(_3="resolved", _15="resolved")}, bench.at)
    conflict_resolution.resolve(bench.at, "a.txt", "edited")
    tip = bench.tip
    made = ended(bench, stopped)
    branch_move.move_target(bench.root, bench.branch, made.tip, tip)
    conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    (opened,) = conflict_resolution.conflicts(bench.at)
    assert opened.rerere
    assert (bench.at / "a.txt").read_text() == lines(_3="resolved", _15="resolved")
    conflict_resolution.resolve(bench.at, "a.txt", "edited")
    ended(bench, stopped)


def test_what_is_in_the_way_is_refused_and_nothing_changes(bench: Bench) -> None:
    stopped = both_edit(bench)
    (bench.root / ".git/info/exclude").write_text(".worktrees\ntheirs\n")
    bench.sandbox.write({"theirs": "ignored, and mine\n"}, bench.at)
    before = whole_state(bench)
    with pytest.raises(Refused, match="theirs"):
        conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    assert whole_state(bench) == before
    (bench.at / "theirs").unlink()
    bench.sandbox.write({"b.txt": "dirty\n"}, bench.at)
    with pytest.raises(Refused, match=r"not committed: b\.txt"):
        conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    assert laid_conflict.laid(bench.at) is None


def modify_delete(bench: Bench) -> str:
    bench.remove("d/one")
    bench.amp({}, "amp: delete")
    bench.on_base({"d/one": "changed\n"})
    return "d/one"


def delete_modify(bench: Bench) -> str:
    bench.amp({"d/one": "changed\n"})
    bench.remove("d/one", at=bench.root)
    bench.on_base({})
    return "d/one"


def rename_delete(bench: Bench) -> str:
    bench.git("mv", "a.txt", "moved.txt", at=bench.at)
    bench.amp({}, "amp: move")
    bench.remove("a.txt", at=bench.root)
    bench.on_base({})
    return "moved.txt"


def rename_rename(bench: Bench) -> str:
    bench.git("mv", "a.txt", "amp.txt", at=bench.at)
    bench.amp({}, "amp: move")
    bench.git("mv", "a.txt", "base.txt")
    bench.on_base({})
    return "amp.txt"


def add_add(bench: Bench) -> str:
    bench.amp({"new": "amp\n"})
    bench.on_base({"new": "base\n"})
    return "new"


def binary(bench: Bench) -> str:
    bench.amp({"d/one": b"\0amp"})
    bench.on_base({"d/one": b"\0base"})
    return "d/one"


def mode(bench: Bench) -> str:
    """A file became a link on one side, and changed on the other."""
    (bench.at / "d/one").unlink()
    (bench.at / "d/one").symlink_to("two")
    bench.amp({}, "amp: link")
    bench.on_base({"d/one": "changed\n"})
    return "d/one"


def directory_file(bench: Bench) -> str:
    bench.amp({"thing": "a file\n"})
    bench.on_base({"thing/inside": "in a folder\n"})
    return "thing"


def file_directory(bench: Bench) -> str:
    bench.amp({"thing/inside": "in a folder\n"})
    bench.on_base({"thing": "a file\n"})
    return "thing"


def submodule(bench: Bench) -> str:
    other = bench.root.parent / "other"
    other.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=other, check=True)
    commits = [bench.sandbox.commit({"f": f"{number}\n"}, at=other) for number in range(3)]
    line = "160000,{},mod"
    bench.git("update-index", "--add", "--cacheinfo", line.format(commits[0]))
    bench.git("commit", "-qm", "a submodule")
    bench.git("merge", "-q", "main", at=bench.at)
    bench.git("update-index", "--cacheinfo", line.format(commits[1]), at=bench.at)
    bench.git("commit", "-qm", "amp: one", at=bench.at)
    bench.git("update-index", "--cacheinfo", line.format(commits[2]))
    bench.git("commit", "-qm", "base: two")
    return "mod"


KINDS: list[tuple[Callable[[Bench], str], str]] = [
    (modify_delete, "modify/delete"),
    (delete_modify, "modify/delete"),
    (rename_delete, "rename/delete"),
    (rename_rename, "rename/rename"),
    (add_add, "add/add"),
    (binary, "binary"),
    (mode, "mode"),
    (directory_file, "directory/file"),
    (file_directory, "directory/file"),
    (submodule, "submodule"),
]


SIDES = ("ours", "theirs", "both", "abort")
WAYS = [(*kind, side) for at, kind in enumerate(KINDS) for side in SIDES[at % 4 :] + SIDES[: at % 4]]
"""Each way out of each kind; each kind begins with another way."""


@pytest.mark.parametrize(
    ("make", "kind", "side"),
    [pytest.param(*way, marks=pytest.mark.soak if at % 4 else ()) for at, way in enumerate(WAYS)],
)
def test_every_kind_has_a_way_out(bench: Bench, make: Callable[[Bench], str], kind: str, side: str) -> None:
    path = make(bench)
    before = whole_state(bench)
    stopped = conflict(bench)
    laid = conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    assert kind in {file.kind for file in laid.files}
    opened = conflict_resolution.conflicts(bench.at)
    assert kind in {file.kind for file in opened}
    assert {file.path for file in laid.files} == {file.path for file in opened}
    if side == "abort":
        conflict_checkout.abort(bench.at)
        assert whole_state(bench) == before
        return
    if side == "both" and kind in ("binary", "submodule"):
        with pytest.raises(Refused, match="choose ours or theirs"):
            conflict_resolution.resolve(bench.at, path, "both")
        side = "theirs"
    while conflict_resolution.conflicts(bench.at):
        conflict_resolution.resolve(bench.at, conflict_resolution.conflicts(bench.at)[0].path, side)
    made = ended(bench, stopped)
    if side == "both":
        return
    wanted = bench.base if side == "ours" else str(before["tip"])
    assert there(bench, made.tip, path) == there(bench, wanted, path)


def test_a_file_takes_the_place_of_a_folder_only_when_git_knows_all_in_it(bench: Bench) -> None:
    bench.amp({"thing": "a file\n"})
    bench.on_base({"thing/deep/inside": "in a folder\n", "thing/beside": "in a folder\n"})
    conflict_checkout.lay_out(bench.at, bench.branch, conflict(bench))
    (aside,) = conflict_resolution.conflicts(bench.at)
    mine = bench.at / "thing/deep/mine"
    mine.write_text("mine\n")
    before = bench.git("ls-files", "-s", at=bench.at)
    with pytest.raises(Refused, match="thing/deep/mine"):
        conflict_resolution.resolve(bench.at, aside.path, "theirs")
    assert mine.read_text() == "mine\n"
    assert bench.git("ls-files", "-s", at=bench.at) == before
    mine.unlink()
    assert conflict_resolution.resolve(bench.at, aside.path, "theirs") == ()
    assert (bench.at / "thing").read_text() == "a file\n"


def there(bench: Bench, commit: str, path: str) -> str:
    return bench.git("ls-tree", "-r", commit, "--", path)


def test_what_lies_there_is_known_after_a_crash(bench: Bench) -> None:
    stopped = both_edit(bench)
    laid = conflict_checkout.lay_out(bench.at, bench.branch, stopped)
    assert isinstance(laid, LaidOut)
    assert laid_conflict.laid(bench.at) == laid
