"""The objects of one repository by libgit2. Nothing with a screen may import this; `ground` does when it begins.

Where libgit2 would see something else than git does, there is none of it, and the git program does each step.
"""

from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from ampsm_engine.errors import Failed
from ampsm_engine.git import graph

_TYPES = {"commit": ObjectType.COMMIT, "tree": ObjectType.TREE, "blob": ObjectType.BLOB}


class Objects:
    """Reads and writes whole objects."""

    def __init__(self, repository: pygit2.Repository, common_dir: Path) -> None:
        self._repository = repository
        self._common_dir = common_dir

    def read(self, name: str) -> bytes | None:
        """An object's content; None when libgit2 does not find it."""
        try:
            return self._repository.read(name)[1]
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def write(self, kind: str, raw: bytes) -> str:
        """Write an object; answers its name."""
        try:
            return str(self._repository.write(_TYPES[kind], raw))
        except (OSError, pygit2.GitError) as reason:
            message = f"Nothing can be written to the repository of {self._common_dir}: {reason}."
            raise Failed(message, f"df -h {self._common_dir}") from reason


def opened(where: Path, common_dir: Path) -> Objects | None:
    """The objects of a repository, where libgit2 sees what git sees."""
    repository = graph.opened(where, common_dir)
    return Objects(repository, common_dir) if repository is not None else None
