"""The verbs: what a user can ask for. Each orchestrates store, git and workers, and returns a value or raises an error.

Modules are imported by the command that needs them: `sessions` costs git, `startup` and `iterations` do not.
"""
