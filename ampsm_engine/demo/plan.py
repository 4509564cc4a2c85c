"""The sessions of `ampsm demo`, read from plan.json, which the scripted amp reads too."""

import json
from dataclasses import dataclass
from pathlib import Path

_PLAN = Path(__file__).with_name("plan.json")


@dataclass(frozen=True, slots=True)
class DemoSession:
    """One session to start; its prompt alone makes the scripted amp play the scenario."""

    name: str
    prompt: str
    script: str | None
    """The session's script; None: it has none."""
    scenario: str
    follow_up: str | None = None
    """The prompt of a second iteration that ends the story; None: there is none."""


def plan() -> tuple[DemoSession, ...]:
    """The sessions in the order in which they are best started."""
    return tuple(DemoSession(**session) for session in json.loads(_PLAN.read_text(encoding="utf-8")))
