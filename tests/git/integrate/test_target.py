"""A branch moves by compare-and-swap, with clean checkouts of it; nothing uncommitted is ever overwritten."""

import subprocess
from pathlib import Path

import pytest

from ampsm_engine.errors import AmpsmError, Refused
from ampsm_engine.git.integrate import branch_move, rewrite
from ampsm_engine.git.integrate.outcomes import BranchMove, Rewritten
from tests.git.integrate.benches import Bench, lines
from tests.git.sandboxes import has_lfs


def ahead(bench: Bench, files: dict[str, str | bytes]) -> tuple[str, str]:
    """The base, and a commit on top of it that is nowhere checked out."""
    bench.amp(files)
    return bench.base, bench.tip


def state(bench: Bench) -> tuple[str, str, str]:
    return bench.base, bench.git("status", "--porcelain", "-uall"), bench.git("ls-files", "-s")


def test_a_clean_checkout_moves_with_its_branch(bench: Bench) -> None:
    bench.remove("d/one")
    old, new = ahead(bench, {"a.txt": lines(_1="one"), "n/x": "x\n"})
    moved = branch_move.move_target(bench.root, "main", old, new)
    assert moved.checkouts == (bench.root,)
    assert state(bench) == (new, "", bench.git("ls-files", "-s", at=bench.at))
    assert (bench.root / "n/x").read_text() == "x\n"
    assert not (bench.root / "d/one").exists()
    assert "ampsm: merge" in bench.git("reflog", "-1", "HEAD")
    again = branch_move.move_target(bench.root, "main", old, new)
    assert again.new == new
    branch_move.move_target(bench.root, "main", new, old)
    assert state(bench)[:2] == (old, "")
    assert (bench.root / "d/one").read_text() == "1\n"


def test_a_target_that_is_not_checked_out_touches_no_file(bench: Bench) -> None:
    bench.git("branch", "other")
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    before = bench.sandbox.untouched()
    assert branch_move.move_target(bench.root, "other", old, new).checkouts == ()
    assert bench.sha("other") == new
    assert bench.sandbox.untouched() == before


def test_a_branch_that_moved_meanwhile_stays(bench: Bench) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    there = bench.on_base({"b.txt": "b\n"})
    with pytest.raises(Refused, match="moved meanwhile"):
        branch_move.move_target(bench.root, "main", old, new)
    assert bench.base == there


@pytest.mark.parametrize("staged", [False, True])
def test_changes_in_the_way_are_named_and_elsewhere_stay(bench: Bench, staged: bool) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    bench.sandbox.write({"b.txt": "mine\n"})
    if staged:
        bench.git("add", "b.txt")
    bench.sandbox.write({"a.txt": "mine\n"})
    before, index = state(bench), bench.root / ".git/index"
    # What is not there any more in the index's notes: the times of a file that has the same content.
    (bench.root / "d/one").touch()
    content = index.read_bytes(), index.stat().st_mtime_ns
    with pytest.raises(Refused, match=r"in the way in .*: a\.txt\."):
        branch_move.move_target(bench.root, "main", old, new)
    assert (index.read_bytes(), index.stat().st_mtime_ns) == content
    assert state(bench) == before
    bench.git("checkout", "-q", "--", "a.txt")
    branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / "a.txt").read_text() == lines(_1="one")
    assert (bench.root / "b.txt").read_text() == "mine\n"
    assert bench.git("status", "--porcelain") == ("M  b.txt" if staged else " M b.txt")


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("name", ["new.txt", "f/new.txt", "new.txt/inside"])
def test_untracked_and_ignored_files_are_never_overwritten(bench: Bench, ignored: bool, name: str) -> None:
    old, new = ahead(bench, {name: "theirs\n"})
    mine = "f" if name == "f/new.txt" else "new.txt"
    bench.sandbox.write({mine: "mine\n"})
    if ignored:
        (bench.root / ".git/info/exclude").write_text(f"{mine}\n.worktrees\n")
    with pytest.raises(Refused, match=r"in the way"):
        branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / mine).read_text() == "mine\n"
    assert bench.base == old


def test_a_folder_makes_room_for_a_file_only_when_nothing_else_is_in_it(bench: Bench) -> None:
    bench.remove("d")
    old, new = ahead(bench, {"d": "a file now\n"})
    (bench.root / ".git/info/exclude").write_text("*.o\n.worktrees\n")
    bench.sandbox.write({"d/kept.o": "built\n"})
    with pytest.raises(Refused, match="in the way"):
        branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / "d/kept.o").read_text() == "built\n"
    (bench.root / "d/kept.o").unlink()
    branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / "d").read_text() == "a file now\n"


def test_who_holds_the_index_is_told(bench: Bench) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    lock = bench.root / ".git/index.lock"
    with (
        lock.open("w+") as held,
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=held) as holder,
        pytest.raises(Refused, match=rf"index is locked by process {holder.pid} \(cat\)"),
    ):
        branch_move.move_target(bench.root, "main", old, new, patience=0.1)
    lock.unlink()
    assert state(bench)[:2] == (old, "")


def test_a_branch_in_the_middle_of_a_rebase_stays(bench: Bench) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    bench.git("checkout", "-q", "-b", "side", "HEAD~1")
    bench.sandbox.commit({"a.txt": "side\n"})
    bench.git("checkout", "-q", "main")
    done = subprocess.run(["git", "-C", bench.root, "rebase", "side"], capture_output=True, check=False)
    assert done.returncode
    with pytest.raises(Refused, match="is being rebased"):
        branch_move.move_target(bench.root, "main", old, new)
    bench.git("rebase", "--abort")
    bench.git("bisect", "start")
    with pytest.raises(Refused, match=r"bisect"):
        branch_move.move_target(bench.root, "main", old, new)


def test_a_death_between_checkout_and_branch_can_go_both_ways(bench: Bench) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one"), "new": "n\n"})
    bench.git("read-tree", "-m", "-u", old, new)
    branch_move.move_target(bench.root, "main", old, new)
    assert state(bench)[:2] == (new, "")
    bench.git("read-tree", "-m", "-u", new, old)
    branch_move.move_target(bench.root, "main", new, old)
    assert state(bench)[:2] == (old, "")
    bench.git("read-tree", "-m", "-u", old, new)
    branch_move.move_target(bench.root, "main", new, old)
    assert state(bench)[:2] == (old, "")


def test_hooks_of_refs_may_refuse_and_the_checkout_goes_back(bench: Bench) -> None:
    hook = bench.root / ".git/hooks/reference-transaction"
    old, new = ahead(bench, {"a.txt": lines(_1="one"), "new": "n\n"})
    hook.write_text('#!/bin/sh\n[ "$1" != prepared ] || { echo "main is protected" >&2; exit 1; }\n')
    hook.chmod(0o755)
    with pytest.raises(Refused, match="main is protected"):
        branch_move.move_target(bench.root, "main", old, new)
    hook.unlink()
    assert state(bench)[:2] == (old, "")
    assert not (bench.root / "new").exists()


@pytest.mark.parametrize("staged", [False, True])
def test_what_somebody_writes_while_a_move_fails_is_kept(bench: Bench, staged: bool) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one"), "new": "n\n"})
    hook = bench.root / ".git/hooks/reference-transaction"
    mine = "echo mine > new" + ("; git add new; echo more >> new" if staged else "")
    hook.write_text(
        f'#!/bin/sh\n[ "$1" = prepared ] || exit 0\nunset $(git rev-parse --local-env-vars); cd "{bench.root}"; {mine}; exit 1\n'
    )
    hook.chmod(0o755)
    with pytest.raises(Refused, match="could not be moved"):
        branch_move.move_target(bench.root, "main", old, new)
    hook.unlink()
    assert (bench.root / "new").read_text() == ("mine\nmore\n" if staged else "mine\n")
    assert bench.base == old
    assert bench.git("status", "--porcelain") == ("AM new" if staged else "?? new"), "nothing else stays half moved"
    if staged:
        assert bench.git("show", ":new") == "mine"


def test_the_post_merge_hook_runs_where_git_would_run_it(bench: Bench) -> None:
    hook = bench.root / ".git/hooks/post-merge"
    hook.write_text('#!/bin/sh\necho "$1" > merged; exit 3\n')
    hook.chmod(0o755)
    old, new = ahead(bench, {"a.txt": lines(_1="one")})
    moved = branch_move.move_target(bench.root, "main", old, new, hooks=True)
    assert "ended with 3" in (moved.note or "")
    assert (bench.root / "merged").read_text() == "0\n"
    assert bench.base == new


def test_a_filter_that_fails_leaves_everything_as_it_was(bench: Bench, tmp_path: Path) -> None:
    old, new = ahead(bench, {"a.txt": lines(_1="one"), "z.bin": "z\n", ".gitattributes": "*.bin filter=mine\n"})
    bench.git("config", "filter.mine.smudge", "false")
    bench.git("config", "filter.mine.required", "true")
    with pytest.raises(AmpsmError, match=r"filter|z\.bin"):
        branch_move.move_target(bench.root, "main", old, new)
    assert state(bench)[:2] == (old, "")
    bench.git("config", "filter.mine.smudge", "tr a-z A-Z")
    branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / "z.bin").read_text() == "Z\n"


@pytest.mark.skipif(not has_lfs(), reason="git-lfs is not installed")
def test_large_files_come_as_files(bench: Bench) -> None:
    bench.git("lfs", "install", "--local")
    bench.git("lfs", "track", "*.big", at=bench.at)
    old, new = ahead(bench, {"x.big": b"large" * 100})
    assert "git-lfs" in bench.show(new, "x.big")
    branch_move.move_target(bench.root, "main", old, new)
    assert (bench.root / "x.big").read_bytes() == b"large" * 100
    assert bench.git("status", "--porcelain") == ""


def test_a_branch_that_is_there_already_stays_when_another_cannot_come(bench: Bench) -> None:
    tip, there = bench.amp({"a.txt": lines(_1="one")}), bench.sandbox.commit({"b.txt": "base\n"})
    put = rewrite.rebase(bench.root, tip, there)
    assert isinstance(put, Rewritten)
    branch_move.move_target(bench.root, "main", there, put.tip)
    hook = bench.root / ".git/hooks/reference-transaction"
    hook.write_text('#!/bin/sh\n[ "$1" != prepared ]\n')
    hook.chmod(0o755)
    moves = (BranchMove("main", there, put.tip), BranchMove(bench.branch, tip, put.tip))
    with pytest.raises(Refused, match="could not be moved"):
        branch_move.move_together(bench.root, moves)
    hook.unlink()
    assert (bench.base, bench.tip) == (put.tip, tip)
    assert bench.git("status", "--porcelain") == bench.git("status", "--porcelain", at=bench.at) == ""


def test_several_branches_move_at_once_or_not_at_all(bench: Bench) -> None:
    old, tip = bench.base, bench.amp({"a.txt": lines(_1="one")})
    there = bench.sandbox.commit({"b.txt": "base\n"})
    put = rewrite.rebase(bench.root, tip, there)
    assert isinstance(put, Rewritten)
    moves = (BranchMove(bench.branch, tip, put.tip), BranchMove("main", there, put.tip))
    bench.sandbox.write({"a.txt": "mine\n"})
    with pytest.raises(Refused, match=r"a\.txt"):
        branch_move.move_together(bench.root, moves)
    assert (bench.tip, bench.base) == (tip, there)
    assert bench.git("status", "--porcelain", at=bench.at) == ""
    assert bench.git("status", "--porcelain") == " M a.txt"
    bench.git("checkout", "-q", "a.txt")
    branch_move.move_together(bench.root, moves)
    assert (bench.tip, bench.base) == (put.tip, put.tip)
    assert bench.git("status", "--porcelain", at=bench.at) == bench.git("status", "--porcelain") == ""
    assert (bench.at / "b.txt").read_text() == "base\n"
    assert old != there
