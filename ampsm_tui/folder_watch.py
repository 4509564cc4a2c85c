"""Changes by hand: which sessions' folders were written to, reported as soon as that has come to a rest.

Linux reports them (inotify), without polling. Elsewhere watchfiles does, which is known here and
nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ampsm_engine import inotify

SETTLING = 0.02
"""Seconds from the first change of a burst until it is reported: a file is made, written and closed by then."""

APART = 0.1
"""Seconds between two reports at least, where something is written all the time."""

GROWING = 0.4
"""Seconds in which further new folders join the first before all are watched."""

PORTION = 300
"""Folders that are taken at once: taking them holds the screen."""

ListFolders = Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[str]]]]
"""Answers the folders of sessions, by their ids."""


class FolderChange(NamedTuple):
    """Something has changed in a folder (empty: anywhere); `name` is empty where it was the folder itself."""

    folder: str
    name: str
    is_new_folder: bool


class FolderEvents(Protocol):
    """Reports changes in the folders that were added."""

    most: int
    """Folders at most; each session has an equal part."""

    async def add(self, folders: Sequence[str]) -> None:
        """Watch these folders, too; those that are not there are left out."""

    def close(self) -> None:
        """End the watch and report no further change."""


Heard = Callable[[Sequence[FolderChange]], None]


async def watch_folders(
    session_ids: Iterable[str],
    list_folders: ListFolders,
    report: Callable[[set[str]], None],
    ready: Callable[[set[str]], None],
) -> None:
    """Report the ids of sessions whose folders were written to, burst by burst, until cancelled.

    A session that gets a new folder is listed again. `ready` takes those of which from now on all is heard: what was
    written into them before may have been missed. Ends where there is nothing to watch.
    """
    wanted = sorted(session_ids)
    watch = _FolderWatch(report)
    try:
        events = folder_events(watch.hear)
    except OSError:  # the system has none left
        return
    part = events.most // max(1, len(wanted))
    try:
        while wanted:
            folders = await list_folders(wanted)
            await events.add(watch.take(folders, part))
            ready(set(folders))
            wanted = await watch.grown() if watch.owners else []
    finally:
        events.close()


class _FolderWatch:
    """Knows which sessions each watched folder belongs to, and which sessions have got new folders."""

    def __init__(self, report: Callable[[set[str]], None]) -> None:
        self.owners: dict[str, set[str]] = {}
        self._report = report
        self._grown: set[str] = set()
        self._has_grown = asyncio.Event()

    def take(self, folders: Mapping[str, Sequence[str]], part: int) -> list[str]:
        """The folders to watch of sessions, of each at most `part`."""
        for session_id, paths in folders.items():
            for path in paths[:part]:
                self.owners.setdefault(path, set()).add(session_id)
        return [path for path, ids in self.owners.items() if not ids.isdisjoint(folders)]

    def hear(self, changes: Sequence[FolderChange]) -> None:
        """Report whose folders have changed."""
        touched: set[str] = set()
        for folder, name, is_new_folder in changes:
            if name.endswith(".lock"):
                continue
            found = self.owners.get(folder, set()) | self.owners.get(f"{folder}/{name}", set())
            touched |= found if folder else set().union(*self.owners.values())
            if is_new_folder:
                self._grown |= found
        if self._grown:
            self._has_grown.set()
        if touched:
            self._report(touched)

    async def grown(self) -> list[str]:
        """The sessions that have got new folders, as soon as there are any."""
        await self._has_grown.wait()
        await asyncio.sleep(GROWING)
        grown, self._grown = sorted(self._grown), set()
        self._has_grown.clear()
        return grown


def folder_events(hear: Heard) -> FolderEvents:
    """A watch of folders as this system has it; OSError where the system gives none."""
    return LinuxEvents(hear) if inotify.is_reliable() else WatchFiles(hear)


class LinuxEvents:
    """Changes in folders as Linux reports them, by inotify."""

    _LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")

    def __init__(self, hear: Heard) -> None:
        # Each takes a kilobyte of the system, and the half is for other programs of the user.
        self.most = min(20_000, int(self._LIMIT.read_text()) // 2)
        self._events = inotify.Inotify()
        self._hear = hear
        self._folders: dict[int, str] = {}
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0.0
        self._loop.add_reader(self._events, self._wait)

    async def add(self, folders: Sequence[str]) -> None:
        """Watch these folders besides those that are watched already."""
        for start in range(0, len(folders), PORTION):
            for folder in folders[start : start + PORTION]:
                number = self._events.add(folder)
                if number >= 0:
                    self._folders[number] = folder
            await asyncio.sleep(0)

    def close(self) -> None:
        """End the watch and report no further change."""
        self._loop.remove_reader(self._events)
        if self._timer is not None:
            self._timer.cancel()
        self._events.close()

    def _wait(self) -> None:
        self._loop.remove_reader(self._events)
        now = self._loop.time()
        self._timer = self._loop.call_at(max(now + SETTLING, self._told + APART), self._report)

    def _report(self) -> None:
        changes = list(self._read())
        self._told = self._loop.time()
        self._loop.add_reader(self._events, self._wait)
        self._hear(changes)

    def _read(self) -> Iterator[FolderChange]:
        for number, name, is_new_folder, is_end in self._events.read():
            if is_end:  # it has gone, and that was told
                self._folders.pop(number, None)
            elif number < 0 or number in self._folders:
                yield FolderChange(self._folders.get(number, ""), name, is_new_folder)


class WatchFiles:
    """The events of other systems, by watchers that look again and again."""

    most = 6_000
    _PORTION = 1_000
    """Folders of one watcher; beginning with them holds the screen for some 10 ms."""
    _LOOKING, _BURST = 50, 200
    """Milliseconds between two looks, of quiet after which it reports, and after which it reports without any."""

    def __init__(self, hear: Heard) -> None:
        self._hear = hear
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """The listener of each folder."""

    async def add(self, folders: Sequence[str]) -> None:
        """Watch these folders besides those that are watched already."""
        new = [folder for folder in folders if folder not in self._tasks and Path(folder).is_dir()]
        for start in range(0, len(new), self._PORTION):
            portion = new[start : start + self._PORTION]
            self._tasks |= dict.fromkeys(portion, asyncio.create_task(self._listen_on(portion)))
            await asyncio.sleep(self._LOOKING / 1000)

    def close(self) -> None:
        """End the watch and report no further change."""
        for task in set(self._tasks.values()):
            task.cancel()

    async def _listen_on(self, folders: Sequence[str]) -> None:
        has_odd_name = True
        while has_odd_name:
            has_odd_name = False
            try:
                await self._listen(folders)
            except* OSError:  # a folder went before it was watched, or the system has no watches left
                pass
            except* RuntimeError:  # its own name is private: it knows no names but in UTF-8, and here is another
                has_odd_name = True
                self._hear([FolderChange(folder, "", is_new_folder=False) for folder in folders])
                await asyncio.sleep(self._LOOKING / 1000)

    async def _listen(self, folders: Sequence[str]) -> None:
        from watchfiles import Change, awatch

        async for changes in awatch(
            *folders,
            recursive=False,
            step=self._LOOKING,
            debounce=self._BURST,
            watch_filter=None,
            ignore_permission_denied=True,
        ):
            places = [(kind, *path.rpartition("/")[::2]) for kind, path in changes]
            self._hear(
                [
                    FolderChange(folder, name, kind is Change.added and Path(folder, name).is_dir())
                    for kind, folder, name in places
                ]
            )
