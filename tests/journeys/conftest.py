"""A home with the scripted amp, and terminals around it that end with the test."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.terminal import Terminal
from tests.worker.bench import Bench
from tests.worker.conftest import bench

__all__ = ["bench"]

AMPSM = Path(sys.executable).with_name("ampsm")

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(bench: Bench) -> Iterator[Open]:
    """`terminal()` opens the app, `terminal("watch")` a command, each in a terminal of its own, in the repository."""
    opened: list[Terminal] = []

    def open_one(*arguments: str, **options: Any) -> Terminal:
        made = Terminal([AMPSM, *arguments], cwd=bench.repo, **options)
        opened.append(made)
        return made

    yield open_one
    for one in opened:
        one.close()
