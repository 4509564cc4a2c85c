"""Reading and writing the objects of one repository, many at a time: what is written waits in memory until `flush`.

libgit2 reads where it sees what git sees; else the git program reads and writes each. A few objects become files of
their own, many become one pack that the git program takes in: a file costs more than the object in it (258 ms
instead of 356 for a rebase and merge of 100 commits, benchmarks/merge.py). Nothing with a
screen may import this; `object_store` does when it begins.
"""

import contextlib
import hashlib
import struct
import zlib
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from ampsm_engine.errors import Failed
from ampsm_engine.git import graph, program

_TYPES = {"commit": ObjectType.COMMIT, "tree": ObjectType.TREE, "blob": ObjectType.BLOB}

_PACKED = {"commit": 1, "tree": 2, "blob": 3}

_FEW = 12
"""Objects up to this number are written one by one."""


class ObjectDatabase:
    """The objects of the repository at a path."""

    def __init__(self, where: Path, common_dir: Path) -> None:
        self.where, self._common_dir = where, common_dir
        self._repository = graph.opened(where, common_dir)
        self._waiting: dict[str, tuple[str, bytes]] = {}

    @cached_property
    def name_size(self) -> int:
        """Bytes of an object's name."""
        if self._repository is not None:
            return 20
        return 32 if program.read(self.where, "rev-parse", "--show-object-format").line == "sha256" else 20

    def read(self, kind: str, name: str) -> bytes:
        """An object's content; Failed when it is not there."""
        if name in self._waiting:
            return self._waiting[name][1]
        if self._repository is not None:
            with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
                return self._repository.read(name)[1]
        # A partial clone fetches what is missing.
        return program.done(self.where, "cat-file", kind, name)

    def write(self, kind: str, raw: bytes) -> str:
        """Take an object in; answers its name. It is in the repository after `flush`."""
        if self._repository is None:
            options = ("hash-object", "-w", "--literally", "-t", kind, "--stdin")
            return program.done(self.where, *options, feed=raw).decode().strip()
        name = hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(raw), raw), usedforsecurity=False).hexdigest()
        self._waiting[name] = (kind, raw)
        return name

    def flush(self) -> None:
        """Write what waits into the repository; Failed when that cannot be."""
        if not self._waiting or self._repository is None:
            return
        if len(self._waiting) > _FEW:
            program.done(self.where, "index-pack", "--stdin", feed=packed(self._waiting.values()))
        else:
            try:
                for kind, raw in self._waiting.values():
                    self._repository.write(_TYPES[kind], raw)
            except (OSError, pygit2.GitError) as reason:
                message = f"Nothing can be written to the repository at {self.where}: {reason}."
                raise Failed(message, f"df -h {self._common_dir}") from reason
        self._waiting.clear()

    def waits(self, name: str) -> bool:
        """Whether an object is not in the repository yet."""
        return name in self._waiting

    def merge_base(self, one: str, other: str) -> str | None:
        """A best common ancestor of two commits; None where there is none, or where the git program must be asked."""
        if self._repository is None or one in self._waiting or other in self._waiting:
            return None
        try:
            found = self._repository.merge_base(one, other)
        except (KeyError, ValueError, pygit2.GitError):
            return None
        return str(found) if found is not None else None


def packed(objects: Collection[tuple[str, bytes]]) -> bytes:
    """A pack of these objects, each whole."""
    parts = [struct.pack(">4sLL", b"PACK", 2, len(objects))]
    for kind, raw in objects:
        size = len(raw)
        byte = _PACKED[kind] << 4 | size & 15
        size >>= 4
        head = bytearray()
        while size:
            head.append(byte | 128)
            byte, size = size & 127, size >> 7
        head.append(byte)
        parts += [bytes(head), zlib.compress(raw, 1)]
    whole = b"".join(parts)
    return whole + hashlib.sha1(whole, usedforsecurity=False).digest()
