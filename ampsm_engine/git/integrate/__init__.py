"""From a session's commits to its base: squash, rebase, merge, conflicts, moving branches, proofs and backups.

Paths, refs and commits only: what a session is, and the order of steps, are known above. Commits are made as objects,
in this process where that gives what git would; branches move in `move_target` and `settle` alone, by
compare-and-swap. `ours` is always what the work comes to, `theirs` the session's work.
"""

from ampsm_engine.git.integrate.backups import backup, backup_all, backups, forget
from ampsm_engine.git.integrate.branch_move import move_target, move_together
from ampsm_engine.git.integrate.commit_range import merge_bases, plan_commits
from ampsm_engine.git.integrate.conflict_checkout import (
    abort,
    finish,
    laid,
    lay_out,
    lay_out_next,
    put_back,
    rejoin,
    settle,
    take_in,
    unadded,
    uncommitted,
    unmerged,
)
from ampsm_engine.git.integrate.markers import in_commit as marked_in
from ampsm_engine.git.integrate.markers import in_worktree as marked_there
from ampsm_engine.git.integrate.proof import proof
from ampsm_engine.git.integrate.resolution import blobs, conflicts, reopen, resolve
from ampsm_engine.git.integrate.rewrite import forecast, merge, pick, rebase, without_own_files
from ampsm_engine.git.integrate.squash import squash

__all__ = [
    "abort",
    "backup",
    "backup_all",
    "backups",
    "blobs",
    "conflicts",
    "finish",
    "forecast",
    "forget",
    "laid",
    "lay_out",
    "lay_out_next",
    "marked_in",
    "marked_there",
    "merge",
    "merge_bases",
    "move_target",
    "move_together",
    "pick",
    "plan_commits",
    "proof",
    "put_back",
    "rebase",
    "rejoin",
    "reopen",
    "resolve",
    "settle",
    "squash",
    "take_in",
    "unadded",
    "uncommitted",
    "unmerged",
    "without_own_files",
]
