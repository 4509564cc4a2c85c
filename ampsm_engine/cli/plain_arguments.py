"""Arguments that need no parser: a few commands in their plainest form, which programs and people run all day long.

What is taken here is taken word for word; everything else, and whatever is wrong, is left to the parser. A test holds
that both do the same with what is taken here.
"""

import os
import sys
from collections.abc import Callable
from functools import partial

_NEW_SWITCHES = {"--no-run", "--json"}
_NEW_VALUES = {"--name", "--repo"}
_PROMPT = "PROMPT"
_MERGE_SWITCHES = {"--no-ff", "--no-squash", "--yes", "--json"}


def command(arguments: list[str], screens: Callable[..., int] | None) -> Callable[[], int] | None:
    """The function that does what the arguments say, and answers the exit code; None where it takes a parser."""
    found = None
    match arguments:
        case _ if "_AMPSM_COMPLETE" in os.environ:
            pass  # a shell asks for completions
        case [] | ["review", _]:
            found = _screens(arguments, screens)
        case ["ls", *rest] if rest in ([], ["--json"]):
            found = partial(_list, as_json=bool(rest))
        case ["show", reference, *rest] if _is_plain(reference) and rest in ([], ["--json"]):
            found = partial(_show, reference, as_json=bool(rest))
        case ["merge", reference, "-m", message, *rest] if (
            _is_plain(reference) and _is_plain(message) and message.strip()
        ):
            if len(set(rest)) == len(rest) and set(rest) <= _MERGE_SWITCHES:
                found = partial(_merge, reference, message, frozenset(rest))
        case ["new", *words]:
            found = _new(words)
    return found


def _screens(arguments: list[str], screens: Callable[..., int] | None) -> Callable[[], int] | None:
    """The function that opens the screens, where there is a terminal for them."""
    if screens is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    if not arguments:
        return screens
    return partial(_review, screens, arguments[1]) if _is_plain(arguments[1]) else None


def _is_plain(word: str) -> bool:
    """Whether a word names a session and nothing else: no option, and nothing that a parser would refuse."""
    return bool(word) and word.isprintable() and not word.startswith("-")


def _review(screens: Callable[..., int], reference: str) -> int:
    from ampsm_engine.cli import diagnostics
    from ampsm_engine.engine import startup

    startup.report_recovered = diagnostics.note
    return screens(review=startup.open_engine().store.sessions.resolve(reference).id)


def _new(words: list[str]) -> Callable[[], int] | None:
    """The function that makes a session; None unless each word is a switch, a value of an option or the one prompt."""
    given: dict[str, str] = {}
    left = iter(words)
    for word in left:
        key, value = word, word
        if word in _NEW_VALUES:
            value = next(left, "")
        elif word not in _NEW_SWITCHES:
            key = _PROMPT
        if key in given or not (word in _NEW_SWITCHES or (_is_plain(value) and value.strip())):
            return None
        given[key] = value
    folder = given.get("--repo", ".")
    if not {_PROMPT, "--no-run"} & given.keys() or not (os.path.isdir(folder) and os.access(folder, os.R_OK)):  # noqa: PTH112
        return None
    return partial(_begin, given.get(_PROMPT), given.get("--name"), folder, frozenset(given))


def _begin(prompt: str | None, name: str | None, folder: str, switches: frozenset[str]) -> int:
    from pathlib import Path

    from ampsm_engine.cli import session_start

    run = "--no-run" not in switches
    return session_start.begin(Path(folder), prompt, name=name, run=run, as_json="--json" in switches)


def _list(*, as_json: bool) -> int:
    from ampsm_engine.cli import session_views

    return session_views.list_sessions(None, (), as_json=as_json)


def _show(reference: str, *, as_json: bool) -> int:
    from ampsm_engine.cli import session_views

    return session_views.show_session(reference, as_json=as_json)


def _merge(reference: str, message: str, switches: frozenset[str]) -> int:
    from ampsm_engine.cli import merge_run
    from ampsm_engine.merging.results import Options

    squash, fast_forward = "--no-squash" not in switches, "--no-ff" not in switches
    options = Options("merge", merge_run.paragraphs((message,)), squash=squash, fast_forward=fast_forward)
    return merge_run.operate(reference, options, as_json="--json" in switches, yes="--yes" in switches)
