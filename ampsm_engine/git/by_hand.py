"""Commits that a person asks for: of what is staged, or of an index made for it, with the user's hooks and signing."""

import os
from pathlib import Path

from ampsm_engine.errors import Failed, Refused
from ampsm_engine.git import commit_failure, commits, program
from ampsm_engine.git.stray import head


def record(worktree: Path, message: bytes, *, hooks: bool, index: Path | None = None) -> str:
    """Commit an index, the worktree's own by default; answers the commit.

    Refused, with git's or the hook's own words, when no commit came of it; everything is left in place then.
    """
    variables: dict[str, str | Path] = dict(commits.fallback_identity(worktree))
    if index is not None:
        variables["GIT_INDEX_FILE"] = index
    settings = ["-c", "i18n.commitEncoding=UTF-8"]
    settings += [] if hooks else ["-c", f"core.hooksPath={os.devnull}"]
    options = ["--quiet", "--cleanup=verbatim", "--file=-", *([] if hooks else ["--no-verify"])]
    before = head(worktree).commit
    answer = program.write(
        worktree, *settings, "commit", *options, feed=message, limit=commits.HOOK_LIMIT, variables=variables
    )
    after = head(worktree).commit
    if after != before:
        return after
    why = commit_failure.cause(worktree, answer, commits.HOOK_LIMIT)
    raise (Refused if why.kind in ("hook", "message", "other") else Failed)(why.text, why.hint)
