"""What a review writes, frame by frame, onto a terminal: it ends up as one whole frame would have it."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from textual._compositor import CompositorUpdate

from ampsm_tui.app import AmpsmApp
from ampsm_tui.driver.capabilities import Capabilities
from ampsm_tui.driver.renderer import Renderer
from tests.emulator import Terminal
from tests.tui.desk import Desk
from tests.tui.reviewing import Reviewed

SIZE = (110, 32)
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=SIZE[0])


class Film:
    """A terminal that is shown every frame of an app, as the driver writes it."""

    def __init__(self) -> None:
        self.terminal = Terminal(*SIZE)
        self._renderer = Renderer(*SIZE, Capabilities(has_margins=True, synchronizes=True))

    def show(self, update: object) -> None:
        if isinstance(update, CompositorUpdate):
            self._renderer.take(update.render_segments(CONSOLE) + "\x1b[1;1H")
            if self._renderer.is_whole:
                self.terminal.feed(self._renderer.frame())
            assert not self._renderer.refused


pytestmark = pytest.mark.usefixtures("painted")


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch) -> Film:
    made = Film()
    show = AmpsmApp._display

    def display(app: AmpsmApp, screen: Any, update: Any) -> None:
        made.show(update)
        show(app, screen, update)

    monkeypatch.setattr(AmpsmApp, "_display", display)
    return made


@pytest.fixture
def reviewed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reviewed:
    made = Reviewed(desk, tmp_path / "shop", monkeypatch)
    made.change()
    return made


def same_as_anew(film: Film, app: AmpsmApp) -> None:
    """The terminal shows what a whole new frame would."""
    anew = Terminal(*SIZE)
    anew.feed(app.screen._compositor.render_full_update().render_segments(CONSOLE))
    assert not film.terminal.differs(anew)[:5]


WAYS = (
    *("j", "k", "f", "b", "d", "u", "g", "G", "J", "K", "right_square_bracket", "left_square_bracket"),
    *("right_curly_bracket", "left_curly_bracket", "m", "z", "w", "v", "escape", "right", "left", "plus", "t"),
    *("vertical_line", "backslash", "W", "Z", "I"),
)


async def test_any_walk_leaves_what_textual_would_show(reviewed: Reviewed, film: Film) -> None:
    async with reviewed.open(SIZE) as desk:
        same_as_anew(film, desk.app)
        for key in (*WAYS, *WAYS[::-1], *WAYS[::3]):
            if key == "escape" and desk.app.screen is not reviewed.screen:
                continue
            if key != "escape" or reviewed.screen.view.selected_from is not None:
                await reviewed.press(key)
        same_as_anew(film, desk.app)


async def test_a_toast_and_a_dialog_leave_no_trace(reviewed: Reviewed, film: Film) -> None:
    async with reviewed.open(SIZE) as desk:
        desk.app.show_toast("Look here")
        await reviewed.press("j", "ctrl+f")
        same_as_anew(film, desk.app)
        desk.app.clear_notifications()
        await reviewed.press("question_mark", "escape", "j", "pageup")
        same_as_anew(film, desk.app)
