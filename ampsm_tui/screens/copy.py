"""What of a session may be copied: id, branch, path, prompt or thread, into the clipboard of the terminal."""

from collections.abc import Iterable

from ampsm_engine.labels import thread_address
from ampsm_engine.model import Session
from ampsm_tui.app_context import app_of
from ampsm_tui.screens.letter_menu import LetterMenu, MenuLine

_WHAT = (
    ("i", "id", "id"),
    ("b", "branch", "branch_name"),
    ("p", "path", "worktree_path"),
    ("t", "prompt", "amp_prompt"),
    ("u", "thread", "thread_id"),
)
"""The letter, the word, the field; a thread is copied as its address."""


class CopyScreen(LetterMenu):
    """Answers the word for what is to be copied; `text` gives it: several sessions give a line each."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        chosen = tuple(sessions)
        self._texts = {word: _text(chosen, field) for _, word, field in _WHAT}
        several = f"of {len(chosen)} sessions" if len(chosen) != 1 else f"of {chosen[0].name}"
        super().__init__(f"Copy {several}", [MenuLine(letter, word, self._texts[word]) for letter, word, _ in _WHAT])

    def text(self, word: str) -> str:
        """What is copied for a word of the menu."""
        return self._texts[word]

    def action_pick(self, word: str) -> None:
        """Close it with the choice, if there is something to copy."""
        if self._texts[word]:
            super().action_pick(word)
        else:
            app_of(self).show_toast(f"There is no {word} to copy yet")


def _text(sessions: Iterable[Session], field: str) -> str:
    values = [getattr(session, field) for session in sessions]
    if field == "thread_id":
        values = [thread_address(thread) for thread in values if thread]
    return "\n".join(values)
