"""The themes of ours. Colours say nothing that a glyph or a word does not say too."""

from collections.abc import Iterable

from textual.theme import Theme

from ampsm_engine.state_styles import SHOWN, STATES

SYNTAX = {
    "syntax-type": "secondary",
    "syntax-function": "accent",
    "syntax-string": "warning",
    "syntax-number": "accent",
}
"""The colours of code, by the theme's own that stand for them where a theme has none."""


def state_rules(widget: str, words: Iterable[str] = STATES) -> str:
    """The style rules of a widget that has a component class for each state: the same colours wherever one is shown."""
    return "".join(f"{widget} > .-{word} {{ color: $state-{word}; }}\n" for word in words)


DARK = Theme(
    name="ampsm",
    dark=True,
    primary="#7aa2c8",
    secondary="#8fa3b8",
    accent="#d7b46a",
    foreground="#d6d9de",
    background="#14171b",
    surface="#191d22",
    panel="#22272e",
    success="#86b886",
    warning="#d7b46a",
    error="#d98080",
    variables={
        "footer-background": "#191d22",
        "footer-key-foreground": "#d7b46a",
        "footer-description-foreground": "#9aa3ad",
        "border": "#3a424c",
        "scrollbar": "#2c333b",
        "scrollbar-background": "#14171b",
        "input-selection-background": "#7aa2c8 35%",
        "syntax-type": "#7fb8b0",
        "syntax-function": "#c9a6d6",
        "syntax-string": "#c3b083",
        "syntax-number": "#d39a7c",
    },
)

LIGHT = Theme(
    name="ampsm-light",
    dark=False,
    primary="#2f6495",
    secondary="#52687e",
    accent="#8a6200",
    foreground="#22272c",
    background="#fbfaf7",
    surface="#f3f1ec",
    panel="#e8e5dd",
    success="#2f7a3a",
    warning="#8a6200",
    error="#b03a3a",
    variables={
        "footer-background": "#f3f1ec",
        "footer-key-foreground": "#8a6200",
        "footer-description-foreground": "#5c656e",
        "border": "#c9c4b8",
        "scrollbar": "#d5d0c4",
        "scrollbar-background": "#fbfaf7",
        "syntax-type": "#1f6f6a",
        "syntax-function": "#7a3f8f",
        "syntax-string": "#7a5c12",
        "syntax-number": "#a0491d",
    },
)


_GROUNDS = {
    True: {"added": "#005f00", "removed": "#5f0000", "word-added": "#008700", "word-removed": "#870000"},
    False: {"added": "#d7ffd7", "removed": "#ffd7d7", "word-added": "#afffaf", "word-removed": "#ffafaf"},
}
"""Grounds in a diff where there are 256 colours, by whether the theme is dark."""


def defaults(worn: Theme, colours: int) -> dict[str, str]:
    """The colours of statuses, and those of code in a theme that has none of its own; `colours`: how many there are."""
    fewer = {"colour-number": str(colours)} if colours < 1 << 24 else {}
    fewer |= {f"diff-{name}": colour for name, colour in _GROUNDS[worn.dark].items()}
    known = worn.to_color_system().generate()
    wanted = SYNTAX | {f"state-{word}": state.colour for word, state in SHOWN.items()}
    parts = {name: colour.partition(" ") for name, colour in wanted.items()}
    return fewer | {name: f"{known[colour]}{gap}{share}" for name, (colour, gap, share) in parts.items()}
