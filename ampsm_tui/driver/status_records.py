"""The records of the Program Status Protocol (OSC 7501, revision 0.4) that a terminal holds of this program.

A terminal is asked first, and one that does not answer gets nothing. Its answer is the question itself; Textual, which
does not know it, hands it on as keys, of which it is made again here. A report replaces its record whole.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.message import Message

QUESTION = "\x1b]7501;?\x1b\\"

_BEGINNING = "^]7501;?"
_ENDS = ("^\\", "\x07")
_LONGEST = 96
"""Characters of an answer: a later revision may say more in it."""

_DUMB = ("linux", "vt", "eterm", "screen", "ansi", "cons")
"""Beginnings of TERM of terminals that would show the question, or never answer it."""


def may_ask(environ: Mapping[str, str]) -> bool:
    """Whether a terminal takes a sequence that it does not know for nothing; tmux answers for itself, or not."""
    return not environ.get("TERM", "").startswith(_DUMB) or "TMUX" in environ


class StatusRecords:
    """What the terminal should hold, written once it is known to understand it; `take` is for the input's thread."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._is_asked = False
        self._is_understood = False
        self._held_back: list[events.Key] = []
        self._wanted: dict[str, str] = {}
        self._shown: dict[str, str] = {}

    def ask(self) -> str:
        """The question, which goes out before another one that every terminal answers."""
        self._is_asked = not self._is_understood
        return QUESTION if self._is_asked else ""

    def take(self, message: "Message") -> "tuple[list[Message], bool]":
        """What of a message and of those held back is for others, and whether the terminal has answered."""
        if not self._is_asked:
            return [message], False
        if isinstance(message, events.CursorPosition):  # the other answer is here, so this one will not come
            return [*self._end(), message], False
        if not isinstance(message, events.Key):
            return [message], False
        self._held_back.append(message)
        said = "".join(key.character or "\0" for key in self._held_back)
        if said.startswith(_BEGINNING) and said.endswith(_ENDS):
            self._end()
            return [], True
        if _BEGINNING.startswith(said) or (said.startswith(_BEGINNING) and len(said) < _LONGEST):
            return [], False
        kept, self._held_back = self._held_back, []
        return list(kept), False

    def _end(self) -> "list[Message]":
        kept, self._held_back, self._is_asked = self._held_back, [], False
        return list(kept)

    def understood(self) -> None:
        """The terminal has answered: from now on it gets what it should hold."""
        self._is_understood = True
        self._bring()

    def show(self, bodies: Mapping[str, str]) -> None:
        """The records that the terminal should hold, by their ids (empty: that of the program): the body of each."""
        self._wanted = dict(bodies)
        self._bring()

    def clear(self) -> None:
        """Take all records out of the terminal."""
        self._wanted = {}
        if self._shown:
            self._write("\x1b]7501;state=clear\x1b\\")
        self._shown = {}

    def _bring(self) -> None:
        if not self._is_understood:
            return
        gone = [f"state=clear:id={name}" for name in self._shown if name and name not in self._wanted]
        new = [body for name, body in self._wanted.items() if self._shown.get(name) != body]
        self._shown = dict(self._wanted)
        if gone or new:
            self._write("".join(f"\x1b]7501;{body}\x1b\\" for body in (*gone, *new)))
