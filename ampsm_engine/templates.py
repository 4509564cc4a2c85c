"""The templates of the settings: where worktrees are made, how branches and amp's commits are called. Pure."""

import re
from typing import NamedTuple

from ampsm_engine.errors import Unfit

BRANCH = "amp/{slug}/{time}"
"""How sessions' branches are called."""

WORKTREE = ".worktrees/{id}"
"""Where sessions' worktrees are made, seen from the top of the repository."""

SUBJECT = "amp: {subject}"
"""The first line of amp's commits."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|@\{|\.\.|//|/\.|^[-./]|\.lock(?:/|$)|[/.]$|^@$")
"""What git takes in no branch's name."""

_BELOW = r"(?:/(?!\.{1,2}(?:/|$))[^/]+)+"
_OUTSIDE = re.compile(rf"(?:~|(?:\.\.)(?:/\.\.)*|){_BELOW}")
_INSIDE = re.compile(rf"(?!\.{{1,2}}/|~|(?i:\.git)/|AGENT_CONTEXT/)[^/{{}}]+{_BELOW}")
"""A place in a folder of worktrees alone, which is hidden from git: at the top git would take a worktree for files."""


class Names(NamedTuple):
    """The values of the placeholders for one session."""

    id: str
    slug: str
    time: str
    """The moment as `yyyymmdd-HHMMSS`."""
    repo: str
    """The name of the repository's folder."""

    def fill(self, template: str) -> str:
        """A template with these in place of its placeholders."""
        return _PLACEHOLDER.sub(lambda found: self._asdict().get(found[1], found[0]), template)


_EXAMPLE = Names("0123456789", "fix-the-login", "20261123-040506", "shop")

_KNOWN = {"worktree.place": Names._fields, "branch.name": Names._fields, "commit.subject": ("subject",)}
"""The placeholders that may stand in braces, by setting."""

_WAYS = {"branch.name": "feature/{slug}-{id}", "worktree.place": "../{repo}.{slug}", "commit.subject": SUBJECT}


def check(setting: str, text: str) -> None:
    """Unfit when a setting that is a template has a placeholder that is none, or makes no name or place."""
    if setting not in _KNOWN:
        return
    from ampsm_engine.plain_text import printable  # every command reads settings, and few have templates

    for found in _PLACEHOLDER.findall(text):
        if found not in _KNOWN[setting]:
            raise _no_placeholder(setting, text, found)
    if setting == "commit.subject":
        return
    shown = repr(printable(text)[:100])
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise Unfit(f"{setting} has a brace without the other: {shown}.", _way(setting))
    if not re.search(r"\{(?:id|slug|time)\}", text):
        message = f"By {shown} every session would get the same name: {setting} needs {{id}}, {{slug}} or {{time}}."
        raise Unfit(message, _way(setting))
    example = _EXAMPLE.fill(text)
    if setting == "branch.name" and (_NO_BRANCH.search(example) or printable(example) != example):
        raise Unfit(f"git takes no branch called {printable(example)[:100]!r}.", _way(setting))
    is_place = _OUTSIDE.fullmatch(example) or _INSIDE.fullmatch(text)
    if setting == "worktree.place" and (printable(text) != text or not is_place):
        message = (
            f"{shown} is no place for worktrees: they lie outside of the repository, or in a folder of it that is"
            " theirs alone, such as '.trees/{id}', where git does not take them for files of yours."
        )
        raise Unfit(message, _way(setting))


def inner_folder(place: str) -> str:
    """The folder at a repository's top that a template of places has worktrees in; empty where they are outside."""
    return place.partition("/")[0] if _INSIDE.fullmatch(place) else ""


def _no_placeholder(setting: str, text: str, found: str) -> Unfit:
    import difflib

    from ampsm_engine.plain_text import printable

    known = _KNOWN[setting]
    message = (
        f"There is no {{{printable(found)[:40]}}} in {setting}; there is {', '.join(f'{{{one}}}' for one in known)}."
    )
    near = difflib.get_close_matches(found.casefold(), known, n=1, cutoff=0.5)
    if not near:
        return Unfit(message, _way(setting))
    better = printable(text.replace(f"{{{found}}}", f"{{{near[0]}}}"))[:120]
    return Unfit(message, f"Did you mean {{{near[0]}}}? ampsm config set {setting} {better!r}")


def _way(setting: str) -> str:
    return f"ampsm config set {setting} {_WAYS[setting]!r}"
