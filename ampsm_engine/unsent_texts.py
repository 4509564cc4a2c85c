"""Texts that were typed and not sent: kept on disk as they are typed, by whose they are and what they are for.

Neither a closed box nor a hangup, a kill or a crash loses one. The files are private (0600) and hold the text as typed,
so they go as soon as it is sent or emptied, and with their session when that is purged.
"""

import hashlib
import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class TypedText(NamedTuple):
    """A text as it was left; `base` is what its box began with."""

    text: str
    base: str


class UnsentText(NamedTuple):
    """Where one text is kept. `owner`: a session's id, or another word for what it belongs to."""

    home: Home
    owner: str
    purpose: str

    @property
    def path(self) -> Path:
        """The file, which exists only while there is something to keep."""
        return _folder(self.home, self.owner) / f"{_digest(self.purpose)}.json"

    def read(self) -> TypedText | None:
        """What is kept; None when nothing is, or what is there cannot be read."""
        try:
            kept = json.loads(self.path.read_bytes())
            return TypedText(str(kept["text"]), str(kept["base"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, text: str, base: str = "") -> None:
        """Keep a text in the place of the one before; OSError when it cannot be written."""
        path = self.path
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        content = {"owner": self.owner, "purpose": self.purpose, "text": text, "base": base}
        write_private(path, json.dumps(content).encode(), lasting=False)

    def drop(self) -> None:
        """Keep nothing any more."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def delete_all(home: Home, owner: str) -> None:
    """Keep nothing any more of all that belongs to an owner."""
    shutil.rmtree(_folder(home, owner), ignore_errors=True)


def _folder(home: Home, owner: str) -> Path:
    return home.unsent / (owner if _PLAIN.fullmatch(owner) else _digest(owner))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
