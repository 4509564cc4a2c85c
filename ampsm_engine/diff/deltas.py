"""What comparing two trees answers with: the sides, the files that differ, their changed lines. Frozen values."""

from enum import StrEnum

from ampsm_engine.lean_dataclass import dataclass

SUBMODULE = 0o160000
"""The mode of a path that is a commit of another repository."""


class Side(StrEnum):
    """Which side of a diff a line is on."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Delta:
    """A path that differs between two trees. What is absent has mode 0 and an empty oid."""

    path: str
    old_mode: int
    new_mode: int
    old_oid: str
    new_oid: str
    old_path: str | None = None
    """Only for renamed and copied files."""


@dataclass(frozen=True, slots=True)
class Hunks:
    """The changed lines of one file, from the first `@@` on, as git prints them."""

    data: bytes
    additions: int
    deletions: int
    binary: bool
    old_size: int = -1
    """Bytes of the blob; -1 when it is absent or not known."""
    new_size: int = -1
    is_cut: bool = False
    """Whether long lines were cut: such data is for reading, not for applying."""
    encoding: str = ""
    """What the file is in, where the data is in UTF-8 and the file is not: for reading, not for applying."""


class TooLarge(Exception):
    """Comparing it would take more memory than there may be."""


class BlobGone(Exception):
    """A blob that the repository does not have: a partial clone, or something damaged. Carries the oid."""
