"""git's own signs of a conflict in progress: they go when somebody commits or resets, and can be put again."""

from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.git.integrate.values import LaidOut


def put(worktree: Path, git_dir: Path, laid: LaidOut) -> None:
    """Have git know of the conflict (again): `git status` tells of it, and it does not count as taken back."""
    if laid.kind != "merge":
        program.done(worktree, "update-ref", "--no-deref", "CHERRY_PICK_HEAD", laid.commit)
        return
    # A file wherever refs are kept, which git itself refuses to write as a ref.
    (git_dir / "MERGE_HEAD").write_text(f"{laid.commit}\n")
    if laid.message and not (git_dir / "MERGE_MSG").exists():
        (git_dir / "MERGE_MSG").write_text(f"{laid.message}\n", "utf-8", "surrogateescape")
