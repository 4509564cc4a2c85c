"""All benchmarks, one after the other. Every figure is a ratio or is measured beside its yardstick in the same run.

`python benchmarks/run.py table`: those with a must, done fewer times, and at the end a table of figures and musts. It
takes some seven minutes; those that need the processor for themselves have it only when nothing else runs.
"""

import os
import runpy
import sys
import time
import traceback
from pathlib import Path

import harness

TABLE = (
    *("wire", "rest", "memory", "driver", "opening", "first_frame"),
    *("start", "new", "merge", "edits", "worker", "redact"),
)
"""The benchmarks of the table."""


def main() -> None:
    """Run each file of this folder, or those that the arguments name; `table` makes the table of musts."""
    here = Path(__file__).parent
    if sys.argv[1:2] == ["table"]:
        make_table(here, tuple(sys.argv[2:]) or TABLE)
        return
    wanted = set(sys.argv[1:])
    del sys.argv[1:]  # they are not for the benchmarks themselves
    tools = {"run.py", "harness.py", "terminal.py", "bare_app.py", "big_diff.py", "phases.py"}
    for path in sorted(here.glob("*.py")):
        if path.name not in tools and (not wanted or path.stem in wanted):
            print(f"== {path.stem}", flush=True)
            runpy.run_path(str(path), run_name="__main__")


def make_table(here: Path, names: tuple[str, ...]) -> None:
    """Run the benchmarks that have rows in the table, and print it; one that fails leaves the others alone."""
    del sys.argv[1:]
    harness.be_quick()
    began, failed = time.monotonic(), []
    for name in names:
        started, environ = time.monotonic(), dict(os.environ)
        print(f"== {name}", flush=True)
        try:
            runpy.run_path(str(here / f"{name}.py"), run_name="__main__")
        except Exception:  # noqa: BLE001 - what failed is told in the table
            traceback.print_exc()
            failed.append(name)
        os.environ.clear()
        os.environ.update(environ)
        print(f"   {time.monotonic() - started:.0f} s", flush=True)
    print(f"\n{harness.table()}")
    if failed:
        print(f"failed, without figures: {', '.join(failed)}")
    minutes, load = (time.monotonic() - began) / 60, os.getloadavg()
    print(f"in {minutes:.1f} minutes, load {load[0]:.1f} {load[1]:.1f} {load[2]:.1f}, {os.cpu_count()} cores")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
