"""A rule's pattern from Rust's syntax and Betterleaks' habits into Python's and ours: bounded, and safe in JSON.

Knows no rule by name.
"""

import re
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]

WIDEST = 4096
"""Characters that an unbounded repetition may still take: a file is read in windows that overlap by more."""

NAMED = r"""(?:[ \t\w.-]{0,20})[\s'"]{0,3}"""
ASSIGNED = r"""(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}"""
ENDED = (
    r"""(?:\\?['"\x60]|[\s;]|\\[nr]|$)""",
    r"""(?:(?:\\?(?:["'`]))|(?:[\x09-\x0D\x20;])|(?:\\(?:[nr]))|\z)""",
    r"""(?:(?:\\?(?:["'`]))|(?:[\x09-\x0D\x20;])|(?:\\(?:[NRnr]))|\z)""",
    r"""(?:[\x60'"\s;]|\\[nr]|$|\b)""",
)
BEGUN = r"(?:\A|(?:[\x00-,\./:-@\[-\^`\{-\xFF]))"
"""Pieces that Betterleaks puts together most of its rules from."""

# The same pieces for text that may be a line of JSON, or of JSON inside JSON: quotes come with backslashes, a
# line's end is two characters, and a token may stand before any punctuation.
OUR_NAMED = r"""[ \t\w.-]{0,20}+['"\s`]{0,3}+"""
OUR_ASSIGNED = r"""(?:=>|[=>,]|:{1,3}=|\|\||:|\?=)(?:[`'"\s=]|\\{1,4}[nrt]){0,5}"""
OUR_ENDED = r"(?!\w)"
BOUNDARY = (
    r"(?:(?<!\w)|(?<=[0-9A-Fa-fHJKmnrtv])(?:(?<=\\[abefnrtv0])|(?<=\\u[0-9a-fA-F]{4})|(?<=\\x[0-9a-fA-F]{2})"
    r"|(?<=\\0[0-7]{2})|(?<=%[0-9a-fA-F]{2})|(?<=[\d;\[]m)|(?<=\[[HJK])|(?<=\[[0-3][JK])))"
)
"""Not inside a word; an escaped line's end, a percent escape and a terminal colour are no words."""
BOUNDARY_MARK = "\ue000"
ENDING_MARK = "\ue001"


@dataclass
class Context:
    """Where the writer stands: inside the secret, quotes are left out; outside, they may be escaped."""

    secret: bool


def python_syntax(pattern: str) -> str:
    """Rust's spelling as Python's: classes, the end of the text, flags in the middle."""
    pattern = pattern.replace("[[:alnum:]]", "[0-9A-Za-z]").replace(r"\z", r"\Z")
    pattern = pattern.replace("(?s)(?i)", "(?is)")
    pattern = re.sub(r"\(\?P<\w+>", "(", pattern)
    return scoped_flags(pattern)


def scoped_flags(pattern: str) -> str:
    """`a(?i)b` as `a(?i:b)`: Python takes flags for the whole pattern at its start only."""
    out: list[str] = []
    depth_closers = [0]
    index = 0
    in_class = False
    while index < len(pattern):
        flags = re.compile(r"\(\?([a-z]+)\)").match(pattern, index)
        letter = pattern[index]
        if letter == "\\":
            out.append(pattern[index : index + 2])
            index += 2
            continue
        if flags and not in_class and index > 0:
            out.append(f"(?{flags[1]}:")
            depth_closers[-1] += 1
            index = flags.end()
            continue
        if in_class:
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
            if pattern[index + 1] in "]^":
                out.append(letter)
                index += 1
                letter = pattern[index]
        elif letter == "(":
            depth_closers.append(0)
        elif letter == ")":
            out.append(")" * depth_closers.pop())
        out.append(letter)
        index += 1
    return "".join(out) + ")" * depth_closers[0]


def our_pieces(pattern: str) -> str:
    """Betterleaks' own building pieces exchanged for ours."""
    pattern = pattern.replace(NAMED, OUR_NAMED).replace(ASSIGNED, OUR_ASSIGNED)
    for ended in ENDED:
        pattern = pattern.replace(ended, ENDING_MARK)
    pattern = pattern.replace(BEGUN, BOUNDARY_MARK)
    pattern = pattern.replace(r"(?:^|[^A-Za-z0-9_-])", BOUNDARY_MARK).replace(
        r"(?:^|[^A-Za-z0-9+/])", "(?<![A-Za-z0-9+/])"
    )
    pattern = pattern.replace(r"""(?:^|[\\'"\x60\s>=:(,)])""", BOUNDARY_MARK)
    pattern = pattern.replace(r"""(?:$|[\\'"\x60\s<),])""", ENDING_MARK)
    pattern = re.sub(r"^(\(\?\w+\)|\(\?i:)?\\b", lambda found: (found[1] or "") + BOUNDARY_MARK, pattern)
    pattern = re.sub(r"\((?:\?:)?\\b", lambda found: found[0][:-2] + BOUNDARY_MARK, pattern)
    # Within a pattern, an escaped line's end may stand where the author thought of a real one.
    return re.sub(r"\\b(?=C?\()", lambda _: rf"(?:\b|{BOUNDARY_MARK})", pattern)


class Writer:
    """Writes a parsed pattern back: bounded, with the secret as its only group."""

    def __init__(self, secret_groups: set[int]) -> None:
        self.secret_groups = secret_groups

    def sequence(self, items: object, context: Context) -> str:
        """The text of parsed items, one after the other."""
        return "".join(self.node(kind, value, context) for kind, value in items)  # type: ignore[attr-defined]

    def node(self, kind: object, value: object, context: Context) -> str:
        """The text of an item, by the method that is named like its kind."""
        return getattr(self, f"_{str(kind).lower()}")(value, context)  # type: ignore[no-any-return]

    def _literal(self, value: int, context: Context) -> str:
        letter = chr(value)
        if letter == BOUNDARY_MARK:
            return BOUNDARY
        if letter == ENDING_MARK:
            return OUR_ENDED
        if letter in "\"'" and not context.secret:
            return rf"\\{{0,4}}{letter}"
        return re.escape(letter) if letter != " " else " "

    def _not_literal(self, value: int, context: Context) -> str:
        return self._in([(sre.NEGATE, None), (sre.LITERAL, value)], context)

    def _any(self, _value: object, context: Context) -> str:
        return r'[^"\\\r\n]' if context.secret else "."

    def _in(self, items: list[tuple[object, object]], context: Context) -> str:
        negated = items[0][0] is sre.NEGATE
        body = "".join(self.member(kind, value) for kind, value in items if kind is not sre.NEGATE)
        if negated:
            return "[^" + body + "".join(mark for mark in ('"', r"\\") if mark not in body) + "]"
        if context.secret:
            kept = [self.member(k, v) for k, v in items if not (k is sre.LITERAL and v in b'"\\\r\n')]
            if (sre.CATEGORY, sre.CATEGORY_NOT_SPACE) in items:
                return r'[^\s"\\]'
            return f"[{''.join(kept)}]"
        return rf"(?:\\{{0,4}}[{body}])" if '"' in body else f"[{body}]"

    @staticmethod
    def member(kind: object, value: object) -> str:
        """The text of a member of a character class."""
        if kind is sre.LITERAL:
            letter = chr(value)  # type: ignore[arg-type]
            return f"\\{letter}" if letter in "\\]^-" else {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(letter, letter)
        if kind is sre.RANGE:
            low, high = value  # type: ignore[misc]
            return f"{Writer.member(sre.LITERAL, low)}-{Writer.member(sre.LITERAL, high)}"
        return {
            sre.CATEGORY_DIGIT: r"\d",
            sre.CATEGORY_SPACE: r"\s",
            sre.CATEGORY_WORD: r"\w",
            sre.CATEGORY_NOT_SPACE: r"\S",
        }[value]

    def _branch(self, value: tuple[object, list[object]], context: Context) -> str:
        return "(?:" + "|".join(self.sequence(branch, context) for branch in value[1]) + ")"

    def _subpattern(self, value: tuple[int | None, int, int, object], context: Context) -> str:
        group, add, remove, inner = value
        if group in self.secret_groups:
            return f"({self.flagged(add, remove, self.sequence(inner, Context(secret=True)))})"
        text = self.sequence(inner, context)
        return self.flagged(add, remove, text) if add or remove else f"(?:{text})"

    @staticmethod
    def flagged(add: int, remove: int, text: str) -> str:
        """A text with the flags that hold inside of it only."""
        letters = "".join(name for name, bit in (("i", re.IGNORECASE), ("s", re.DOTALL)) if add & bit)
        without = "-i" if remove & re.IGNORECASE else ""
        return f"(?{letters}{without}:{text})" if letters or without else text

    def repeat(self, value: tuple[int, int, object], context: Context, mark: str) -> str:
        """The text of a repetition, with a bound."""
        low, high, inner = value
        if high is sre.MAXREPEAT:
            high = WIDEST if low > 64 else low + 512 if context.secret else 256
        text = self.sequence(inner, context)
        if len(inner) > 1 or re.match(r"\\\\\{0,4\}.$", text):  # type: ignore[arg-type]
            text = f"(?:{text})"
        times = "?" if (low, high) == (0, 1) else f"{{{low}}}" if low == high else f"{{{low},{high}}}"
        return text + times + mark

    def _max_repeat(self, value: tuple[int, int, object], context: Context) -> str:
        return self.repeat(value, context, "")

    def _min_repeat(self, value: tuple[int, int, object], context: Context) -> str:
        return self.repeat(value, context, "?")

    def _possessive_repeat(self, value: tuple[int, int, object], context: Context) -> str:
        return self.repeat(value, context, "+")

    def _at(self, value: object, _context: Context) -> str:
        return {sre.AT_BOUNDARY: r"\b", sre.AT_END: "$", sre.AT_END_STRING: r"\Z", sre.AT_BEGINNING: "^"}[value]

    def _assert_not(self, value: tuple[int, object], context: Context) -> str:
        return f"(?{'!' if value[0] > 0 else '<!'}{self.sequence(value[1], context)})"


def top_groups(items: object) -> set[int]:
    """The numbers of the groups that are in no other group."""
    found: set[int] = set()
    for kind, value in items:  # type: ignore[attr-defined]
        if kind is sre.SUBPATTERN:
            found |= {value[0]} if value[0] is not None else top_groups(value[3])
        elif kind is sre.BRANCH:
            found = found.union(*(top_groups(branch) for branch in value[1]))
        elif kind in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
            found |= top_groups(value[2])
    return found
