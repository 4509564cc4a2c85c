"""Questions about the graph of commits, answered by pygit2 in the same process: cheap for a whole list of sessions.

Nothing else of ampsm imports pygit2, and nothing that starts light imports this. Where libgit2 cannot open a
repository (SHA-256, reftable, an unknown extension) or would see another graph (replaced commits), None sends the
caller to the git program.
"""

from pathlib import Path

import pygit2

from ampsm_engine.errors import NotFound
from ampsm_engine.git import program
from ampsm_engine.plain_text import printable

_SPACES = ("refs/heads/", "refs/remotes/", "refs/tags/")


def opened(path: Path, common_dir: Path) -> pygit2.Repository | None:
    """The repository at a path, where libgit2 sees the same graph as git does."""
    if (common_dir / "info" / "grafts").exists():
        return None
    try:
        found = pygit2.Repository(str(path))
    except pygit2.GitError:
        return None
    replaced = program.read(path, "for-each-ref", "--count=1", "refs/replace/")
    return found if replaced.ok and not replaced.output else None


def ahead_behind(repository: pygit2.Repository, branch: str, base: str) -> tuple[int, int]:
    """How many commits are only on the branch, and how many only on the base."""
    return repository.ahead_behind(_commit(repository, branch), _commit(repository, base))


def merge_base(repository: pygit2.Repository, one: str, other: str) -> str | None:
    """The best common ancestor; None when the two share no history."""
    found = repository.merge_base(_commit(repository, one), _commit(repository, other))
    return str(found) if found is not None else None


def _commit(repository: pygit2.Repository, name: str) -> pygit2.Oid:
    try:
        for space in _SPACES:
            full = f"{space}{name}"
            if pygit2.reference_is_valid_name(full) and full in repository.references:
                return repository.references[full].peel(pygit2.Commit).id
        return repository.revparse_single(name).peel(pygit2.Commit).id
    except (KeyError, ValueError, pygit2.GitError) as reason:
        where = repository.workdir or repository.path
        message = f"There is no commit {printable(name)[:100]!r} in {where}."
        raise NotFound(message, f"git -C {where} log --all --oneline") from reason
