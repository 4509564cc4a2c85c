"""The commits that a branch has beyond another, oldest first, and which of them were made for amp. Reads only."""

import re
from pathlib import Path

from ampsm_engine.errors import NotFound
from ampsm_engine.git import program, records, repository
from ampsm_engine.git.integrate.outcomes import PlannedCommit

_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

TRAILERS = ("Ampsm-Session", "Ampsm-Iteration", "Amp-Thread-ID")
"""What a commit that was made for amp carries, where its subject does not say so."""

_FIELDS = (
    *("%H", "%P", "%an <%ae>", "%aI", "%s"),
    "".join(f"%(trailers:key={key},valueonly,separator=%x2c)" for key in TRAILERS),
)


def plan_commits(repo_root: Path, base_tip: str, branch: str) -> tuple[PlannedCommit, ...]:
    """What `branch` has and `base_tip` has not, parents before children; both may be any revision."""
    return listed(repo_root, f"^{_commit(repo_root, base_tip)}", _commit(repo_root, branch))


def listed(where: Path, *span: str) -> tuple[PlannedCommit, ...]:
    """The commits of a span of `git log`, oldest first."""
    found = []
    for sha, parents, author, time, subject, trailers in records.log(
        where, _FIELDS, "--topo-order", "--reverse", *span
    ):
        ours = subject.startswith("amp:") or bool(trailers.strip(", \n"))
        found.append(PlannedCommit(sha, subject, author, time, ours, tuple(parents.split())))
    return tuple(found)


def _commit(where: Path, name: str) -> str:
    return name if _FULL.fullmatch(name) else repository.resolve(where, name)


def merge_bases(where: Path, one: str, other: str) -> tuple[str, ...]:
    """All best common ancestors of two commits; none when they share no history."""
    answer = program.read(where, "merge-base", "--all", one, other)
    if answer.code > 1:
        for name in (one, other):
            if not program.read(where, "cat-file", "-e", f"{name}^{{commit}}").ok:
                raise repository.unknown_commit(where, name)
        raise program.failure(where, ("merge-base",), answer)
    return tuple(answer.output.decode().split())


def common(where: Path, one: str, other: str) -> tuple[str, ...]:
    """The best common ancestors of two commits, one or more; NotFound, with the reason, when they share no history."""
    bases = merge_bases(where, one, other)
    if bases:
        return bases
    if program.read(where, "rev-parse", "--is-shallow-repository").line == "true":
        message = f"{one[:12]} and {other[:12]} share no history here: the clone at {where} is shallow."
        raise NotFound(message, f"git -C {where} fetch --unshallow")
    message = f"{one[:12]} and {other[:12]} share no history."
    raise NotFound(message, f"git -C {where} log --oneline --graph {one[:12]} {other[:12]}")
