"""What amp's reviewer found (`amp review`), as findings with their places. Pure.

Its output is not documented. Three forms are taken, and whatever is none of them is left out: JSON (a document, or a
line each) whose objects name a file, a line and a text; the stream of `--stream-json`, whose last words are text; and
text, where a line names its place as `path:12`, `path:12-14` or a link to `file:///...#L12-L14`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from ampsm_engine.amp.transcript import without_escapes

MOST = 500
"""Findings that are taken of one review."""

LONGEST_PLACE = 1000
"""Characters of a line in which its place has to be."""

_PATHS = ("path", "file", "filename", "filePath", "file_path")
_FIRST = ("line", "startLine", "start_line", "lineStart", "line_start")
_LAST = ("endLine", "end_line", "lineEnd", "line_end")
_TEXTS = ("title", "severity", "text", "comment", "message", "body", "description", "why", "suggestion", "fix")

_LINK = re.compile(r"\[[^\]\n]*\]\(file://(?P<path>[^)#\s]+)#L(?P<first>\d+)(?:-L?(?P<last>\d+))?\)")
_PLACE = re.compile(
    r"(?<![\w/:.])(?P<path>/?(?:[\w.@+-]+/)*[\w@+-][\w.@+-]*):(?P<first>\d+)(?:-(?P<last>\d+)|:\d+)?(?![\w/])"
)
_NUMBER = re.compile(r":\d")
_AROUND = " \t*_`-:#>."


class ReviewFinding(NamedTuple):
    """A remark of amp's reviewer. Lines count from 1; the path is as amp named it, absolute or in the repository."""

    path: str
    line: int
    line_end: int
    text: str


def parse(output: str) -> tuple[ReviewFinding, ...]:
    """The findings in what amp's reviewer printed, in its order, each once."""
    values = list(_values(output))
    texts: list[str] = []
    if values:
        found = [one for value in values for one in _of_json(value)]
        texts = [text for value in values for text in _spoken(value)]
    else:
        found, texts = [], [without_escapes(output)]
    if not found:
        found = [one for text in texts for one in _of_text(text)]
    return tuple(dict.fromkeys(found))[:MOST]


def _values(output: str) -> Iterator[Any]:
    """The JSON of an output: one document, or one in each line that is some."""
    try:
        yield json.loads(output)
    except (ValueError, RecursionError):
        for line in output.split("\n"):
            if line.lstrip()[:1] in ("{", "["):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    continue


def _of_json(value: Any) -> Iterator[ReviewFinding]:
    waiting = [value]  # the next one last
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, dict):
            finding = _finding(one)
            if finding is not None:
                yield finding
            else:
                waiting.extend(part for part in reversed(one.values()) if isinstance(part, dict | list))


def _finding(one: dict[str, Any]) -> ReviewFinding | None:
    path = next((one[name] for name in _PATHS if isinstance(one.get(name), str) and one[name]), "")
    texts = [str(one[name]).strip() for name in _TEXTS if isinstance(one.get(name), str) and one[name].strip()]
    first = next((one[name] for name in _FIRST if _is_line(one.get(name))), 0)
    last = next((one[name] for name in _LAST if _is_line(one.get(name))), first)
    return ReviewFinding(path, first, max(first, last), "\n".join(texts)) if path and texts else None


def _is_line(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**8


def _spoken(value: Any) -> Iterator[str]:
    """The words of a line of amp's stream: its result, which repeats the last message."""
    if isinstance(value, dict) and isinstance(value.get("result"), str):
        yield value["result"]


def _of_text(text: str) -> Iterator[ReviewFinding]:
    place: re.Match[str] | None = None
    lines: list[str] = []
    for line in (*text.split("\n"), None):
        begun = _beginning(line) if line is not None else None
        if begun is None and line is not None:
            lines.append(line)
            continue
        said = "\n".join(lines).strip()
        if place is not None and said:
            first = int(place["first"])
            yield ReviewFinding(unquote(place["path"]), first, max(first, int(place["last"] or first)), said)
        if begun is not None and line is not None:
            place, lines = begun, [line[begun.end() :].lstrip(_AROUND + "\u2013\u2014)]")]


def _beginning(line: str) -> re.Match[str] | None:
    """The place that a line begins with, numbers and marks of a list aside; None where it is only mentioned."""
    # Both take the square of a line's length where there is nothing: a drawing, or a file in base64.
    line = line[:LONGEST_PLACE]
    if "](file://" not in line and _NUMBER.search(line) is None:
        return None
    place = _LINK.search(line) or _PLACE.search(line)
    if place is None or not set("./") & set(place["path"]):
        return None
    return None if line[: place.start()].strip(_AROUND + "0123456789()[]") else place
