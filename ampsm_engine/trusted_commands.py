"""Which commands out of repositories a person has trusted: one private file of the home for each.

Trust is for one repository and one content: a command that differs in one character is another one. Only its hash is
kept, and where and when it was trusted.
"""

import contextlib
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine import timestamps
from ampsm_engine.errors import Refused
from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private
from ampsm_engine.plain_text import visible


class UntrustedCommand(Refused):
    """A command of a repository has not been trusted yet; nothing was changed."""

    def __init__(self, message: str, hint: str, root: str = "", text: str = "", origin: str = "") -> None:
        super().__init__(message, hint)
        self.args = (message, hint, root, text, origin)

    @property
    def root(self) -> str:
        """The folder of the repository that it comes out of."""
        return str(self.args[2])

    @property
    def command(self) -> str:
        """The command, whole and as it would run: it has no character that is not seen."""
        return str(self.args[3])

    @property
    def origin(self) -> str:
        """The file, or the setting, that it stands in."""
        return str(self.args[4])


def check(home: Home, root: Path, command: str, origin: str, base: str, *, folder: str = "") -> None:
    """UntrustedCommand where no person has trusted a command of a repository.

    `base`: a commit that has it, for a session about a `folder`.
    """
    if not is_trusted(home, root, command):
        message = f"The setup command of this repository is not trusted yet: {on_one_line(command)}"
        hint = f"ampsm trust --repo {shlex.quote(str(root))} --base {base[:12]}"
        hint += f" --in {shlex.quote(folder)}" if folder else ""
        raise UntrustedCommand(message, hint, str(root), command, origin)


def on_one_line(command: str) -> str:
    """A command as part of a sentence: its lines told apart, blanks that push its end away as one, cut after 200."""
    text = visible(re.sub(r"[ \t]+", " ", command))
    return f"{text[:199]}…" if len(text) > 200 else text


def is_trusted(home: Home, root: Path, command: str) -> bool:
    """Whether a person said that this command of this repository may run."""
    path = _path(home, root, command)
    return path.is_file() and not path.is_symlink()


def trust(home: Home, root: Path, command: str) -> None:
    """Record that a command of a repository may run."""
    path = _path(home, root, command)
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    about = {"repository": os.path.realpath(root), "trustedAt": timestamps.now()}
    write_private(path, json.dumps(about).encode("utf-8", "replace"))


def forget(home: Home, root: Path) -> int:
    """Trust no command of a repository any more; how many there were."""
    found = list(_of(home, root))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _of(home: Home, root: Path) -> Iterator[Path]:
    where = os.path.realpath(root)
    for path in home.trusted.iterdir() if home.trusted.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if json.loads(path.read_bytes()).get("repository") == where:
                yield path


def _path(home: Home, root: Path, command: str) -> Path:
    content = f"{os.path.realpath(root)}\0{command}".encode("utf-8", "surrogateescape")
    import hashlib  # OpenSSL, for the few repositories that say how they are set up

    return home.trusted / hashlib.sha256(content).hexdigest()
