"""Git: repositories, worktrees, commits, changes and the trash, as functions of paths that answer frozen values.

libgit2.py tells which operations libgit2 does and which the git program, and why; program.py is the only place that
runs the git program. The user's own checkout, its index, HEAD and configuration are never written here.
"""
