"""The lines of the list of files: folders, each once and indented, which fold, and the files in them. Pure.

The files stand in the order of the diff. A folder that holds nothing but one other stands in one line with it.
"""

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from ampsm_tui.widgets.diff.document import File

DEEPEST = 12
"""Levels that are indented; what is deeper stands at the last of them."""


class FileLine(NamedTuple):
    """A file, or a folder (`file` -1) with all that is in it."""

    file: int
    text: str
    depth: int = 0
    folder: str = ""
    """The path of the folder; of a file, of the one that it stands in, both empty at the root."""
    inside: tuple[int, ...] = ()
    """The files of a folder, those of its folders too."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.file < 0


class _Range(NamedTuple):
    start: int
    end: int
    part: int
    """Which part of the paths is next."""
    depth: int
    folder: str


def file_lines(files: Sequence[File], folded: Collection[str] = (), *, is_flat: bool = False) -> list[FileLine]:
    """The shown files below their folders; of a folded folder its own line alone. Flat: whole paths, no folders."""
    shown = [(index, file.path.split("/")) for index, file in enumerate(files) if not file.is_hidden]
    if is_flat:
        return [FileLine(index, "/".join(parts)) for index, parts in shown]
    return list(_nested(shown, folded))


def _nested(shown: Sequence[tuple[int, list[str]]], folded: Collection[str]) -> Iterator[FileLine]:
    # No recursion: a repository may be as deep as a path is long.
    waiting = [_Range(0, len(shown), 0, 0, "")]
    while waiting:
        start, end, part, depth, folder = waiting.pop()
        while start < end:
            index, parts = shown[start]
            if len(parts) == part + 1:
                yield FileLine(index, parts[-1], min(depth, DEEPEST), folder)
                start += 1
                continue
            stop = start + 1
            while stop < end and _is_below(shown[stop][1], parts, part):
                stop += 1
            below = part + 1
            while all(_is_below(other, parts, below) for _, other in shown[start:stop]):
                below += 1
            path = "/".join(parts[:below])
            inside = tuple(at for at, _ in shown[start:stop])
            yield FileLine(-1, "/".join(parts[part:below]), min(depth, DEEPEST), path, inside)
            waiting.append(_Range(stop, end, part, depth, folder))
            if path not in folded:
                waiting.append(_Range(start, stop, below, depth + 1, path))
            break


def _is_below(parts: list[str], others: list[str], part: int) -> bool:
    """Whether a path goes on with the same folder as another one."""
    return len(parts) > part + 1 and len(others) > part + 1 and parts[part] == others[part]


def folders(files: Sequence[File]) -> frozenset[str]:
    """The paths of all folders that have a line while none is folded."""
    return frozenset(line.folder for line in file_lines(files) if line.is_folder)


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


def closeness(typed: str, path: str) -> int:
    """How well a path answers what was typed to name it, in any case; 0: not at all.

    Best is a name that begins with it, then one that has it, then a path that has it, then its letters in order.
    """
    typed, path = typed.casefold().replace(" ", ""), path.casefold()
    name = path.rpartition("/")[2]
    if not typed:
        return 1
    if name == typed or name.partition(".")[0] == typed:
        return 6
    if name.startswith(typed):
        return 5
    if typed in name:
        return 4
    if typed in path:
        return 3
    return 2 if _in_order(typed, name) else 1 if _in_order(typed, path) else 0


def _in_order(letters: str, text: str) -> bool:
    at = -1
    return all((at := text.find(letter, at + 1)) >= 0 for letter in letters)
