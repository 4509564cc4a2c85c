"""What git's files tell of branches is what git says, and where there is a doubt they tell nothing."""

from pathlib import Path

from ampsm_engine.git import branch_files, repository
from tests.git.sandboxes import Sandbox


def agreed(sandbox: Sandbox, *names: str) -> frozenset[str]:
    """Those that the files are certain of, none of which git denies."""
    certain = branch_files.certain(str(sandbox.root), frozenset(names))
    assert not certain & repository.unresolved(sandbox.root, sorted(names))
    return certain


def test_branches_are_found_loose_and_packed(sandbox: Sandbox) -> None:
    sandbox.git("branch", "feature/one")
    assert agreed(sandbox, "main", "feature/one", "feature", "nowhere") == {"main", "feature/one"}
    sandbox.git("pack-refs", "--all")
    assert not (sandbox.root / ".git/refs/heads/main").exists()
    assert agreed(sandbox, "main", "feature/one", "feature", "one", "ain") == {"main", "feature/one"}


def test_what_git_takes_for_something_else_is_left_to_git(sandbox: Sandbox) -> None:
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    for name in ("loose", "packed", "named"):
        sandbox.git("branch", name)
        sandbox.git("update-ref", f"refs/tags/{name}", tree)
    sandbox.git("pack-refs", "--all")
    sandbox.git("update-ref", "refs/tags/loose", tree)
    sandbox.git("symbolic-ref", "refs/heads/symbolic", "refs/heads/nowhere")
    (sandbox.root / ".git/refs/heads/empty").write_bytes(b"")
    (sandbox.root / ".git/refs/heads/damaged").write_bytes(b"what\n")
    odd = ("main~1", "@{-1}", "main^0", "../heads/main", "refs/heads/main", "HEAD", "symbolic", "empty", "damaged", "")
    assert agreed(sandbox, "loose", "packed", "named", *odd) == set()


def test_other_layouts_are_left_to_git(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "side", tmp_path / "side")
    assert branch_files.certain(str(tmp_path / "side"), frozenset(["main"])) == set()
    assert branch_files.certain(str(tmp_path / "nowhere"), frozenset(["main"])) == set()
    (sandbox.root / ".git/reftable").mkdir()
    assert branch_files.certain(str(sandbox.root), frozenset(["main"])) == set()


def test_a_branch_in_the_way_is_found_loose_and_packed(sandbox: Sandbox) -> None:
    git_dir = sandbox.root / ".git"
    assert branch_files.are_absent(git_dir, ("amp", "amp/fix", "mai"))
    sandbox.git("branch", "amp/fix/one")
    assert branch_files.are_absent(git_dir, ("amp", "amp/fix"))
    assert not branch_files.are_absent(git_dir, ("amp", "amp/fix/one"))
    sandbox.git("pack-refs", "--all")
    assert not branch_files.are_absent(git_dir, ("main",))
    (git_dir / "reftable").mkdir()
    assert not branch_files.are_absent(git_dir, ("amp",)), "only git reads tables"
