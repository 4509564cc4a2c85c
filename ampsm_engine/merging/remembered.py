"""What the radar found out about pairs of commits, kept for one repository in a file of the home. A cache, no truth."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ampsm_engine.home import PRIVATE_FOLDER, Home, write_private

KEPT = 2_000
"""Answers of one sort that are kept beside those that were asked for; the oldest go first."""


class Remembered:
    """Answers by a key that names commits, of several sorts. What is no such file is an empty one."""

    def __init__(self, home: Home, root: Path) -> None:
        name = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = home.cache / f"radar-{name}.json"
        self._used: set[tuple[str, str]] = set()
        self._is_new = False
        try:
            found = json.loads(self._path.read_bytes())
            self._answers: dict[str, dict[str, Any]] = {sort: dict(answers) for sort, answers in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            self._answers = {}

    def get(self, sort: str, key: str) -> Any:
        """The answer as JSON; None when it is not known."""
        self._used.add((sort, key))
        return self._answers.get(sort, {}).get(key)

    def put(self, sort: str, key: str, answer: Sequence[object]) -> None:
        """Keep an answer."""
        self._used.add((sort, key))
        self._answers.setdefault(sort, {})[key] = answer
        self._is_new = True

    def save(self) -> None:
        """Write it down, where something is new: all that was asked for, and the newest of the rest."""
        if not self._is_new:
            return
        kept = {
            sort: {
                key: answer
                for number, (key, answer) in enumerate(answers.items())
                if number >= len(answers) - KEPT or (sort, key) in self._used
            }
            for sort, answers in self._answers.items()
        }
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        write_private(self._path, json.dumps(kept).encode(), lasting=False)
