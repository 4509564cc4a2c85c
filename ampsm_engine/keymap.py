"""The keys of the screens, by id: what each does, where it holds, and what the table [keys] may say about them.

Pure. The screens bind these ids with these keys (a test holds them together); no screen is known here.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ampsm_engine.errors import NotFound, Unfit

_ONE = re.compile(r"(?:(?:ctrl|shift|alt|super)\+)*(?:[a-z][a-z0-9_]*|[^\s,+])")
_NEVER = {"ctrl+c": "it always ends ampsm", "ctrl+z": "it belongs to the shell", "ctrl+q": "terminals stop at it"}

EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Key:
    """One thing that a key does."""

    id: str
    keys: str
    """Its default: one key or several, joined by commas."""
    screens: tuple[str, ...]
    """Where it holds."""
    meaning: str


@dataclass(frozen=True, slots=True)
class Clash:
    """One key for several things on one screen: the first of them wins."""

    screen: str
    key: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} means {' and '.join(self.ids)} on one screen ({self.screen})"


SEND = "ctrl+g"
"""Go: no terminal, multiplexer or flow control takes it, and Enter makes a new line in a text."""

_BOXES = frozenset({"question", "text", "line", "script", "help"})
"""They lie over the screens; what holds everywhere does not hold in them."""

_FORM = ("new session",)
_TELLING = ("notifications",)
_LIST = ("list",)
_SESSION = ("list", "session")
_ONE_SESSION = ("session",)

KEYS: dict[str, Key] = {
    key.id: key
    for key in (
        Key("help", "question_mark", (EVERYWHERE,), "help for this screen"),
        Key("palette", "colon", (EVERYWHERE,), "all actions by name"),
        Key("settings", "comma", (EVERYWHERE,), "settings"),
        Key("notifications", "at", (EVERYWHERE,), "what is told, and where"),
        Key("back", "escape", (EVERYWHERE,), "one step back"),
        Key("quit", "q", (EVERYWHERE,), "back, and from the first screen out of ampsm"),
        Key("list.open", "enter", _LIST, "open the session"),
        Key("list.filter", "slash", _LIST, "filter while typing"),
        Key("list.next", "w", _LIST, "to the next session that needs me"),
        Key("list.mark", "space", _LIST, "mark, for acting on several"),
        Key("list.status", "f", _LIST, "only the sessions of the next status"),
        Key("list.sort", "o", _LIST, "sort in the next way"),
        Key("list.group", "b", _LIST, "group by repository"),
        Key("list.here", "full_stop", _LIST, "only this repository"),
        Key("list.preview", "p", _LIST, "show or hide the preview"),
        Key("move.down", "j,down", _SESSION, "down"),
        Key("move.up", "k,up", _SESSION, "up"),
        Key("move.first", "g,home", _SESSION, "to the first"),
        Key("move.last", "G,end", _SESSION, "to the last"),
        Key("move.page-down", "ctrl+d,pagedown", _SESSION, "half a screen down"),
        Key("move.page-up", "ctrl+u,pageup", _SESSION, "half a screen up"),
        Key("session.new", "n", _LIST, "new session"),
        Key("session.new-from", "N", _LIST, "new session with the settings of this one"),
        Key("session.message", "m", _SESSION, "send a follow-up"),
        Key("session.review", "v", _SESSION, "read what it changed"),
        Key("session.stop", "x", _SESSION, "stop what runs and what waits"),
        Key("session.retry", "r", _SESSION, "run the last prompt again"),
        Key("session.script", "s", _SESSION, "run the script"),
        Key("session.rename", "R", _SESSION, "rename"),
        Key("session.notes", "T", _SESSION, "notes"),
        Key("session.trash", "d", _SESSION, "to the trash"),
        Key("session.undo", "u", _SESSION, "bring back what went to the trash last"),
        Key("session.editor", "e", _SESSION, "open the worktree in the editor"),
        Key("session.shell", "exclamation_mark", _SESSION, "a shell in the worktree"),
        Key("session.copy", "y", _SESSION, "copy id, branch, path or prompt"),
        Key("session.open", "enter", _ONE_SESSION, "open or close what the cursor is on"),
        Key("session.open-all", "z", _ONE_SESSION, "open everything, or close it again"),
        Key("session.copy-text", "c", _ONE_SESSION, "copy what the cursor is on"),
        Key("session.read-on", "space", _ONE_SESSION, "a screen down"),
        Key("session.timeline", "t", _ONE_SESSION, "into the timeline, and back"),
        Key("session.search", "slash", _ONE_SESSION, "search in the transcript"),
        Key("session.next-match", "n", _ONE_SESSION, "to the next match"),
        Key("session.match-before", "N", _ONE_SESSION, "to the match before"),
        Key("queue.edit", "enter,e", ("queue",), "change a waiting prompt"),
        Key("queue.take-out", "d", ("queue",), "take a waiting prompt out"),
        Key("prompt.send", "enter", ("prompt",), "send the prompt"),
        Key("prompt.newline", "ctrl+j", ("prompt",), "a new line in the prompt"),
        Key("new.start", SEND, _FORM, "make the session and start amp"),
        Key("new.file", "ctrl+o", _FORM, "the prompt from a file"),
        Key("first.look", "r", ("first run",), "look again what is missing"),
        Key("settings.next", "tab,down", ("settings",), "to the next setting"),
        Key("settings.previous", "shift+tab,up", ("settings",), "to the setting before"),
        Key("settings.turn", "space,enter,left,right", ("settings",), "on or off"),
        Key("settings.default", "ctrl+r", ("settings",), "as ampsm comes"),
        Key("notifications.change", "space,enter", _TELLING, "on or off"),
        Key("notifications.next", "right,l", _TELLING, "to the next choice"),
        Key("notifications.previous", "left,h", _TELLING, "to the choice before"),
        Key("notifications.try", "t", _TELLING, "try it"),
        Key("notifications.down", "j", _TELLING, "down"),
        Key("notifications.up", "k", _TELLING, "up"),
        Key("dialog.yes", "y,enter", ("question",), "yes"),
        Key("dialog.no", "n", ("question",), "no"),
        Key("dialog.cancel", "escape", ("question", "text", "line"), "close it; nothing happens"),
        Key("dialog.send", SEND, ("text",), "send what was written"),
        Key("dialog.save", "enter", ("line",), "save what was written"),
        Key("dialog.stop", "escape", ("script",), "stop the script, then close"),
        Key("dialog.close", "enter,q", ("script",), "close; the script goes on"),
        Key("help.close", "escape,q,question_mark,enter", ("help",), "close the help"),
    )
}
"""Every binding that may have another key, in the order of the help."""


def known(key_id: str) -> Key:
    """The key of that id; NotFound with the likely one otherwise."""
    try:
        return KEYS[key_id]
    except KeyError:
        near = difflib.get_close_matches(key_id, KEYS, n=1)
        hint = f"Did you mean keys.{near[0]}?" if near else "Help (?) names the id of every key."
        raise NotFound(f"There is no key for {key_id!r}.", hint) from None


def checked(key_id: str, text: str) -> str:
    """Keys as the screens take them, from what a person typed: `n`, `ctrl+n`, `n, ctrl+n`. NotFound or Unfit."""
    key = known(key_id)
    parts = [spelled(part.strip()) for part in text.split(",")]
    for part, typed in zip(parts, text.split(","), strict=True):
        reason = "" if _ONE.fullmatch(part) else "that is no name of a key"
        reason = reason or _NEVER.get(part, "")
        if reason:
            message = f"The setting keys.{key_id} takes keys such as n, N or ctrl+n, not {typed.strip()!r}: {reason}."
            raise Unfit(message, f"ampsm config set keys.{key_id} {key.keys}")
    return ",".join(dict.fromkeys(parts))


def spelled(typed: str) -> str:
    """A key as the screens call it: `?` is question_mark, `esc` is escape; other words stay as they are."""
    if len(typed) != 1 or typed.isalnum():
        return _SPELLED.get(typed.lower(), typed)
    name = unicodedata.name(typed, "").lower().replace("-", "_").replace(" ", "_")
    return _SPELLED.get(name, name)


def clashes(chosen: Mapping[str, str]) -> tuple[Clash, ...]:
    """Where a chosen key (by id) meets another thing of the same screen."""
    screens = dict.fromkeys(screen for key in KEYS.values() for screen in key.screens)
    found = [clash for screen in screens if screen != EVERYWHERE for clash in _on(screen, chosen)]
    told: dict[tuple[str, tuple[str, ...]], Clash] = {}
    for clash in found:
        told.setdefault((clash.key, clash.ids), clash)
    return tuple(told.values())


def _on(screen: str, chosen: Mapping[str, str]) -> Iterable[Clash]:
    found: dict[str, list[str]] = {}
    for key in KEYS.values():
        if screen in key.screens or (EVERYWHERE in key.screens and screen not in _BOXES):
            for one in chosen.get(key.id, key.keys).split(","):
                found.setdefault(one, []).append(key.id)
    for one, ids in found.items():
        # Two defaults on one key are ours to answer for; a test forbids them.
        if len(ids) > 1 and any(key_id in chosen for key_id in ids):
            yield Clash(screen, one, tuple(ids))


_SPELLED = {
    "return": "enter",
    "esc": "escape",
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""Names of keys that a person or Unicode gives, by what the screens call them."""
