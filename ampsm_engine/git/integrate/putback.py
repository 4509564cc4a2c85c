"""Putting a conflict back as it lay when it was given away: HEAD, index, files, and the marks by which git knows it."""

import contextlib
from pathlib import Path

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import busy, keepsake, listing, program, repository, restoring, staging
from ampsm_engine.git.integrate import layout, marks


def put_back(worktree: Path, work: str) -> None:
    """Lay out again what `keepsake.write` wrote down of a worktree in conflict; may be done again.

    What came since is gone from there, ignored files and secrets aside: keep it before. Refused while somebody holds
    the index.
    """
    laid = layout.required(worktree)
    git_dir = repository.linked_git_dir(worktree)
    why_not = busy.index_refusal(git_dir)
    if why_not is not None:
        raise Refused(*why_not)
    contents = keepsake.read(worktree, work)
    answer = program.write(worktree, "checkout", "--quiet", "--force", "--detach", contents.commit or laid.onto, "--")
    if not answer.ok:
        message = f"The conflict in {worktree} could not be put back: {answer.said}"
        raise Failed(message, f"git -C {worktree} status")
    _sweep(worktree)
    restoring.fill_files(worktree, git_dir, work)
    restoring.overlay(worktree, work, contents)
    marks.put(worktree, git_dir, laid)


def _sweep(worktree: Path) -> None:
    """Take away what came untracked; what was there before comes back with the rest."""
    entries = [entry for entry in listing.entries(worktree) if entry.state == "untracked"]
    kept = {left.path for left in staging.choose(worktree, entries).left_out}
    for entry in entries:
        if entry.path in kept or entry.path.endswith("/"):
            continue
        (worktree / entry.path).unlink()
        with contextlib.suppress(OSError):
            for parent in (worktree / entry.path).parents:
                if parent == worktree:
                    break
                parent.rmdir()
