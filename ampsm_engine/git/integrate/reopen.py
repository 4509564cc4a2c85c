"""Taking the resolution of one path back: it is in conflict again, as it was when the conflict was laid out."""

from pathlib import Path

from ampsm_engine.errors import Failed, NotFound
from ampsm_engine.git import program
from ampsm_engine.git.integrate import layout
from ampsm_engine.git.integrate.values import ConflictFile


def reopen(worktree: Path, path: str) -> None:
    """Put the sides of a path back into the index, and its markers into the file; NotFound for one without conflict."""
    laid = layout.required(worktree)
    file = next((file for file in laid.files if file.path == path), None)
    if file is None:
        raise NotFound(f"{path!r} was in no conflict in {worktree}.", f"git -C {worktree} status")
    sides = [(number, stage) for number, stage in enumerate((file.base, file.ours, file.theirs), 1) if stage]
    nothing = "0" * len(sides[0][1].object)
    lines = [f"0 {nothing}\t{path}", *(f"{stage.mode} {stage.object} {number}\t{path}" for number, stage in sides)]
    feed = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
    program.done(worktree, "update-index", "-z", "--index-info", feed=feed)
    _lay(worktree, file)


def _lay(worktree: Path, file: ConflictFile) -> None:
    literal = ("--literal-pathspecs",)
    if file.ours and file.theirs:
        answer = program.write(worktree, *literal, "checkout", "--quiet", "--merge", "--", file.path)
    else:
        side = "--ours" if file.ours else "--theirs"
        answer = program.write(worktree, *literal, "checkout", "--quiet", side, "--", file.path)
    if not answer.ok:
        message = f"{file.path!r} could not be laid out again: {answer.reason}."
        raise Failed(message, f"git -C {worktree} checkout --merge -- {file.path}")
