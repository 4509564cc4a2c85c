"""What runs in a side process of the screens: it loads a verb of the engine and nothing of the screens themselves.

With Textual in it, which a question about `ask` itself would bring along, it took half as much memory again and a
third of a second more to start.
"""

import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SAFE_PATH = ("PYTHONSAFEPATH", "ampsm")
"""Keeps Python from looking for modules in the current folder, which may be a hostile repository: anyio starts its
processes with `-m` and without `-P`. The value says that it is ours, and that nobody else's program is to get it."""


def answer(question: Callable[[], T]) -> T:
    """Runs in the side process. Its standard error is our terminal, so nothing may be written there.

    Nor does it belong to that terminal: who makes a worktree, and git that fills it, must not die with it.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    name, ours = SAFE_PATH
    if os.environ.get(name) == ours:
        del os.environ[name]  # workers, amp and scripts are started from here
    return question()
