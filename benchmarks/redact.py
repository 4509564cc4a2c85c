"""What redaction costs: a short text beside a JSON reader's work on it, a long text, a start, and hostile texts."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ampsm_engine.redact import Redactor

SHORT = "Let me look at the repository to see how the worker handles the case where the file does not exist."
EVENT = '{"type":"assistant","message":{"content":[{"type":"text","text":"' + SHORT + '"}]},"session_id":"T-0199aaaa"}'
HOSTILE = (
    "a",
    "\\",
    '"',
    "key=",
    "SECRET=",
    "token: ",
    "curl -u ",
    "://a:",
    "eyJ",
    "sk-",
    "-----BEGIN PRIVATE KEY-----\n",
)


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

    worst = max((best(lambda unit=unit: redactor.text(unit * (200_000 // len(unit))), 1), unit) for unit in HOSTILE)
    print(f"hostile text, worst of {len(HOSTILE)}: {worst[0] * 5:.1f} s a million characters ({worst[1]!r}) (must 0.3)")


if __name__ == "__main__":
    main()
