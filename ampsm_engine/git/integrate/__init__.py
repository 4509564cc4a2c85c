"""From a session's commits to its base: squash, rebase, merge, conflicts, moving branches, proofs and backups.

Paths, refs and commits only: what a session is, and the order of steps, are known above. Commits are made as objects,
in this process where that gives what git would; branches move in `move_target` and `settle` alone, by
compare-and-swap. `ours` is always what the work comes to, `theirs` the session's work.
"""
