"""How much the soak does, and with which dice: `make soak SOAK_KILLS=60 SOAK_SEED=7` does less, and other things."""

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest

KILLS = int(os.environ.get("SOAK_KILLS", "500"))
"""Kills over iterations."""

MERGE_KILLS = int(os.environ.get("SOAK_MERGE_KILLS", "300"))
"""Kills over merge, squash, rebase, undo, trash, restore, new and adopt."""

ITEMS = int(os.environ.get("SOAK_ITEMS", "200"))
"""Items of a batch in which everything is mixed."""

JOURNEYS = int(os.environ.get("SOAK_JOURNEYS", "1000"))
"""Random journeys of fifty keys through the screens, in a terminal, in tmux and in GNU screen."""

SEED = os.environ.get("SOAK_SEED", "0")


def shares(kills: int, each: int) -> list[tuple[int, int]]:
    """Plays of at most so many kills: their number, and the kills of each."""
    return [(number, min(each, kills - start)) for number, start in enumerate(range(0, kills, each))]


def dice(name: str, number: int) -> random.Random:
    """The dice of one play: the same each time for the same seed."""
    return random.Random(f"{SEED} {name} {number}")


def one_in(many: int, cases: Iterable[Any]) -> list[Any]:
    """Cases that go through the same code: every so many-th in `make test`, the others in `make soak`."""
    return [
        case if number % many == 0 else pytest.param(case, marks=pytest.mark.soak) for number, case in enumerate(cases)
    ]
