"""The lines of a list of files: those that a filter leaves, below their folders. Pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from ampsm_tui.widgets.diff.document import File


class FileLine(NamedTuple):
    """A folder (`file` -1) or a file."""

    file: int
    text: str


def lines(files: Sequence[File]) -> list[FileLine]:
    """Every shown file in the order of the diff, a folder above the first of its files."""
    told: list[FileLine] = []
    last = ""
    for index, file in enumerate(files):
        if file.is_hidden:
            continue
        folder, _, name = file.path.rpartition("/")
        if folder != last:
            told.append(FileLine(-1, f"{folder}/" if folder else "./"))
            last = folder
        told.append(FileLine(index, name))
    return told


def wanted(file: File, filter_text: str) -> bool:
    """Whether a filter leaves a file: words of its path, globs, `unviewed`, `viewed`, `commented`; all must hold."""
    return all(_holds(file, word) for word in filter_text.split())


def _holds(file: File, word: str) -> bool:
    if word == "unviewed":
        return not file.is_viewed
    if word == "viewed":
        return file.is_viewed
    if word == "commented":
        return bool(file.shape.notes)
    path, word = file.path.lower(), word.lower()
    if word.startswith("!") and len(word) > 1:
        return not _matches(path, word[1:])
    return _matches(path, word)


def _matches(path: str, word: str) -> bool:
    if any(letter in word for letter in "*?["):
        return fnmatchcase(path, word) or fnmatchcase(path, f"*/{word}")
    return word in path
