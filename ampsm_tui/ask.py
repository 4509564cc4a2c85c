"""Asking the engine from a screen: verbs run in a side process, for pygit2 would hold this one still.

A verb's error comes back as itself; `asking` makes a toast of it. Nothing else in the screens knows of processes.
"""

import asyncio
import contextvars
import functools
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from textual.app import App
from textual.dom import DOMNode, NoScreen
from textual.worker import Worker, active_worker

from ampsm_engine.errors import AmpsmError, Failed, Unfit
from ampsm_tui import environment
from ampsm_tui.clean import many_lines, one_line

P = ParamSpec("P")
T = TypeVar("T")
Node = TypeVar("Node", bound=DOMNode)

AT_ONCE = 3
"""Side processes at most: one for a long diff, one for counts, one for what a key press asked for."""

STARTS = 3
"""How often a side process is started for a question before that is given up."""

AGAIN = 3.0
"""Seconds after which a verb that failed is asked again for who follows its answer."""


async def ask(verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a verb of the engine, run in a side process; cancelling ends that process.

    Arguments and answer are pickled. The errors of the verb are raised here as they were there.
    """
    return await _for_who_is_there(cross(functools.partial(verb, *args, **kwargs)))


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
    """Take no note of why there is no answer: the notice that the board is stale tells it, or the counts do."""


async def see_through(work: Coroutine[Any, Any, T]) -> T:
    """The answer of work that neither cancelling nor leaving the app cuts off: what makes something, or moves it."""
    context = contextvars.copy_context()
    # It goes on when the screen that wanted it is gone: it is nobody's.
    context.run(active_worker.set, None)  # type: ignore[arg-type]
    task = asyncio.create_task(work, context=context)
    BEGUN.add(task)
    task.add_done_callback(_done)
    return await _for_who_is_there(asyncio.shield(task))


BEGUN: "set[asyncio.Task[Any]]" = set()
"""What must come to its end before the app goes."""


def _done(task: "asyncio.Task[Any]") -> None:
    BEGUN.discard(task)
    if not task.cancelled():
        task.exception()  # whoever waited for it may be gone; nobody else is to complain


async def _for_who_is_there(answer: Awaitable[T]) -> T:
    """The answer, unless the screen that asked has gone meanwhile: then its worker ends here, a refusal is a toast."""
    try:
        said = await answer
    except AmpsmError as refusal:
        if (node := _who_has_gone()) is not None:
            tell(node, refusal)
            raise asyncio.CancelledError from refusal
        raise
    if _who_has_gone() is not None:
        raise asyncio.CancelledError
    return said


def _who_has_gone() -> DOMNode | None:
    worker = active_worker.get(None)
    if worker is None or isinstance(worker.node, App):
        return None
    try:
        is_there = worker.node.screen in worker.node.app.screen_stack
    except NoScreen:
        is_there = False
    return None if is_there else worker.node


async def cross(question: Callable[[], T]) -> T:
    """Carry a question to a side process and its answer back; tests put a recorder in its place."""
    from anyio import BrokenWorkerProcess, to_process  # not before the first frame

    to_process.current_default_process_limiter().total_tokens = AT_ONCE
    os.environ.setdefault(*environment.SAFE_PATH)
    for _ in range(STARTS):
        try:
            return await to_process.run_sync(_answer, question, cancellable=True)
        except BrokenWorkerProcess as reason:
            raise Failed("The side process ended before it had an answer.", "Try again") from reason
        except ProcessLookupError:
            continue  # it ended while it started, as when a hangup reaches it then: nothing was asked yet
    raise Failed("The side process could not be started.", "Try again")


def _answer(question: Callable[[], T]) -> T:
    """Runs in the side process. Its standard error is our terminal, so nothing may be written there.

    Nor does it belong to that terminal: who makes a worktree, and git that fills it, must not die with it.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    name, ours = environment.SAFE_PATH
    if os.environ.get(name) == ours:
        del os.environ[name]  # workers, amp and scripts are started from here
    return question()


def asking(
    method: Callable[Concatenate[Node, P], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[Node, P], Worker[None]]:
    """Make a worker of a method that asks: the screen goes on, and a refusal becomes a toast."""

    @functools.wraps(method)
    def begin(node: Node, /, *args: P.args, **kwargs: P.kwargs) -> Worker[None]:
        return start(node, method(node, *args, **kwargs))

    return begin


def start(node: DOMNode, attempt: Coroutine[Any, Any, None]) -> Worker[None]:
    """Run an attempt as a worker of a screen or widget; its refusal becomes a toast."""
    return node.run_worker(told(node, attempt), group="ask")


async def told(node: DOMNode, attempt: Awaitable[object]) -> None:
    """Wait for an attempt; its refusal is told in a toast."""
    try:
        await attempt
    except AmpsmError as refusal:
        tell(node, refusal)


def tell(node: DOMNode, refusal: AmpsmError) -> None:
    """Show an error with its hint as a toast."""
    node.app.notify(many_lines(refusal.hint, 500), title=one_line(refusal.message, 500), severity="error", markup=False)
