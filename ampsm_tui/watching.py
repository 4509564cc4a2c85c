"""Changes by hand: which sessions' folders were written to. watchfiles is known here and nowhere else."""

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

STEP = 100
"""Milliseconds of quiet after which a burst of changes is told."""

BURST = 400
"""Milliseconds after which a burst that does not end is told."""

MOST = 4_000
"""Folders watched at once: systems bound the watches of a user."""


async def changed(folders: Mapping[str, Sequence[str]]) -> AsyncIterator[tuple[set[str], bool]]:
    """The ids whose folders were written to, burst by burst, and whether a folder is new, which is not watched yet.

    Ends where the system cannot watch.
    """
    from watchfiles import Change, awatch

    owners: dict[str, set[str]] = {}
    for session_id, paths in folders.items():
        for path in paths:
            owners.setdefault(path, set()).add(session_id)
    watched = _present(owners)[:MOST]
    if not watched:
        return
    try:
        async for changes in awatch(
            *watched, recursive=False, step=STEP, debounce=BURST, watch_filter=None, ignore_permission_denied=True
        ):
            touched: set[str] = set()
            new = False
            for kind, path in changes:
                if not path.endswith(".lock"):
                    touched |= owners.get(path.rpartition("/")[0], set()) | owners.get(path, set())
                    new = new or (kind is Change.added and path not in owners and bool(_present((path,))))
            if touched:
                yield touched, new
    except OSError:  # a folder went before it was watched, or the system has no watches left
        return


def _present(paths: Iterable[str]) -> list[str]:
    """Those that are folders now: one question to the file system each, microseconds."""
    return [path for path in paths if os.path.isdir(path)]  # noqa: PTH112 - thousands at once
