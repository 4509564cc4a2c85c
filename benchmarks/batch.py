"""What a run of a batch costs: processor time of ours an item, and the memory of all our processes at once.

All processes of the run are children of this one in the end (it adopts orphans), so that the kernel counts them; what
amp used is counted by a wrapper and taken off. git and the scripts count as ours. The repositories are the sources of
five installed packages. After items that only write a file, and the same merged, come those of all kinds: failures,
timeouts, rate limits, conflicts and merges mixed (BATCH_MIXED of them, 200).
"""

import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from ampsm_engine import demo
from tests.batch import mixed, packages

ITEMS = int(os.environ.get("BATCH_ITEMS", "40"))
MIXED = int(os.environ.get("BATCH_MIXED", "200"))
SLOTS = 8
PR_SET_CHILD_SUBREAPER = 36

WRAPPER = """#!/bin/bash
"{amp}" "$@"
code=$?
times >> "{times}"
exit $code
"""


def main() -> None:
    """Run a plan and print its figures."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    place = Path(tempfile.mkdtemp(prefix="ampsm-bench-"))
    try:
        measure(place)
    finally:
        if not os.environ.get("BATCH_KEEP"):
            shutil.rmtree(place, ignore_errors=True)


def measure(place: Path) -> None:
    """Prepare and run a plan, and print what it cost."""
    amp = demo.install(place / "scripted")
    times = place / "times"
    wrapper = place / "amp"
    wrapper.write_text(WRAPPER.format(amp=amp, times=times))
    wrapper.chmod(0o755)
    (place / "repositories").mkdir()
    os.environ |= {
        f"GIT_{role}_{what}": f"b{'@example.org' * (what == 'EMAIL')}"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    repositories = [packages.repository(name, place / "repositories") for name in packages.NAMES]
    environment = os.environ | {
        "AMPSM_HOME": str(place / "home"),
        "AMP_CLI_PATH": str(wrapper),
        "AMP_API_KEY": "sgamp_user_01TEST_" + "0123456789abcdef" * 2,
        "XDG_CONFIG_HOME": str(place / "config"),
    }
    (place / "config" / "ampsm").mkdir(parents=True)
    (place / "config" / "ampsm" / "config.toml").write_text(
        f"slots = {SLOTS}\n[notify]\ndesktop = false\n[cost]\nqueries = 0\n[iteration]\nretry-delay = 0.2\n"
    )
    plans = {
        "plain": a_plan(place, repositories, merge=False),
        "merged": a_plan(place, repositories, merge=True),
        "mixed": a_mixed_plan(place, repositories),
    }
    for name, content in plans.items():
        plan = place / "plan.yaml"
        plan.write_text(json.dumps(content))
        times.write_text("")
        before = usage()
        peak = Peak(environment["AMPSM_HOME"])
        began = time.monotonic()
        command = [sys.executable, "-P", "-m", "ampsm_tui", "batch", "start", str(plan), "--wait"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        took = time.monotonic() - began
        while True:
            try:
                os.wait()
            except ChildProcessError:
                break
        peak.stop()
        amps = sum(map(amp_seconds, times.read_text().splitlines()))
        ours = usage() - before - amps
        last = json.loads(done.stdout.splitlines()[-1])["batch"]["progress"]
        count = last["total"]
        ends = ", ".join(f"{many} {state}" for state, many in last["items"].items() if many)
        print(
            f"{name:6} {count} items ({ends}), {took:.1f} s;"
            f" ours {ours / count:.2f} s of processor an item (amp {amps / count:.2f});"
            f" at most {peak.rss >> 20} MB resident ({peak.pss >> 20} MB proportional) in {peak.count} processes",
            flush=True,
        )


def a_plan(place: Path, repositories: list[Path], *, merge: bool) -> dict[str, object]:
    """Items that write a file each."""
    matrix = []
    for number in range(ITEMS):
        scenario = place / f"scenario-{number}.json"
        name = f"{'m' if merge else 'p'}{number}.txt"
        steps = [{"say": "I begin."}, {"create_file": name, "content": "x\n"}, {"pause": 0.5}, {"say": "Done."}]
        scenario.write_text(json.dumps({"steps": steps}))
        prompt = f"Write {name}\nscenario: {scenario}"
        matrix.append({"repo": str(repositories[number % len(repositories)]), "prompt": prompt})
    return {"concurrency": SLOTS, "defaults": {"scriptCommand": "true", "mergeOnPass": merge}, "matrix": matrix}


def a_mixed_plan(place: Path, repositories: list[Path]) -> dict[str, object]:
    """Items of all kinds, as the soak has them."""
    made = iter(range(MIXED))

    def prompt(runs: list[list[dict[str, object]]]) -> str:
        scenario = place / f"mixed-{next(made)}.json"
        scenario.write_text(json.dumps({"runs": runs}))
        return f"Do it\nscenario: {scenario}"

    return {"concurrency": SLOTS, "matrix": [one.item for one in mixed.items(MIXED, repositories, prompt)]}


def usage() -> float:
    """Seconds of processor of all children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def amp_seconds(line: str) -> float:
    """The seconds of a line of bash's `times`, its own or its children's: `0m0.123s 0m0.045s`."""
    total = 0.0
    for part in line.split():
        minutes, _, seconds = part.rstrip("s").partition("m")
        total += float(minutes) * 60 + float(seconds)
    return total


class Peak:
    """The most memory that our processes had at once, looked at four times a second."""

    def __init__(self, home: str) -> None:
        self.rss = self.pss = self.count = 0
        self._home, self._ended = home, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.25):
            rss = pss = count = 0
            for process in psutil.process_iter():
                try:
                    words = process.cmdline()
                    if not any(word.startswith(("ampsm_engine", "ampsm_tui")) for word in words):
                        continue
                    if process.environ().get("AMPSM_HOME") != self._home:
                        continue
                    parent = process.parent()
                    if parent is not None and parent.cmdline() == words:
                        continue  # a git that is about to start: until then it looks like who starts it
                    memory = process.memory_full_info()
                except (psutil.Error, OSError):
                    continue
                rss, pss, count = rss + memory.rss, pss + memory.pss, count + 1
            if rss > self.rss:
                self.rss, self.pss, self.count = rss, pss, count

    def stop(self) -> None:
        """End the thread that looks at the memory."""
        self._ended.set()
        self._thread.join()


if __name__ == "__main__":
    main()
