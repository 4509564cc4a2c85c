"""A test that never ends is ended, and what it was about stands in the report: every thread, and every task of its loop."""

import asyncio
import faulthandler
import gc
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic  # a test may replace those of the module, which threads would meet as well

import pytest

LIMIT = 400.0
"""Seconds. The longest test takes forty; on a machine that does five other things, two hundred."""

_running: list[tuple[str, float]] = []
"""The test that runs now, and when it began."""


def folder(config: pytest.Config) -> Path:
    """Where the reports lie until they are shown."""
    return config.rootpath / ".pytest_cache" / "hangs"


def pytest_configure(config: pytest.Config) -> None:
    """Watch, in each process that runs tests."""
    threading.Thread(target=_watch, args=(folder(config),), name="hang-guard", daemon=True).start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note when a test begins; those of the soak may take their time."""
    if not item.get_closest_marker("soak"):
        _running[:] = [(item.nodeid, monotonic())]
    try:
        return (yield)
    finally:
        _running.clear()


def _watch(reports: Path) -> None:
    pause = threading.Event()
    while not pause.wait(1):
        for test, began in _running[:]:
            if monotonic() - began > LIMIT:
                _report(reports, test)
                os._exit(70)


def _report(reports: Path, test: str) -> None:
    reports.mkdir(parents=True, exist_ok=True)
    with (reports / f"{re.sub('[^a-z0-9_]+', '-', test.lower())[-120:]}.txt").open("w") as file:
        print(f"{test} did not end in {LIMIT:g} s", file=file)
        for task in [one for one in gc.get_objects() if isinstance(one, asyncio.Task) and not one.done()]:
            print(task, file=file)
            task.print_stack(file=file)
        file.flush()
        faulthandler.dump_traceback(file, all_threads=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what hung."""
    if hasattr(config, "workerinput"):
        return
    for path in sorted(folder(config).glob("*.txt")):
        terminalreporter.section(f"hang: {path.stem}")
        terminalreporter.write(path.read_text())
        path.unlink()
