"""Real repositories: the sources of installed packages, with a history of a few commits."""

import importlib.util
import shutil
from pathlib import Path

from tests.conftest import git

NAMES = ("textual", "rich", "pygments", "hypothesis", "peewee")

COMMITS = 4
"""Commits by which the files of a package come in, one part each."""


def repository(name: str, place: Path) -> Path:
    """A repository with the sources of an installed package, as its checkout has them; its root."""
    root = place / name
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    files = _sources(name)
    for number in range(COMMITS):
        for source, path in files[number::COMMITS]:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", f"Take in part {number + 1} of {name}")
    return root


def module(name: str) -> str:
    """The path of a package's first module in its repository."""
    return f"{name}.py" if name == "peewee" else f"{name}/__init__.py"


def _sources(name: str) -> list[tuple[Path, Path]]:
    """Each file of a package with its path in the repository: what a version control would have of it."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    origin = Path(found.origin)
    if origin.name != "__init__.py":
        return [(origin, Path(origin.name)), *_sources("playhouse")]
    wanted = [path for path in origin.parent.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".so")]
    return [(path, path.relative_to(origin.parent.parent)) for path in sorted(wanted)]
