"""Bytes on the line for what people do, in a pty of 160x50: as the app writes, without margins, and plain Textual.

The same of less, delta, tig and lazygit over the same diff where they are installed, and what a held key leaves behind
on a line of 20 kB a second.
"""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from harness import AMPSM, bench_home, quick, report
from ls import add_compared, fill
from terminal import Terminal

from ampsm_engine import demo
from ampsm_engine.engine import iterations
from ampsm_engine.engine import sessions as verbs
from ampsm_engine.engine.startup import open_engine

SESSION = "0123456789"
COLUMNS, LINES = 160, 50
STREAMED = 10.0
"""Seconds for which what amp says is listened to."""

SLOW = 20_000
"""Bytes a second of a slow line."""


MUSTS = {
    "step beside the list": 550,
    "step side by side": 800,
    "step unified, no list": 500,
    "page beside the list": 5_200,
    "page side by side": 8_200,
    "cursor in the list": 850,
    "help opens": 10_000,
    "help closes": 7_000,
    "start of the review": 14_000,
    "start of the list": 12_000,
    "stream, 2 events/s, a second": 3_000,
}
"""Bytes that each may write where the terminal has margins."""

PAGE, HIDE_LIST, SPLIT = "\x06", "p", "|"
"""Keys of the review: a page down, hide the list of files, side by side or not."""

UNFINISHED = re.compile(rb"(?:\r|\x1b\[\?69h[^\n]*)?\x1b(?:\[[0-9?]*\$?)?\Z")
"""A sequence that is cut where a piece of the line ends, perhaps a question; with what tells which one it is."""


class Answering(Terminal):
    """A terminal that answers: frames at once, where its cursor is, and whether it has margins."""

    def __init__(self, command: Sequence[str | Path], *, margins: bool) -> None:
        super().__init__(command, columns=COLUMNS, lines=LINES)
        self._margins = margins
        self._cut = b""
        """The beginning of a question whose end has not come yet."""

    def read(self, seconds: float) -> bytes:
        """What has come, after its questions were answered."""
        data = super().read(seconds)
        self.answer(data)
        return data

    def answer(self, data: bytes) -> None:
        """Answer the questions in what has come."""
        data, self._cut = self._cut + data, b""
        if cut := UNFINISHED.search(data):
            data, self._cut = data[: cut.start()], data[cut.start() :]
        if b"\x1b[?2026$p" in data:
            os.write(self.fd, b"\x1b[?2026;2$y")
        for at in range(data.count(b"\x1b[6n")):
            is_about_margins = not at and b"\x1b[?69h" in data and b"\r\x1b[6n" in data
            os.write(self.fd, b"\x1b[2;3R" if is_about_margins and self._margins else b"\x1b[2;1R")

    def step(self, key: str) -> int:
        """The bytes that a key costs."""
        self.press(key)
        return self.drain(0.15)


def changed(root: Path) -> tuple[str, str]:
    """A repository of 40 modules of Python's library, one of whose 25 lines each was changed; its two commits."""
    modules = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"), key=lambda one: one.name)
    chosen = [one for one in modules if 8_000 < one.stat().st_size < 60_000][:40]
    draw = random.Random(1)
    root.mkdir()
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "-q"], check=True)
    commits = []
    for message in ("Begin", "Upgrade everything"):
        for number, module in enumerate(chosen):
            lines = module.read_text(errors="replace").splitlines()
            if commits:
                lines = [line.replace("return", "yield") if draw.random() < 0.04 else line for line in lines]
                lines = [
                    part for line in lines for part in ([line, "    # changed"] if draw.random() < 0.03 else [line])
                ]
            path = root / ("lib", "tools", "web/app")[number % 3] / module.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines))
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", message], check=True)
        commits.append(
            subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        )
    return commits[0], commits[1]


def prepare(place: Path) -> tuple[Path, str, str]:
    """Twenty sessions, the first of which has a diff."""
    engine = open_engine()
    root = place / "repository"
    old, new = changed(root)
    add_compared(engine, SESSION, "Upgrade everything", root, (old, new))
    fill(engine, 19)
    return root, old, new


def median(sizes: list[int]) -> str:
    """Median, and the 95th percentile in brackets where there are several."""
    ordered = sorted(sizes)
    high = f" [{ordered[int(len(ordered) * 0.95)]:,}]" if len(ordered) > 1 else ""
    return f"{statistics.median_low(ordered):,}{high}"


def review(*, margins: bool) -> dict[str, list[int]]:
    """Bytes for each kind of step in the review."""
    steps, pages = quick(24, 60), quick(8, 15)
    terminal = Answering([AMPSM, "review", SESSION], margins=margins)
    told = {"start of the review": [terminal.drain(2.5)]}
    terminal.step("j" * LINES)  # from here on each step scrolls
    told["step beside the list"] = [terminal.step("j") for _ in range(steps)]
    told["page beside the list"] = [terminal.step(PAGE) for _ in range(pages)]
    terminal.step("g")
    terminal.step(HIDE_LIST)
    terminal.step("j" * LINES)
    told["step side by side"] = [terminal.step("j") for _ in range(steps)]
    told["page side by side"] = [terminal.step(PAGE) for _ in range(pages)]
    terminal.step(SPLIT)
    told["step unified, no list"] = [terminal.step("j") for _ in range(steps)]
    terminal.end()
    return told


def sessions(*, margins: bool) -> dict[str, list[int]]:
    """Bytes for each kind of step in the list."""
    terminal = Answering([AMPSM], margins=margins)
    told = {"start of the list": [terminal.drain(2.5)]}
    told["cursor in the list"] = [terminal.step(key) for key in "jjjjjjjjkkkkkkkk"]
    told["help opens"], told["help closes"] = [terminal.step("?")], [terminal.step(chr(27))]
    told["palette opens"], told["palette closes"] = [terminal.step(":")], [terminal.step(chr(27))]
    told["at rest, 10 s"] = [rest(terminal, quick(2, 10))]
    terminal.end()
    return told


def streaming(place: Path, *, margins: bool) -> dict[str, list[int]]:
    """Bytes a second in the screen of a session whose amp says or does something twice a second."""
    words = "the redirect is checked in `login.py`, and then in **two** others"
    speech = [{"say": f"Step {at}: {words}."} for at in range(3)]
    turn = [part for one in (*speech, {"shell": "seq 5"}) for part in (one, {"pause": 0.5})]
    before = [{"say": f"What I have seen so far, part {at}. " * 6} for at in range(12)]
    scenario = {"steps": [*before, {"repeat": 40, "steps": turn}, {"say": "Done."}]}
    os.environ |= {
        "AMPSM_SCENARIO": json.dumps(scenario),
        "AMP_CLI_PATH": str(demo.install(place)),
        "AMP_API_KEY": "sgamp_" + "user_01TEST_" + "0123456789abcdef" * 2,
    }
    engine = open_engine()
    session, _ = verbs.new(engine, path=place / "repository", prompt="Mend the login", name="Mend")
    terminal = Answering([AMPSM], margins=margins)
    rest(terminal, 3)
    for key in ("/", "Mend", "\r", "\r"):
        terminal.press(key)
        rest(terminal, 1)
    began, count = time.monotonic(), rest(terminal, STREAMED)
    told = {"stream, 2 events/s, a second": [round(count / (time.monotonic() - began))]}
    terminal.end()
    iterations.stop(engine, session.id)
    iterations.wait(engine, [session.id], timeout=60)
    return told


def rest(terminal: Terminal, seconds: float) -> int:
    """Bytes written within some seconds without a key or an event."""
    count, end = 0, time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        count += len(terminal.read(left))
    return count


def held(key: str, rate: float, keys: str = "", *, buffered: bool = False) -> tuple[float, int]:
    """Seconds from the last press of a key held for 3 s to the last byte on a slow line, and all bytes.

    `buffered`: behind a buffer that takes everything at once, as ssh's; the answers come when the bytes have passed.
    """
    terminal = Answering([AMPSM, "review", SESSION], margins=True)
    terminal.drain(2.5)
    for one in keys:
        terminal.step(one)
    began = last = released = time.monotonic()
    presses, count, passed, queue = 0, 0, 0.0, b""
    while True:
        now = time.monotonic()
        if now - began < 3 and now - began >= presses / rate:
            terminal.press(key)
            presses, released = presses + 1, now
        room = int((now - began) * SLOW - passed)
        if buffered:
            queue += Terminal.read(terminal, 0.002)
            data, queue = queue[: max(room, 0)], queue[max(room, 0) :]
        else:
            data = os.read(terminal.fd, room) if room > 0 and readable(terminal) else b""
        if data:
            terminal.answer(data)
            passed, count, last = passed + len(data), count + len(data), now
        elif not queue and now - last > 1.5 and now - began > 4.5:
            break
        if not data and not queue:
            passed = (now - began) * SLOW  # a line that is idle saves nothing up
        if now - released > 60:
            break
        time.sleep(0.002)
    terminal.end()
    return max(last - released, 0.0), count


def readable(terminal: Terminal) -> bool:
    """Whether there is something to read."""
    import select

    return bool(select.select([terminal.fd], [], [], 0)[0])


def others(root: Path, old: str, new: str) -> None:
    """A step and a page of other programs over the same diff."""
    git = f"git -C {root} diff --color=always {old} {new}"
    for name, command in (
        ("less -R", f"{git} | less -R"),
        ("delta", f"{git} | delta --paging=always"),
        ("tig", f"git -C {root} diff --color=never {old} {new} | tig"),
        ("lazygit", f"lazygit --path {root} log"),
    ):
        if not shutil.which(name.split()[0]):
            print(f"  {name}: not installed")
            continue
        terminal = Answering(["/bin/sh", "-c", command], margins=True)
        start = terminal.drain(1.5)
        page = {"tig": "\x06", "lazygit": "."}.get(name, " ")
        for key in "\r\r0" if name == "lazygit" else "":  # the files of the last commit, the first of them, its diff
            terminal.step(key)
        steps = median([terminal.step("j") for _ in range(quick(12, 60))])
        pages = median([terminal.step(page) for _ in range(quick(6, 15))])
        print(f"  {name}: start {start:,}, step {steps}, page {pages}")
        terminal.end()


def main() -> None:
    """Print a table of the bytes on the line."""
    with bench_home() as place:
        root, old, new = prepare(place)
        ways = {"auto, margins": (True, ""), "auto, none": (False, ""), "plain": (False, "plain")}
        columns: list[dict[str, list[int]]] = []
        for margins, renderer in list(ways.values())[: quick(2, 3)]:
            os.environ["AMPSM_RENDERER"] = renderer
            told = review(margins=margins) | sessions(margins=margins)
            columns.append(told | (streaming(place, margins=margins) if margins or quick(0, 1) else {}))
        print(f"  {'':28}" + "".join(f"{name:>22}" for name in list(ways)[: len(columns)]))
        for name in columns[0]:
            print(f"  {name:28}" + "".join(f"{median(column.get(name, [0])):>22}" for column in columns))
        for name, must in MUSTS.items():
            report(name, statistics.median_low(columns[0][name]), must, "bytes")
        report(
            "step beside the list, no margins",
            statistics.median_low(columns[1]["step beside the list"]),
            1_900,
            "bytes",
        )
        os.environ["AMPSM_RENDERER"] = ""
        others(root, old, new)
        for name, key, rate, keys, buffered, must in (
            ("j 30 Hz beside the list", "j", 30, "", False, 0.3),
            ("j 30 Hz side by side", "j", 30, HIDE_LIST, False, 0.3),
            ("pages, 10 Hz beside the list, behind a buffer", PAGE, 10, "", True, 1.5),
        ):
            settled, count = held(key, rate, keys, buffered=buffered)
            report(f"held 3 s on 20 kB/s: {name}, settled", settled, must, "s")
            print(f"  held on 20 kB/s, {name}: settled {settled:.2f} s after release, {count:,} bytes")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
