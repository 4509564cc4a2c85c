"""The same as `patches` where libgit2 cannot open the repository (SHA-256, a new extension): by the git program.

Slower, a process for each file, and otherwise alike: attributes decide nothing, long lines are cut.
"""

from pathlib import Path

from ampsm_engine.diff.deltas import BlobGone, Delta, Hunks
from ampsm_engine.diff.long_lines import cut
from ampsm_engine.errors import NotFound
from ampsm_engine.git import program, repository
from ampsm_engine.private_folder import private_folder

_BINARY_HEAD = 8_000


class Program:
    """A repository as the git program reads it."""

    def __init__(self, where: Path, variables: program.Variables) -> None:
        self._where = where
        self._variables = variables

    def tree(self, revision: str) -> str:
        """The oid of the tree that a revision, commit or tree names; `A...B` is where both come from. NotFound."""
        if not revision:
            return ""
        if "..." in revision:
            common = self._asked("merge-base", *revision.split("...", 1))
            revision = common.line if common.ok else revision.split("...", 1)[0]
        answer = self._asked("rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{tree}}")
        if not answer.ok:
            raise repository.unknown_commit(self._where, revision)
        return answer.line.removeprefix("--end-of-options\n")

    def deltas(self, old: str, new: str) -> list[Delta]:
        """What differs between two trees (empty: nothing at all), by path, without renames."""
        if not old and not new:
            return []
        sides = [side or self._nothing() for side in (old, new)]
        options = ("-r", "--raw", "-z", "--no-renames", "--full-index", "--no-abbrev")
        fields = iter(program.text(self._told("diff-tree", *options, *sides, "--")).split("\0"))
        return [_delta(field, next(fields)) for field in fields if field]

    def patch(self, delta: Delta, *, context: int, ignore_whitespace: bool) -> Hunks:
        """The changed lines of one file. BlobGone when a side is not in the repository."""
        sides = [self.blob(oid) if oid else None for oid in (delta.old_oid, delta.new_oid)]
        sizes = [-1 if side is None else len(side) for side in sides]
        if any(side is not None and b"\0" in side[:_BINARY_HEAD] for side in sides):
            return Hunks(b"", 0, 0, binary=True, old_size=sizes[0], new_size=sizes[1])
        short = [None if side is None else cut(side) for side in sides]
        is_cut = any(side is not None for side in short)
        data = self._compared([a or b or b"" for a, b in zip(short, sides, strict=True)], context, ignore_whitespace)
        rows = data.split(b"\n")
        added, deleted = (sum(row.startswith(sign) for row in rows) for sign in (b"+", b"-"))
        return Hunks(data, added, deleted, binary=False, old_size=sizes[0], new_size=sizes[1], is_cut=is_cut)

    def blob(self, oid: str) -> bytes:
        """The content of a blob. BlobGone."""
        answer = self._asked("cat-file", "blob", oid)
        if not answer.ok:
            raise BlobGone(oid)
        return answer.output

    def size(self, oid: str) -> int:
        """The bytes of a blob. BlobGone."""
        answer = self._asked("cat-file", "-s", oid)
        if not answer.ok:
            raise BlobGone(oid)
        return int(answer.line)

    def file(self, tree: str, path: str) -> bytes | None:
        """The content of a file of a tree; None without such a file."""
        answer = self._asked("cat-file", "blob", f"{tree}:{path}") if tree else None
        return answer.output if answer is not None and answer.ok else None

    def rest(self) -> None:
        """Nothing is remembered between questions."""

    def _compared(self, sides: list[bytes], context: int, ignore_whitespace: bool) -> bytes:
        """Two contents compared outside of the repository, where no attribute is."""
        with private_folder("sides") as name:
            place = Path(name)
            for file, content in zip(("old", "new"), sides, strict=True):
                (place / file).write_bytes(content)
            options = ["--no-index", "--text", "--no-ext-diff", "--no-textconv", "--no-color", f"-U{context}"]
            if ignore_whitespace:
                options.append("--ignore-all-space")
            fixed = ("-c", "diff.algorithm=myers", "-c", "diff.suppressBlankEmpty=false", "-c", "core.attributesFile=")
            output = program.read(place, *fixed, "diff", *options, "old", "new").output
        begin = output.find(b"\n@@ ") + 1
        return output[begin:] if begin else b""

    def _nothing(self) -> str:
        return program.text(self._told("hash-object", "-t", "tree", "--stdin", feed=b"")).strip()

    def _asked(self, *arguments: str, feed: bytes | None = None) -> program.Answer:
        return program.read(self._where, *arguments, feed=feed, variables=self._variables)

    def _told(self, *arguments: str, feed: bytes | None = None) -> bytes:
        answer = self._asked(*arguments, feed=feed)
        if not answer.ok:
            raise NotFound(f"The trees cannot be compared: {answer.reason}.", f"git -C {self._where} fsck")
        return answer.output


def _delta(field: str, path: str) -> Delta:
    old_mode, new_mode, old_oid, new_oid, _ = field[1:].split(" ")
    old, new = int(old_mode, 8), int(new_mode, 8)
    return Delta(path, old, new, old_oid if old else "", new_oid if new else "")
