"""git's own register of worktrees (`<common dir>/worktrees/*`): reading it, and taking one worktree out of it.

`git worktree prune` is never used: it would also drop worktrees of the user's whose disk is not mounted.
"""

import contextlib
import os
import stat
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import program, repository
from ampsm_engine.git.places import Repo, Worktree

PASSING = "ampsm-commit-"
"""How the worktrees begin that a commit with hooks makes for a moment: nobody else is to see those."""


def listed(repo: Repo) -> tuple[Worktree, ...]:
    """All worktrees that git knows, the main one first."""
    records = program.told(repo.root, "worktree", "list", "--porcelain", "-z").split(b"\0\0")
    found = [_worktree(program.text(record).split("\0"), repo.root) for record in records if record]
    found = [tree for tree in found if not tree.path.name.startswith(PASSING)]
    # For a git folder that lies elsewhere, git names that folder instead of the main worktree.
    main = Worktree(repo.root, found[0].branch, found[0].head, root=repo.root)
    return (main, *found[1:])


def _worktree(lines: list[str], root: Path) -> Worktree:
    fields = {name: value for name, _, value in (line.partition(" ") for line in lines)}
    head = fields.get("HEAD", "")
    return Worktree(
        path=Path(fields["worktree"]),
        branch=repository.short(fields.get("branch", "")),
        head="" if not head.strip("0") else head,
        root=root,
        locked=fields.get("locked"),
        prunable=fields.get("prunable"),
    )


def admin_dir(common_dir: Path, worktree: Path) -> Path | None:
    """The folder in which git keeps a worktree's HEAD and index; found also when the worktree is gone."""
    pointer = worktree / ".git"
    for folder in (common_dir / "worktrees").glob("*"):
        with contextlib.suppress(OSError):
            named = folder / program.text((folder / "gitdir").read_bytes()).removesuffix("\n")
            if os.path.normpath(named) == os.path.normpath(pointer) or _real(named) == _real(pointer):
                return folder
    return None


def _real(pointer: Path) -> tuple[str, str]:
    return os.path.realpath(pointer.parent), pointer.name


def erase(common_dir: Path, worktree: Path) -> None:
    """Remove a worktree's folder and what git knows of it. Failed when files cannot be deleted."""
    try:
        admin = admin_dir(common_dir, worktree)  # the path is compared while it is there
        delete_tree(worktree)
        _forget(admin)
    except OSError as reason:
        message = f"The worktree {worktree} cannot be removed: {reason.strerror}: {reason.filename}."
        raise Failed(message, f"Delete it by hand: rm -r {worktree}") from reason


def forget(common_dir: Path, worktree: Path) -> None:
    """Remove what git knows of a worktree, and nothing of its files."""
    _forget(admin_dir(common_dir, worktree))


def _forget(admin: Path | None) -> None:
    if admin is not None:
        delete_tree(admin)
        with contextlib.suppress(OSError):  # git keeps no empty folder here, and others may just use it
            admin.parent.rmdir()


def delete_tree(folder: Path) -> None:
    """Delete a folder and all in it, read-only folders too (Go's module cache); a link is only unlinked."""
    import shutil  # 10 ms, and nothing is deleted in most starts

    if folder.is_symlink() or folder.is_file():
        folder.unlink()
        return
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            delete_tree(folder)
    except PermissionError:
        for inner, _, _ in os.walk(folder):
            Path(inner).chmod(stat.S_IMODE(Path(inner).stat().st_mode) | stat.S_IRWXU)
        shutil.rmtree(folder)


def delete_branch(where: Path, branch: str, tip: str) -> bool:
    """Delete a branch if it still points at `tip`; False when it has moved or is gone."""
    return program.write(where, "update-ref", "-d", f"{repository.BRANCHES}{branch}", tip).ok
