"""The small diffs of calls that edit files: `edit_file`, `apply_patch`, `create_file`. Pure.

`clean` makes what amp says fit for where the lines are shown, its lines kept.
"""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Literal

from ampsm_engine.amp.events import ToolResult, ToolUse
from ampsm_engine.amp.stream import inner_object
from ampsm_engine.lean_dataclass import dataclass

Clean = Callable[[str], str]
Sign = Literal["+", "-", " ", "@", "f"]

LONGEST = 4_000
"""Lines of a diff that are looked at."""

_HEADERS = re.compile(r"(?:---|\+\+\+|Index:|diff |index |={20,}|```)")
_FILE = re.compile(r"\*\*\* (?:Add|Update|Delete) File: (.+)|\*\*\* Move to: (.+)")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of an edit: its sign (`@` a gap, `f` the name of a file) and its text."""

    sign: Sign
    text: str


def diff_of(
    call: ToolUse, answer: ToolResult | None, clean: Clean, near: Callable[[str], str] = str
) -> tuple[DiffLine, ...]:
    """What a call changes; empty when it is no edit. What the tool answered counts more than what was asked.

    `near`: how a path is named.
    """
    maker = _MAKERS.get(call.name)
    if maker is None:
        return ()
    inner = inner_object(answer.content) if answer and answer.content.startswith("{") else {}
    lines: list[DiffLine] = []
    for line in maker(call, inner, clean):
        lines.append(DiffLine(line.sign, near(line.text) if line.sign == "f" else line.text))
        if len(lines) >= LONGEST:
            break
    return tuple(lines)


def counts(lines: tuple[DiffLine, ...]) -> tuple[int, int]:
    """Lines added and lines removed."""
    return sum(line.sign == "+" for line in lines), sum(line.sign == "-" for line in lines)


def files_of(call: ToolUse, clean: Clean) -> tuple[str, ...]:
    """The files that a patch names; none of any other call."""
    text = _argument(call, clean, "patchText", "patch") if call.name == "apply_patch" else ""
    return tuple(found[1] or found[2] for found in map(_FILE.match, text.splitlines()) if found)


def _edit(call: ToolUse, inner: dict[str, object], clean: Clean) -> Iterator[DiffLine]:
    answered = inner.get("diff")
    if isinstance(answered, str):
        yield from _unified(clean(answered))
        return
    old, new = _argument(call, clean, "old_str", "old_string"), _argument(call, clean, "new_str", "new_string")
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    yield from _unified("\n".join(lines))


def _create(call: ToolUse, inner: dict[str, object], clean: Clean) -> Iterator[DiffLine]:  # noqa: ARG001 - one form
    for line in _argument(call, clean, "content").splitlines():
        yield DiffLine("+", line)


def _patch(call: ToolUse, inner: dict[str, object], clean: Clean) -> Iterator[DiffLine]:
    files = inner.get("files")
    answered = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    if answered and all(isinstance(file.get("diff"), str) for file in answered):
        for file in answered:
            if len(answered) > 1:
                yield DiffLine("f", clean(str(file.get("uri", ""))).removeprefix("file://"))
            yield from _unified(clean(str(file["diff"])))
        return
    yield from _codex(_argument(call, clean, "patchText", "patch", "input"))


def _codex(text: str) -> Iterator[DiffLine]:
    """The patch format of the models: `*** Update File: path`, `@@`, and lines with signs."""
    for line in text.splitlines():
        named = _FILE.match(line)
        if named:
            yield DiffLine("f", named[1] or named[2])
        elif line.startswith("@@"):
            yield DiffLine("@", line[2:].strip())
        elif not line.startswith("*** "):
            yield _signed(line)


def _unified(text: str) -> Iterator[DiffLine]:
    """The lines of a unified diff without its headers; the first gap says nothing and goes."""
    seen = False
    for line in text.rstrip("\n").split("\n"):
        if line.startswith("@@"):
            if seen:
                yield DiffLine("@", "")
        elif line.startswith("\\") or (not seen and (not line or _HEADERS.match(line))) or line == "```":
            continue
        else:
            seen = True
            yield _signed(line)


def _signed(line: str) -> DiffLine:
    if line.startswith("+"):
        return DiffLine("+", line[1:])
    if line.startswith("-"):
        return DiffLine("-", line[1:])
    return DiffLine(" ", line.removeprefix(" "))


def _argument(call: ToolUse, clean: Clean, *names: str) -> str:
    for name in names:
        value = call.arguments.get(name)
        if isinstance(value, str):
            return clean(value)
    return ""


_MAKERS: dict[str, Callable[[ToolUse, dict[str, object], Clean], Iterator[DiffLine]]] = {
    "edit_file": _edit,
    "apply_patch": _patch,
    "create_file": _create,
    "Edit": _edit,
    "Write": _create,
}
