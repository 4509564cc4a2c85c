"""Large file storage: which files of a worktree are only pointers to their content, and why."""

import os
import re
from pathlib import Path

from ampsm_engine.git import program, records
from ampsm_engine.plain_text import list_some

_ASKS = re.compile(rb"^[^#\n]*\sfilter=lfs\b", re.MULTILINE)
_ATTRIBUTES_READ = 1 << 20

_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
"""How each pointer begins (git-lfs's docs/spec.md)."""

_MOST_READ = 1000
"""Files whose beginning is looked at."""


def lacking(worktree: Path, common_dir: Path) -> str:
    """A sentence where files are pointers in a worktree, with why and what fills them; empty where none is."""
    found = _pointers(worktree, common_dir)
    if not found:
        return ""
    pull = f"git -C {worktree} lfs pull"
    import shutil  # for the few that have pointers

    if shutil.which("git-lfs") is None:
        why, way = "git-lfs is not installed", "Install it, then: git lfs install && "
    elif not program.write(worktree, "config", "--get-regexp", r"^filter\.lfs\.(process|smudge)$").ok:
        why, way = "git does not know its filter", "To fill them: git lfs install && "
    else:
        why, way = "their content was not fetched", "To fill them: "
    return f"Files of large file storage are pointers here, {why} ({list_some(found)}). {way}{pull}"


def _pointers(worktree: Path, common_dir: Path) -> list[str]:
    """The files that git's attributes give to the filter and that are pointers.

    Only repositories are looked through whose own attributes ask for it, or in which git-lfs has worked.
    """
    if not (os.path.lexists(common_dir / "lfs") or _asks(worktree / ".gitattributes")):
        return []
    filtered = records.split(program.read(worktree, "ls-files", "-z", "--", ":(attr:filter=lfs)").output)
    return [path for path in filtered[:_MOST_READ] if _begins(worktree / path, len(_POINTER)) == _POINTER]


def _asks(attributes: Path) -> bool:
    return _ASKS.search(_begins(attributes, _ATTRIBUTES_READ)) is not None


def _begins(file: Path, length: int) -> bytes:
    """The beginning of a regular file; nothing of anything else."""
    try:
        if file.is_symlink() or not file.is_file():
            return b""
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError:
        return b""
