"""Hints as the app says them: the key that does a thing here, in the place of the command that does it in a shell.

Errors, findings and notifications are written once, by the engine, with commands that work when they are typed. What
has no key stays a command.
"""

import re

from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import ModalScreen

from ampsm_engine.keymap import KEYS, Key
from ampsm_tui.app_context import app_of
from ampsm_tui.bindings import shown_key

KEY_OF = {
    "show": "list.open",
    "log": "list.open",
    "log --follow": "list.open",
    "radar": "list.radar",
    "check --all": "list.radar",
    "metrics": "list.metrics",
    "repair": "upkeep.look",
    "repair --apply": "upkeep.repair",
    "trash ls": "list.upkeep",
    "trash purge": "upkeep.purge",
    "batch ls": "list.runs",
    "batch status": "list.runs",
    "batch status --follow": "list.runs",
    "batch retry": "run.retry",
    "batch stop": "run.stop",
    "batch resume": "run.resume",
    "batch rm": "run.remove",
    "new": "session.new",
    "new --base": "session.new",
    "new --copies": "session.new",
    "new --repo": "session.new",
    "new --prompt-file": "session.new",
    "iterate": "session.message",
    "diff": "session.review",
    "diff --name-only": "session.review",
    "diff --uncommitted": "session.review",
    "review": "session.review",
    "comments": "review.comments",
    "comments --send": "review.send",
    "stop": "session.stop",
    "retry": "session.retry",
    "run": "session.script",
    "setup": "session.setup",
    "setup --skip": "session.setup",
    "edit --name": "session.about",
    "edit --base": "session.about",
    "edit --script": "session.about",
    "edit --mode": "session.about",
    "edit --tag": "session.about",
    "adopt": "upkeep.adopt",
    "clean": "list.clean",
    "rm": "session.trash",
    "trash restore": "session.undo",
    "merge": "session.merge",
    "merge -m": "session.merge",
    "preflight": "merge.look",
    "squash": "session.merge",
    "squash -m": "session.merge",
    "rebase": "session.merge",
    "merge --onto -m": "merge.onto",
    "merge --undo": "session.undo",
    "merge --continue": "conflict.continue",
    "merge --abort": "conflict.abort",
    "merge --amp": "conflict.amp",
    "merge --show": "conflict.review",
    "merge --continue --accept": "conflict.accept",
    "merge --reject": "conflict.reject",
    "config get": "settings",
    "config set": "settings",
}
"""The id of the key that does what a command does, with the flags that matter."""

_VIA = {
    "merge": ("session.merge",),
    "conflicts": ("session.merge",),
    "resolution": ("session.merge",),
    "review": ("session.review",),
    "runs": ("list.runs",),
    "run": ("list.runs",),
    "upkeep": ("list.upkeep",),
}
"""The keys that lead from the list to a screen."""

_ELSEWHERE = {"session.script": ("merge.script",)}
"""The ids of a key on other screens that do the same."""

_ARGUMENT = r"""(?:'[^']*'|"[^"]*"|--?[a-z][a-z-]*|[0-9a-z]{10}\b|[0-9]+\b|[A-Z][A-Z-]+|"?\.\.\."?)"""
_COMMAND = re.compile(rf"ampsm ([a-z]+(?: [a-z]{{1,9}})?\b)((?: {_ARGUMENT})*)")
"""A command of ours, without the words of the sentence that follow it."""


_ANSWERED = re.compile(r", or takes --yes\b")
"""What says how a command is told the answer that a screen asks for."""

_OPTION = re.compile(r"(?<![\w-])--(?:no-squash|manual keep)\b")
_KEY_OF_OPTION = {"--no-squash": "merge.squash", "--manual keep": "merge.manual"}
"""The id of the key that chooses what an option chooses."""

_KEY_ID = re.compile(r"\{([a-z.-]+)\}")


def in_app(node: DOMNode, text: str) -> str:
    """A hint or a sentence of the engine with keys in place of those commands that have one."""
    if "ampsm " in text:
        text = _COMMAND.sub(lambda found: _way(node, found), text)
    if "--" not in text or "ampsm " in text:  # what is left of a command is to be typed as it is
        return text
    return _OPTION.sub(lambda found: _choice(node, found[0]), _ANSWERED.sub("", text))


def _choice(node: DOMNode, option: str) -> str:
    key_id = _KEY_OF_OPTION[option]
    return f"{key_name(node, key_id)} ({key_id.rpartition('.')[2]})"


def _way(node: DOMNode, found: re.Match[str]) -> str:
    flags = re.findall(r"(?<= )--?[a-z-]+", found[2])
    for words in (found[1], found[1].partition(" ")[0]):
        beyond = found[1][len(words) :]  # the next word of the sentence was taken for part of the command
        if words == "wait":
            return f"wait until it has ended{beyond}"
        if (key_id := KEY_OF.get(" ".join((words, *flags)))) is not None:
            colon = ":" if words == "config set" else ""
            name = key_id.rpartition(".")[2].replace("-", " ")
            return f"{_place(node, KEYS[key_id])} ({name}){colon}{beyond}"
    return found[0]


def _place(node: DOMNode, key: Key) -> str:
    """The key where it works now; elsewhere the way from the list to it."""
    screen = next((one for one in reversed(node.app.screen_stack) if not isinstance(one, ModalScreen)), None)
    if screen is not None:
        for key_id in (key.id, *_ELSEWHERE.get(key.id, ())):
            if shown := shown_key(screen, key_id):
                return shown
    way = [*(KEYS[name] for name in _VIA.get(key.screens[0], ())), key]
    return f"in the list {', then '.join(key_name(node, one.id) for one in way)}"


def key_name(node: DOMNode, key_id: str) -> str:
    """The name of the key that does a thing, the first of several: as the settings have it."""
    keys = app_of(node).settings.keys.get(key_id, KEYS[key_id].keys)
    return node.app.get_key_display(Binding(keys.partition(",")[0], ""))


def begin_sentence(text: str) -> str:
    """A sentence that begins with the name of a key: a word gets a capital letter, a letter stays as it is."""
    name = text.partition(" ")[0].rstrip(".,:")
    return text[:1].upper() + text[1:] if len(name) > 2 and name.isalpha() else text


def with_keys(node: DOMNode, text: str) -> str:
    """A sentence of ours with the names of keys in place of their ids in braces, such as `{list.next}`."""
    return _KEY_ID.sub(lambda found: key_name(node, found[1]), text)
