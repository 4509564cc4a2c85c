"""amp's own figure for the cost of a thread, in each form that it was seen in; everything else is unknown."""

import pytest

from ampsm_engine.amp import command, program
from ampsm_engine.errors import Failed

DETAILS = """# Thread usage

Scope: this thread including 2 subagent threads.
Input tokens: 12,345 (11,000 cache reads)
**Cost:** $1,234.56
| model | requests | in | out | cost |
| some-model | 3 | 1 | 2 | $9.99 |
"""


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("Cost: $0.32\n", 320_000),
        (DETAILS, 1_234_560_000),
        ("Display cost: $0.32 for this thread\n", 320_000),
        ("\x1b[1mCost:\x1b[0m $0.0042\r\n", 4_200),
        ("Cost: $12\n", 12_000_000),
        ("Cost: free with your subscription\n| model | $9.99 |\n", None),
        ("Usage information is currently unavailable for this thread.\n", None),
        ("Cost: $-5\n", None),
        ("Cost: $1.2.3\n", None),
        ("Cost: $99999999999\n", None),
        ("Cost: nan\n", None),
        ("", None),
    ],
)
def test_the_amount(text: str, micros: int | None) -> None:
    assert program.parse_cost(text) == micros


def test_only_a_thread_is_asked_about(tmp_path) -> None:
    with pytest.raises(Failed):
        command.usage(tmp_path, "--last")
