"""What an item costs through Dask, beside the same item run here: a scheduler and one host on this machine.

An item of about 2.5 s (amp stands still for two of them), one after the other in one run each: the seconds an item of
both, the processor's seconds an item of all processes, and the memory that the scheduler has in the end.
"""

import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
from harness import AMPSM, bench_home, repository

from ampsm_engine import demo

PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h."""

ITEMS = int(os.environ.get("CLUSTER_ITEMS", "8"))


def main() -> None:
    """Run the same plan here and there, and print both."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what is detached stays below this process
    with bench_home() as place:
        root = repository(place / "repository", 200)
        amp = demo.install(place / "scripted")
        os.environ |= {"AMP_CLI_PATH": str(amp), "AMP_API_KEY": "sgamp_user_01TEST_" + "0123456789abcdef" * 2}
        settings = "slots = 1\n[notify]\ndesktop = false\n[cost]\nqueries = 0\n"
        for home in ("ampsm", "host"):
            (place / home).mkdir()
            (place / home / "config.toml").write_text(settings)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"dask://127.0.0.1:{port}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        head = subprocess.Popen([AMPSM, "cluster", "head", "--port", str(port)], **quiet)
        joined = [AMPSM, "cluster", "join", url, "--slots", "1", "--name", "host", "--home", str(place / "host")]
        host = subprocess.Popen(joined, **quiet)
        try:
            while (
                "1 host with 1 slot"
                not in subprocess.run(
                    [AMPSM, "doctor", "--cluster", url], capture_output=True, text=True, check=False
                ).stdout
            ):
                time.sleep(0.5)
            here, work_here = seconds(place, root, "here", [])
            there, work_there = seconds(place, root, "there", ["--on", url])
            memory = psutil.Process(head.pid).memory_info().rss >> 20
        finally:
            host.terminate()
            host.wait(30)
            head.terminate()
            head.wait(30)
    limit = 1.15 * here + 0.1
    print(
        f"an item here {here:.2f} s, through Dask {there:.2f} s (at most {limit:.2f}); "
        f"scheduler {memory} MB (at most 150); of the processor {work_here:.2f} s and {work_there:.2f} s"
    )


def processor_seconds() -> float:
    """What all processes that were started from here have used of the processor, those that have ended too."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = [sum(process.cpu_times()[:4]) for process in psutil.Process().children(recursive=True)]
    return ended.ru_utime + ended.ru_stime + sum(found)


def seconds(place: Path, root: Path, name: str, options: list[str]) -> tuple[float, float]:
    """Seconds an item of a run of ITEMS, from the end of the first to that of the last, and those of the processor."""
    items = []
    for number in range(ITEMS):
        scenario = place / f"{name}-{number}.json"
        steps = [{"shell": "sleep 2"}, {"create_file": f"{name}{number}.txt", "content": "x\n"}, {"say": "Done."}]
        scenario.write_text(json.dumps({"steps": steps}))
        items.append({"repo": str(root), "prompt": f"Task {number}\nscenario: {scenario}"})
    plan = place / f"{name}.yaml"
    plan.write_text(json.dumps({"runId": name, "matrix": items}))
    before = processor_seconds()
    subprocess.run([AMPSM, "batch", "start", plan, "--wait", *options], check=True, stdout=subprocess.DEVNULL)
    work = processor_seconds() - before
    shown = subprocess.run([AMPSM, "batch", "status", name, "--json"], check=True, capture_output=True).stdout
    ended = sorted(item["endedAt"] for item in json.loads(shown)["items"])
    return (_moment(ended[-1]) - _moment(ended[0])) / (ITEMS - 1), work / ITEMS


def _moment(text: str) -> float:
    from ampsm_engine import timestamps

    return timestamps.parse(text).timestamp()


if __name__ == "__main__":
    sys.exit(main())
