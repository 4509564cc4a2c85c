"""The desk: an app over a still board, driven in the words of a person, with a recorder in place of the engine."""

import asyncio
import contextlib
import functools
import inspect
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from textual._compositor import Compositor
from textual.widget import Widget
from textual.worker import Worker, WorkerCancelled, WorkerFailed

import ampsm_engine
from ampsm_engine.config import Settings
from ampsm_engine.context import Engine
from ampsm_engine.errors import NotFound
from ampsm_engine.home import Home
from ampsm_engine.model import Board
from ampsm_tui import ask
from ampsm_tui.app import AmpsmApp
from tests.tui.builders import NOW

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.pilot import Pilot

Answer = Callable[..., Any]

DEADLINE = 30.0
"""Seconds after which what has not come is a failure."""

PAINT = Compositor.render_update
"""Paints what has changed since; while tests run, only when all is settled, and whenever a test reads the screen."""


@functools.cache
def verbs() -> frozenset[str]:
    """The names of the engine's functions: what a test answers, or says was not asked for, must be one of them."""
    modules = Path(ampsm_engine.__file__).parent.rglob("*.py")
    return frozenset(name for path in modules for name in re.findall(r"^def (\w+)", path.read_text(), re.MULTILINE))


class Feed:
    """A feed that a test pours boards into."""

    def __init__(self, *boards: Board) -> None:
        self._boards: asyncio.Queue[Board] = asyncio.Queue()
        self._ahead = 0
        """Boards that the app has not been shown to its end."""
        for board in boards:
            self.pour(board)

    def pour(self, board: Board) -> None:
        self._ahead += 1
        self._boards.put_nowait(board)

    async def __aiter__(self) -> AsyncIterator[Board]:
        while True:
            yield await self._boards.get()
            self._ahead -= 1

    def is_taken(self) -> bool:
        """Every board has been shown to the app."""
        return self._ahead == 0


class Desk:
    """What a test sees and does. `asked` holds each verb with what was said to it; `answers` what comes back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.engine = Engine(Home(folder, folder / "ampsm.sqlite"), folder / "config.toml")
        self.verbs: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: dict[str, Answer | BaseException] = {
            "changes": lambda *_, **__: {},
            "measured_changes": self._counted,
            "folders": lambda *_, **__: {},
            "repository_offer": NotFound("There is no repository here.", "ampsm new --repo PATH"),
        }
        self._held = 0
        """Answers that the test holds back."""
        self.app: AmpsmApp
        self.pilot: Pilot[int]
        self.feed: Feed
        monkeypatch.setattr(ask, "call_side_process", self._answer)

    def _counted(self, *arguments: Any) -> tuple[dict[str, Any], float]:
        """The counts that the test gives, taken in no time."""
        given = self.answers["changes"]
        if isinstance(given, BaseException):
            raise given
        return given(*arguments), 0.0

    async def _answer(self, question: "functools.partial[Any]") -> Any:
        name = question.func.__name__
        self.verbs.append((name, question.args, question.keywords))
        answer = self.answers.get(name)
        if isinstance(answer, BaseException):
            raise answer
        said = answer(*question.args, **question.keywords) if answer else None
        if not inspect.isawaitable(said):
            return said
        self._held += 1
        try:
            return await said
        finally:
            self._held -= 1

    @asynccontextmanager
    async def open(
        self, *boards: Board, size: tuple[int, int] = (80, 24), settings: Settings | None = None, **options: Any
    ) -> AsyncIterator["Desk"]:
        """The app, open on these boards, settled."""
        self.feed = Feed(*boards)
        self.app = AmpsmApp(self.engine, aiter(self.feed), settings=settings, clock=lambda: NOW, **options)
        async with self.app.run_test(size=size, notifications=True) as self.pilot:
            await self.settle()
            yield self
        assert not self.answers.keys() - verbs(), "an answer that nothing of the engine would have asked for"

    async def show(self, board: Board) -> None:
        """The truth is now this board."""
        self.feed.pour(board)
        await self.settle()

    async def settle(self) -> None:
        """Everything that is under way has come to its end; the feed and what watches files go on for ever.

        Raises what the app has crashed with.
        """
        await self.taken()
        await self.pilot.pause()
        async with asyncio.timeout(DEADLINE):
            while True:
                for worker in self.under_way():
                    with contextlib.suppress(
                        WorkerCancelled, WorkerFailed
                    ):  # an end, too; what is serious ends the app
                        await worker.wait()
                await self._frame()
                # What a layout tells may ask for another one, and a late message may begin a worker.
                late = any(one.group != "answering" for one in self.under_way())  # that one is asked by the clock
                if not (late or self._is_message_waiting() or self._is_frame_due()):
                    break
        PAINT(self.app.screen._compositor, screen_stack=self.app._background_screens)

    async def taken(self) -> None:
        """Every board has been shown to the app."""
        await self.pilot.pause()
        async with asyncio.timeout(DEADLINE):
            while not self.feed.is_taken():
                await self.pilot.pause()

    async def _frame(self) -> None:
        """A sixtieth of a second goes by, also for the screens behind a box."""
        await self.pilot.pause()
        for screen in self.app._background_screens:
            screen._on_timer_update()
        await self.pilot.pause()

    def _is_frame_due(self) -> bool:
        """A screen, also one behind a box, has a layout, a scroll or a callback for its next frame."""
        shown = (self.app.screen, *self.app._background_screens)
        return any(one._layout_required or one._scroll_required or one._callbacks for one in shown)

    def under_way(self) -> list[Worker[Any]]:
        """The workers that come to an end by themselves."""
        return [one for one in self.app.workers if one.group not in {"feed", "watching", "reading", "forecast"}]

    async def rest(self) -> None:
        """The same while the test holds answers back: who is under way waits for them, and no message waits."""
        await self._frame()
        async with asyncio.timeout(DEADLINE):
            while True:
                await self.pilot.pause()  # everybody has dealt with what there was
                if self._is_frame_due():
                    await self._frame()
                elif not self._is_message_waiting() and len(self.under_way()) <= self._held:
                    return

    def _is_message_waiting(self) -> bool:
        pumps: list[MessagePump] = [self.app, *self.app._registry]
        return any(pump._next_callbacks or not pump._message_queue.empty() for pump in pumps)

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, and wait until all is settled."""
        for key in keys:
            await self.pilot.press(key)
            await self._taken()
        await self.settle()

    async def drag(self, widget: Widget, first: tuple[int, int], last: tuple[int, int]) -> None:
        """Drag the mouse over a widget, from one of its cells to another, and wait until all is settled."""
        await self.pilot.mouse_down(widget, offset=first)
        await self.pilot.hover(widget, offset=last)
        await self.pilot.mouse_up(widget, offset=last)
        await self.settle()

    async def _taken(self) -> None:
        """The key has done its work, and a box that it opened takes the next one, however busy the machine is."""
        await self.pilot.pause(0)
        while self._is_message_waiting():
            await self.pilot.pause(0)

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {" ": "space", "/": "slash", ".": "full_stop", "-": "minus", ",": "comma", "'": "apostrophe"}
        await self.press(*(names.get(letter, letter) for letter in text))

    async def leave(self, key: str) -> None:
        """Press a key that ends the app. Who waits for its screen waits for widgets that are about to be gone."""
        left, leave = asyncio.Event(), self.app.exit

        def noted(*args: Any, **more: Any) -> None:
            leave(*args, **more)
            left.set()

        self.app.exit = noted  # type: ignore[method-assign]
        self.app.simulate_key(key)
        await asyncio.wait_for(left.wait(), DEADLINE)

    async def until(self, word: str) -> None:
        """This word comes to the screen while something else is still under way."""
        async with asyncio.timeout(DEADLINE):
            while word not in self.text:
                await self.pilot.pause()

    async def resize(self, width: int, height: int) -> None:
        """The terminal has now this size."""
        await self.give_size(width, height)
        await self.settle()

    async def give_size(self, width: int, height: int) -> None:
        """The same while the test holds answers back. Textual lets no screen hear of a size before a timer is over."""
        await self.pilot.resize_terminal(width, height)
        async with asyncio.timeout(DEADLINE):
            while self.app.screen.region.size != (width, height):
                await self.pilot.pause()

    @property
    def lines(self) -> list[str]:
        """What the screen shows as text, line by line."""
        return screen_lines(self.app)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def sees(self, *words: str) -> None:
        """Each of these words is on the screen or in a toast."""
        shown = self.text
        for word in words:
            assert word in shown, f"{word!r} is not on the screen:\n{shown}"

    def sees_not(self, *words: str) -> None:
        shown = self.text
        for word in words:
            assert word not in shown, f"{word!r} is on the screen:\n{shown}"

    def line_with(self, word: str) -> str:
        """The first line that has this word."""
        return next(line for line in self.lines if word in line)

    def asked(self, verb: str, *said: object, **more: object) -> None:
        """The verb was asked for with these things among what it was told (by place or by name)."""
        heard = [(args, kwargs) for name, args, kwargs in self.verbs if name == verb]
        assert heard, f"{verb} was not asked for; asked: {[name for name, _, _ in self.verbs]}"
        for args, kwargs in heard:
            if all(one in args for one in said) and all(kwargs.get(name) == value for name, value in more.items()):
                return
        pytest.fail(f"{verb} was asked for with {heard}")

    def asked_not(self, verb: str) -> None:
        assert verb in verbs(), f"the engine has no {verb}, so it could not have been asked for"
        assert verb not in [name for name, _, _ in self.verbs]


def screen_lines(app: AmpsmApp) -> list[str]:
    """The text of every line of the screen that is on top, toasts included."""
    width, height = app.size
    update = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip)[:width].rstrip() for strip in update[:height]]
