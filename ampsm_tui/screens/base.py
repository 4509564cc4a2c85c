"""The base of all screens: an answer takes away the screen that gives it, and no other."""

from textual.await_complete import AwaitComplete
from textual.screen import Screen, ScreenResultType


class AppScreen(Screen[ScreenResultType]):
    """A screen whose `dismiss` may come from work that ends while another screen is in front, or this one has gone.

    Textual's own takes away whatever is in front.
    """

    _answer: "tuple[ScreenResultType | None] | None" = None
    """What is answered once this screen is in front again."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Answer and go: now, or as soon as what is in front has been closed; nothing happens to one that has gone."""
        if self.app.screen is self:
            return super().dismiss(result)
        if self in self.app.screen_stack:
            self._answer = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        """What was in front has been closed: give the answer that has waited for it."""
        if self._answer is not None:
            (result,), self._answer = self._answer, None
            self.dismiss(result)
