"""The colours of a diff, mixed from those of the theme. Seventy names: as component classes every focus would cost.

A later name lies over an earlier one. Colours say nothing that a sign, a number or a word does not say, too.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from textual.color import Color

from ampsm_tui.theme import legible


class Tone(NamedTuple):
    """What a name adds: a foreground, a background, each with its share in percent, and a manner."""

    foreground: str = ""
    foreground_share: int = 100
    background: str = ""
    background_share: int = 100
    manner: str = ""


def _foreground(name: str, share: int = 100, manner: str = "") -> Tone:
    return Tone(name, share, manner=manner)


def _background(name: str, share: int = 100, foreground: str = "", manner: str = "") -> Tone:
    return Tone(foreground, 100, name, share, manner)


_STATUS = {"A": "success", "D": "error", "M": "warning", "T": "warning", "R": "primary", "C": "primary"}
_TYPE, _FUNCTION, _STRING, _NUMBER = "syntax-type", "syntax-function", "syntax-string", "syntax-number"

_KINDS = ("same", "added", "removed", "nothing", "added-moved", "removed-moved")

TONES: dict[str, Tone] = {
    "-same": Tone(),
    "-added": _background("success", 13),
    "-removed": _background("error", 13),
    "-nothing": _background("surface"),
    "-cursor-same": _background("foreground", 9),
    "-cursor-added": _background("success", 13),
    "-cursor-removed": _background("error", 13),
    "-cursor-nothing": _background("foreground", 9),
    **{
        f"-{state}{kind}-moved": _background("primary", 9) for state in ("", "cursor-") for kind in ("added", "removed")
    },
    **{f"-selected-{kind}": _background("primary", 22) for kind in _KINDS},
    "-word-added": _background("success", 26),
    "-word-removed": _background("error", 26),
    "-match": _background("accent", 45, "foreground"),
    "-here": _background("accent", 100, "background", "bold"),
    "-unseen": _background("warning", 40, "foreground"),
    "-number-column": _foreground("foreground", 38),
    "-sign-added": _foreground("success", 85),
    "-sign-removed": _foreground("error", 85),
    **{f"-sign-{kind}-moved": _foreground("primary", 85) for kind in ("added", "removed")},
    "-mark-here": _foreground("accent"),
    "-rule": _foreground("border"),
    **dict.fromkeys(("-keyword", "-tag"), _foreground("primary")),
    **dict.fromkeys(("-type", "-class", "-builtin", "-preprocessor", "-namespace"), _foreground(_TYPE)),
    **dict.fromkeys(("-function", "-decorator", "-attribute", "-label"), _foreground(_FUNCTION)),
    **dict.fromkeys(("-string", "-regex"), _foreground(_STRING)),
    **dict.fromkeys(("-escape", "-constant", "-number"), _foreground(_NUMBER)),
    **dict.fromkeys(("-comment", "-docstring"), _foreground("foreground", 52, "italic")),
    "-heading": _foreground("primary", manner="bold"),
    "-emphasis": Tone(manner="italic"),
    "-strong": Tone(manner="bold"),
    "-link": _foreground("primary", manner="underline"),
    "-inserted": _foreground("success"),
    **dict.fromkeys(("-deleted", "-error"), _foreground("error")),
    "-head": _background("raised", 100, "foreground"),
    "-cursor-head": _background("primary", 30),
    "-head-mark": _foreground("foreground", 60),
    "-head-folder": _foreground("foreground", 62),
    "-head-name": Tone(manner="bold"),
    **{f"-status-{letter}": _foreground(name, manner="bold") for letter, name in _STATUS.items()},
    "-plus": _foreground("success"),
    "-minus": _foreground("error"),
    "-viewed": _foreground("success"),
    "-unseen-badge": _foreground("warning", manner="bold"),
    "-gap": Tone("foreground", 55, "surface"),
    "-cursor-gap": Tone("foreground", 80, "foreground", 9),
    "-card": _foreground("foreground", 70, "italic"),
    "-cursor-card": _background("foreground", 9),
    "-note": _background("panel", 100, "foreground"),
    "-cursor-note": _background("primary", 22),
    "-note-bar": _foreground("accent"),
    "-note-title": _foreground("accent", manner="bold"),
}
"""Each name with what it adds; a name that is not here adds nothing."""


_FEW = TONES | {
    **{f"-{kind}": Tone() for kind in _KINDS},
    **{f"-cursor-{kind}": _background("foreground", 9) for kind in _KINDS},
    "-word-added": _foreground("success", manner="bold underline"),
    "-word-removed": _foreground("error", manner="bold underline"),
}
"""Where there are no soft backgrounds: signs tell what was added, lines which words were."""

_MANY = TONES | {
    "-added": _background("diff-added"),
    "-removed": _background("diff-removed"),
    "-cursor-added": _background("diff-added"),
    "-cursor-removed": _background("diff-removed"),
    "-word-added": _background("diff-word-added"),
    "-word-removed": _background("diff-word-removed"),
}
"""Where a soft green and a soft red are the same grey: the darkest or the lightest that there are."""

_ON_THE_TERMINALS = _FEW | {
    **{f"-selected-{kind}": _background("raised") for kind in _KINDS},
    **{f"-cursor-{kind}": _background("raised") for kind in ("head", "gap", "card", "note", *_KINDS)},
}
"""Where the terminal's own colours are worn, which cannot be mixed: what is selected and the cursor stand out."""

_BY_NUMBER = {"256": _MANY, "16": _FEW, "8": _FEW, "0": _FEW}


def mixed(names: tuple[str, ...], colours: Mapping[str, str]) -> Style:
    """The style of names laid over each other, in the colours of a theme; `colour-number` is how many there are."""
    tones = _BY_NUMBER.get(colours.get("colour-number", ""), TONES)
    if colours.get("background", "").startswith("ansi"):
        tones = _ON_THE_TERMINALS
    background, foreground, share = _colour(colours, "background"), _colour(colours, "foreground"), 100
    manner: list[str] = []
    for name in names:
        tone = tones.get(name)
        if tone is None:
            continue
        if tone.background:
            background = _over(background, _colour(colours, tone.background), tone.background_share)
        if tone.foreground:
            foreground, share = _colour(colours, tone.foreground), tone.foreground_share
        manner.append(tone.manner)
    style = Style.parse(" ".join(filter(None, manner)) or "none")
    foreground = _over(background, foreground, share)
    if "-rule" not in names:  # it is drawn, and not read
        foreground = legible(foreground, background)
    return style + Style(color=foreground.rich_color, bgcolor=background.rich_color)


def _colour(colours: Mapping[str, str], name: str) -> Color:
    return Color.parse(colours.get(name, "ansi_default"))


def _over(background: Color, colour: Color, share: int) -> Color:
    """A colour over a background. A terminal's own colours cannot be mixed: they show when they are the larger part."""
    if colour.a == 0:
        return background
    if share >= 100:
        return colour
    if background.ansi is not None or colour.ansi is not None:
        return colour if share > 30 else background
    return background.blend(colour, share / 100, 1.0)
