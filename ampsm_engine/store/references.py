"""Which session a person means by an id, a name, or the beginning of one."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.model import Session
from ampsm_engine.naming import LEAST_OF_AN_ID

ReferenceKind = Literal["id", "name", "beginning of the name", "beginning of the id"]


class Match(NamedTuple):
    """A session that a person meant, and by which of its marks."""

    session: Session
    kind: ReferenceKind

    @property
    def is_exact(self) -> bool:
        """Whether nothing had to be guessed."""
        return self.kind in _EXACT


_EXACT = ("id", "name")


def match(reference: str, everyone: Sequence[Session], *, trashed: bool = False) -> Match:
    """The session that a person means, and by what; NotFound, or Refused when several are meant.

    In this order: an exact id, an exact name, a unique beginning of a name, a unique beginning of an id of
    LEAST_OF_AN_ID characters or more. What names a session exactly that is elsewhere (in the trash, or not)
    is no beginning of another's.
    """
    wanted = reference.strip()
    here = [session for session in everyone if (session.trashed_at is not None) is trashed]
    for kind, fits in _ways(reference, wanted):
        found = [session for session in here if fits(session)]
        if len(found) > 1:
            raise _ambiguous(wanted, found, trashed=trashed)
        if found:
            return Match(found[0], kind)
        elsewhere = [session for session in everyone if fits(session)]
        if elsewhere and kind in _EXACT:
            raise _elsewhere(elsewhere[0], trashed=trashed)
    raise _unknown(wanted, everyone, here, trashed=trashed)


def _ways(reference: str, wanted: str) -> tuple[tuple[ReferenceKind, Callable[[Session], bool]], ...]:
    """How a reference may name a session, the surest way first."""
    if not wanted:
        return ()
    lower = wanted.lower()
    long_enough = len(wanted) >= LEAST_OF_AN_ID
    return (
        ("id", lambda session: session.id in (lower, wanted)),
        ("name", lambda session: session.name in (reference, wanted)),
        ("beginning of the name", lambda session: session.name.startswith(wanted)),
        ("beginning of the id", lambda session: long_enough and session.id.startswith(lower)),
    )


def _ambiguous(reference: str, candidates: Sequence[Session], *, trashed: bool) -> Refused:
    named = ", ".join(f"{session.id} ({session.name})" for session in candidates[:5])
    more = f" and {len(candidates) - 5} more" if len(candidates) > 5 else ""
    return Refused(
        f"{reference!r} means {len(candidates)} sessions: {named}{more}.",
        f"Name one by its id: {_overview(trashed=trashed)}",
    )


def _overview(*, trashed: bool) -> str:
    return "ampsm trash ls" if trashed else "ampsm ls"


def _elsewhere(session: Session, *, trashed: bool) -> NotFound:
    named = f"The session {session.name} ({session.id})"
    if trashed:
        return NotFound(f"{named} is not in the trash.", f"ampsm show {session.id}")
    return NotFound(f"{named} is in the trash.", f"ampsm trash restore {session.id}")


def _unknown(reference: str, everyone: Sequence[Session], here: Sequence[Session], *, trashed: bool) -> NotFound:
    for _, fits in _ways(reference, reference):
        if elsewhere := [session for session in everyone if fits(session)]:
            return _elsewhere(elsewhere[0], trashed=trashed)
    place = "in the trash" if trashed else ""
    message = " ".join(f"There is no session {reference!r} {place}".split()) + "."
    import difflib

    begun = [s.id for s in here if reference and s.id.startswith(reference.lower())]
    near = begun[:3] or difflib.get_close_matches(reference, [*(s.name for s in here), *(s.id for s in here)], n=3)
    overview = _overview(trashed=trashed)
    return NotFound(message, f"Did you mean {' or '.join(map(repr, near))}? {overview}" if near else overview)
