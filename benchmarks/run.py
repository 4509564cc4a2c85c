"""All benchmarks, one after the other. Every figure is a ratio or is measured beside its yardstick in the same run."""

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run each file of this folder, or those that the arguments name."""
    here = Path(__file__).parent
    wanted = set(sys.argv[1:])
    del sys.argv[1:]  # they are not for the benchmarks themselves
    tools = {"run.py", "ground.py", "terminal.py", "bare_app.py", "big_diff.py", "phases.py"}
    for path in sorted(here.glob("*.py")):
        if path.name not in tools and (not wanted or path.stem in wanted):
            print(f"== {path.stem}", flush=True)
            runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
