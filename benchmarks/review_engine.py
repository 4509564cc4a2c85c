"""The diff process on a real diff of more than 100,000 lines: how soon things come, and what it costs the screens."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from big_diff import BigDiff, big_diff, git
from harness import bench_home

from ampsm_engine.differ.protocol import ChangedWords, Colours, DiffRequest, Side
from ampsm_tui.differ.arriving_diff import ArrivingDiff
from ampsm_tui.differ.client import Differ, Transport

T = TypeVar("T")

COLOURED = 400
"""Files whose colours are asked for, one after the other as a reader would."""

pieces: list[float] = []
"""Seconds that the screens' end worked, callback by callback."""


def main() -> None:
    """Print each figure beside its aim."""
    _watch_pieces()
    with bench_home() as place:
        made = big_diff(place)
        print(f"the diff: {made.count()}")
        yardstick = statistics.median(_timed(lambda: _git_diff(made)) for _ in range(3))
        asyncio.run(_measured(made, yardstick))


async def _measured(made: BigDiff, yardstick: float) -> None:
    """One cold process: open, index, colours, words, memory, a live worktree."""
    began = time.perf_counter()
    differ = Differ.start()
    request = DiffRequest(str(made.repository), str(made.repository), made.old, made.new)
    review = await differ.open(request)
    opened = time.perf_counter() - began
    review.focus(0, (1, 2))
    await review.patched(0)
    first = time.perf_counter() - began
    await review.completed()
    indexed = time.perf_counter() - began
    ratio = f"`git diff` takes {yardstick * 1000:.0f} ms, ratio {indexed / yardstick:.2f}"
    print(
        f"from nothing: list {opened * 1000:.0f} ms, first patch {first * 1000:.0f} ms, all {indexed:.2f} s ({ratio}), "
        f"at most {_memory(differ.pid, 'VmHWM')} MB"
    )
    seconds, again = await _for(differ.open(request))
    whole, _ = await _for(again.completed())
    print(f"in a running process: list {seconds * 1000:.0f} ms, all {seconds + whole:.2f} s (aim 0.8)")
    again.close()
    await _colours(review)
    await _words(review)
    print(f"the process: at most {_memory(differ.pid, 'VmHWM')} MB (aim 60), ", end="")
    await asyncio.sleep(2.5)
    print(f"at rest {_memory(differ.pid, 'VmRSS')} MB")
    pieces.sort()
    print(
        f"the screens' end: {len(pieces)} callbacks, median {statistics.median(pieces) * 1000:.2f} ms, "
        f"99 of 100 {pieces[len(pieces) * 99 // 100] * 1000:.2f} ms, longest {pieces[-1] * 1000:.1f} ms (aim 5)"
    )
    await _live(differ, made)
    differ.close()


async def _arrived(review: ArrivingDiff, fact: Callable[[], T | None]) -> T:
    """The value of a condition once it holds, looked at whenever something has arrived."""
    has_come = asyncio.Event()
    review.listen(lambda _: has_come.set())
    while (found := fact()) is None:
        await has_come.wait()
        has_come.clear()
    return found


async def _colours_of(review: ArrivingDiff, index: int, side: Side) -> Colours:
    review.focus(index, worded=False)
    return await _arrived(review, lambda: ((c := review.colours(index, side)) and c.complete and c) or None)


async def _words_of(review: ArrivingDiff, index: int) -> ChangedWords:
    review.focus(index, coloured=False)
    return await _arrived(review, lambda: review.words(index))


async def _colours(review: ArrivingDiff) -> None:
    times = []
    for entry in review.files[:: max(1, len(review.files) // COLOURED)]:
        for side in ("new", "old"):
            if entry.merged_into < 0 and entry.oid(side) and review.colours(entry.index, side) is None:
                seconds, colours = await _for(_colours_of(review, entry.index, side))
                if 0 < colours.lines <= 2_000:
                    times.append(seconds)
    times.sort()
    print(
        f"colours of {len(times)} blobs of up to 2,000 lines: median {statistics.median(times) * 1000:.1f} ms, "
        f"95 of 100 {times[len(times) * 95 // 100] * 1000:.0f} ms (aim 100), longest {times[-1] * 1000:.0f} ms"
    )


async def _words(review: ArrivingDiff) -> None:
    times = []
    for entry in review.files:
        if entry.merged_into < 0 and review.words(entry.index) is None:
            times += [(await _for(_words_of(review, entry.index)))[0]]
    times.sort()
    late = times[-len(times) // 20]
    print(f"words of a file: median {statistics.median(times) * 1000:.1f} ms, 95 of 100 {late * 1000:.1f} ms")


async def _live(differ: Differ, made: BigDiff) -> None:
    """The worktree at the newer commit with a few changes, looked at twice."""
    git(made.repository, "worktree", "add", "-q", "--detach", "live", made.new)
    worktree = made.repository / "live"
    files = [path for path in git(worktree, "ls-files").splitlines() if path.endswith(".py")]
    seconds, review = await _for(differ.open(DiffRequest(str(worktree), str(made.repository), made.new, None)))
    again = []
    for path in files[:5]:
        with (worktree / path).open("a") as file:
            file.write("changed = True\n")
        passed, newer = await _for(review.refresh())
        again.append(passed)
        review, old = newer or review, review
        old.close()
    same, _ = await _for(review.refresh())
    status = statistics.median(_timed(lambda: git(worktree, "status", "--porcelain")) for _ in range(3))
    print(
        f"a live worktree of {git(worktree, 'ls-files').count(chr(10))} files: {seconds * 1000:.0f} ms at first, ",
        end="",
    )
    print(f"after a change {statistics.median(again) * 1000:.0f} ms, without one {same * 1000:.0f} ms", end="")
    print(f" (`git status`: {status * 1000:.0f} ms)")


async def _for(awaitable: Awaitable[T]) -> tuple[float, T]:
    began = time.perf_counter()
    answer = await awaitable
    return time.perf_counter() - began, answer


def _timed(action: object) -> float:
    began = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - began


def _git_diff(made: BigDiff) -> None:
    command = ["git", "diff", "-M", "-C", made.old, made.new]
    subprocess.run(command, cwd=made.repository, check=True, stdout=subprocess.DEVNULL)


def _memory(pid: int, name: str) -> int:
    """Megabytes of resident memory, now or at its height; where there is no /proc, none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(name)), 0)


def _watch_pieces() -> None:
    """Measure every callback of the transport."""
    reading = Transport._read  # noqa: SLF001

    def measured(transport: Transport, *callbacks: object) -> None:
        began = time.perf_counter()
        reading(transport, *callbacks)  # type: ignore[arg-type]
        pieces.append(time.perf_counter() - began)

    Transport._read = measured  # type: ignore[method-assign, assignment]  # noqa: SLF001


if __name__ == "__main__":
    main()
