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
from importlib import metadata
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

from redaction_choices import KEPT, LEFT_OUT, NARROWED
from redaction_guard import BEGINS, guard
from redaction_pattern import ENDING_MARK, OUR_ASSIGNED, WIDEST, Context, Writer, our_pieces, python_syntax, top_groups

PACKAGE = "kingfisher-secret-scanner"


def upstream() -> Iterator[dict[str, object]]:
    """The rules as the package holds them."""
    import kingfisher_sdk  # type: ignore[import-not-found]

    rules = kingfisher_sdk.Rules(confidence="low")
    for entry in rules.metadata():
        yield dict(rules.detail(entry["id"]))


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
        elif kind is sre.SUBPATTERN or (kind is sre.MAX_REPEAT and value[0] == value[1] == 1):
            step, whole = beginnings(value[-1])
        elif kind is sre.BRANCH:
            parts = [beginnings(branch) for branch in value[1]]
            step, whole = set().union(*(part[0] for part in parts)), all(part[1] for part in parts)
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
    """A rule in the form of rules.json."""
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
    ignoring = "(?i)" if tree.state.flags & re.IGNORECASE else ""
    words, back = anchor(text)
    rule: dict[str, object] = {"name": re.sub("[^a-z0-9-]", "-", name), "pattern": ignoring + text, "anchors": words}
    if back != [0, 0]:
        rule["back"] = back
    if OUR_ASSIGNED in marked or re.search(r"\[\\n\\r\]|\(\?:=\|:\)|\[=:\]|\[:=\]", source):
        rule["near"] = True
    if rule["name"] in BEGINS:
        rule["begins"] = BEGINS[str(rule["name"])]
    if then := guard(rule):
        rule["then"] = then
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
