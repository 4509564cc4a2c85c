"""The driver's own time: what Textual writes in a review and a list is recorded, and brought to a terminal again.

Of each frame the quickest of several replays counts: the rest is what else the machine did.
"""

import os
import statistics
import sys
import time
from pathlib import Path

from harness import AMPSM, bench_home, quick, report
from wire import LINES, SESSION, Answering, prepare

from ampsm_tui.driver.capabilities import Capabilities
from ampsm_tui.driver.renderer import Renderer, is_frame

REPLAYS = 7
COLUMNS = 160


def recorded(command: list[str | Path], keys: str) -> tuple[list[str], list[str]]:
    """The frames that Textual writes at the start of a program, and those of the keys."""
    terminal = Answering(command, margins=False)

    def frames(quiet: float = quick(1, 3) / 10, patience: float = 2.0) -> list[str]:
        said, wait = b"", max(quiet, patience)  # on a busy machine the first byte is long in coming
        while data := terminal.read(wait):
            said, wait = said + data, quiet
        pieces = said.decode(errors="replace").replace("\x1b[?2026h", "\x1b[?2026l").split("\x1b[?2026l")
        return [piece for piece in pieces if is_frame(piece)]

    start, steps = frames(2.5, 20), []
    for key in keys:
        terminal.press(key)
        steps += frames()
    terminal.end()
    return start, steps


def replayed(start: list[str], steps: list[str]) -> tuple[list[float], float]:
    """Seconds of the driver for each frame of the steps, and for a whole picture at the end."""
    best: list[float] = [float("inf")] * len(steps)
    whole = float("inf")
    for _ in range(REPLAYS):
        renderer = Renderer(COLUMNS, LINES, Capabilities(has_margins=True, synchronizes=True))
        for frame in start:
            renderer.take(frame)
        renderer.frame()
        for at, frame in enumerate(steps):
            began = time.perf_counter()
            renderer.take(frame)
            renderer.frame()
            best[at] = min(best[at], time.perf_counter() - began)
        renderer.forget()
        began = time.perf_counter()
        renderer.frame()
        whole = min(whole, time.perf_counter() - began)
    return best, whole


def main() -> None:
    """Print a row for each screen."""
    with bench_home() as place:
        prepare(place)
        os.environ["AMPSM_RENDERER"] = "plain"
        for name, command, keys in (
            ("steps beside the list of files", [AMPSM, "review", SESSION], "j" * (LINES + quick(12, 60))),
            ("pages beside it", [AMPSM, "review", SESSION], "\x06" * quick(6, 20)),
            ("cursor in the list of sessions", [AMPSM], "jjjjjjjjkkkkkkkk"),
            ("dialogs over it", [AMPSM], "?\x1b" * 4),
        ):
            best, whole = replayed(*recorded(command, keys))
            ordered = sorted(best)
            must = 0.5 if "j" in keys else 12
            report(f"driver's own time, {name}: median", statistics.median(best) * 1000, must, "ms")
            if name.startswith("steps"):
                report(f"driver's own time, {name}: p95", ordered[int(len(ordered) * 0.95)] * 1000, 3, "ms")
            report(f"driver's own time, {name}: whole picture", whole * 1000, 12, "ms")
            print(
                f"driver, {name:31} {len(best):3} frames: median {statistics.median(best) * 1000:5.2f} ms (must 0.5), "
                f"p95 {ordered[int(len(ordered) * 0.95)] * 1000:5.2f} (step: must 3), "
                f"whole picture {whole * 1000:5.2f} (must 12)"
            )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
