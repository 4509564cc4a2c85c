"""git's own files about a conflict in progress: they go when somebody commits or resets, and can be put again."""

from pathlib import Path

from ampsm_engine.git.integrate.values import LaidOut


def put(git_dir: Path, laid: LaidOut) -> None:
    """Have git know of the conflict (again): `git status` tells of it, and it does not count as taken back."""
    name = "MERGE_HEAD" if laid.kind == "merge" else "CHERRY_PICK_HEAD"
    (git_dir / name).write_text(f"{laid.commit}\n")
    if laid.kind == "merge" and laid.message and not (git_dir / "MERGE_MSG").exists():
        (git_dir / "MERGE_MSG").write_text(f"{laid.message}\n", "utf-8", "surrogateescape")
