"""Clean text in lines of a width, by cells. Pure.

A wide character is never cut in two, a mark never loses its letter.
"""

from collections.abc import Iterator

from rich.cells import get_character_cell_size


def wrapped(text: str, width: int, longest: int = 3_000) -> list[str]:
    """The text in lines of at most `width` cells, broken between words; its own lines stay lines.

    After `longest` lines one more says how many characters are left out. No more of the text is read than is given.
    """
    width = max(2, width)
    lines: list[str] = []
    start = read = 0
    for line in text.split("\n"):
        for piece, end in _pieces(line, width):
            if len(lines) == longest:
                return [*lines, f"… {len(text) - read:,} characters more"[:width] if read < len(text) else "…"]
            lines.append(piece)
            read = start + end
        start += len(line) + 1
    return lines


def _pieces(line: str, width: int) -> Iterator[tuple[str, int]]:
    """Each piece, and where in the line the next one starts."""
    is_narrow = line.isascii()
    start = 0
    while (end := start + width if is_narrow else _fitting(line, start, width)) < len(line):
        space = line.rfind(" ", start, end + 1)
        if space > start + (end - start) // 3:
            yield line[start:space].rstrip(), space + 1
            start = space + 1
        else:
            yield line[start:end], end
            start = end
    yield line[start:], len(line)


def _fitting(line: str, start: int, width: int) -> int:
    """Where the characters end that fit; at least one does."""
    used = 0
    for at in range(start, len(line)):
        used += get_character_cell_size(line[at])
        if used > width:
            return max(start + 1, at)
    return len(line)
