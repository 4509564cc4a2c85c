"""Edits by hand are reported, burst by burst, with whose they are, on every system; ignored folders are nobody's."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ampsm_tui import folder_watch
from tests.waiting import becomes


@pytest.fixture(params=[folder_watch.LinuxEvents, folder_watch.WatchFiles], autouse=True)
def events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_watch, "folder_events", request.param)
    monkeypatch.setattr(folder_watch, "GROWING", 0)


class Watched:
    """What was reported of folders, and which sessions' folders were asked for."""

    def __init__(self, folders: Mapping[str, Sequence[str]]) -> None:
        self.folders = folders
        self.reported: list[str] = []
        self.listed: list[list[str]] = []
        self.ready: list[set[str]] = []

    async def list_folders(self, session_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        self.listed.append(list(session_ids))
        return {one: self.folders[one] for one in session_ids}

    async def run(self) -> None:
        await folder_watch.watch_folders(
            self.folders, self.list_folders, lambda ids: self.reported.extend(sorted(ids)), self.ready.append
        )


@asynccontextmanager
async def watched(folders: Mapping[str, Sequence[str]]) -> AsyncIterator[Watched]:
    made = Watched(folders)
    task = asyncio.ensure_future(made.run())
    await becomes(lambda: made.ready, "a watch that listens")
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})


async def reported(made: Watched, write: Callable[[], object]) -> set[str]:
    """Whose changes are reported when something is written; a watcher may begin to listen later than it says."""
    del made.reported[:]
    for _ in range(500):
        write()
        try:
            async with asyncio.timeout(0.1):
                await becomes(lambda: made.reported, "a report")
            break
        except TimeoutError:
            continue
    return set(made.reported)


async def test_an_edit_is_reported_with_its_session(tmp_path: Path) -> None:
    for name in ("a/src", "b"):
        (tmp_path / name).mkdir(parents=True)
    folders = {"A": [str(tmp_path / "a"), str(tmp_path / "a/src")], "B": [str(tmp_path / "b")]}
    count = iter(range(1000))
    async with watched(folders) as made:
        assert await reported(made, lambda: (tmp_path / "a/src/x.py").write_text(str(next(count)))) == {"A"}
        assert made.listed == [["A", "B"]]


async def test_a_new_folder_is_watched_too_and_no_other_session_is_looked_at_for_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    folders = {"A": [str(tmp_path / "a")], "B": [str(tmp_path / "b")]}
    count = iter(range(1000))

    def make_folder() -> None:
        (tmp_path / f"a/made{next(count)}").mkdir()

    async with watched(folders) as made:
        made.folders = {**folders, "A": [str(tmp_path / "a"), str(tmp_path / "a/new")]}
        await reported(made, make_folder)
        (tmp_path / "a/new").mkdir()
        await becomes(lambda: made.ready[1:], "the session is listed again")
        assert set(map(tuple, made.listed[1:])) == {("A",)}
        assert await reported(made, lambda: (tmp_path / "a/new/x").write_text(str(next(count)))) == {"A"}


async def test_where_nothing_can_be_watched_it_ends() -> None:
    for folders in ({"A": []}, {}):
        await Watched(folders).run()


def test_each_session_has_its_part_of_the_watches() -> None:
    watch = folder_watch._FolderWatch(lambda _: None)
    taken = watch.take({"A": [f"/a/{number}" for number in range(9000)], "B": ["/b"]}, 3000)
    assert len(taken) == 3001
    assert watch.owners["/b"] == {"B"}


async def test_a_name_that_is_no_text_is_reported_as_well(tmp_path: Path) -> None:
    count = iter(range(1000))
    odd = os.fsencode(tmp_path) + b"/odd\xff"

    def write() -> None:
        with open(odd, "w") as file:  # noqa: PTH123 - a name in bytes
            file.write(str(next(count)))

    async with watched({"A": [str(tmp_path)]}) as made:
        assert await reported(made, write) == {"A"}


async def test_changes_that_the_system_lost_are_everybodys(tmp_path: Path) -> None:
    reports: list[set[str]] = []
    watch = folder_watch._FolderWatch(reports.append)
    watch.take({"A": ["/a"], "B": ["/b"]}, 10)
    watch.hear([folder_watch.FolderChange("/a", "index.lock", is_new_folder=False)])
    assert reports == [], "what git locks for a moment is nothing"
    watch.hear([folder_watch.FolderChange("", "", is_new_folder=False)])
    assert reports == [{"A", "B"}]
