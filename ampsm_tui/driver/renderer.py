"""Frames in, the least text out: what Textual wants to be seen against what stands on the terminal."""

import re

from ampsm_tui.driver.capabilities import Capabilities
from ampsm_tui.driver.encoder import Encoder, TerminalState
from ampsm_tui.driver.frame_parser import FrameParser
from ampsm_tui.driver.picture import Picture

_FRAME = re.compile(r"\x1b\[[0-9]+;[0-9]+H")


def is_frame(text: str) -> bool:
    """Whether what Textual writes is cells: it begins with a place. All else is modes, questions, notices."""
    return _FRAME.match(text) is not None


class Renderer:
    """Holds both pictures of one terminal."""

    def __init__(self, width: int, height: int, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self._parser = FrameParser()
        self._cursor: tuple[int, int] | None = None
        self._make(width, height)

    def _make(self, width: int, height: int) -> None:
        self._wanted = Picture(width, height)
        self._terminal = TerminalState(width, height)
        self._encoder = Encoder(width, self._parser.styles, self._parser.clusters, self.capabilities)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        return self._wanted.width, self._wanted.height

    @property
    def refused(self) -> int:
        """Orders that Textual wrote into frames and that were not let through; 0 unless Textual has changed."""
        return self._parser.refused

    @property
    def is_whole(self) -> bool:
        """Whether every cell is known that should be seen: false until all was painted after a start or a resize."""
        return self._wanted.is_whole

    @property
    def is_full(self) -> bool:
        """Whether it has met so many styles that it should be made anew, and all be painted again."""
        return self._parser.is_full

    def resize(self, width: int, height: int) -> None:
        """Replace both pictures by unknown ones of another size."""
        self._make(width, height)

    def take(self, frame: str) -> None:
        """Take what Textual wants to be seen; nothing is written by that."""
        runs, cursor = self._parser.parse(frame)
        # What was laid out for a larger size may still come: its cursor stands at the border then, as the terminal's.
        width, height = self.size
        self._cursor = None if cursor is None else (min(cursor[0], height - 1), min(cursor[1], width - 1))
        for run in runs:
            self._wanted.put(run)

    def forget(self) -> None:
        """Forget what the terminal shows, because another program has written on it."""
        self._terminal.forget()

    def frame(self) -> str:
        """The text that brings the terminal from what it shows to what should be seen."""
        if not self._wanted.is_whole:
            self._wanted.fill()
        return self._encoder.encode(self._terminal, self._wanted, self._cursor)
