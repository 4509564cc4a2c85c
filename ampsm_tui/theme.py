"""The themes of ours, and foregrounds that can be read on their backgrounds. No colour says what no glyph or word does.

Contrast is as WCAG 2 defines it: 1 is none, 21 the most.
"""

from collections.abc import Iterable
from functools import lru_cache

from rich.color import Color as Paint
from rich.style import Style
from textual.app import App
from textual.color import BLACK, WHITE, Color
from textual.reactive import Initialize, Reactive
from textual.theme import BUILTIN_THEMES, Theme

from ampsm_engine.lean_dataclass import replace
from ampsm_engine.state_styles import SHOWN, STATES

TEXT = 4.5
"""The contrast that text needs (WCAG 2, level AA)."""

_ENOUGH = 1 / 64
"""The share of white or black to which the search for the nearest foreground goes down."""

_DARK = frozenset({0, 1, 4, 5, 8})
"""The numbers of a terminal's own colours that white is read on; black is read on the others."""


@lru_cache(4096)
def contrast(one: Color, other: Color) -> float:
    """The contrast of two opaque colours."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(4096)
def legible(foreground: Color, background: Color, least: float = TEXT) -> Color:
    """A foreground with that contrast to its background: as it is, or mixed with as little white or black as it takes.

    How a terminal paints its own colours is not known: on its own background they are left alone, and on any other of
    them there is but black or white.
    """
    if background.ansi is not None:
        if background.ansi < 0:
            return foreground
        return Color.parse("ansi_bright_white" if background.ansi in _DARK else "ansi_black")
    if foreground.ansi is not None or contrast(foreground, background) >= least:
        return foreground
    end = max(WHITE, BLACK, key=lambda colour: contrast(colour, background))
    low, high = 0.0, 1.0
    while high - low > _ENOUGH:
        middle = (low + high) / 2
        if contrast(foreground.blend(end, middle, 1.0), background) < least:
            low = middle
        else:
            high = middle
    return foreground.blend(end, high, 1.0)


def legible_on(style: Style, background: Paint | None) -> Style:
    """A style of rich with a foreground that can be read on a background; as it is where either is not known."""
    if style.color is None or background is None:
        return style
    return style + Style(
        color=legible(Color.from_rich_color(style.color), Color.from_rich_color(background)).rich_color
    )


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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


_ON_THE_TERMINALS = {
    "border": "ansi_bright_black",
    "scrollbar": "ansi_bright_black",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
}

ANSI_DARK = replace(
    BUILTIN_THEMES["ansi-dark"],
    primary="ansi_cyan",
    secondary="ansi_default",
    accent="ansi_yellow",
    error="ansi_bright_red",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        **_ON_THE_TERMINALS,
        "block-cursor-background": "ansi_blue",
        "block-cursor-foreground": "ansi_bright_white",
        "raised": "ansi_blue",
        "footer-key-foreground": "ansi_yellow",
        "syntax-function": "ansi_bright_magenta",
    },
)
"""The terminal's own colours on a dark background, those that no common terminal has too dark for it: no blue."""

ANSI_LIGHT = replace(
    BUILTIN_THEMES["ansi-light"],
    secondary="ansi_default",
    warning="ansi_magenta",
    variables={
        **BUILTIN_THEMES["ansi-light"].variables,
        **_ON_THE_TERMINALS,
        "block-cursor-background": "ansi_white",
        "block-cursor-foreground": "ansi_black",
        "raised": "ansi_white",
        "footer-key-foreground": "ansi_magenta",
    },
)
"""The terminal's own colours on a light background, those that few terminals have too light for it: no yellow."""

OURS = (DARK, LIGHT, ANSI_DARK, ANSI_LIGHT)
"""The themes that are made here; two of them stand for Textual's of the same name."""

_FOREGROUNDS = ("primary", "secondary", "accent", "foreground", "success", "warning", "error")

_LEAST = TEXT + 0.1
"""Textual moves a colour by a step of 255 on its way into the styles."""

_readable: dict[str, Theme] = {}


def readable(worn: Theme) -> Theme:
    """A theme with foregrounds that can be read on each of its backgrounds; what can be read already is as it was."""
    if worn.ansi:
        return worn
    if worn.name not in _readable:
        known = worn.to_color_system().generate()
        own = {name: known[name] for name in ("background", "surface", "panel")}  # some are mixed of the others
        backgrounds = [Color.parse(colour) for colour in own.values()]
        quiet = backgrounds[-1].blend(Color.parse(known["foreground"]), 0.6)
        colours = {name: Color.parse(known[name]) for name in _FOREGROUNDS} | {"foreground-muted": quiet}
        for background in backgrounds:
            colours = {name: legible(colour, background, _LEAST) for name, colour in colours.items()}
        chosen = backgrounds[1].blend(colours["primary"], 0.25)
        colours |= {name: legible(colours[name], chosen, _LEAST) for name in ("foreground", "foreground-muted")}
        muted = colours.pop("foreground-muted").hex
        variables = worn.variables | {
            "foreground-muted": muted,
            "text-muted": muted,
            "text-disabled": muted,
            "block-cursor-background": chosen.hex,
            "block-cursor-blurred-background": chosen.hex,
            "block-cursor-foreground": colours["foreground"].hex,
        }
        seen = own | {name: colour.hex for name, colour in colours.items()}
        _readable[worn.name] = replace(worn, variables=variables, **seen)  # type: ignore[arg-type]
    return _readable[worn.name]


def _first_theme(app: "ThemedApp") -> str:
    return app.first_theme


class ThemedApp(App[int]):
    """An app that wears each theme as it can be read, the one that is chosen from the first moment on."""

    theme: Reactive[str] = Reactive(Initialize(_first_theme))

    def __init__(self, theme: str) -> None:
        self._ours = {one.name: one for one in OURS}
        self.first_theme = theme if theme in self._ours or theme in BUILTIN_THEMES else DARK.name
        """The name of the theme that is worn first: for another one, Textual would work all colours out twice."""
        self._has_styles = False
        super().__init__()
        for ours in OURS:
            self.register_theme(ours)

    def on_mount(self) -> None:
        """Note that there are widgets whose styles were computed."""
        self._has_styles = True

    def get_theme(self, theme_name: str) -> Theme | None:
        """A theme by its name, with foregrounds that can be read; None where there is none of that name."""
        if theme_name in _readable:  # Textual asks for each line that it paints
            return _readable[theme_name]
        found = self._ours.get(theme_name) or super().get_theme(theme_name)
        return readable(found) if found is not None else None

    def refresh_css(self, animate: bool = True) -> None:
        """Work out all styles anew.

        Textual asks for that twice before there is a widget whose styles were worked out: nothing is done then.
        """
        if self._has_styles:
            super().refresh_css(animate)


_GROUNDS = {
    True: {"added": "#005f00", "removed": "#5f0000", "word-added": "#008700", "word-removed": "#870000"},
    False: {"added": "#d7ffd7", "removed": "#ffd7d7", "word-added": "#afffaf", "word-removed": "#ffafaf"},
}
"""Grounds in a diff where there are 256 colours, by whether the theme is dark."""


def defaults(worn: Theme, colours: int) -> dict[str, str]:
    """What a theme has not of its own: colours of statuses and of code, the background of what stands out, as a cursor.

    `colours`: how many there are.
    """
    fewer = {"colour-number": str(colours)} if colours < 1 << 24 else {}
    fewer |= {f"diff-{name}": colour for name, colour in _GROUNDS[worn.dark].items()}
    known = worn.to_color_system().generate()
    wanted = SYNTAX | {f"state-{word}": state.colour for word, state in SHOWN.items()}
    parts = {name: colour.partition(" ") for name, colour in wanted.items()}
    fewer["raised"] = known["panel"]
    return fewer | {name: f"{known[colour]}{gap}{share}" for name, (colour, gap, share) in parts.items()}
