"""Changes by hand: which of the worktrees on screen were written to. watchfiles is known here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path


async def changed(folders: Iterable[Path], stop: asyncio.Event) -> AsyncIterator[set[Path]]:
    """The folders in which something was written, again and again until `stop` is set."""
    from watchfiles import awatch

    roots = tuple(folders)
    async for changes in awatch(*roots, stop_event=stop, recursive=False):
        paths = [Path(path) for _, path in changes]
        yield {root for root in roots if any(path.is_relative_to(root) for path in paths)}
