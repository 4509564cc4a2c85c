"""The lines of the list as they stand, found by a session's id. Pure."""

from collections.abc import Sequence

from ampsm_engine.model import BoardRow
from ampsm_tui.widgets.session_order import Heading, Line, needs_me


class SessionLines:
    """Sessions and headings in their order; made anew for each arrangement."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self._lines = list(lines)
        self.rows = [line for line in lines if isinstance(line, BoardRow)]
        self.keys = [_key(line) for line in lines]
        """What stands where, whatever it says."""
        self._places = {line.session.id: at for at, line in enumerate(lines) if isinstance(line, BoardRow)}
        self._ranks = {row.session.id: rank for rank, row in enumerate(self.rows)}

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Line:
        return self._lines[index]

    def place(self, session_id: str | None) -> int | None:
        """The line of a session."""
        return self._places.get(session_id) if session_id else None

    def row(self, session_id: str | None) -> BoardRow | None:
        """A session as the board has it."""
        rank = self._ranks.get(session_id) if session_id else None
        return None if rank is None else self.rows[rank]

    def top_of(self, place: int) -> int:
        """The first line to show so that a line is seen with the heading right above it."""
        return place - 1 if place and isinstance(self._lines[place - 1], Heading) else place

    def neighbour(self, session_id: str | None, by: int, *, around: bool = False) -> str | None:
        """The session so many further down, or up; beyond the end that at the end, or `around` at the other end."""
        if not self.rows:
            return None
        rank = self._ranks.get(session_id, 0) if session_id else 0
        at = (rank + by) % len(self.rows) if around else max(0, min(len(self.rows) - 1, rank + by))
        return self.rows[at].session.id

    def below(self, place: int | None) -> str | None:
        """The session on that line or below it, else the last one."""
        below = [line for line in self._lines[place or 0 :] if isinstance(line, BoardRow)]
        found = below[:1] or self.rows[-1:]
        return found[0].session.id if found else None

    def next_needing(self, session_id: str | None) -> str | None:
        """The next session after this one, cyclic, that waits for a person."""
        rank = self._ranks.get(session_id, -1) + 1 if session_id else 0
        cycle = (*self.rows[rank:], *self.rows[:rank])
        return next((row.session.id for row in cycle if needs_me(row)), None)


def _key(line: Line) -> str:
    return f"{line.title} {line.members}" if isinstance(line, Heading) else line.session.id
