"""Fetching into a repository in which others make worktrees meanwhile."""

from pathlib import Path

from ampsm_engine.git import lock, program, repository

_BEING_MADE = "bad object worktrees/"
"""What a fetch of git 2.39 says when it meets a worktree that is being made: for a moment its HEAD names no commit."""


def fetch(
    root: Path, *arguments: program.Argument, options: tuple[str, ...] = (), limit: float | None = None
) -> program.Answer:
    """How `git fetch` ended, with the user's configuration in force. `options` stand before the verb; `limit`: seconds.

    Where it met a worktree that was being made it is run once more, after that. Failed where another one stays the
    repository's writer.
    """
    command = (*options, "fetch", *arguments)
    answer = program.write(root, *command, limit=limit)
    if answer.ok or _BEING_MADE not in answer.message:
        return answer
    with lock.writer(repository.common_dir(root), f"fetch into {root.name}"):
        return program.write(root, *command, limit=limit)
