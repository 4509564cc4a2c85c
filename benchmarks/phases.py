"""Where the time of one command goes: importing, waiting for each git, and the rest. A tool of other benchmarks.

The command runs in an interpreter of its own that is watched from inside; being watched costs it a little.
"""

import subprocess
import sys
from collections.abc import Sequence

_WATCHED = """
import sys, time, builtins
began, importing, depth, gits = time.perf_counter(), 0.0, 0, []
known = builtins.__import__

def timed(*arguments, **more):
    global importing, depth
    depth += 1
    at = time.perf_counter()
    try:
        return known(*arguments, **more)
    finally:
        depth -= 1
        if not depth:
            importing += time.perf_counter() - at

builtins.__import__ = timed
import os
os._exit = sys.exit
from ampsm_engine.git import program

start, wait = program.Running.__init__, program.Running.wait

def started(self, arguments, *more):
    words = [str(one) for one in arguments]
    while words and words[0].startswith("-"):
        del words[: 2 if words[0] in ("-c", "-C") else 1]
    self.told = " ".join(words[:2])
    at = time.perf_counter()
    start(self, arguments, *more)
    self.spent = time.perf_counter() - at

def waited(self, *more):
    at = time.perf_counter()
    answer = wait(self, *more)
    gits.append((self.told, self.spent + time.perf_counter() - at))
    return answer

program.Running.__init__, program.Running.wait = started, waited
from ampsm_tui.__main__ import main

try:
    main()
finally:
    whole = time.perf_counter() - began
    listed = ", ".join(f"{name} {took * 1000:.0f}" for name, took in gits)
    told = sum(took for _, took in gits)
    sys.stderr.write(f"phases: {whole * 1000:.0f} ms: importing {importing * 1000:.0f}, {len(gits)} times git "
        f"{told * 1000:.0f} ({listed}), all else {(whole - importing - told) * 1000:.0f}\\n")
"""


def told(arguments: Sequence[object]) -> str:
    """The phases of a command of ampsm, as one line; it has done its work then."""
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    return next(line for line in done.stderr.splitlines() if line.startswith("phases: "))
