"""What redaction costs: a short text beside a JSON reader's work on it, a long text, a start, and hostile texts."""

import json
import random
import re
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import quick, report

from ampsm_engine.redact import Redactor
from ampsm_engine.redact.redactor import _rules
from ampsm_engine.redact.rule import Finder

SHORT = "Let me look at the repository to see how the worker handles the case where the file does not exist."
EVENT = '{"type":"assistant","message":{"content":[{"type":"text","text":"' + SHORT + '"}]},"session_id":"T-0199aaaa"}'
FOLLOWING = (
    *("", " ", "=", ": ", '="', "\n", " -p ", "a1B2c3D4 ", "=a1B2c3D4 ", ": a1B2c3D4\n", " -u a:b1c2d3 "),
    *(
        "=%s",
        "=$",
        "=(",
        "='",
        '=\\\\"',
        '":"',
        '="x","',
        "://a:b@c",
        ":b1@c",
        " login a ",
        "a" * 300,
        "=" + "a1" * 150,
    ),
)
"""What a hostile text puts behind an anchor, so that its rules go as far as they can."""

UNITS = (
    *(
        "a",
        "a ",
        "a1 ",
        "=",
        '"',
        "\n",
        "\\",
        '\\\\"',
        '{"a":"',
        "key=",
        "SECRET=",
        "curl -u ",
        "://a:",
        "://:b@c",
        "-----BEGIN",
    ),
    *("-----BEGIN PRIVATE KEY-----\n", "password = ", 'password\\\\\\":\\\\\\"a1b2c3d4'),
)
"""More to repeat."""

ALPHABETS = (
    *(
        "0123456789abcdef",
        string.ascii_letters + string.digits + "+/",
        string.printable,
        "\\\\\"'",
        '="',
        "://@",
        "a \n",
    ),
    *("-BEGINPRIVATE KEY\n", "password=:\"' \n", "tokensecretkey=_", "eyJ."),
)
"""Of the letters of each some random texts are made."""

SIFTED = 3_000
"""Characters of a text on the first look; the worst texts are looked at again."""

SLOW = 12
"""How many of them."""


def spelt(finder: Finder, anchor: str) -> str:
    """An anchor as the pattern of its rule has it: many are found in the right case alone."""
    found = re.search(re.escape(anchor), getattr(finder, "pattern", ""), re.IGNORECASE)
    return found.group() if found else anchor


def hostile() -> Iterator[str]:
    """Texts, to be repeated, that are full of anchors: each of every rule, pairs of them, and mixtures."""
    draw = random.Random(11)
    pairs = {(anchor, spelt(finder, anchor)) for finder in _rules() for anchor in finder.anchors}
    some = sorted({word for pair in pairs for word in pair if not re.fullmatch("[mno][dtjz].[wxyz0-5]", word)})
    some += ["mta1", "nzg5"]
    yield from UNITS
    for anchor in some:
        for following in FOLLOWING:
            yield anchor + following
            yield anchor.upper() + following
    for letters in ALPHABETS:
        for _ in range(5):
            yield "".join(draw.choices(letters, k=SIFTED))
    for _ in range(3_000):
        yield "".join(draw.choice(some) + draw.choice(FOLLOWING) for _ in range(2))
    for _ in range(600):
        few = draw.sample(some, draw.choice((2, 5, len(some))))
        yield "".join(draw.choice(few) + draw.choice(FOLLOWING) for _ in range(400))


def worst(redactor: Redactor) -> list[tuple[float, str]]:
    """The texts that take longest, with their seconds a million characters."""

    def seconds(unit: str, length: int, times: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        return best(lambda: redactor.text(text), times) / length * 1e6

    units = list(hostile())[:: quick(4, 1)]
    sifted = sorted(((seconds(unit, SIFTED, 1), unit) for unit in units), reverse=True)
    return sorted(((seconds(unit, 50 * SIFTED, 3), unit) for _, unit in sifted[:SLOW]), reverse=True)


def best(work: Callable[[], object], times: int = 5) -> float:
    """Processor seconds of the quickest of a few runs."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def started(program: str) -> float:
    """Seconds that a fresh interpreter takes for a program, the quickest of a few."""

    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - start

    return min(once() for _ in range(7))


def main() -> None:
    """Print the figures."""
    redactor = Redactor({f"SOME_{number}_TOKEN": f"velvet-Quartz-{number}-19" for number in range(20)})
    redactor.text(SHORT)
    short = best(lambda: [redactor.text(SHORT) for _ in range(10_000)]) / 10_000
    parsed = best(lambda: [json.loads(EVENT) for _ in range(10_000)]) / 10_000
    print(f"a text of {len(SHORT)} characters: {short * 1e6:.1f} us, {short / parsed:.1f} x reading it from JSON")

    library = Path(json.__file__).parents[1]
    source = "".join(path.read_text("utf-8", "replace") for path in sorted(library.glob("*.py")))[:2_000_000]
    long = best(lambda: redactor.text(source), 3) / len(source) * 1e6
    print(f"ordinary source text: {long * 1e3:.0f} ms a million characters")

    bare = started("pass")
    imported = started("import ampsm_engine") - bare
    with_redact = started("from ampsm_engine import redact") - bare
    used = started("from ampsm_engine import redact; redact.text('some text')") - bare
    print(
        f"start: the package {imported * 1e3:.0f} ms, redact {with_redact * 1e3:.0f} ms, first use {used * 1e3:.0f} ms"
    )

    found = worst(redactor)
    report("redaction on its worst text, a million characters", found[0][0], 0.3, "s")
    print(f"hostile text, worst of all anchors: {found[0][0]:.2f} s a million characters (must 0.3)")
    for figure, unit in found:
        print(f"  {figure:.2f} s  {unit[:60]!r}{'…' if len(unit) > 60 else ''}")


if __name__ == "__main__":
    main()
