"""Markdown as lines of segments: headings to the left, code with colours, no links that a terminal would follow.

Long texts are rendered piece by piece, and what would take long is shown as it was written.
"""

import io
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style

from ampsm_tui.clean import wrapped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.markdown import Markdown

PIECE = 6_000
"""Characters that are rendered as one; a longer paragraph is shown as it was written."""

CODE = {
    "keyword": "Keyword Operator.Word Name.Tag",
    "type": "Keyword.Type Name.Class Name.Builtin Name.Namespace Name.Exception Comment.Preproc",
    "function": "Name.Function Name.Decorator Name.Attribute",
    "string": "String",
    "number": "Number Keyword.Constant Name.Constant",
    "comment": "Comment",
    "inserted": "Generic.Inserted",
    "deleted": "Generic.Deleted Error",
    "strong": "Generic.Heading Generic.Subheading Generic.Prompt",
}
"""The kinds of code that have a style of their own, each with its tokens of Pygments."""

_DENSE = re.compile(r"[\[\]*_`<>!|]")
_DENSEST = 0.4
"""The share of marks above which a text is not taken for Markdown, which would be slow to read."""

Line = list[Segment]


class MarkdownPainter:
    """Renders Markdown with given styles: rich's names, and for code `code.` with a name of `CODE`."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self._styles = dict(styles)
        self._console: Console | None = None

    def lines(self, text: str, width: int) -> list[Line]:
        """The text in lines of at most `width` cells."""
        found: list[Line] = []
        for piece in pieces(text):
            if found:
                found.append([])
            found += self._piece(piece, width)
        return found

    def _piece(self, text: str, width: int) -> list[Line]:
        if len(text) <= PIECE and len(_DENSE.findall(text)) <= max(40, _DENSEST * len(text)):
            console = self._opened()
            try:
                rendered = console.render_lines(
                    _markdown()(text, hyperlinks=False),
                    console.options.update(width=max(4, width), height=None),
                    pad=False,
                )
            except RecursionError:
                pass
            else:
                return [_plainer(line) for line in _trimmed(rendered)]
        return [[Segment(line)] for line in wrapped(text, width)]

    def _opened(self) -> "Console":
        if self._console is None:
            from rich.console import Console
            from rich.theme import Theme

            self._console = Console(
                file=io.StringIO(),
                force_terminal=True,
                color_system="truecolor",
                legacy_windows=False,
                theme=Theme(self._styles, inherit=True),
                width=80,
                height=1000,
                markup=False,
                emoji=False,
                highlight=False,
            )
        return self._console


def pieces(text: str) -> Iterator[str]:
    """The text cut at empty lines outside of code, each piece at most about `PIECE` characters where that can be."""
    if len(text) <= PIECE:
        yield text
        return
    taken: list[str] = []
    size, fenced = 0, False
    for line in text.split("\n"):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if not line.strip() and not fenced and size > PIECE // 2:
            yield "\n".join(taken)
            taken, size = [], 0
            continue
        taken.append(line)
        size += len(line) + 1
    if taken:
        yield "\n".join(taken)


def _trimmed(lines: list[Line]) -> list[Line]:
    """The lines without empty ones at the beginning and the end."""
    kept = list(lines)
    while kept and not "".join(segment.text for segment in kept[0]).strip():
        kept.pop(0)
    while kept and not "".join(segment.text for segment in kept[-1]).strip():
        kept.pop()
    return kept


def _plainer(line: Line) -> Line:
    """A line without links that a terminal would follow, and on the background that everything stands on."""
    return [Segment(text, _plain(style) if style else None) for text, style, _ in line]


@lru_cache(512)
def _plain(style: Style) -> Style:
    return Style(
        color=None if style.color and style.color.is_default else style.color,
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
    )


@lru_cache(1)
def _markdown() -> "type[Markdown]":
    """Rich's Markdown with our headings and code; made when the first text is shown."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown
    from rich.padding import Padding
    from rich.syntax import ANSISyntaxTheme, Syntax

    tokens = {tuple(kind.split(".")): f"code.{name}" for name, kinds in CODE.items() for kind in kinds.split()}

    class LeftHeading(Heading):
        """A heading at the left, without a frame."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            self.text.justify = "left"
            yield self.text

    class Code(CodeBlock):
        """Code, two cells in, on the background it stands on."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            theme = ANSISyntaxTheme({kind: console.get_style(name, default="none") for kind, name in tokens.items()})
            text = str(self.text).rstrip()
            code = Syntax(text, self.lexer_name, theme=theme, word_wrap=True, background_color="default")
            yield Padding(code, (0, 0, 0, 2))

    class OurMarkdown(Markdown):
        """Markdown as a transcript shows it."""

        elements = {  # noqa: RUF012 - Rich's own way
            **Markdown.elements,
            "heading_open": LeftHeading,
            "fence": Code,
            "code_block": Code,
        }

    return OurMarkdown
