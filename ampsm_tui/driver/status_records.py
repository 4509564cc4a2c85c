"""The records of the Program Status Protocol (OSC 7501, revision 0.4) that a terminal holds of this program.

A terminal is asked first, and one that does not answer gets nothing. Its answer is the question itself; Textual, which
does not know it, hands it on as keys, of which it is made again here. A report replaces its record whole.

tmux drops what it does not know. Where it passes sequences on, the terminal around it is asked through it; that answer
is typed into the pane that has the cursor, once for each terminal that is attached.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING

from textual import events

if TYPE_CHECKING:
    from textual.message import Message

QUESTION = "\x1b]7501;?\x1b\\"

_BEGINNING = "^]7501;?"
_ENDS = ("\\", "\x07")
"""What ends an answer: Textual makes `^\\` of the first, and a mere backslash where nothing follows for a moment."""

_LONGEST = 96
"""Characters of an answer: a later revision may say more in it."""

_DUMB = ("linux", "vt", "eterm", "screen", "ansi", "cons")
"""Beginnings of TERM of terminals that would show the question, or never answer it."""

ANSWER_SECONDS = 5.0
"""Seconds in which the terminals around a multiplexer may answer: it has no other question that they all answer."""

Bodies = Mapping[str, str]
"""The records by their ids (empty: that of the program): the body of each."""


def may_ask(environ: Mapping[str, str]) -> bool:
    """Whether a terminal takes a sequence that it does not know for nothing; tmux answers for itself, or not."""
    return not environ.get("TERM", "").startswith(_DUMB) or "TMUX" in environ


def _unwrapped(sequence: str) -> str:
    return sequence


class StatusRecords:
    """What the terminal should hold, written once it is known to understand it; `take` is for the input's thread."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._wrap: Callable[[str], str] = _unwrapped
        self._is_asked = False
        self._until: float | None = None
        """When an answer is no longer expected; None where the answer to another question ends the wait."""
        self._is_understood = False
        self._held_back: list[events.Key] = []
        self._wanted: Callable[[], Bodies] = dict
        self._shown: Bodies = {}
        self._is_withdrawn = False

    def ask(self) -> str:
        """The question, which goes out before another one that every terminal answers."""
        self._is_asked, self._until = not self._is_understood, None
        return QUESTION if self._is_asked else ""

    def ask_through(self, wrap: Callable[[str], str]) -> None:
        """Ask the terminal around a multiplexer that passes on what `wrap` has made of a sequence."""
        if not self._is_understood:
            self._wrap, self._until, self._is_asked = wrap, monotonic() + ANSWER_SECONDS, True
            self._write(wrap(QUESTION))

    def take(self, message: "Message") -> "tuple[list[Message], bool]":
        """What of a message and of those held back is for others, and whether the terminal has answered."""
        if not self._is_asked:
            return [message], False
        if self._is_too_late(message):
            return [*self._end(), message], False
        if not isinstance(message, events.Key):
            return [message], False
        self._held_back.append(message)
        said = "".join(key.character or "\0" for key in self._held_back)
        if said.startswith(_BEGINNING) and said.endswith(_ENDS):
            self._held_back = []
            self._is_asked = self._until is not None  # another terminal may be attached to the multiplexer
            return [], True
        if _BEGINNING.startswith(said) or (said.startswith(_BEGINNING) and len(said) < _LONGEST):
            return [], False
        kept, self._held_back = self._held_back, []
        return list(kept), False

    def _is_too_late(self, message: "Message") -> bool:
        if self._until is None:
            return isinstance(message, events.CursorPosition)  # the other answer is here, so this one will not come
        return monotonic() > self._until

    def _end(self) -> "list[Message]":
        kept, self._held_back, self._is_asked = self._held_back, [], False
        return list(kept)

    def understood(self) -> None:
        """The terminal has answered: from now on it gets what it should hold."""
        self._is_understood = True
        self._bring()

    def show(self, bodies: Callable[[], Bodies]) -> None:
        """What makes the records that the terminal should hold; it is called for one that understands them alone."""
        self._wanted = bodies
        self._bring()

    def show_again(self) -> None:
        """Bring all records again: another program had the terminal, or tmux did not show us meanwhile."""
        self._shown, self._is_withdrawn = {}, False
        self._bring()

    def show_what_was_dropped(self) -> None:
        """Bring all records again through a multiplexer, which drops what comes while it does not show us."""
        if self._until is not None and not self._is_withdrawn:
            self.show_again()

    def clear(self) -> None:
        """Take all records out of the terminal, which another program gets; `show_again` brings them back."""
        self._is_withdrawn = True
        if self._shown:
            self._write(self._wrap("\x1b]7501;state=clear\x1b\\"))
        self._shown = {}

    def _bring(self) -> None:
        if not self._is_understood or self._is_withdrawn:
            return
        wanted = self._wanted()
        gone = [f"state=clear:id={name}" for name in self._shown if name and name not in wanted]
        new = [body for name, body in wanted.items() if self._shown.get(name) != body]
        self._shown = wanted
        if gone or new:
            self._write("".join(self._wrap(f"\x1b]7501;{body}\x1b\\") for body in (*gone, *new)))
