"""What the benchmarks share: a home of their own, a repository of 2,200 files, timing in pairs, the table of musts."""

import compileall
import contextlib
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

AMPSM = Path(sys.executable).with_name("ampsm")


class Row(NamedTuple):
    """A figure of the table of musts; `unit` stands behind the figure and its must."""

    name: str
    value: float
    must: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether the figure is at most its must."""
        return self.value <= self.must


ROWS: list[Row] = []
"""What the benchmarks of this run have reported, in order."""

_QUICK = "AMPSM_BENCH_QUICK"


def quick(fewer: int, many: int) -> int:
    """How often something is done: fewer times for the table, which has to be ready in some minutes."""
    return fewer if _QUICK in os.environ else many


def be_quick() -> None:
    """Let the benchmarks of this run do everything fewer times."""
    os.environ[_QUICK] = "1"


def report(name: str, value: float, must: float, unit: str) -> None:
    """Take a figure into the table."""
    ROWS.append(Row(name, value, must, unit))


def table() -> str:
    """The rows that were reported, each with its must and whether that is met."""
    lines = [f"{'':66}{'measured':>12}{'must':>10}"]
    for row in ROWS:
        figures = "".join(f"{_figure(one):>{width}}" for one, width in ((row.value, 12), (row.must, 10)))
        lines.append(f"{row.name:66}{figures} {row.unit:8}{'met' if row.is_met else 'NOT MET'}")
    met = sum(row.is_met for row in ROWS)
    return "\n".join([*lines, f"{met} of {len(ROWS)} met"])


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"


@contextlib.contextmanager
def bench_home() -> Iterator[Path]:
    """An empty folder that is HOME, AMPSM_HOME and all else for as long as it lasts."""
    with tempfile.TemporaryDirectory(prefix="ampsm-bench-") as name:
        place = Path(name)
        # As installed: where PYTHONDONTWRITEBYTECODE is set, every start would compile the sources anew.
        for package in ("ampsm_engine", "ampsm_tui"):
            compileall.compile_dir(Path(__file__).parents[1] / package, quiet=1)
        os.environ |= {"HOME": name, "AMPSM_HOME": f"{name}/ampsm", "XDG_CONFIG_HOME": f"{name}/config"}
        (place / ".gitconfig").write_text("[user]\n\tname = B\n\temail = b@example.org\n")
        yield place


def repository(root: Path, files: int = 2200) -> Path:
    """A packed repository with one commit of that many files of 20 to 400 lines."""
    draw = random.Random(1)
    for number in range(files):
        folder = root / f"src/p{number % 97}/q{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = (f"x{line} = {draw.random()}\n" for line in range(draw.randint(20, 400)))
        (folder / f"f{number}.py").write_text("".join(lines))
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Begin"], ["gc", "-q"]):
        subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
    return root


def pairs(one: Callable[[int], None], other: Callable[[int], None], rounds: int) -> tuple[float, float, float]:
    """Medians in seconds of both, run in turn, and the median of their ratios."""
    times: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        pair = []
        for action in (one, other):
            began = time.perf_counter()
            action(number)
            pair.append(time.perf_counter() - began)
        times.append((pair[0], pair[1]))
    del times[0]  # the first of each warms the caches
    ratios = [first / second for first, second in times]
    firsts, seconds = zip(*times, strict=True)
    return statistics.median(firsts), statistics.median(seconds), statistics.median(ratios)


def processor(action: Callable[[], object]) -> float:
    """Seconds of processor, user and system, of the processes that an action starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processor_pairs(
    one: Callable[[], object], other: Callable[[], object], rounds: int
) -> tuple[float, float, float, float]:
    """Medians in seconds of processor of both, run in turn, of what the one takes more, and of their ratios."""
    found = [(processor(one), processor(other)) for _ in range(rounds + 1)][1:]  # the first of each warms the caches
    ones, others = zip(*found, strict=True)
    more = statistics.median(first - second for first, second in found)
    return statistics.median(ones), statistics.median(others), more, statistics.median(a / b for a, b in found)


def used(pid: int) -> float:
    """Seconds of processor of a program, of its processes that it waited for, and of those that live."""
    app = psutil.Process(pid)
    total = sum(app.cpu_times()[:4])
    for one in app.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a spare side process
            total += sum(one.cpu_times()[:4])
    return total


class Paired(NamedTuple):
    """Two things done in turn: medians in seconds by the clock and of the processor, and medians of their ratios."""

    clock: tuple[float, float, float]
    processor: tuple[float, float, float]

    def told(self, names: tuple[str, str], aims: str) -> str:
        """Both medians and their ratios, as a line of text."""
        (ours, theirs, ratio), (mine, others, share) = self
        return (
            f"{names[0]} {ours * 1000:.0f} ms, {names[1]} {theirs * 1000:.0f} ms, ratio {ratio:.2f} ({aims}); "
            f"processor {mine * 1000:.0f} and {others * 1000:.0f} ms, ratio {share:.2f}"
        )


def both_pairs(one: Callable[[], object], other: Callable[[], object], rounds: int) -> Paired:
    """Both, run in turn: on a machine that does other things as well the processor's time tells more than the clock."""
    found: list[list[float]] = []
    for _ in range(rounds + 1):
        row = []
        for action in (one, other):
            began = time.perf_counter()
            used = processor(action)
            row += [time.perf_counter() - began, used]
        found.append(row)
    del found[0]  # the first of each warms the caches

    def medians(first: int, second: int) -> tuple[float, float, float]:
        pairs = [(row[first], row[second]) for row in found]
        ones, others = zip(*pairs, strict=True)
        return statistics.median(ones), statistics.median(others), statistics.median(a / b for a, b in pairs)

    return Paired(medians(0, 2), medians(1, 3))


def bare_start() -> None:
    """An interpreter that does nothing, with the environment of ours."""
    subprocess.run([sys.executable, "-c", "pass"], check=True, stdout=subprocess.DEVNULL)


def refuse_without_bytecode() -> None:
    """Leave where the sources are not compiled: each start would compile them anew."""
    compiled = Path(__file__).parents[1] / "ampsm_engine" / "__pycache__"
    if not any(compiled.glob("model.*.pyc")):
        sys.exit("The package is not compiled: unset PYTHONDONTWRITEBYTECODE and run any command of ampsm once.")
