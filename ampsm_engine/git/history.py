"""The commits that a branch has beyond a point, newest first, and who made each. Read by the git program."""

from pathlib import Path

from ampsm_engine.git import changes, program, records, repository
from ampsm_engine.git.entities import FileChange
from ampsm_engine.lean_dataclass import dataclass

MOST = 500
"""The most commits that are listed."""

_FIELDS = (
    *("%H", "%an", "%cI", "%s"),
    "%(trailers:key=Ampsm-Iteration,valueonly,separator=%x2c)",
    "%(trailers:key=Amp-Thread-ID,valueonly,separator=%x2c)",
    "%(trailers:key=Ampsm-Review,valueonly,separator=%x2c)",
)


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """One commit. The time is the committer's, ISO 8601 with its zone."""

    sha: str
    author: str
    time: str
    subject: str
    iteration: str
    """The iteration that its trailer names; empty when we did not make it."""
    thread: str
    """amp's thread in its trailer; empty when there is none."""
    review: str = ""
    """What was done in a review: `reject <id>` or `restore <id>`; empty for all other commits."""


def since(where: Path, base: str, branch: str, most: int = MOST) -> tuple[LoggedCommit, ...]:
    """The commits of a branch that `base`, a commit, does not have."""
    span = (f"refs/heads/{branch}", f"^{base}") if base else (f"refs/heads/{branch}",)
    found = []
    for fields in records.log(where, _FIELDS, f"--max-count={most}", *span):
        if len(fields) == len(_FIELDS):
            sha, author, time, subject, *trailers = fields
            found.append(LoggedCommit(sha, author, time, subject, *(trailer.strip() for trailer in trailers)))
    return tuple(found)


def files_of(where: Path, sha: str) -> tuple[FileChange, ...]:
    """The files that a commit changed against its first parent."""
    has_parent = program.read(where, "rev-parse", "--quiet", "--verify", f"{sha}^1").ok
    return changes.files(where, f"{sha}^1" if has_parent else records.empty_tree(sha), sha)


def renamed_to(where: Path, branch: str) -> str:
    """How a branch is called that is not there any more, by git's own log of it; empty where nothing tells."""
    told = f"Branch: renamed {repository.BRANCHES}{branch} to {repository.BRANCHES}"
    wanted = ("--fixed-strings", f"--grep-reflog={told}", "--format=%gD%x00%gs", "--max-count=20")
    answer = program.read(where, "log", "--walk-reflogs", "--branches", "--no-color", *wanted, "--")
    for line in program.text(answer.output).splitlines() if answer.ok else ():
        at, _, said = line.partition("\0")
        now = at.rpartition("@{")[0].removeprefix(repository.BRANCHES)
        if said.startswith(told) and repository.branch_tip(where, now) is not None:
            return now
    return ""
