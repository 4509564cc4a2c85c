"""Edits by hand are told, burst by burst, with whose they are; ignored folders are nobody's."""

import asyncio
import os
from pathlib import Path

from ampsm_tui import folder_watch


async def told(folders: dict[str, list[str]], write) -> tuple[set[str], bool | None]:
    """What is told when something is written, and how the watch ended if it did."""
    seen: set[str] = set()
    heard = asyncio.Event()

    def tell(ids: set[str]) -> None:
        seen.update(ids)
        heard.set()

    task = asyncio.ensure_future(folder_watch.watch_folders(folders, tell))
    for _ in range(500):  # until the watcher listens
        write()
        try:
            await asyncio.wait_for(heard.wait(), 0.1)
            break
        except TimeoutError:
            continue
    done, _ = await asyncio.wait({task}, timeout=0.5)
    if done:
        return seen, task.result()
    task.cancel()
    await asyncio.wait({task})
    return seen, None


async def test_an_edit_is_told_with_its_session(tmp_path: Path) -> None:
    for name in ("a/src", "b"):
        (tmp_path / name).mkdir(parents=True)
    folders = {"A": [str(tmp_path / "a"), str(tmp_path / "a/src")], "B": [str(tmp_path / "b")]}
    count = iter(range(1000))
    assert await told(folders, lambda: (tmp_path / "a/src/x.py").write_text(str(next(count)))) == ({"A"}, None)


async def test_a_new_folder_ends_the_watch_so_that_it_is_watched_too(tmp_path: Path) -> None:
    count = iter(range(1000))

    def write() -> None:
        (tmp_path / f"new{next(count)}").mkdir()

    seen, ended = await told({"A": [str(tmp_path)]}, write)
    assert (seen, ended) == ({"A"}, True)


async def test_what_git_locks_for_a_moment_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    count = iter(range(1000))

    def write() -> None:
        (tmp_path / "a" / "index.lock").write_text(str(next(count)))
        (tmp_path / "b" / "x").write_text(str(next(count)))

    assert (await told({"A": [str(tmp_path / "a")], "B": [str(tmp_path / "b")]}, write))[0] == {"B"}


async def test_where_nothing_can_be_watched_it_ends() -> None:
    assert await folder_watch.watch_folders({"A": ["/nowhere/at/all"]}, lambda _: None) is False
    assert await folder_watch.watch_folders({}, lambda _: None) is False


def test_each_session_has_its_part_of_the_watches() -> None:
    owners = folder_watch._owners({"A": [f"/a/{n}" for n in range(9000)], "B": ["/b"]})
    assert owners["/b"] == {"B"}
    assert len(owners) == folder_watch.MOST // 2 + 1


async def test_a_name_that_is_no_text_is_told_as_well(tmp_path: Path) -> None:
    count = iter(range(1000))
    odd = os.fsencode(tmp_path) + b"/odd\xff"

    def write() -> None:
        with open(odd, "w") as file:  # noqa: PTH123 - a name in bytes
            file.write(str(next(count)))

    assert await told({"A": [str(tmp_path)]}, write) == ({"A"}, None)
