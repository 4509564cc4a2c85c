"""Waiting for facts: to a deadline that only a broken program reaches. The one place of the tests that polls."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

DEADLINE = 60.0
"""Seconds after which a fact that has not come is a failure; none of these tests takes a tenth of it."""

T = TypeVar("T")


def until(fact: Callable[[], T], what: str | Callable[[], str] = "the fact") -> T:
    """Wait for a fact; its value. `what`: what is waited for, in words, told when it does not come."""
    deadline = time.monotonic() + DEADLINE
    while not (value := fact()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {DEADLINE:g} s for {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
    return value


async def becomes(fact: Callable[[], T], what: str | Callable[[], str] = "the fact") -> T:
    """The same while the event loop goes on."""
    deadline = time.monotonic() + DEADLINE
    while not (value := fact()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {DEADLINE:g} s for {what if isinstance(what, str) else what()}")
        await asyncio.sleep(0.03)  # looking at a screen is work, too: what is waited for is to have the core
    return value
