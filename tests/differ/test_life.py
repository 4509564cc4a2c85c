"""The diff process as it lives and dies: what runs beside it ends, what it wrote goes, what it owes is made again."""

import asyncio
import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
import pytest

from ampsm_engine.differ import job_queue, server
from ampsm_engine.differ.protocol import FileEntry, Frames, frame
from ampsm_engine.errors import Failed
from ampsm_tui.differ import client
from ampsm_tui.differ.client import Differ
from tests.differ.oracle import colours_of, request, whole
from tests.git.sandboxes import Sandbox
from tests.waiting import becomes, until

if TYPE_CHECKING:
    from ampsm_tui.differ.arriving_diff import Event


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def folders(place: Path) -> list[Path]:
    return list(place.glob("ampsm-*"))


def hanging_filter(sandbox: Sandbox) -> None:
    """What an agent could do: every file goes through a program that never ends."""
    sandbox.git("config", "filter.slow.clean", "sleep 1000 #")
    sandbox.write({".gitattributes": "*.slow filter=slow\n", "a.slow": "x\n"})


def filters(pid: int) -> bool:
    """Whether the filter runs below a process; what ends while it is looked at is none."""
    for process in below(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "sleep":
                return True
    return False


async def beside(differ: Differ) -> list[psutil.Process]:
    """What runs below the process, once the filter does."""
    await becomes(lambda: filters(differ.pid), "the filter")
    return below(differ.pid)


async def test_a_process_is_not_given_up_for_what_it_was_asked_before_it_had_come_up(
    differ: Differ, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a start takes longer than a review may take to be let go of."""
    old = sandbox.git("rev-parse", "HEAD")
    new = sandbox.commit({"f.py": "x = 1\n"})
    shown, *left = [await differ.open(request(sandbox, old, new)) for _ in range(client.RESTARTS + 2)]
    monkeypatch.setattr(client, "PATIENCE", 0)
    first = differ.pid
    for one in left:
        one.close()
        for _ in range(3):
            await asyncio.sleep(0)
    assert differ.pid != first
    await shown.completed()
    assert (await shown.patched(0)).data


async def test_a_process_that_is_killed_is_started_again_with_its_reviews(differ: Differ, sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD")
    new = sandbox.commit({f"f{n}.py": f"x = {n}\n" for n in range(50)})
    review = await whole(differ, sandbox, old, new)
    first = differ.pid
    events: list[Event] = []
    review.listen(events.append)
    os.kill(first, signal.SIGKILL)
    colours = await colours_of(review, 3, "new")
    assert colours.lines == 1
    assert differ.pid != first
    await review.completed()
    assert next(event.kind for event in events) == "lost"
    assert review.patch(49).additions == 1
    assert (await review.text(1, "new")).total == 1


async def test_a_live_review_outlives_the_process_with_its_tree(differ: Differ, sandbox: Sandbox) -> None:
    sandbox.write({"new.txt": "as it was\n"})
    review = await whole(differ, sandbox, "HEAD", None)
    tree = review.new_tree
    sandbox.write({"new.txt": "as it is\n"})
    os.kill(differ.pid, signal.SIGKILL)
    assert (await review.text(0, "new")).lines == (b"as it was",)
    assert review.new_tree == tree


async def test_a_process_that_dies_again_and_again_is_given_up(
    differ: Differ, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = await whole(differ, sandbox, "", "HEAD")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    os.kill(differ.pid, signal.SIGKILL)
    with pytest.raises(Failed):
        await review.text(0, "new")
    with pytest.raises(Failed):
        await differ.open(request(sandbox, "", "HEAD"))


async def test_a_process_that_is_stuck_is_ended(
    differ: Differ, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = await whole(differ, sandbox, "", "HEAD")
    monkeypatch.setattr(client, "PULSE", 0.05)
    first = differ.pid
    os.kill(first, signal.SIGSTOP)
    assert (await review.text(0, "new")).total == 1
    assert differ.pid != first
    assert not psutil.pid_exists(first)


async def test_cancelling_what_hangs_leaves_nothing_running(differ: Differ, sandbox: Sandbox) -> None:
    hanging_filter(sandbox)
    opening = asyncio.ensure_future(differ.open(request(sandbox, "HEAD", None)))
    running = await beside(differ)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await becomes(lambda: not any(map(runs, running)))
    review = await whole(differ, sandbox, "", "HEAD")
    assert len(review.files) == 3


async def test_closing_ends_what_runs_beside(sandbox: Sandbox, own_temporary_folder: Path) -> None:
    hanging_filter(sandbox)
    differ = Differ.start()
    opening = asyncio.ensure_future(differ.open(request(sandbox, "HEAD", None)))
    running = await beside(differ)
    differ.close()
    with pytest.raises(Failed):
        await opening
    until(lambda: not any(map(runs, running)))
    until(lambda: not folders(own_temporary_folder))


@pytest.mark.parametrize("hangs", [False, True])
def test_nothing_outlives_an_app_that_is_killed(sandbox: Sandbox, own_temporary_folder: Path, *, hangs: bool) -> None:
    sandbox.write({"new.txt": "x\n"})
    if hangs:
        hanging_filter(sandbox)
    code = (
        "import asyncio, sys\n"
        "from ampsm_tui.differ.client import Differ\n"
        "from ampsm_engine.differ.protocol import DiffRequest\n"
        "differ = Differ.start()\n"
        "print(differ.pid, flush=True)\n"
        "async def main():\n"
        f"    await differ.open(DiffRequest({str(sandbox.root)!r}, {str(sandbox.root)!r}, 'HEAD', None))\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    app = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    pid = int(app.stdout.readline())
    if hangs:
        until(lambda: filters(pid))
    else:
        assert app.stdout.readline() == "open\n"
        assert folders(own_temporary_folder)
    running = [psutil.Process(pid), *below(pid)]
    app.kill()
    app.wait()
    app.stdout.close()
    until(lambda: not any(map(runs, running)))
    until(lambda: not folders(own_temporary_folder))


async def test_what_a_killed_process_left_is_swept_by_the_next(sandbox: Sandbox, own_temporary_folder: Path) -> None:
    sandbox.write({"new.txt": "x\n"})
    differ = Differ.start()
    await whole(differ, sandbox, "HEAD", None)
    (left,) = folders(own_temporary_folder)
    assert left.stat().st_mode & 0o077 == 0
    differ._is_closed = True  # so that it is not started again
    os.kill(differ.pid, signal.SIGKILL)
    differ._transport.end()
    assert left.exists()
    other, third = Differ.start(), Differ.start()
    for one in (other, third):
        await one.open(request(sandbox, "HEAD", None))
    assert not left.exists()
    assert len(folders(own_temporary_folder)) == 2
    other.close()
    third.close()
    assert not folders(own_temporary_folder)


def test_what_asks_for_reviews_that_are_gone_is_harmless() -> None:
    messages: list[list[object]] = [
        ["focus", 99, 0, [0], [[0, "new"]], [0]],
        ["text", 1, 99, 0, "new", 0, 5],
        ["close", 99],
        ["close", 7],
    ]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "ampsm_engine.differ.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    output, _ = process.communicate(b"".join(map(frame, messages)), timeout=30)
    assert ["closed", 7] in [head for head, _ in Frames().feed(output)]
    assert process.returncode == 0


def test_what_is_no_message_ends_the_process_quietly() -> None:
    for garbage in (
        b"\xff" * 100,
        b"\4\0\0\0\0\0\0\0{]]]",
        frame(["open", 1, 2, 3, 4, 5, 6]),
        frame({"a": 1}),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ampsm_engine.differ.server"],
            input=garbage,
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.stdout == b""


def test_the_screens_end_computes_nothing() -> None:
    code = (
        "import sys, ampsm_tui.differ.client\n"
        "print([name for name in ('pygit2', 'pygments', 'ampsm_engine.git', 'textual') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_lexer_that_goes_astray_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    monkeypatch.setattr(job_queue, "JOB_LIMIT", 0.2)
    before = signal.signal(signal.SIGPROF, server._time_out)
    try:
        entry = FileEntry(0, "a.py", None, "added", 0, 0o100644, "", "1" * 40)
        comparison = SimpleNamespace(number=1, entries=[entry], colours=[(0, "new")], words=[])
        made = job_queue.JobQueue({1: comparison}, lambda header, *_: said.append(header))

        def astray(*_: object) -> Iterator[None]:
            yield re.compile(r"(a+)+$").match("a" * 60 + "b")

        monkeypatch.setattr(made, "_colours", astray)
        assert made.work(time.monotonic() + 0.01)
        assert not made.work(time.monotonic() + 0.01), "it is not tried again"
    finally:
        signal.signal(signal.SIGPROF, before)
    assert said == [["colours", 0, "1" * 40, "python", 0, 0, True]]


def test_a_busy_machine_costs_no_file_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    hours = itertools.count()
    passing = SimpleNamespace(monotonic=lambda: next(hours) * 3600.0, process_time=time.process_time)
    monkeypatch.setattr(job_queue, "time", passing)
    entry = FileEntry(0, "a.py", None, "added", 0, 0o100644, "", "1" * 40)
    comparison = SimpleNamespace(number=1, entries=[entry], colours=[(0, "new")], words=[])
    made = job_queue.JobQueue({1: comparison}, lambda header, *_: said.append(header))

    def in_pieces(*_: object) -> Iterator[None]:
        yield None
        yield None
        said.append("coloured")

    monkeypatch.setattr(made, "_colours", in_pieces)
    while made.work(0.0):
        pass
    assert said == ["coloured"]


async def test_a_review_that_is_closed_in_the_middle_makes_room_at_once(differ: Differ, sandbox: Sandbox) -> None:
    lines = [f"{number} {number * 7919 % 104729}\n" for number in range(300_000)]
    old = sandbox.commit({"a.txt": "".join(lines)})
    new = sandbox.commit({"a.txt": "".join(reversed(lines))})
    slow = await differ.open(request(sandbox, old, new))
    slow.focus(0)
    slow.close()
    other = await whole(differ, sandbox, "", "HEAD")
    assert other.is_complete
    with pytest.raises(asyncio.CancelledError):
        await slow.patched(0)


async def test_a_job_that_was_the_end_of_a_process_is_not_begun_again(differ: Differ, sandbox: Sandbox) -> None:
    lines = [f"{number} {number * 7919 % 104729}\n" for number in range(400_000)]
    old = sandbox.commit({"a.txt": "".join(lines)})
    new = sandbox.commit({"a.txt": "".join(reversed(lines))})
    review = await differ.open(request(sandbox, old, new))
    await becomes(lambda: bool(differ._doing))
    os.kill(differ.pid, signal.SIGKILL)
    assert "took too long" in (await review.patched(0)).note


async def test_closing_a_review_cancels_who_waits_for_some_of_it(differ: Differ, sandbox: Sandbox) -> None:
    """Nothing more will come, and nobody is to complain: who closed it wants something else by now."""
    old = sandbox.commit({"a.py": "one\n"})
    review = await differ.open(request(sandbox, old, sandbox.commit({"a.py": "two\n"})))
    waiting = [asyncio.create_task(one) for one in (review.text(0, "new"), review.completed())]
    asyncio.get_running_loop().call_soon(review.close)  # behind their questions, before any answer
    waiting.append(asyncio.create_task(review.text(0, "old")))
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [asyncio.CancelledError] * 3
