"""Which scenario is played, and its steps for this run. Reads files; plays nothing.

The first of these that says something: AMPSM_SCENARIO (JSON itself, a path, or a shipped name), a line
`scenario: NAME` in the prompt, what this thread was playing before, a prompt of the demo's plan, the default.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .refusal import ScenarioError

HERE = Path(__file__).parent.parent
SHIPPED = HERE / "scenarios"
PLAN = HERE / "plan.json"
_DEFAULT = "default"


def choose(prompt: str, remembered: str) -> str:
    """The reference of the scenario to play: JSON, a path or a shipped name."""
    return os.environ.get("AMPSM_SCENARIO") or _directive(prompt) or remembered or _planned(prompt) or _DEFAULT


def load(reference: str) -> dict[str, Any]:
    """The scenario; ScenarioError when it cannot be had or is none."""
    text = reference if reference.lstrip()[:1] in ("{", "[") else _read(reference)
    try:
        scenario = json.loads(text)
    except ValueError as problem:
        raise ScenarioError(f"{reference[:80]} is not JSON: {problem}") from problem
    if isinstance(scenario, list):
        scenario = {"steps": scenario}
    if not isinstance(scenario, dict) or not ("steps" in scenario or "runs" in scenario):
        raise ScenarioError(f"{reference[:80]} has neither steps nor runs")
    return scenario


def steps(scenario: dict[str, Any], run: int) -> list[dict[str, Any]]:
    """The steps of the thread's run-th run (0: the first); the last list serves all later ones."""
    runs = scenario.get("runs") or [scenario["steps"]]
    chosen = runs[min(run, len(runs) - 1)]
    if not isinstance(chosen, list) or not all(isinstance(step, dict) for step in chosen):
        raise ScenarioError("steps must be a list of objects")
    return chosen


def _read(reference: str) -> str:
    path = Path(reference)
    shipped = SHIPPED / f"{reference}.json"
    for candidate in (path, shipped):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.json")))
    raise ScenarioError(f"no scenario {reference}; shipped are: {names}")


def _directive(prompt: str) -> str:
    for line in prompt.splitlines():
        word, colon, name = line.strip().partition(":")
        if colon and word.lower() == "scenario" and name.strip():
            return name.strip()
    return ""


def _planned(prompt: str) -> str:
    for session in json.loads(PLAN.read_text(encoding="utf-8")):
        if session["prompt"] in prompt:
            return str(session["scenario"])
    return ""
