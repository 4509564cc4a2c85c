"""Asking the engine from a screen, and bringing the answer back to it.

Verbs run in a side process, for pygit2 would hold this one still: `ask`. Whatever a screen waits for it waits for in a
worker that `run_while_open` or `in_background` begins: that worker goes no step further once the screen has gone, so
nothing comes back to widgets that are not there any more, and an error becomes a toast.
"""

import asyncio
import contextvars
import functools
import pickle
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from textual.app import App
from textual.dom import DOMNode, NoScreen
from textual.worker import Worker, active_worker

from ampsm_engine.errors import AmpsmError, Failed, Unfit
from ampsm_tui.app_context import app_of
from ampsm_tui.clean import many_lines, one_line
from ampsm_tui.hints import in_app

P = ParamSpec("P")
T = TypeVar("T")
Node = TypeVar("Node", bound=DOMNode)

AGAIN = 3.0
"""Seconds after which a verb that failed is asked again for who follows its answer."""

UNFINISHED: "set[asyncio.Task[Any]]" = set()
"""What must come to its end before the app goes."""


async def ask(verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a verb of the engine, run in a side process; cancelling ends that process.

    Arguments and answer are pickled. The errors of the verb are raised here as they were there.
    """
    return await call_side_process(functools.partial(verb, *args, **kwargs))


async def ask_until_answered(
    verb: Callable[P, T], trouble: Callable[[AmpsmError], None], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """The answer of a verb that is asked again while it fails: for what follows something and must not fall silent.

    `trouble` hears each new reason why there is no answer yet. NotFound and Refused are answers, and raised.
    """
    heard = ""
    while True:
        try:
            return await ask(verb, *args, **kwargs)
        except (Failed, Unfit) as reason:
            if reason.message != heard:
                heard = reason.message
                trouble(reason)
        await asyncio.sleep(AGAIN)


def ignore(_: AmpsmError) -> None:
    """Take no note of why there is no answer: the notice of a stale board says it, or the counts do."""


async def call_side_process(question: Callable[[], T]) -> T:
    """Carry a question to a side process and its answer back; tests put a recorder in its place."""
    from ampsm_tui.process_pool import running_pool  # not before the first frame

    asked = pickle.dumps(question, pickle.HIGHEST_PROTOCOL)
    answer, error = pickle.loads(await running_pool().ask(asked))  # noqa: S301 - of a process of ours
    if error is not None:
        raise error
    found: T = answer
    return found


# Work in the background.


def in_background(
    method: Callable[Concatenate[Node, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[Node, P], Worker[None]]:
    """Make a worker of a screen's or widget's method: the screen goes on meanwhile, and an error becomes a toast."""

    @functools.wraps(method)
    def begin(node: Node, /, *args: P.args, **kwargs: P.kwargs) -> Worker[None]:
        return run_while_open(node, method(node, *args, **kwargs))

    return begin


def run_while_open(
    node: DOMNode, work: Coroutine[Any, Any, object], *, group: str = "ask", exclusive: bool = False
) -> Worker[None]:
    """Run work as a worker of a screen, a widget or the app, for as long as that is open; an error becomes a toast.

    `exclusive` cancels what runs in the same group.
    """
    return node.run_worker(_report_errors(node, work), group=group, exclusive=exclusive)


def run_holding_keys(node: DOMNode, work: Coroutine[Any, Any, object]) -> Worker[None]:
    """Run work that ends by showing something, as `run_while_open`: what is typed meanwhile is for what it shows."""
    end_hold = app_of(node).key_hold.begin()  # now, and not when the worker begins: the next key may come before

    async def show() -> None:
        try:
            await work
        finally:
            end_hold()

    return run_while_open(node, show())


async def _report_errors(node: DOMNode, work: Coroutine[Any, Any, object]) -> None:
    try:
        await _WhileOpen(node, work)
    except AmpsmError as error:
        show_error(node, error)


class _WhileOpen(Coroutine[Any, None, T]):
    """Work that is cancelled, once, instead of being resumed when the screen of its node has gone, or is going."""

    def __init__(self, node: DOMNode, work: Coroutine[Any, Any, T]) -> None:
        self._node = node
        self._work = work
        self._is_cancelled = False

    def send(self, value: None) -> Any:
        """Go on to the next `await`."""
        if self._is_cancelled or is_open(self._node):
            return self._work.send(value)
        return self._cancel()

    def throw(self, *error: Any) -> Any:
        """Go on with an error: what was waited for has failed, or the worker is cancelled."""
        if self._is_cancelled or not isinstance(error[0], AmpsmError) or is_open(self._node):
            return self._work.throw(*error)
        show_error(self._node, error[0])
        return self._cancel()

    def _cancel(self) -> Any:
        self._is_cancelled = True
        return self._work.throw(asyncio.CancelledError())

    def close(self) -> None:
        """End the work at the point that it has reached."""
        self._work.close()

    def __await__(self) -> Self:
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.send(None)


def is_open(node: DOMNode) -> bool:
    """Whether an answer may come back to a node: its screen is among those that are open, and not being taken apart."""
    if isinstance(node, App):
        return True
    try:
        screen = node.screen
    except NoScreen:
        return False
    is_closing: bool = getattr(screen, "is_closing", False)
    return node.is_attached and not is_closing and screen in node.app.screen_stack


async def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """The answer of work that neither cancelling nor leaving the app cuts off: what makes something, or moves it.

    Whose screen has gone meanwhile is shown its error in a toast.
    """
    worker = active_worker.get(None)
    context = contextvars.copy_context()
    # It belongs to no screen, so it goes on when the one that asked for it is gone.
    context.run(active_worker.set, None)  # type: ignore[arg-type]
    task = asyncio.create_task(work, context=context)
    UNFINISHED.add(task)
    task.add_done_callback(UNFINISHED.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(functools.partial(_report_late, worker.node if worker else None))
        raise


def _report_late(node: DOMNode | None, task: "asyncio.Task[Any]") -> None:
    error = None if task.cancelled() else task.exception()
    if node is not None and isinstance(error, AmpsmError) and node.app.is_running:
        show_error(node, error)


def show_error(node: DOMNode, error: AmpsmError) -> None:
    """Show an error with its hint as a toast."""
    hint = many_lines(in_app(node, error.hint), 500)
    node.app.notify(hint, title=one_line(error.message, 500), severity="error", markup=False)
