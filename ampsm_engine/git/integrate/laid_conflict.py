"""What lies in a session's worktree of a conflict that was laid out there: the note of it, beside HEAD and index."""

import json
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import repository
from ampsm_engine.git.integrate.outcomes import ConflictFile, LaidOut, Stage
from ampsm_engine.home import write_private
from ampsm_engine.lean_dataclass import asdict

_NOTE = "ampsm-conflict.json"


def laid(worktree: Path) -> LaidOut | None:
    """The conflict in a worktree, also after a crash; None when ampsm has laid out none."""
    note = repository.git_dir(worktree) / _NOTE
    try:
        return _from_json(json.loads(note.read_bytes()), worktree)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as reason:
        message = f"{note} cannot be read: {reason}."
        raise Failed(message, f"git -C {worktree} status") from reason


def write(git_dir: Path, laid: LaidOut) -> None:
    """Note that a worktree holds a conflict, in its git folder."""
    write_private(git_dir / _NOTE, json.dumps({**asdict(laid), "worktree": str(laid.worktree)}).encode())


def forget(git_dir: Path) -> None:
    """Delete the note: the worktree holds no conflict any more."""
    (git_dir / _NOTE).unlink(missing_ok=True)


def _from_json(plain: dict[str, object], worktree: Path) -> LaidOut:
    files = plain.pop("files")
    found = tuple(_file_from_json(file) for file in files) if isinstance(files, list) else ()
    return LaidOut(**{**plain, "worktree": worktree, "files": found})  # type: ignore[arg-type]


def _file_from_json(plain: dict[str, object]) -> ConflictFile:
    sides = {side: Stage(**stage) if stage else None for side in ("base", "ours", "theirs") for stage in [plain[side]]}  # type: ignore[arg-type]
    return ConflictFile(**{**plain, **sides})  # type: ignore[arg-type]
