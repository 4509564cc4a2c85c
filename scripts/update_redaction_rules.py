"""Makes `ampsm_engine/redact/rules.json` from the rules that the package kingfisher-secret-scanner carries.

Run by a maintainer, in a venv of its own, when that package has a new version:

    python -m venv rules && rules/bin/pip install kingfisher-secret-scanner==1.5.0
    rules/bin/python scripts/update_redaction_rules.py ampsm_engine/redact/rules.json

It prints what it left out and why. The package is not a dependency: 58 MB, 300 ms to start, and it leaves
weak-looking tokens alone, which a scanner may do and a redactor may not.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

from redaction_choices import KEPT, LEFT_OUT, NARROWED

PACKAGE = "kingfisher-secret-scanner"
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
BOUNDARY = r"(?:(?<!\w)|(?<=\\[nrtbfv0])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2})|(?<=[\d;\[]m))"
"""Not inside a word; an escaped line's end, a percent escape and a terminal colour are no words."""
BOUNDARY_MARK = "\ue000"
ENDING_MARK = "\ue001"


@dataclass
class Context:
    """Where the writer stands: inside the secret, quotes are left out; outside, they may be escaped."""

    secret: bool


def upstream() -> Iterator[dict[str, object]]:
    """The rules as the package holds them."""
    import kingfisher_sdk  # type: ignore[import-not-found]

    rules = kingfisher_sdk.Rules(confidence="low")
    for entry in rules.metadata():
        yield dict(rules.detail(entry["id"]))


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
    return re.sub(r"\((?:\?:)?\\b", lambda found: found[0][:-2] + BOUNDARY_MARK, pattern)


class Writer:
    """Writes a parsed pattern back: bounded, with the secret as its only group."""

    def __init__(self, secret_groups: set[int]) -> None:
        self.secret_groups = secret_groups

    def sequence(self, items: object, context: Context) -> str:
        return "".join(self.node(kind, value, context) for kind, value in items)  # type: ignore[attr-defined]

    def node(self, kind: object, value: object, context: Context) -> str:
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
        letters = "".join(name for name, bit in (("i", re.I), ("s", re.S)) if add & bit)
        without = "-i" if remove & re.I else ""
        return f"(?{letters}{without}:{text})" if letters or without else text

    def repeat(self, value: tuple[int, int, object], context: Context, mark: str) -> str:
        low, high, inner = value
        if high is sre.MAXREPEAT:
            high = WIDEST if low > 64 else low + 512 if context.secret else 256
        text = self.sequence(inner, context)
        if len(inner) > 1:  # type: ignore[arg-type]
            text = f"(?:{text})"
        elif re.match(r"\\\\\{0,4\}.$", text):
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


def letters(items: list[tuple[object, object]]) -> set[str]:
    """What a class may match, in lower case; empty when that is too much to list."""
    found: set[str] = set()
    for kind, value in items:
        if kind is sre.LITERAL:
            found.add(chr(value).lower())  # type: ignore[arg-type]
        elif kind is sre.RANGE and value[1] - value[0] < 10:  # type: ignore[index]
            found |= {chr(code).lower() for code in range(value[0], value[1] + 1)}  # type: ignore[index]
        else:
            return set()
    return found if len(found) <= 10 else set()


def beginnings(items: object) -> tuple[set[str], bool]:
    """Texts one of which every match begins with, and whether they are the whole of it."""
    found = {""}
    for kind, value in items:  # type: ignore[attr-defined]
        step, whole = {""}, True
        if kind is sre.LITERAL:
            step = {chr(value).lower()}
        elif kind is sre.IN:
            step = letters(value)
        elif kind is sre.SUBPATTERN:
            step, whole = beginnings(value[3])
        elif kind is sre.BRANCH:
            parts = [beginnings(branch) for branch in value[1]]
            step, whole = set().union(*(part[0] for part in parts)), all(part[1] for part in parts)
        elif kind is sre.MAX_REPEAT and value[0] == value[1] == 1:
            step, whole = beginnings(value[2])
        elif kind not in {sre.AT, sre.ASSERT, sre.ASSERT_NOT}:
            return found, False
        if not step or len(found) * len(step) > 60:
            return found, False
        found = {before + after for before in found for after in step}
        if not whole:
            return found, False
    return found, True


def worth(words: set[str]) -> int:
    """How rare the rarest place of these words is, roughly."""
    shortest = min(words, key=len)
    return len(shortest) + (not shortest.isalnum()) - shortest.isdigit() if shortest else 0


def flat(items: object) -> list[tuple[object, object]]:
    """The items of a pattern with those of its groups among them."""
    found: list[tuple[object, object]] = []
    for kind, value in items:  # type: ignore[attr-defined]
        found += flat(value[3]) if kind is sre.SUBPATTERN else [(kind, value)]
    return found


def anchor(pattern: str) -> tuple[list[str], list[int]]:
    """Literals, one of which is in every match, and how many characters of the match stand before it."""
    items = flat(parser.parse(pattern))
    best: tuple[int, list[str], list[int]] = (0, [], [])
    low = high = 0
    for index in range(len(items)):
        words, _ = beginnings(items[index:])
        score = worth(words)
        if score > best[0] and (best[0] < 3 or score > 2 * best[0]):
            best = (score, sorted(words), [low, high])
        width = parser.SubPattern(parser.State(), items[index : index + 1]).getwidth()
        low, high = low + width[0], high + width[1]
        if high > 96:
            break
    return best[1], best[2]


def converted(name: str, detail: dict[str, object]) -> dict[str, object]:
    """One rule as the redactor wants it."""
    source = str(detail["pattern"])
    if name in NARROWED:
        before, after = NARROWED[name]
        if before not in source:
            sys.exit(f"{name} has changed upstream: look at redaction_choices.py")
        source = source.replace(before, after)
    marked = our_pieces(python_syntax(source))
    tree = parser.parse(marked)
    number = int(str(detail["betterleaks_secret_group"] or 0))
    groups = {number} if number else top_groups(tree)
    last = tree.data[-1] if not groups and ENDING_MARK not in marked else (None, None)
    if last[0] is sre.MAX_REPEAT and last[1][0] == last[1][1]:
        tree.data[-1] = (last[0], (last[1][0], 255, last[1][2]))
    text = Writer(groups).sequence(tree, Context(secret=not groups))
    ignoring = "(?i)" if tree.state.flags & re.I else ""
    words, back = anchor(text)
    rule: dict[str, object] = {"name": re.sub("[^a-z0-9-]", "-", name), "pattern": ignoring + text, "anchors": words}
    if back != [0, 0]:
        rule["back"] = back
    if OUR_ASSIGNED in marked or re.search(r"\[\\n\\r\]|\(\?:=\|:\)|\[=:\]|\[:=\]", source):
        rule["near"] = True
    return rule


def main(target: Path) -> None:
    """Write the rules and say what was left out."""
    rules: list[dict[str, object]] = []
    for detail in upstream():
        name = str(detail["id"]).removeprefix("betterleaks.").removeprefix("veles.secrets/").removesuffix(".1")
        if name in LEFT_OUT or (not detail["visible"] and name not in KEPT):
            print(f"left out: {name}: {LEFT_OUT.get(name, 'hidden upstream')}")
            continue
        rule = converted(name, detail)
        widest = parser.parse(str(rule["pattern"])).getwidth()[1]
        if not rule["anchors"] or widest > 3 * WIDEST:
            sys.exit(f"{name}: no literal, or up to {widest} characters wide: {rule['pattern']}")
        re.compile(str(rule["pattern"]), re.ASCII)
        rules.append(rule)
    head = {
        "made by": "scripts/update_redaction_rules.py",
        "source": f"{PACKAGE} {metadata.version(PACKAGE)} (PyPI), https://github.com/mongodb/kingfisher, Apache-2.0",
        "rules from": "Betterleaks, MIT, and Veles (OSV-SCALIBR), Apache-2.0; changed: see the script and NOTICE",
    }
    lines = ",\n".join(json.dumps(rule, separators=(",", ":")) for rule in rules)
    target.write_text(json.dumps(head, indent=0)[:-2] + f',\n"rules": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(rules)} rules, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
