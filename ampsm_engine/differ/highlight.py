"""The colours of a whole blob, so that strings and comments of many lines are right: Pygments, packed line by line.

A generator: it comes back after every few hundred tokens, so that its caller can do something else, or stop.
"""

import importlib
import re
from array import array
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from pygments.lexer import Lexer
from pygments.lexers._mapping import LEXERS
from pygments.token import Token, _TokenType

from ampsm_engine.diff.encodings import is_binary
from ampsm_engine.differ.protocol import CLASSES, COLUMN_LIMIT

LARGEST = 1 << 20
"""Bytes of a blob beyond which it stays plain."""

LONGEST = 2_000
"""Bytes of a line beyond which the whole blob stays plain: what is on such lines was not written by hand."""

CHUNK = 1_000
"""Lines after which what is there is handed over."""

_BREATH = 150
"""Tokens between two chances to do something else."""

_LONG_LINE = re.compile(rb"^[^\n]{%d}" % LONGEST, re.MULTILINE)
_SHEBANG = re.compile(rb"#!.*?\b(python|bash|zsh|ksh|dash|sh|node|deno|bun|ruby|perl|php|lua|fish|tclsh|Rscript)")
_BY_SHEBANG = {
    **dict.fromkeys(("bash", "zsh", "ksh", "dash", "sh"), "bash"),
    **dict.fromkeys(("node", "deno", "bun"), "javascript"),
    "tclsh": "tcl",
    "Rscript": "r",
}
_OTHER_HEADS = ((b"<?php", "php"), (b"<?xml", "xml"), (b"<!doctype html", "html"), (b"<html", "html"))
_ALIASES = {"svelte": "html", "r": "splus"}

_NAMES = (
    (Token.Comment.Preproc, "preprocessor"),
    (Token.Comment.PreprocFile, "string"),
    (Token.Comment, "comment"),
    (Token.Keyword.Type, "type"),
    (Token.Keyword.Constant, "constant"),
    (Token.Keyword, "keyword"),
    (Token.Operator.Word, "keyword"),
    (Token.Operator, "operator"),
    (Token.Name.Function, "function"),
    (Token.Name.Class, "class"),
    (Token.Name.Exception, "class"),
    (Token.Name.Builtin, "builtin"),
    (Token.Name.Decorator, "decorator"),
    (Token.Name.Tag, "tag"),
    (Token.Name.Attribute, "attribute"),
    (Token.Name.Property, "attribute"),
    (Token.Name.Constant, "constant"),
    (Token.Name.Namespace, "namespace"),
    (Token.Name.Label, "label"),
    (Token.Name.Entity, "escape"),
    (Token.Name.Variable, "variable"),
    (Token.Literal.String.Doc, "docstring"),
    (Token.Literal.String.Escape, "escape"),
    (Token.Literal.String.Interpol, "escape"),
    (Token.Literal.String.Regex, "regex"),
    (Token.Literal.String, "string"),
    (Token.Literal.Number, "number"),
    (Token.Literal.Date, "number"),
    (Token.Generic.Heading, "heading"),
    (Token.Generic.Subheading, "heading"),
    (Token.Generic.Emph, "emphasis"),
    (Token.Generic.EmphStrong, "strong"),
    (Token.Generic.Strong, "strong"),
    (Token.Generic.Inserted, "inserted"),
    (Token.Generic.Deleted, "deleted"),
    (Token.Generic.Error, "error"),
)
_CLASSES: dict[_TokenType, int] = {token: CLASSES.index(name) for token, name in _NAMES}


class ColouredPart(NamedTuple):
    """Some lines of a blob with their colours; `offsets` and `spans` as in Colours."""

    first: int
    offsets: "array[int]"
    spans: "array[int]"
    is_last: bool


def coloured(content: bytes, language: str) -> Iterator[ColouredPart | None]:
    """The parts of a blob as they get ready; None is a chance to do something else. Plain blobs are one empty part."""
    lexer = _lexer(language or _by_head(content[:200])) if _is_colourable(content) else None
    if lexer is None:
        yield ColouredPart(0, array("I", [0]), array("H"), is_last=True)
        return
    text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if not text.endswith("\n"):
        text += "\n"
    yield from _parts(lexer, text)


def _parts(lexer: Lexer, text: str) -> Iterator[ColouredPart | None]:
    offsets, spans, first = array("I", [0]), array("H"), 0
    column = position = tokens = 0
    classes, add = _CLASSES, _add
    for at, token, value in lexer.get_tokens_unprocessed(text):
        tokens += 1
        if not tokens % _BREATH:
            yield None
        if at != position:
            value = _mended(text, at, value, position)  # noqa: PLW2901 - a lexer that skips or repeats
        position += len(value)
        number = classes.get(token)
        if number is None:
            number = _class(token)
        if "\n" not in value:
            if number:
                add(spans, 3 * offsets[-1], column, column + len(value), number)
            column += len(value)
            continue
        column = _lines(value, number, column, offsets, spans)
        if len(offsets) > CHUNK:
            whole = 3 * offsets[-1]
            yield ColouredPart(first, offsets, spans[:whole], is_last=False)
            first += len(offsets) - 1
            spans, offsets = spans[whole:], array("I", [0])
    yield ColouredPart(first, offsets, spans[: 3 * offsets[-1]], is_last=True)


def _lines(value: str, number: int, column: int, offsets: "array[int]", spans: "array[int]") -> int:
    """Add a token of several lines; answers the column after it."""
    *whole, last = value.split("\n")
    for piece in whole:
        if number:
            _add(spans, 3 * offsets[-1], column, column + len(piece), number)
        offsets.append(len(spans) // 3)
        column = 0
    if number:
        _add(spans, 3 * offsets[-1], 0, len(last), number)
    return len(last)


def _add(spans: "array[int]", line: int, start: int, end: int, number: int) -> None:
    """Add a span, joined to the one before where it goes on; what is far to the right is left out."""
    end = min(end, COLUMN_LIMIT)
    if start >= end:
        return
    if len(spans) > line and spans[-1] == number and spans[-2] == start:
        spans[-2] = end
    else:
        spans.extend((start, end, number))


def _mended(text: str, at: int, value: str, position: int) -> str:
    """The text from where we are to where a token ends that does not begin there."""
    return text[position : at + len(value)] if at > position else value[position - at :]


def _class(token: _TokenType) -> int:
    """The class of a token by the nearest of its parents; remembered."""
    parent = token.parent
    number = 0
    while parent is not None and not number:
        number = _CLASSES.get(parent, 0)
        parent = parent.parent
    _CLASSES[token] = number
    return number


def _is_colourable(content: bytes) -> bool:
    return 0 < len(content) <= LARGEST and _LONG_LINE.search(content) is None and not is_binary(content)


def _by_head(head: bytes) -> str:
    found = _SHEBANG.match(head)
    if found:
        name = found[1].decode()
        return _BY_SHEBANG.get(name, name)
    head = head.lstrip().lower()
    return next((language for start, language in _OTHER_HEADS if head.startswith(start)), "")


@cache
def _modules() -> dict[str, tuple[str, str]]:
    return {alias: (module, name) for name, (module, _, aliases, *_) in LEXERS.items() for alias in aliases}


@cache
def _lexer(language: str) -> Lexer | None:
    """The lexer of a language; no plug-in is looked for, and nothing is guessed."""
    module, name = _modules().get(_ALIASES.get(language, language), ("", ""))
    if not module:
        return None
    found = getattr(importlib.import_module(module), name)
    return found(ensurenl=False, stripnl=False) if isinstance(found, type) and issubclass(found, Lexer) else None
