"""Blocks to lines of a width. Pure but for the styles it is given; which lines are on the screen is not known here."""

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ampsm_engine.amp import edits, tally
from ampsm_engine.amp.events import ToolUse
from ampsm_engine.lean_dataclass import dataclass, field
from ampsm_engine.plain_text import plural
from ampsm_engine.state_styles import STATES
from ampsm_tui.clean import cells, cut, inert, many_lines, wrapped
from ampsm_tui.widgets.transcript.blocks import Block, BlockKind, answer_text, arguments, outcome
from ampsm_tui.widgets.transcript.markdown import MarkdownPainter

PROMPT_LINES = 8
"""Lines of a long prompt that are shown while it is folded."""

DIFF_LINES = 8
"""Lines of an edit that are shown while it is folded."""

MARK = "❯ "  # noqa: RUF001 - the mark of a prompt, and no letter
_SUBAGENT = "│ "
_OF_ENDINGS = {STATES["done"].glyph: "ok", STATES["error"].glyph: "error"}
_SIGNS = {"+": "added", "-": "removed", " ": "dim", "@": "dim", "f": "strong"}


@dataclass(frozen=True, slots=True)
class TranscriptStyles:
    """The styles of a transcript, and those of its code by the names of `markdown.CODE`."""

    styles: dict[str, Style] = field(default_factory=dict)
    code: dict[str, Style] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Style:
        return self.styles.get(name, Style.null())


PALETTE_NAMES = (
    *("prompt", "prompt-mark", "thinking", "tool", "strong", "dim", "ok", "warning", "error"),
    *("added", "removed", "code", "heading", "match", "match-here", "cursor", "line"),
)
"""The names that a palette knows; the transcript widget has a component class of each."""

Line = list[Segment]


class TranscriptPainter:
    """Paints blocks; `near` makes a path short, `live` tells whether an open call may still be answered."""

    def __init__(self, palette: TranscriptStyles, near: Callable[[str], str] = str) -> None:
        self._palette = palette
        self.near = near
        self.live = False
        code = palette["code"]
        self._markdown = MarkdownPainter(
            {
                "markdown.code": code,
                "markdown.code_block": code,
                "markdown.h1": palette["heading"] + Style(underline=True),
                **{f"markdown.h{level}": palette["heading"] for level in range(2, 8)},
                "markdown.item.bullet": palette["prompt-mark"],
                "markdown.item.number": palette["prompt-mark"],
                "markdown.block_quote": palette["dim"],
                "markdown.hr": palette["line"],
                "markdown.link": palette["code"],
                "markdown.link_url": palette["dim"],
                "markdown.table.border": palette["line"],
                "markdown.table.header": palette["strong"],
                **{f"code.{name}": style for name, style in palette.code.items()},
            }
        )

    def paint(self, block: Block, width: int) -> list[Strip]:
        """The lines of a block, each at most `width` cells; none when it is hidden."""
        if block.is_hidden:
            return []
        margin = _SUBAGENT * block.depth
        room = max(8, width - cells(margin))
        lines = self._MAKERS[block.kind](self, block, room)
        if margin:
            lines = [[Segment(margin, self._palette["line"]), *line] for line in lines]
        return [Strip(line).crop(0, width) for line in lines]

    def _styled(self, text: str, style: str) -> Line:
        return [Segment(text, self._palette[style])]

    def _prompt(self, block: Block, width: int) -> list[Line]:
        lines = wrapped(block.text, width - 3)
        more = len(lines) - PROMPT_LINES
        if more > 1 and not block.is_open:
            lines = [*lines[:PROMPT_LINES], f"… {more} more lines"]
        style, mark = self._palette["prompt"], self._palette["prompt-mark"]
        return [
            [Segment(MARK if at == 0 else "  ", style + mark), Segment(line.ljust(width - 2 - _extra(line)), style)]
            for at, line in enumerate(lines)
        ]

    def _text(self, block: Block, width: int) -> list[Line]:
        return self._markdown.lines(block.text, width)

    def _thinking(self, block: Block, width: int) -> list[Line]:
        if not block.is_open:
            first = block.text.split("\n", 1)[0].replace("**", "")
            return [self._styled(cut(f"▸ thinking: {first}", width), "thinking")]
        lines = wrapped(block.text, width - 2)
        return [self._styled("▾ thinking", "thinking"), *(self._styled(f"  {line}", "thinking") for line in lines)]

    def _error(self, block: Block, width: int) -> list[Line]:
        return [
            self._styled(("✗ " if at == 0 else "  ") + line, "error")
            for at, line in enumerate(wrapped(block.text, width - 2))
        ]

    def _attempt(self, block: Block, width: int) -> list[Line]:
        return [self._styled(cut(f"── {block.text} ".ljust(width, "─"), width), "warning")]

    def _noise(self, block: Block, width: int) -> list[Line]:
        return [self._styled(cut(block.text.replace("\n", " "), width), "dim")]

    def _lines(self, block: Block, width: int) -> list[Line]:
        return [[Segment(line)] for line in wrapped(block.text, width, 20_000)]

    def _ending(self, block: Block, width: int) -> list[Line]:
        lines: list[Line] = [self._styled("─" * width, "line")]
        for text in block.text.split("\n"):
            style = _OF_ENDINGS.get(text[:1], "dim")
            lines += [
                self._styled(("" if at == 0 else "  ") + line, style)
                for at, line in enumerate(wrapped(text, width - 2))
            ]
        return lines

    def _tool(self, block: Block, width: int) -> list[Line]:
        call, answer = block.call, block.answer
        if call is None:
            return self._answer(block, width)
        lines = edits.diff_of(call, answer, many_lines, self.near)
        style, summary = outcome(answer, self.near) if answer else ("dim", self._open_end(block))
        good = style == "ok"
        counted = edits.counts(lines) if lines and (good or answer is None) else None
        head = self._head(block, width, self._right(style, summary, counted))
        if block.is_open:
            return [head, *self._inside(block, width, lines)]
        if not lines or not good:
            return [head]
        return [head, *self._diff(lines[:DIFF_LINES], width, len(lines) - DIFF_LINES)]

    def _open_end(self, block: Block) -> str:
        """The words for a call without an answer; those of sub-agents never get one."""
        return "" if block.depth else "running" if self.live else "no answer"

    def _right(self, style: str, summary: str, counted: tuple[int, int] | None) -> Line:
        if counted is None:
            return self._styled(summary, _plain(style))
        added, removed = counted
        return [*self._styled(f"+{added} ", "added"), *self._styled(f"-{removed}", "removed")]

    def _head(self, block: Block, width: int, right: Line) -> Line:
        """One line: mark, name, main argument, and how it went as far as there is room."""
        call = block.call
        mark = "▾ " if block.is_open else "▸ "
        name = "?" if call is None else tally.tool_name(call)
        argument = "" if call is None else self._argument(call)
        name = cut(name, max(8, width // 2))
        room = width - cells(name) - 3
        size = sum(cells(segment.text) for segment in right)
        wanted = cells(inert(argument)) + 2 + size
        right_room = size if wanted <= room else min(size, max(9, room * 2 // 5))
        left = cut(inert(argument), max(0, room - (right_room + 2 if size else 0)))
        line = [*self._styled(mark, "dim"), *self._styled(name, "tool"), Segment(f" {left}")]
        if size and (right_room > 4 or right_room == size):
            text = "".join(segment.text for segment in right)
            whole = right if right_room >= size else [Segment(cut(text, right_room), right[0].style)]
            line += [Segment("  "), *whole]
        return line

    def _argument(self, call: ToolUse) -> str:
        """What a call is about, on one line: of a patch the files, else its main argument."""
        named = ", ".join(self.near(name) for name in edits.files_of(call, many_lines)[:3])
        return named or self.near(tally.main_argument(call))

    def _inside(self, block: Block, width: int, lines: tuple[edits.DiffLine, ...]) -> list[Line]:
        """What an open call shows: its arguments, and its answer or its whole diff."""
        found: list[Line] = []
        for name, value in arguments(block.call) if block.call else ():
            if lines and name not in ("path", "file_path"):
                continue
            found += self._named(name, self.near(value), width)
        if lines:
            found += self._diff(lines, width, 0)
        if block.answer and (not lines or not block.answer.success):
            style = outcome(block.answer)[0]
            for line in wrapped(self.near(answer_text(block.answer)), width - 4):
                found.append([Segment("  "), *self._styled("│ ", "line"), *self._styled(line, _plain(style))])
        return found

    def _named(self, name: str, value: str, width: int) -> list[Line]:
        label = f"  {cut(name, 24)}: "
        if "\n" not in value and cells(label) + cells(value) <= width:
            return [[*self._styled(label, "dim"), Segment(value)]]
        return [self._styled(label.rstrip(), "dim"), *([Segment(f"    {line}")] for line in wrapped(value, width - 4))]

    def _diff(self, lines: tuple[edits.DiffLine, ...], width: int, left_out: int) -> list[Line]:
        found: list[Line] = []
        for line in lines:
            sign = {"@": "⋯", "f": " "}.get(line.sign, line.sign)
            found.append(self._styled(f"  {sign} {cut(line.text, width - 4)}", _SIGNS[line.sign]))
        if left_out > 0:
            found.append(self._styled(f"  … {plural(left_out, 'more line')}", "dim"))
        return found

    def _answer(self, block: Block, width: int) -> list[Line]:
        style, summary = outcome(block.answer, self.near) if block.answer else ("dim", "")
        if not block.is_open:
            return [self._styled(cut(f"▸ answer: {summary or 'ok'}", width), _plain(style))]
        lines = wrapped(answer_text(block.answer), width - 2) if block.answer else []
        return [self._styled("▾ answer", "dim"), *(self._styled(f"  {line}", _plain(style)) for line in lines)]

    _MAKERS: dict[BlockKind, Callable[["TranscriptPainter", Block, int], list[Line]]] = {  # noqa: RUF012 - never changed
        BlockKind.PROMPT: _prompt,
        BlockKind.TEXT: _text,
        BlockKind.THINKING: _thinking,
        BlockKind.TOOL: _tool,
        BlockKind.ANSWER: _answer,
        BlockKind.ERROR: _error,
        BlockKind.ATTEMPT: _attempt,
        BlockKind.NOISE: _noise,
        BlockKind.ENDING: _ending,
        BlockKind.PLAIN: _lines,
    }


def _extra(line: str) -> int:
    """Cells that a line takes beyond its characters."""
    return cells(line) - len(line)


def _plain(style: str) -> str:
    return "dim" if style == "ok" else style
