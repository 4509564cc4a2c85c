"""Files of a worktree in an encoding of their own: what attributes say of them, and their lines as git keeps them.

Where the attribute `working-tree-encoding` is set git keeps a file in UTF-8, and writes it in that encoding, conflict
markers and all: nobody finds these among the bytes that lie there. git converts in both directions, as ever.
"""

from pathlib import Path

from ampsm_engine.diff import encodings
from ampsm_engine.diff.content import is_binary
from ampsm_engine.git import program

_UNSAID = (b"unspecified", b"unset", b"set", b"")


def said_encoding(worktree: Path, path: str) -> str:
    """The encoding that attributes say a file's content is in; empty where nothing is said."""
    return _attribute(worktree, path, "encoding") or _attribute(worktree, path, "working-tree-encoding")


def _attribute(worktree: Path, path: str, name: str) -> str:
    value = program.read(worktree, "check-attr", "-z", name, "--", path).output.split(b"\0")[2:3]
    return "" if not value or value[0] in _UNSAID else value[0].decode("ascii", "replace")


def decoded(worktree: Path, path: str, lines: bytes) -> str:
    """Lines of a file as git keeps them, as text: in what attributes say, or in what they are likely to be in."""
    said = "" if encodings.is_utf8(lines) else said_encoding(worktree, path)
    return lines.decode(encodings.of_lines(lines, said) or "utf-8", "replace")


def read(worktree: Path, path: str) -> bytes:
    """A file's lines as git keeps them; as they lie there where git would not convert them."""
    content = (worktree / path).read_bytes()
    if encodings.is_utf8(content) or not _attribute(worktree, path, "working-tree-encoding"):
        return content
    kept = program.write(worktree, "hash-object", "-w", "--path", path, "--stdin", feed=content)
    return program.query(worktree, "cat-file", "blob", kept.line) if kept.ok else content


def written(worktree: Path, path: str, content: bytes) -> bytes:
    """What git writes into a file for a content as `read` gives it."""
    if not _attribute(worktree, path, "working-tree-encoding") or encodings.is_utf8((worktree / path).read_bytes()):
        return content
    blob = program.change(worktree, "hash-object", "-w", "--no-filters", "--stdin", feed=content).decode().strip()
    return program.query(worktree, "cat-file", "--filters", f"--path={path}", blob)


def readable(worktree: Path, path: str) -> tuple[str, str]:
    """A file's text, surrogates for what no encoding explains, and its encoding: empty for UTF-8 and for binaries."""
    content = (worktree / path).read_bytes()
    if encodings.is_utf8(content):
        return content.decode(), ""
    said = said_encoding(worktree, path)
    if is_binary(content):
        kind = encodings.utf16(content, said)
        lines = encodings.as_utf8(content, kind) if kind else None
        return (lines.decode(), kind) if lines is not None else ("", "")
    encoding = encodings.of_lines(content, said)
    return content.decode(encoding or "utf-8", "surrogateescape"), encoding
