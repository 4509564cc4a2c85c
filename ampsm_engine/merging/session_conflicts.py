"""The conflicts that are foreseen, as values that a screen can afford to load."""

from typing import TYPE_CHECKING

from ampsm_engine.git.integrate.outcomes import ConflictFile
from ampsm_engine.lean_dataclass import dataclass

if TYPE_CHECKING:
    from ampsm_engine.git.integrate.line_changes import ChangeOverlap


@dataclass(frozen=True, slots=True)
class SessionConflict:
    """Two sides that would conflict: a session and its base, or two sessions."""

    session_id: str
    other: str
    """The id of the other session; empty for the base."""
    files: tuple[ConflictFile, ...]
    """Path and kind of each; the sides are not looked up."""
    places: "tuple[tuple[ChangeOverlap, ...], ...]" = ()
    """Where in each of these files they overlap, `ours` in the other side; none where it is no matter of lines."""

    @property
    def hunks(self) -> int:
        """The number of places in which the two sides overlap; a file without lines counts as one."""
        return sum(max(len(overlaps), 1) for overlaps in self.places) or len(self.files)


@dataclass(frozen=True, slots=True)
class SessionConflicts:
    """The conflicts that sessions would have with their base and each other, as far as they are known yet."""

    conflicts: tuple[SessionConflict, ...]
    pending: int = 0
    """Questions that the budget left open: ask again."""
    sessions: tuple[str, ...] = ()
    """The ids of the sessions that it is about: those with work that their base does not have."""
