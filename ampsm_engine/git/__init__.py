"""Git: repositories, worktrees, commits, changes and the trash, as functions of paths that answer frozen values.

pygit2 lives in graph.py and nowhere else; program.py is the only place that runs the git program, which does every
step that libgit2 would silently do differently (filters, hooks, signing, SHA-256). The user's own checkout, its
index, HEAD and configuration are never written here.
"""
