"""Clean text in lines of a width, by cells. Pure.

A wide character is never cut in two, a mark never loses its letter.
"""

from collections.abc import Iterator

from rich.cells import cell_len, get_character_cell_size


def wrapped(text: str, width: int, longest: int = 3_000) -> list[str]:
    """The text in lines of at most `width` cells, broken between words; its own lines stay lines.

    After `longest` lines one more says how many characters are left out.
    """
    width = max(2, width)
    lines: list[str] = []
    read = 0
    for line in text.split("\n"):
        lines.extend(_pieces(line, width))
        read += len(line) + 1
        if len(lines) > longest:
            left = max(0, len(text) - read)
            return [*lines[:longest], f"… {left:,} characters more"[:width] if left else "…"]
    return lines


def _pieces(line: str, width: int) -> Iterator[str]:
    narrow = line.isascii()
    while (len(line) if narrow else cell_len(line)) > width:
        end = width if narrow else _fitting(line, width)
        space = line.rfind(" ", 0, end + 1)
        if space > end // 3:
            yield line[:space].rstrip()
            line = line[space + 1 :]
        else:
            yield line[:end]
            line = line[end:]
    yield line


def _fitting(line: str, width: int) -> int:
    """How many characters fit; at least one."""
    used = 0
    for at, letter in enumerate(line):
        used += get_character_cell_size(letter)
        if used > width:
            return max(1, at)
    return len(line)
