"""Begins the worktree of `ampsm new` while the command line is still being loaded. Parses nothing for good.

Only where the arguments leave no doubt; click reads them again, and the verb takes over what fits.
"""

import os
from pathlib import Path

from ampsm_engine.home import home
from ampsm_engine.naming import is_plain, title

_VALUES = {"--repo": "repo", "--name": "name", "--base": "base", "--script": "script", "--mode": "mode"}
_FLAGS = frozenset({"--no-run", "--wait", "--json"})


def start(arguments: list[str]) -> None:
    """Begin, when it is certain which worktree is wanted."""
    given = _read(arguments)
    if given is None or "_AMPSM_COMPLETE" in os.environ:
        return
    named = given.get("name", "")
    called = title(named, given.get("prompt", ""))
    if not (named or "prompt" in given) or not is_plain(called) or not called.strip():
        return
    if home().only_repository.exists():
        return  # a demo's: it may be refused, and then nothing must have been made
    from ampsm_engine.git import headstart

    headstart.begin(Path(given.get("repo", ".")), given.get("base"), called)


def _read(arguments: list[str]) -> dict[str, str] | None:
    """The values by their names; None when anything is out of the ordinary."""
    given: dict[str, str] = {}
    waiting = iter(arguments)
    for word in waiting:
        option, equals, value = word.partition("=")
        if option in _VALUES:
            given[_VALUES[option]] = value if equals else next(waiting, "")
        elif word in _FLAGS:
            given[word] = ""
        elif word.startswith("-") or "prompt" in given:
            return None
        else:
            given["prompt"] = word
    empty = [name for name, value in given.items() if not name.startswith("--") and not value.strip()]
    return None if empty or ("prompt" not in given and "--no-run" not in given) else given
