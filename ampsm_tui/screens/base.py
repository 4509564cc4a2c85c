"""What all screens share: an answer takes away the screen that gives it, and no other; storing a setting."""

from typing import TYPE_CHECKING, ClassVar

from textual.await_complete import AwaitComplete
from textual.dom import DOMNode
from textual.messages import Prune
from textual.screen import Screen, ScreenResultType

from ampsm_engine import config
from ampsm_tui.app_context import app_of
from ampsm_tui.ask import ask, run_to_end
from ampsm_tui.bindings import allow_action

if TYPE_CHECKING:
    from ampsm_engine.last_places import LastPlace


class AppScreen(Screen[ScreenResultType]):
    """A screen whose `dismiss` may come from work that ends while another screen is in front, or this one has gone.

    Textual's own takes away whatever is in front.
    """

    IS_FORM: ClassVar = False
    """Whether it scrolls from field to field: the one that has the keys stays in sight in any size."""

    is_closing = False
    """Whether the screen is being taken apart: nothing that is waited for may come back to it (`ask.is_open`)."""

    _answer: "tuple[ScreenResultType | None] | None" = None
    """What is answered once this screen is in front again."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        # For a screen whose styles it does not know Textual would parse all others anew, and apply all to all screens.
        for path in self.css_path:
            if not self.app.stylesheet.has_source(str(path), ""):
                self.app.stylesheet.read(path)
                self.app.stylesheet.parse()
        # Textual sets these classes after the first layout, and works out all styles and the layout once more.
        sizes = ((self.app.size.width, self.HORIZONTAL_BREAKPOINTS, self.app.HORIZONTAL_BREAKPOINTS),
                 (self.app.size.height, self.VERTICAL_BREAKPOINTS, self.app.VERTICAL_BREAKPOINTS))  # fmt: skip
        for size, own, of_app in sizes:
            fitting = [name for least, name in (of_app if own is None else own) or () if size >= least]
            self.set_class(True, *fitting[-1:], update=False)

    def on_resize(self) -> None:
        """Scroll a form to the field that has the keys: another size may have put it out of sight."""
        if self.IS_FORM and self.focused is not None:
            self.call_after_refresh(self.focused.scroll_visible, animate=False)

    def offers(self, key_id: str) -> bool:  # noqa: ARG002 - of screens whose keys live only now and then
        """Whether a key does something now, so that the line of keys names it; if not, pressing it says why."""
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does anything here: none that changes something does where the app only watches."""
        return allow_action(self, action, parameters) and super().check_action(action, parameters)

    def place(self) -> "LastPlace | None":
        """The place that a later start may return to; None where the screen is no place of its own."""
        return None

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Answer and go: now, or as soon as what is in front has been closed; nothing happens to one that has gone."""
        if self.app.screen is self:
            return super().dismiss(result)
        if self in self.app.screen_stack:
            self._answer = (result,)
        return AwaitComplete()

    async def on_prune(self, event: Prune) -> None:  # noqa: ARG002 - Textual's; its own handler comes after this one
        """Note that the screen is closing, before its children go one after the other."""
        self.is_closing = True

    def on_screen_resume(self) -> None:
        """Give the answer that had to wait until the screen in front was closed."""
        if self._answer is not None:
            (result,), self._answer = self._answer, None
            self.dismiss(result)


async def store_setting(node: DOMNode, name: str, text: str) -> config.Value:
    """Check a setting as a person typed it, write it to the file, and let the app know it; the value that it has now.

    NotFound, Unfit or Failed when it is not written.
    """
    value = config.checked(name, text)
    await run_to_end(ask(config.store, app_of(node).engine.config, name, text))
    app_of(node).settings = config.Settings({**app_of(node).settings.values, name: value})
    if name.startswith("keys."):
        node.app.set_keymap(app_of(node).settings.keys)
    return value
