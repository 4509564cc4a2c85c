"""What a worker costs: memory and CPU while amp is quiet, and the time for 20,000 stream events."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from harness import AMPSM, bench_home, quick, report, repository

EVENTS = 20_000
QUIET_SECONDS = 20.0


def ampsm(*arguments: str) -> dict[str, object]:
    """An ampsm command's JSON."""
    done = subprocess.run([AMPSM, *arguments, "--json"], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def program(path: Path, *lines: str) -> None:
    """An amp that is a shell script: options are asked, the prompt is read, then these lines run."""
    help_text = "  -x, --execute\n      --stream-json\n"
    text = ["#!/bin/sh", f"case $1 in --help) printf '%s' '{help_text}'; exit;; esac", "cat > /dev/null", *lines]
    path.write_text("\n".join(text) + "\n")
    path.chmod(0o755)
    os.environ["AMP_CLI_PATH"] = str(path)


def worker_of(home: str) -> int:
    """The pid of the worker of a home."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                marked = f"AMPSM_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"ampsm_engine.worker" in words and marked:
                return int(entry.name)
    sys.exit("no worker found")


def quiet(place: Path) -> None:
    """Memory and CPU of a worker whose amp says nothing."""
    program(place / "quiet", "exec sleep 600")
    session = ampsm("new", "be quiet", "--repo", str(place / "repo"))["session"]
    assert isinstance(session, dict)
    time.sleep(3)
    pid = worker_of(os.environ["AMPSM_HOME"])
    ticks = cpu(pid)
    time.sleep(QUIET_SECONDS)
    spent = (cpu(pid) - ticks) / os.sysconf("SC_CLK_TCK")
    memory = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("Rss", "Pss"):
            memory[name] = int(rest.split()[0]) / 1024
    share = spent / QUIET_SECONDS * 100
    print(f"quiet worker: {memory['Rss']:.1f} MB RSS, {memory['Pss']:.1f} MB PSS (aim 45); {share:.2f} % of a core")
    subprocess.run([AMPSM, "stop", str(session["id"])], check=True, capture_output=True)
    subprocess.run([AMPSM, "wait", str(session["id"])], check=False, capture_output=True)


def cpu(pid: int) -> int:
    """Clock ticks that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def spent_until_gone(pid: int) -> float:
    """Seconds of processor that a process has used when it ends."""
    ticks = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while True:
            ticks = cpu(pid)
            time.sleep(0.01)
    return ticks / os.sysconf("SC_CLK_TCK")


def stream(path: Path, pairs: int) -> None:
    """A recorded-looking stream: tool calls and their results, two lines a pair, and the ends."""
    thread = "T-01234567-89ab-cdef-0123-456789abcdef"
    usage = {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4}
    lines: list[object] = [{"type": "system", "subtype": "init", "cwd": "/", "session_id": thread, "tools": []}]
    for number in range(pairs):
        use = {
            "type": "tool_use",
            "id": f"TU-{number}",
            "name": "shell_command",
            "input": {"command": f"make {number}"},
        }
        answer = {"type": "tool_result", "tool_use_id": f"TU-{number}", "content": '{"output":"ok","exitCode":0}'}
        said = {"role": "assistant", "content": [use], "stop_reason": "tool_use", "usage": usage}
        lines.append({"type": "assistant", "session_id": thread, "message": said, "parent_tool_use_id": None})
        lines.append({"type": "user", "session_id": thread, "message": {"role": "user", "content": [answer]}})
    lines.append(
        {"type": "result", "subtype": "success", "is_error": False, "result": "Made all.", "session_id": thread}
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def events(place: Path) -> None:
    """The same iteration with a handful of events and with 20,000: the difference is what recording costs."""
    seconds, processor = {}, {}
    for count in (10, EVENTS):
        stream(place / "stream", count // 2)
        program(place / f"amp{count}", f"exec cat {place / 'stream'}")
        began = time.perf_counter()
        session = ampsm("new", "go", "--repo", str(place / "repo"))["session"]
        assert isinstance(session, dict)
        processor[count] = spent_until_gone(worker_of(os.environ["AMPSM_HOME"]))
        ampsm("wait", str(session["id"]))
        seconds[count] = time.perf_counter() - began
    more, spent = (found[EVENTS] - found[10] for found in (seconds, processor))
    report(f"{EVENTS:,} events recorded, tallied, redacted", more, 1.5, "s")
    print(
        f"whole iteration with 10 events {seconds[10]:.2f} s, with {EVENTS} events {seconds[EVENTS]:.2f} s:"
        f" {more:.2f} s for recording, tallying, redacting (must 1.5, goal 1.0);"
        f" {spent:.2f} s of the worker's processor"
    )


def main() -> None:
    """Print the figures of a quiet worker and of one with many events."""
    with bench_home() as place:
        repository(place / "repo", 50)
        events(place)
        if quick(0, 1):
            quiet(place)


if __name__ == "__main__":
    main()
