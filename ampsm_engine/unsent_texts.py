"""Texts that were typed and not sent, saved on disk while they are typed, by owner and purpose.

Neither a closed dialog nor a hangup, a kill or a crash loses one. The files are private (0600) and hold the text as
typed, so they are deleted as soon as it is sent or emptied, and with their session when that is purged.
"""

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class TypedText(NamedTuple):
    """A saved text; `base` is what its input began with."""

    text: str
    base: str


class UnsentText(NamedTuple):
    """The file of one text. `owner`: a session's id, or another name for what it belongs to."""

    home: Home
    owner: str
    purpose: str

    @property
    def path(self) -> Path:
        """The path of the file, which exists only while a text is saved."""
        return _folder(self.home, self.owner) / f"{_digest(self.purpose)}.json"

    def read(self) -> TypedText | None:
        """The saved text; None when there is none, or it cannot be read."""
        try:
            kept = json.loads(self.path.read_bytes())
            return TypedText(str(kept["text"]), str(kept["base"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, text: str, base: str = "") -> None:
        """Save a text in place of the one before; OSError when it cannot be written."""
        path = self.path
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        content = {"owner": self.owner, "purpose": self.purpose, "text": text, "base": base}
        write_private(path, json.dumps(content).encode(), lasting=False)

    def drop(self) -> None:
        """Delete the saved text."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def kept_of(home: Home, owner: str) -> dict[str, TypedText]:
    """All saved texts of an owner by their purposes, oldest first; those that cannot be read are left out."""
    found: list[tuple[float, str, TypedText]] = []
    for path in _folder(home, owner).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(path.read_bytes())
            typed = TypedText(str(kept["text"]), str(kept["base"]))
            found.append((path.stat().st_mtime, str(kept["purpose"]), typed))
    return {purpose: typed for _, purpose, typed in sorted(found)}


def delete_all(home: Home, owner: str) -> None:
    """Delete all saved texts of an owner."""
    shutil.rmtree(_folder(home, owner), ignore_errors=True)


def _folder(home: Home, owner: str) -> Path:
    return home.unsent / (owner if _PLAIN.fullmatch(owner) else _digest(owner))


def _digest(text: str) -> str:
    import hashlib  # OpenSSL, which no screen needs for its first frame

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
