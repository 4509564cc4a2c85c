"""Which sessions a list shows and in which order: filter, status, sort, groups. Pure; a stable order for equal rows."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ampsm_engine import labels
from ampsm_engine.lean_dataclass import dataclass, replace
from ampsm_engine.model import BoardRow
from ampsm_tui.clean import one_line

NEED = ("awaiting-input", "error", "running", "queued", "idle", "done")
"""The words of a session, what needs a person first."""

NEEDS_ME = frozenset(NEED[:2])

STATUSES = ("all", "needs me", "running", "queued", "idle", "done", "archived")
GROUPS = ("", "repository", "tag")
UNTAGGED = "no tag"
SORTS = ("needs me", "newest", "last run", "name")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Filter, status, sort and groups of the list, as a person chose them."""

    text: str = ""
    status: str = "all"
    sort: str = "needs me"
    group: str = ""
    """The grouping, one of GROUPS."""
    in_two_lines: bool = False
    """What a session does stands below its name where it needs a person: where there is no room for it beside."""
    inside: str | None = None
    """Only the sessions of this repository."""

    def next_status(self, rows: Sequence[BoardRow]) -> "Arrangement":
        """The next status that any session has; `all` after the last."""
        present = {"all", *map(_status, rows)}
        at = STATUSES.index(self.status)
        order = (*STATUSES[at + 1 :], *STATUSES[: at + 1])
        return replace(self, status=next(status for status in order if status in present))

    def next_sort(self) -> "Arrangement":
        """The arrangement with the next of the ways to sort."""
        return replace(self, sort=SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)])

    def next_group(self, rows: Sequence[BoardRow]) -> "Arrangement":
        """The next way to group; by tags only where a session has one."""
        order = [one for one in GROUPS if one != "tag" or any(row.session.tags for row in rows)]
        at = order.index(self.group) if self.group in order else 0
        return replace(self, group=order[(at + 1) % len(order)])


class Heading(NamedTuple):
    """A line above the sessions that belong together."""

    title: str
    members: int


class Detail(NamedTuple):
    """The second line of a session: what it waits for."""

    row: BoardRow


Line = BoardRow | Heading | Detail


def needs_me(row: BoardRow) -> bool:
    """Whether nothing goes on here before a person has done something."""
    return labels.state_word(row) in NEEDS_ME


def _status(row: BoardRow) -> str:
    if labels.is_away(row):
        return "archived"
    word = labels.state_word(row)
    return "needs me" if word in NEEDS_ME else word


def repository_of(folder: Path, rows: Iterable[BoardRow]) -> str | None:
    """The repository of the board that a folder lies in; a session's worktree may lie outside of its repository."""
    places = {
        place: row.session.repo_root for row in rows for place in (row.session.repo_root, row.session.worktree_path)
    }
    inside = [place for place in places if folder == Path(place) or folder.is_relative_to(place)]
    return places[max(inside, key=len)] if inside else None


def arranged(rows: Sequence[BoardRow], how: Arrangement) -> list[Line]:
    """The lines of the list: headings and sessions, filtered and in order."""
    kept = [row for row in rows if _is_wanted(row, how)]
    kept.sort(key=_KEYS[how.sort])
    if how.group == "repository":
        return _grouped(kept, how, lambda row: row.session.repo_root, lambda row: labels.repository_name(row.session))
    if how.group == "tag":
        return _grouped(kept, how, _first_tag, _first_tag)
    return [line for row in kept for line in _lines_of(row, how)]


def _lines_of(row: BoardRow, how: Arrangement) -> list[Line]:
    return [row, Detail(row)] if how.in_two_lines and needs_me(row) else [row]


def _first_tag(row: BoardRow) -> str:
    return f"#{row.session.tags[0]}" if row.session.tags else UNTAGGED


def _is_wanted(row: BoardRow, how: Arrangement) -> bool:
    status = _status(row)
    if status != how.status and (how.status != "all" or status == "archived"):
        return False
    if how.inside is not None and row.session.repo_root != how.inside:
        return False
    if not how.text:
        return True
    session = row.session
    fields = f"{session.name}\n{session.repo_root}\n{session.branch_name}\n{session.id}\n{labels.state_word(row)}\n"
    more = f"{session.notes or ''}\n{' '.join(session.tags)}\n@{session.host or ''}"
    haystack = f"{fields}{session.amp_prompt[:2000]}\n{more}".casefold()
    words = how.text.casefold().split()
    # A word that begins with # is a tag, or the beginning of one.
    tagged = [word.removeprefix("#") for word in words if word.startswith("#")]
    if not all(any(tag.startswith(word) for tag in session.tags) for word in tagged):
        return False
    return all(word in haystack for word in words if not word.startswith("#"))


def _grouped(
    rows: list[BoardRow], how: Arrangement, key: Callable[[BoardRow], str], title: Callable[[BoardRow], str]
) -> list[Line]:
    groups: dict[str, list[BoardRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    lines: list[Line] = []
    for members in groups.values():
        lines.append(Heading(one_line(title(members[0]), 200), len(members)))
        lines += [line for row in members for line in _lines_of(row, how)]
    return lines


def _need(row: BoardRow) -> int:
    return NEED.index(labels.state_word(row))


def _newest(text: str | None) -> tuple[int, ...]:
    """A stamp that sorts newest first; what never was comes last."""
    return tuple(-ord(letter) for letter in text) if text else (1,)


_KEYS: dict[str, Callable[[BoardRow], Any]] = {
    "needs me": _need,
    "newest": lambda row: _newest(row.session.created_at),
    "last run": lambda row: _newest(row.session.last_run),
    "name": lambda row: row.session.name.casefold(),
}


class SessionLines:
    """Sessions and headings as they stand, found by a session's id; made anew for each arrangement."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self._lines = list(lines)
        self.rows = [line for line in lines if isinstance(line, BoardRow)]
        self.keys = [_key_of(line) for line in lines]
        """What stands on which line: ids of sessions, titles of groups."""
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

    def last_of(self, place: int) -> int:
        """The last line of the session on a line."""
        return place + 1 if place + 1 < len(self) and isinstance(self._lines[place + 1], Detail) else place

    def session_on(self, index: int) -> BoardRow | None:
        """The session that a line belongs to; None for a heading, and below the last line."""
        line = self._lines[index] if 0 <= index < len(self) else None
        return line.row if isinstance(line, Detail) else line if isinstance(line, BoardRow) else None

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


def _key_of(line: Line) -> str:
    if isinstance(line, Heading):
        return f"{line.title} {line.members}"
    return f"{line.row.session.id} below" if isinstance(line, Detail) else line.session.id
