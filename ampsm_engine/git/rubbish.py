"""Files that rarely mean to be in a history: installed packages, caches, very large files. Told by names and sizes."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.git import program
from ampsm_engine.plain_text import plural

LARGE = 10 << 20
"""Bytes of a very large file: hosts begin to warn at 50 MB and refuse at 100 MB, and a clone has each version."""

MANY = 300
"""New files of one new folder that are rarely written by hand."""

_FOLDERS = frozenset(
    {
        *("node_modules", "bower_components", "jspm_packages", ".pnpm-store", ".yarn/cache", ".parcel-cache"),
        *(".next", ".nuxt", ".svelte-kit", ".turbo", ".angular", ".nyc_output"),
        *("__pycache__", ".venv", "venv", "site-packages", ".tox", ".nox", ".eggs"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints"),
        *(".gradle", ".terraform", "DerivedData", ".dart_tool", ".bundle", ".cache", ".ccls-cache", ".stack-work"),
    }
)
"""Folders that tools fill."""

_NO_FILE = ("000000", "160000")
"""The modes of what is not there and of a submodule."""


class Added(NamedTuple):
    """A file that is new, or has a new content."""

    path: str
    mode: str
    """Six octal digits."""
    size: int
    """Bytes; 0 where that is not known."""
    is_new: bool


def found(files: Iterable[Added], has: Callable[[str], bool]) -> tuple[str, ...]:
    """What of it is rubbish, each with its size: `node_modules/ (600 files)`, `core (120 MB)`, `.venv (a link)`.

    `has` says whether the other side has a path already: a folder that is kept in a history on purpose is none.
    """
    named: Counter[str] = Counter()
    folders: Counter[str] = Counter()
    single: list[str] = []
    for file in files:
        folder = _tools_folder(file.path)
        if folder is not None and not has(folder):
            if folder == file.path:
                single.append(f"{file.path} (a {'link' if file.mode == '120000' else 'file'})")
            else:
                named[folder] += 1
            continue
        if file.size >= LARGE:
            single.append(f"{file.path} ({file.size / 1_000_000:.0f} MB)")
        if file.is_new:
            folders.update(_above(file.path))
    for folder in sorted(folders, key=len):
        inside = any(folder.startswith(f"{known}/") for known in named)
        if folders[folder] >= MANY and not inside and not has(folder):
            named[folder] = folders[folder]
    return (*(f"{folder}/ ({plural(count, 'file')})" for folder, count in named.items()), *single)


def between(where: Path, old: str, new: str) -> tuple[str, ...]:
    """What rarely belongs in a history, of that which the commit `new` has and `old` has not; as `found` names it."""
    raw = program.told(where, "diff-tree", "-r", "-z", "--raw", "--no-renames", old, new, "--")
    fields = iter(program.text(raw).split("\0"))
    heads = ((head.removeprefix(":").split(" "), path) for head, path in zip(fields, fields, strict=False))
    there = [(path, words) for words, path in heads if words[1] not in _NO_FILE]
    known = sizes(where, {words[3] for _, words in there})
    files = [Added(path, words[1], known.get(words[3], 0), words[4] == "A") for path, words in there]
    return found(files, lambda path: program.read(where, "rev-parse", "--quiet", "--verify", f"{old}:{path}").ok)


def sizes(where: Path, names: Iterable[str]) -> dict[str, int]:
    """The bytes of objects by their names; those that are not there are left out."""
    feed = "".join(f"{name}\n" for name in names).encode()
    options = ("cat-file", "--batch-check=%(objectname) %(objectsize)")
    lines = program.told(where, *options, feed=feed).decode().splitlines() if feed else []
    words = (line.split(" ") for line in lines)
    return {name: int(size) for name, size in words if size.isdigit()}


def _tools_folder(path: str) -> str | None:
    """The outermost folder of a path that a tool fills."""
    parts = path.split("/")
    for end in range(1, len(parts) + 1):
        name = parts[end - 1]
        if name in _FOLDERS or "/".join(parts[max(0, end - 2) : end]) in _FOLDERS or name.endswith(".egg-info"):
            return "/".join(parts[:end])
    return None


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
