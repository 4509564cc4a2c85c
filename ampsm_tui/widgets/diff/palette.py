"""The colours of a diff, mixed from those of the theme. Seventy names: as component classes every focus would cost.

A later name lies over an earlier one. Colours tell nothing that a sign, a number or a word does not tell too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.color import Color

_PLAIN = Color(0, 0, 0, ansi=-1)


class Tone(NamedTuple):
    """What a name adds: an ink, a ground, each with its share in percent, and a manner."""

    ink: str = ""
    ink_share: int = 100
    ground: str = ""
    ground_share: int = 100
    manner: str = ""


def _ink(name: str, share: int = 100, manner: str = "") -> Tone:
    return Tone(name, share, manner=manner)


def _ground(name: str, share: int = 100, ink: str = "", manner: str = "") -> Tone:
    return Tone(ink, 100, name, share, manner)


_STATUS = {"A": "success", "D": "error", "M": "warning", "T": "warning", "R": "primary", "C": "primary"}
_TYPE, _FUNCTION, _STRING, _NUMBER = "syntax-type", "syntax-function", "syntax-string", "syntax-number"

_KINDS = ("same", "added", "removed", "nothing", "added-moved", "removed-moved")

TONES: dict[str, Tone] = {
    "-same": Tone(),
    "-added": _ground("success", 13),
    "-removed": _ground("error", 13),
    "-nothing": _ground("surface"),
    "-cursor-same": _ground("foreground", 9),
    "-cursor-added": _ground("success", 13),
    "-cursor-removed": _ground("error", 13),
    "-cursor-nothing": _ground("foreground", 9),
    **{f"-{state}{kind}-moved": _ground("primary", 9) for state in ("", "cursor-") for kind in ("added", "removed")},
    **{f"-selected-{kind}": _ground("primary", 22) for kind in _KINDS},
    "-word-added": _ground("success", 26),
    "-word-removed": _ground("error", 26),
    "-match": _ground("accent", 45, "foreground"),
    "-here": _ground("accent", 100, "background", "bold"),
    "-unseen": _ground("warning", 40, "foreground"),
    "-number-column": _ink("foreground", 38),
    "-sign-added": _ink("success", 85),
    "-sign-removed": _ink("error", 85),
    **{f"-sign-{kind}-moved": _ink("primary", 85) for kind in ("added", "removed")},
    "-mark-here": _ink("accent"),
    "-rule": _ink("border"),
    **dict.fromkeys(("-keyword", "-tag"), _ink("primary")),
    **dict.fromkeys(("-type", "-class", "-builtin", "-preprocessor", "-namespace"), _ink(_TYPE)),
    **dict.fromkeys(("-function", "-decorator", "-attribute", "-label"), _ink(_FUNCTION)),
    **dict.fromkeys(("-string", "-regex"), _ink(_STRING)),
    **dict.fromkeys(("-escape", "-constant", "-number"), _ink(_NUMBER)),
    **dict.fromkeys(("-comment", "-docstring"), _ink("foreground", 52, "italic")),
    "-heading": _ink("primary", manner="bold"),
    "-emphasis": Tone(manner="italic"),
    "-strong": Tone(manner="bold"),
    "-link": _ink("primary", manner="underline"),
    "-inserted": _ink("success"),
    **dict.fromkeys(("-deleted", "-error"), _ink("error")),
    "-head": _ground("panel", 100, "foreground"),
    "-cursor-head": _ground("primary", 30),
    "-head-mark": _ink("foreground", 60),
    "-head-folder": _ink("foreground", 62),
    "-head-name": Tone(manner="bold"),
    **{f"-status-{letter}": _ink(name, manner="bold") for letter, name in _STATUS.items()},
    "-plus": _ink("success"),
    "-minus": _ink("error"),
    "-viewed": _ink("success"),
    "-unseen-badge": _ink("warning", manner="bold"),
    "-gap": Tone("foreground", 55, "surface"),
    "-cursor-gap": Tone("foreground", 80, "foreground", 9),
    "-card": _ink("foreground", 70, "italic"),
    "-cursor-card": _ground("foreground", 9),
    "-note": _ground("panel", 100, "foreground"),
    "-cursor-note": _ground("primary", 22),
    "-note-bar": _ink("accent"),
    "-note-title": _ink("accent", manner="bold"),
}
"""Each name with what it adds; a name that is not here adds nothing."""


_FEW = TONES | {
    **{f"-{kind}": Tone() for kind in _KINDS},
    **{f"-cursor-{kind}": _ground("foreground", 9) for kind in _KINDS},
    "-word-added": _ink("success", manner="bold underline"),
    "-word-removed": _ink("error", manner="bold underline"),
}
"""Where there are no soft grounds: signs tell what was added, lines which words were."""

_MANY = TONES | {
    "-added": _ground("diff-added"),
    "-removed": _ground("diff-removed"),
    "-cursor-added": _ground("diff-added"),
    "-cursor-removed": _ground("diff-removed"),
    "-word-added": _ground("diff-word-added"),
    "-word-removed": _ground("diff-word-removed"),
}
"""Where a soft green and a soft red are the same grey: the darkest or the lightest that there are."""

_BY_NUMBER = {"256": _MANY, "16": _FEW, "8": _FEW, "0": _FEW}


def mixed(names: tuple[str, ...], colours: Mapping[str, str]) -> Style:
    """The style of names laid over each other, in the colours of a theme; `colour-number` is how many there are."""
    tones = _BY_NUMBER.get(colours.get("colour-number", ""), TONES)
    ground, ink, share = _colour(colours, "background"), _colour(colours, "foreground"), 100
    manner: list[str] = []
    for name in names:
        tone = tones.get(name)
        if tone is None:
            continue
        if tone.ground:
            ground = _over(ground, _colour(colours, tone.ground), tone.ground_share)
        if tone.ink:
            ink, share = _colour(colours, tone.ink), tone.ink_share
        manner.append(tone.manner)
    style = Style.parse(" ".join(filter(None, manner)) or "none")
    return style + Style(color=_over(ground, ink, share).rich_color, bgcolor=ground.rich_color)


def _colour(colours: Mapping[str, str], name: str) -> Color:
    return Color.parse(colours.get(name, "ansi_default"))


def _over(ground: Color, colour: Color, share: int) -> Color:
    """A colour over a ground. A terminal's own colours cannot be mixed: they show when they are the larger part."""
    if share >= 100:
        return colour
    if ground.ansi is not None or colour.ansi is not None:
        return colour if share > 30 else ground
    return ground.blend(colour, share / 100, 1.0)
