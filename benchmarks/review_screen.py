"""The review screen on a real diff of 100,000 lines in 1,000 files, in a pty of 160x50: frames, bytes, waits, memory.

Beside it, in the same run, a bare Textual app's first frame, and `git diff` through less, delta and tig if installed.
"""

import asyncio
import gc
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from big_diff import BigDiff, big_diff
from harness import AMPSM, bench_home, both_pairs
from terminal import Terminal

from ampsm_engine import timestamps
from ampsm_engine.engine.startup import open_engine
from ampsm_engine.model import Session, Status

SESSION = "0123456789"
FIRST_LINE = b"#!python"
"""In the first line of the diff."""

QUIET = 0.03
"""Seconds without a byte after which a frame is over."""

KEYS = (("line j", "j", 150), ("page ^f", "\x06", 60), ("hunk ]", "]", 80), ("file }", "}", 80), ("line k", "k", 60))


def prepare(made: BigDiff) -> None:
    """A session over the two commits."""
    engine = open_engine()
    now = timestamps.now()
    engine.store.sessions.add(
        Session(
            id=SESSION,
            name="Upgrade everything",
            amp_prompt="Upgrade everything",
            repo_root=str(made.repository),
            base_branch=made.old,
            branch_name=made.new,
            worktree_path=str(made.repository),
            status=Status.IDLE,
            created_at=now,
            base_commit=made.old,
            script_command="",
            last_run=now,
        )
    )


def watched() -> None:
    """The app, with its frames, its loop and its collector on the clock; written to a file at the end."""
    os.environ["TEXTUAL_FPS"] = "120"  # as the front door does, and before Textual reads it
    from textual.screen import Screen

    told: dict[str, list[float]] = {"frames": [], "lag": [], "gc": [], "gc_cpu": []}
    inner = Screen._on_timer_update  # noqa: SLF001 - where Textual composes, renders and writes a frame
    began = [0.0, 0.0]

    def update(self: "Screen[object]") -> None:
        busy = bool(self._dirty_widgets or self._repaint_required or self._layout_required)
        start = time.perf_counter()
        inner(self)
        if busy:
            told["frames"].append(time.perf_counter() - start)

    def collecting(phase: str, _info: object) -> None:
        if phase == "start":
            began[:] = time.perf_counter(), time.thread_time()
        else:
            told["gc"].append(time.perf_counter() - began[0])
            told["gc_cpu"].append(time.thread_time() - began[1])  # without what took the core away meanwhile

    Screen._on_timer_update = update  # type: ignore[method-assign]  # noqa: SLF001
    gc.callbacks.append(collecting)

    file = Path(os.environ["AMPSM_BENCH_TOLD"])

    def tell() -> None:
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(told))
        draft.rename(file)

    async def tick() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
        while True:
            start = time.perf_counter()
            await asyncio.sleep(0.005)
            told["lag"].append(time.perf_counter() - start - 0.005)

    gc.disable()  # as the front door does
    from ampsm_tui.app import AmpsmApp, run

    def on_ready(app: AmpsmApp) -> None:
        app.run_worker(tick(), group="watching")

    AmpsmApp.on_ready = on_ready  # type: ignore[attr-defined]
    run(first_review=SESSION)


def part(times: Sequence[float], share: float) -> float:
    """The time in milliseconds that a share of the times, from 0 to 1, does not exceed."""
    ordered = sorted(times) or [0.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class Wait(NamedTuple):
    """Seconds from a key to the first and the last byte of what it changes, and how many bytes that are."""

    first: float
    last: float
    size: int


def pressed(terminal: Terminal, key: str) -> Wait:
    """Press a key; colours that come later are a part of what it changes."""
    terminal.drain(QUIET)
    began = first = last = time.perf_counter()
    terminal.press(key)
    count = 0
    wait = 0.5
    while chunk := terminal.read(wait):
        last = time.perf_counter()
        first = last if not count else first
        count, wait = count + len(chunk), QUIET
    return Wait(first - began, last - began, count)


def memory(pid: int) -> float:
    """Megabytes that a process alone holds or shares."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def shown(command: Sequence[str | Path], mark: bytes) -> float:
    """Seconds from nothing to these bytes."""
    terminal = Terminal(command, columns=160, lines=50)
    try:
        return terminal.until(mark)
    finally:
        terminal.end()


def first(command: Sequence[str | Path], mark: bytes) -> float:
    """Seconds from a start to the first output of these bytes; the median of seven."""
    return statistics.median(shown(command, mark) for _ in range(7))


def keys(terminal: Terminal, frames: Callable[[], list[float]]) -> None:
    """Each kind of step: its wait, its bytes, its frame."""
    for name, key, count in KEYS:
        before = len(frames())
        steps = [pressed(terminal, key) for _ in range(count)]
        drawn = frames()[before:]
        waits, sizes = [step.last for step in steps], sorted(step.size for step in steps)
        print(
            f"  {name:8} key to last byte {part(waits, 0.5):5.1f} ms, p95 {part(waits, 0.95):5.1f}; "
            f"frame {part(drawn, 0.5):4.1f} ms, p95 {part(drawn, 0.95):4.1f} (aims 3, 6); "
            f"bytes {sizes[len(sizes) // 2]:,}, most {sizes[-1]:,}"
        )
    ends = [(pressed(terminal, "G").last, pressed(terminal, "g").last) for _ in range(8)]
    for name, waits in (("End", [one for one, _ in ends]), ("top", [one for _, one in ends])):
        print(f"  {name:8} key to last byte {part(waits, 0.5):5.1f} ms, most {part(waits, 1):5.1f} (aim 15)")
    pressed(terminal, "/")
    for name, letters in (("search, by letter", "return self"), ("next match", "\r" + "n" * 20)):
        found = [pressed(terminal, letter) for letter in letters]
        seen, waits = [one.first for one in found], [one.last for one in found]
        print(f"  {name}: {part(seen, 0.5):5.1f} ms to the first byte, most {part(seen, 1):5.1f} (aim 25); "
              f"{part(waits, 0.5):5.1f} to the last, most {part(waits, 1):5.1f} (count, late colours)")  # fmt: skip


def main() -> None:
    """Print each figure beside its aim."""
    if sys.argv[1:2] == ["watched"]:
        watched()
        return
    with bench_home() as place:
        made = big_diff(place)
        print(f"the diff: {made.count()}")
        prepare(made)
        bare = (sys.executable, Path(__file__).with_name("bare_app.py"))
        found = both_pairs(
            lambda: shown((AMPSM, "review", SESSION), FIRST_LINE), lambda: shown(bare, b"Fix the login"), 9
        )
        print(f"from nothing to the first diff line: {found.told(('ampsm review', 'bare Textual app'), 'must 1.2')}")
        for pager in ("less -R", "delta --paging=always", "tig"):
            if shutil.which(pager.split()[0]):
                colour = "never" if pager == "tig" else "always"
                pipe = f"git -C {made.repository} diff --color={colour} {made.old} {made.new} | {pager}"
                print(f"beside it git diff | {pager} {first(['/bin/sh', '-c', pipe], FIRST_LINE) * 1000:.0f} ms")
        waited = in_app()
        print(f"in the app, key press to the first hunk {waited * 1000:.0f} ms (aim 120)")
        measured(place)


def in_app() -> float:
    """Seconds from the key in the list to the first hunk, once the app has settled; the median of seven."""
    took = []
    for _ in range(7):
        terminal = Terminal([AMPSM], columns=160, lines=50)
        terminal.until(b"Upgrade")
        terminal.drain(1.5)
        terminal.began = time.perf_counter()
        terminal.press("v")
        took.append(terminal.until(FIRST_LINE))
        terminal.end()
    return statistics.median(took)


def measured(place: Path) -> None:
    """The steps, the loop, the collector, memory, and rest."""
    file = place / "told.json"
    os.environ["AMPSM_BENCH_TOLD"] = str(file)
    terminal = Terminal([sys.executable, Path(__file__), "watched"], columns=160, lines=50)

    def told() -> dict[str, list[float]]:
        file.unlink(missing_ok=True)
        os.kill(terminal.pid, signal.SIGUSR1)
        while not file.exists():
            terminal.drain(QUIET)
        return dict(json.loads(file.read_text()))

    terminal.until(FIRST_LINE)
    terminal.drain(3.0)
    keys(terminal, lambda: told()["frames"])
    terminal.drain(2.0)
    written, began = 0, time.perf_counter()
    while time.perf_counter() - began < 5:
        written += len(terminal.read(0.5))
    end = told()
    print(f"  at rest for 5 s: {written} bytes (aim 0)")
    print(f"  loop lag p99 {part(end['lag'], 0.99):.1f} ms, most {part(end['lag'], 1):.1f} (aim 10); "
          f"collector {len(end['gc'])} times, most {part(end['gc'], 1):.1f} ms, "
          f"of it on the core {part(end['gc_cpu'], 1):.1f} ms (aim 5)")  # fmt: skip
    children = subprocess.run(["pgrep", "-P", str(terminal.pid)], capture_output=True, text=True, check=False)
    others = ", ".join(f"{memory(int(pid)):.0f}" for pid in children.stdout.split())
    print(f"  app {memory(terminal.pid):.0f} MB (aim 140), beside it {others} MB")
    terminal.end()


if __name__ == "__main__":
    main()
