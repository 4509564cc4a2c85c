"""What .gitattributes say about paths, `linguist-generated`, `-diff`, encodings; files and patches in such encodings.

Those of a tree are read from the tree itself, for git before 2.40 reads those of a worktree or an index only. They
fold, and never hide: an agent writes them. Where `working-tree-encoding` is set git keeps a file in UTF-8 and writes it
in that encoding, conflict markers and all: they cannot be found in its bytes. git converts both ways.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from ampsm_engine.diff import encodings
from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.git import program

Facts = dict[str, bool | str | None]
"""Attributes by name: set, unset, their value, or None for left unspecified again."""

_WANTED = ("linguist-generated", "diff")
_ENCODINGS = ("encoding", "working-tree-encoding")
_FALSE = frozenset({"false", "0", "no", "off"})
_BINARY: Facts = {"diff": False}
"""What git's own macro `binary` says."""

DEEPEST = 3
"""Times that a pattern may say `**/`."""

_NOTHING = re.compile("(?!)")
_BRACKET = r"\[[!^]?\]?(?:\\.|[^\]\\])*\]"

MOST = 256 << 10
"""Bytes of one file of attributes that are read."""


class Attributes:
    """The attributes of one tree, read for the paths that are asked about alone.

    `read` answers with the contents of those of some files, given by their paths, that the tree has.
    """

    def __init__(self, read: Callable[[Collection[str]], Mapping[str, bytes]]) -> None:
        self._read = read
        self._folders: dict[str, list[tuple[re.Pattern[str] | None, str, Facts]]] = {}

    def fold(self, path: str) -> str:
        """Why a file starts folded: `generated`, `attributes` (no diff is wanted), or empty."""
        facts = self._facts(path)
        if facts.get("linguist-generated"):
            return "generated"
        return "attributes" if facts.get("diff") is False else ""

    def encoding(self, path: str) -> str:
        """The encoding that a file is said to be in; empty where nothing is said."""
        facts = self._facts(path)
        return next((value for name in _ENCODINGS if isinstance(value := facts.get(name), str)), "")

    def _facts(self, path: str) -> Facts:
        facts: Facts = {}
        name = path.rpartition("/")[2]
        folders = list(accumulate((f"{part}/" for part in path.split("/")[:-1]), initial=""))
        unknown = [folder for folder in folders if folder not in self._folders]
        if unknown:
            contents = self._read([f"{folder}.gitattributes" for folder in unknown])
            for folder in unknown:
                self._folders[folder] = self._parsed(contents.get(f"{folder}.gitattributes", b"")[:MOST])
        for folder in folders:
            for pattern, plain, said in self._folders[folder]:
                if _matches(pattern, plain, path[len(folder) :], name):
                    facts.update(said)
        return facts

    def _parsed(self, content: bytes) -> list[tuple[re.Pattern[str] | None, str, Facts]]:
        found = []
        for line in content.decode("utf-8", "surrogateescape").split("\n"):
            words = _words(line)
            said = _values(words[1:]) if words else {}
            if said and not words[0].startswith(("!", "[attr]")):
                pattern = words[0]
                if "/" not in pattern.rstrip("/") and not pattern.endswith("/"):
                    is_plain = not any(sign in pattern for sign in "*?[\\")
                    found.append((None if is_plain else _regex(f"**/{pattern}"), pattern if is_plain else "", said))
                elif not pattern.endswith("/"):
                    found.append((_regex(pattern.removeprefix("/")), "", said))
        return found


def _matches(pattern: re.Pattern[str] | None, plain: str, path: str, name: str) -> bool:
    return name == plain if pattern is None else pattern.fullmatch(path) is not None


def _words(line: str) -> list[str]:
    line = line.strip(" \t\r")
    if not line or line.startswith("#"):
        return []
    if line.startswith('"'):
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"\s*', line)
        if quoted:
            return [re.sub(r"\\(.)", r"\1", quoted[1]), *line[quoted.end() :].split()]
    return line.split()


def _values(words: list[str]) -> Facts:
    said: Facts = {}
    for word in words:
        name, _, value = word.lstrip("-!").partition("=")
        state = None if word.startswith("!") else not word.startswith("-") and value.lower() not in _FALSE
        if name == "binary" and state:
            said.update(_BINARY)
        elif name in _WANTED:
            # A named diff driver is no refusal to show the text.
            said[name] = True if name == "diff" and value else state
        elif name in _ENCODINGS:
            said[name] = value if state and value else None
    return said


@lru_cache(1024)
def _regex(pattern: str) -> re.Pattern[str]:
    """git's wildmatch as a regular expression; a pattern that is none matches nothing.

    An agent writes the patterns, so none may take long: of the stars in one part of a path all but the last are done
    with at their first match, and more than `DEEPEST` times any folders match nothing.
    """
    parts: list[str] = []
    star, at, size = -1, 0, len(pattern)
    while at < size:
        begins = at == 0 or pattern[at - 1] == "/"
        if begins and pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif begins and pattern[at:] == "**":
            parts.append(".+")
            at = size
        elif pattern[at] == "*":
            if star >= 0:
                parts[star] = "(?>[^/]*?"
                parts.append(")")
            star = len(parts)
            parts.append("[^/]*")
            at = size - len(pattern[at:].lstrip("*"))
        elif pattern[at] == "[":
            bracket = re.compile(_BRACKET).match(pattern, at)
            if bracket is None:
                return _NOTHING
            parts.append(_members(bracket.group()[1:-1]))
            at = bracket.end()
        else:
            at += pattern[at] == "\\"
            letter = pattern[at : at + 1]
            star = -1 if letter == "/" else star
            parts.append("[^/]" if letter == "?" else re.escape(letter))
            at += 1
    try:
        return _NOTHING if parts.count("(?:.*/)?") > DEEPEST else re.compile("".join(parts), re.DOTALL)
    except re.error:
        return _NOTHING


def _members(inner: str) -> str:
    negated = inner[:1] in ("!", "^")
    members = re.sub(r"([\[&~|])", r"\\\1", inner[negated:])
    members = f"\\{members}" if members.startswith("]") else members
    return f"(?!/)[{'^' if negated else ''}{members}]"


_UNSAID = (b"unspecified", b"unset", b"set", b"")


def named_encoding(worktree: Path, path: str) -> str:
    """The encoding that attributes say a file's content is in; empty where nothing is said."""
    return _attribute(worktree, path, "encoding") or _attribute(worktree, path, "working-tree-encoding")


def _attribute(worktree: Path, path: str, name: str) -> str:
    value = program.read(worktree, "check-attr", "-z", name, "--", path).output.split(b"\0")[2:3]
    return "" if not value or value[0] in _UNSAID else value[0].decode("ascii", "replace")


def decoded_lines(worktree: Path, path: str, lines: bytes) -> str:
    """Lines of a file as git keeps them, as text: in what attributes say, or in what they are likely to be in."""
    said = "" if encodings.is_utf8(lines) else named_encoding(worktree, path)
    return lines.decode(encodings.of_lines(lines, said) or "utf-8", "replace")


def read_lines(worktree: Path, path: str) -> bytes:
    """A file's lines as git keeps them; as they lie there where git would not convert them."""
    content = (worktree / path).read_bytes()
    if encodings.is_utf8(content) or not _attribute(worktree, path, "working-tree-encoding"):
        return content
    kept = program.write(worktree, "hash-object", "-w", "--path", path, "--stdin", feed=content)
    return program.query(worktree, "cat-file", "blob", kept.line) if kept.ok else content


def written_lines(worktree: Path, path: str, content: bytes) -> bytes:
    """What git writes into a file for a content as `read_lines` gives it."""
    if not _attribute(worktree, path, "working-tree-encoding") or encodings.is_utf8((worktree / path).read_bytes()):
        return content
    blob = program.change(worktree, "hash-object", "-w", "--no-filters", "--stdin", feed=content).decode().strip()
    return program.query(worktree, "cat-file", "--filters", f"--path={path}", blob)


def read_text(worktree: Path, path: str) -> tuple[str, str]:
    """A file's text, surrogates for what no encoding explains, and its encoding: empty for UTF-8 and for binaries."""
    content = (worktree / path).read_bytes()
    if encodings.is_utf8(content):
        return content.decode(), ""
    said = named_encoding(worktree, path)
    if is_binary(content):
        kind = encodings.utf16(content, said)
        lines = encodings.as_utf8(content, kind) if kind else None
        return (lines.decode(), kind) if lines is not None else ("", "")
    encoding = encodings.of_lines(content, said)
    return content.decode(encoding or "utf-8", "surrogateescape"), encoding


_FILES = re.compile(r"(?m)^(?=diff --git )")
_NAME = re.compile(r"(?m)^(?:\+\+\+ b|--- a)/([^\t\n]+)")


class PatchEncodings:
    """Reads the pieces of one patch, the last of which may be only the beginning of a file's patch.

    As the app reads them, so that both show the same; for a reader, and not for `git apply`.
    """

    def __init__(self, worktree: Path | None) -> None:
        self._worktree = worktree
        self._encoding = ""
        """What the file is in whose patch the last piece ended with."""

    def read(self, text: str) -> str:
        """A piece of the patch, decoded as UTF-8 with surrogates for other bytes, as it is meant to be read."""
        return "".join(map(self._read_file, _FILES.split(text)))

    def _read_file(self, text: str) -> str:
        if text.startswith("diff --git "):
            self._encoding = ""
        raw = text.encode("utf-8", "surrogateescape")
        at = raw.find(b"\n@@ ") + 1
        self._encoding = self._encoding or encodings.of_lines(
            raw[at:], self._attribute_encoding(text[: text.find("\n@@ ")])
        )
        if not self._encoding:
            return text
        return text[: text.find("\n@@ ") + 1] + raw[at:].decode(self._encoding, "surrogateescape")

    def _attribute_encoding(self, head: str) -> str:
        names = _NAME.findall(head)
        return named_encoding(self._worktree, names[-1]) if names and self._worktree else ""
