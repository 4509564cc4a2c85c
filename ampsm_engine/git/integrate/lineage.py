"""What a line of work has beyond another, where that is one line of commits: told in this process, as by git.

None wherever it takes more than that (merges, several merge bases, no common history, a shallow clone), and the git
program is asked. Reads only.
"""

from typing import TYPE_CHECKING, NamedTuple

from ampsm_engine.git.integrate.plan import TRAILERS, listed
from ampsm_engine.git.integrate.values import PlannedCommit

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.ground import Ground, RawCommit

_LONG = 5000
"""Commits that are walked here; git is faster from there on."""

_KEYS = tuple(key.lower().encode() for key in TRAILERS)


class Line(NamedTuple):
    """The one merge base of two commits, and the commits from there to the second, oldest first, each on the last."""

    base: str
    commits: tuple["RawCommit", ...]


class Part(NamedTuple):
    """As much of a commit as a squash has to know."""

    sha: str
    ours: bool
    """Made for amp."""
    parents: tuple[str, ...]

    @property
    def merge(self) -> bool:
        """Whether it has several parents."""
        return len(self.parents) > 1


def line(ground: "Ground", base: str, tip: str) -> Line | None:
    """The line from the merge base of two commits to the second; None where git must be asked.

    Behind the second are only its commits and those behind the merge base: so nothing else is shared, and none of
    the commits is part of the first, or the merge base would not be the best one.
    """
    if (ground.common_dir / "shallow").exists():
        return None
    found: list[RawCommit] = []
    at = tip
    # What was made just now is not in the repository yet.
    while ground.objects.waits(at) and len(found) < _LONG:
        found.append(ground.commit(at))
        if len(found[-1].parents) != 1:
            return None
        at = found[-1].parents[0]
    fork = ground.objects.merge_base(base, at)
    while fork is not None and at != fork:
        found.append(ground.commit(at))
        if len(found[-1].parents) != 1 or len(found) > _LONG:
            return None
        at = found[-1].parents[0]
    return Line(fork, tuple(reversed(found))) if fork is not None else None


def parts(ground: "Ground", base: str, tip: str) -> tuple[Part, ...]:
    """The commits that `tip` has beyond `base`, oldest first."""
    plain = ground.line(base, tip)
    told = [_is_ours(commit) for commit in plain.commits] if plain else [None]
    if plain and None not in told:
        pairs = zip(plain.commits, told, strict=True)
        return tuple(Part(commit.sha, bool(ours), commit.parents) for commit, ours in pairs)
    ground.objects.flush()
    return tuple(part(commit) for commit in listed(ground.where, f"^{base}", tip))


def part(commit: PlannedCommit) -> Part:
    """The same of a commit that git has told about."""
    return Part(commit.sha, commit.ours, commit.parents)


def _is_ours(commit: "RawCommit") -> bool | None:
    """Whether a commit was made for amp; None where that takes git's own reading of its trailers."""
    if commit.encoding is not None or b"\0" in commit.message:
        return None
    first = next((text for text in commit.message.split(b"\n") if text.strip(b" \t\r")), b"")
    if first.startswith(b"amp:"):
        return True
    message = commit.message.lower()
    return None if any(key in message for key in _KEYS) else False
