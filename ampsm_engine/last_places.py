"""Where people are in the screens, one file for each app: what is left of one that was cut off is offered to the next.

An app that is left from the list has no file; one that was killed, hung up or left in the middle of something has.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ampsm_engine import process_identity
from ampsm_engine.home import Home, write_json_object
from ampsm_engine.process_identity import Identity


class LastPlace(NamedTuple):
    """A screen about a session or a batch run; of a review its range and where the cursor was: path and line."""

    screen: str
    """`session`, `review`, `merge`, `run`, or `runs` for the list of all of them."""
    session_id: str
    """Of a run: its own id; empty for the list of runs."""
    range: str = ""
    path: str = ""
    line: int = 0
    """From 1; 0 on the head of the file."""
    is_new: bool = True
    """Whether the line is counted on the new side."""
    name: str = ""
    """What a run is called; a session is known to the board."""


class LeftPlace(NamedTuple):
    """Where the last app was that is gone, and the file that says so."""

    place: LastPlace
    file: Path


def keep(home: Home, place: LastPlace | None) -> None:
    """Keep where this process is; None: nowhere that is worth coming back to. OSError when it cannot be written."""
    file = home.places / f"{os.getpid()}.json"
    if place is None:
        file.unlink(missing_ok=True)
        return
    me = process_identity.identify(os.getpid())
    content = {"pid": me.pid, "token": me.token, "boot": me.boot, "place": place._asdict()}
    write_json_object(file, content)


def left(home: Home) -> LeftPlace | None:
    """The place of the app that was cut off last; None without one. Files of earlier apps are deleted."""
    found: list[tuple[float, LeftPlace]] = []
    for file in home.places.glob("*.json"):
        with suppress(OSError):
            kept = _read(file)
            if kept is None:
                file.unlink(missing_ok=True)
            elif not process_identity.is_alive(kept[0]):
                found.append((file.stat().st_mtime, LeftPlace(kept[1], file)))
    found.sort()
    for _, older in found[:-1]:
        forget(older)
    return found[-1][1] if found else None


def forget(place: LeftPlace) -> None:
    """Delete the record of a place, so that it is offered no more."""
    with suppress(OSError):
        place.file.unlink(missing_ok=True)


def _read(file: Path) -> tuple[Identity, LastPlace] | None:
    """The process that wrote a file, and the place that it wrote down; None where the file makes no sense."""
    try:
        kept = json.loads(file.read_bytes())
        fields = kept["place"]
        place = LastPlace(
            str(fields["screen"]),
            str(fields["session_id"]),
            str(fields["range"]),
            str(fields["path"]),
            int(fields["line"]),
            bool(fields["is_new"]),
            str(fields.get("name", "")),
        )
        return Identity(int(kept["pid"]), str(kept["token"]), str(kept["boot"])), place
    except (ValueError, KeyError, TypeError):
        return None
