"""From a session's commits to its base: squash, rebase, merge, conflicts, moving branches, proofs and backups.

Paths, refs and commits only: what a session is, and the order of steps, are known above. Commits are made as objects,
in this process where that gives what git would; branches move in `move_target` and `settle` alone, by
compare-and-swap. `ours` is always what the work comes to, `theirs` the session's work.
"""

from ampsm_engine.git.integrate.backup import backup, backup_all, backups, forget
from ampsm_engine.git.integrate.foresee import foresee
from ampsm_engine.git.integrate.incoming import rubbish_between
from ampsm_engine.git.integrate.layout import abort, finish, laid, lay_out, lay_out_next, rejoin, settle, unmerged
from ampsm_engine.git.integrate.markers import in_commit as marked_in
from ampsm_engine.git.integrate.markers import in_worktree as marked_there
from ampsm_engine.git.integrate.merge import merge
from ampsm_engine.git.integrate.own_commits import without_own_files
from ampsm_engine.git.integrate.plan import merge_bases, plan_commits
from ampsm_engine.git.integrate.proof import proof
from ampsm_engine.git.integrate.putback import put_back
from ampsm_engine.git.integrate.rebase import pick, rebase
from ampsm_engine.git.integrate.reopen import reopen
from ampsm_engine.git.integrate.resolve import blobs, conflicts, resolve
from ampsm_engine.git.integrate.squash import squash
from ampsm_engine.git.integrate.target import move_target, move_together
from ampsm_engine.git.integrate.unadded import take_in, unadded, uncommitted

__all__ = [
    "abort",
    "backup",
    "backup_all",
    "backups",
    "blobs",
    "conflicts",
    "finish",
    "foresee",
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
    "rubbish_between",
    "settle",
    "squash",
    "take_in",
    "unadded",
    "uncommitted",
    "unmerged",
    "without_own_files",
]
