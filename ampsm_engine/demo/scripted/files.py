"""The file tools: they really change files in the current folder and answer what the real tools answer.

Text is kept byte for byte, line ends included; what cannot be done is a tool error, never a crash.
"""

from __future__ import annotations

import os
from pathlib import Path

from .stream import dumped


class ToolError(Exception):
    """What the tool says instead of a result."""


def absolute(path: str) -> str:
    """The path as the real program writes it into its calls."""
    return os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 -- a Path would normalise the text


def create(path: str, content: str) -> str:
    """Writes the file, folders included."""
    target = Path(path)
    _write(target, content)
    return f"Successfully created file {path}"


def edit(path: str, old: str, new: str) -> str:
    """Replaces the one place where `old` stands."""
    before = read(path)
    found = before.count(old)
    if found != 1:
        raise ToolError(
            f"Could not find exact match for old_str in file {path}"
            if not found
            else f"Found {found} matches for old_str in {path}, expected exactly one"
        )
    after = before.replace(old, new)
    _write(Path(path), after)
    start = before[: before.index(old)].count("\n") + 1
    end = start + max(0, new.rstrip("\n").count("\n"))
    body = _diff(before, after, f"--- {path}\toriginal\n+++ {path}\tmodified\n")
    return dumped({"diff": f"```diff\n{body.rstrip()}\n```", "lineRange": [start, end]})


def read(path: str) -> str:
    """The file's text; a ToolError in the real words when it is not there."""
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise ToolError(f"ENOENT: no such file or directory, open '{path}'") from None
    except IsADirectoryError:
        raise ToolError(f"EISDIR: illegal operation on a directory, read '{path}'") from None


def apply_patch(text: str) -> str:
    """Adds, updates and deletes files as the patch tells."""
    changed = [_apply(kind, absolute(path), body) for kind, path, body in _sections(text)]
    summary = "\n".join(
        f"{file['type']}: {str(file['uri'])[7:]} (+{file['additions']}/-{file['deletions']})" for file in changed
    )
    return dumped({"summary": summary, "files": changed})


def _write(target: Path, content: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8", "surrogateescape"))
    except OSError as problem:
        raise ToolError(f"{problem.strerror}, open '{target}'") from problem


def _sections(text: str) -> list[tuple[str, str, list[str]]]:
    sections: list[tuple[str, str, list[str]]] = []
    for line in text.split("\n"):
        if line in ("*** Begin Patch", "*** End Patch", "*** End of File"):
            continue
        if line.startswith("*** "):
            head, _, path = line[4:].partition(" File: ")
            sections.append((head.lower(), path, []))
        elif sections:
            sections[-1][2].append(line)
    if not sections or any(kind not in ("add", "update", "delete") for kind, _, _ in sections):
        raise ToolError("Invalid patch: expected *** Add, Update or Delete File sections")
    return sections


def _apply(kind: str, path: str, body: list[str]) -> dict[str, object]:
    before = "" if kind == "add" else read(path)
    if kind == "delete":
        after = ""
        Path(path).unlink()
    else:
        added = "".join(line[1:] + "\n" for line in body if line.startswith("+"))
        after = added if kind == "add" else _patched(path, before, body)
        _write(Path(path), after)
    difference = _diff(before, after, f"Index: {path}\n{'=' * 67}\n--- {path}\n+++ {path}\n")
    lines = difference.split("\n")[4:]
    return {
        "uri": f"file://{path}",
        "type": kind,
        "additions": sum(line.startswith("+") for line in lines),
        "deletions": sum(line.startswith("-") for line in lines),
        "diff": difference,
    }


def _patched(path: str, before: str, body: list[str]) -> str:
    hunks: list[list[str]] = [[]]
    for line in body:
        if line.startswith("@@"):
            hunks.append([])
        elif line:
            hunks[-1].append(line)
    for hunk in filter(None, hunks):
        old = "".join(line[1:] + "\n" for line in hunk if line[0] in " -")
        new = "".join(line[1:] + "\n" for line in hunk if line[0] in " +")
        if before.count(old) != 1:
            raise ToolError(f"Failed to find expected lines in {path}:\n{old}")
        before = before.replace(old, new)
    return before


def _diff(before: str, after: str, head: str) -> str:
    import difflib

    lines = list(difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=3))[2:]
    return head + "\n".join(_whole_range(line) for line in lines) + "\n"


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _whole_range(line: str) -> str:
    """The hunk header with its counts, which difflib leaves out for one line and the real program does not."""
    if not line.startswith("@@ "):
        return line
    ranges = [word if "," in word else f"{word},1" for word in line.split()[1:3]]
    return f"@@ {' '.join(ranges)} @@"
