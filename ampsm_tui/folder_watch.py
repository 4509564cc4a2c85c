"""Changes by hand: which sessions' folders were written to. watchfiles is known here and nowhere else."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

STEP = 50
"""Milliseconds of quiet after which a burst of changes is reported."""

BURST = 200
"""Milliseconds after which a burst that does not end is reported."""

MOST = 6_000
"""Folders watched at once: systems bound the watches of a user. Each session has an equal part."""

PORTION = 1_000
"""Folders that one watcher takes: taking them holds the screen for some 10 ms."""

APART = 0.05
"""Seconds between two watchers that begin."""

Report = Callable[[set[str]], None]


class _NewFolderError(Exception):
    """A folder was made that nobody watches yet."""


async def watch_folders(
    folders: Mapping[str, Sequence[str]], report: Report, ready: Callable[[], None] = lambda: None
) -> bool:
    """Report the ids whose folders were written to, burst by burst, until cancelled; `ready` is called once all listen.

    Ends with True when there is a new folder, which is to be watched too, and with False where nothing can be watched.
    """
    owners = _owners(folders)
    watched = [path for path in owners if _is_folder(path)]
    has_new = False
    try:
        async with asyncio.TaskGroup() as group:
            for start in range(0, len(watched), PORTION):
                group.create_task(_watch(watched[start : start + PORTION], owners, report))
                await asyncio.sleep(APART)
            ready()
    except* _NewFolderError:
        has_new = True
    return has_new


def _is_folder(path: str) -> bool:
    """One question to the file system, microseconds; asked of thousands."""
    return os.path.isdir(path)  # noqa: PTH112


def _owners(folders: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    part = MOST // max(1, len(folders))
    owners: dict[str, set[str]] = {}
    for session_id, paths in folders.items():
        for path in paths[:part]:
            owners.setdefault(path, set()).add(session_id)
    return owners


async def _watch(paths: Sequence[str], owners: Mapping[str, set[str]], report: Report) -> None:
    has_odd_name = True
    while has_odd_name:
        has_odd_name = False
        try:
            await _listen(paths, owners, report)
        except* RuntimeError:  # its own name is private: it knows no names but in UTF-8, and somewhere here is another
            has_odd_name = True
            report({owner for path in paths for owner in owners.get(path, ())})
            await asyncio.sleep(APART)


async def _listen(paths: Sequence[str], owners: Mapping[str, set[str]], report: Report) -> None:
    from watchfiles import Change, awatch

    try:
        async for changes in awatch(
            *paths, recursive=False, step=STEP, debounce=BURST, watch_filter=None, ignore_permission_denied=True
        ):
            written = [(kind, path) for kind, path in changes if not path.endswith(".lock")]
            touched = _touched((path for _, path in written), owners)
            if touched:
                report(touched)
            if any(kind is Change.added and path not in owners and _is_folder(path) for kind, path in written):
                raise _NewFolderError
    except OSError:  # a folder went before it was watched, or the system has no watches left
        return


def _touched(paths: Iterable[str], owners: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        found |= owners.get(path.rpartition("/")[0], set()) | owners.get(path, set())
    return found
