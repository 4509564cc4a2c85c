"""Merging: a session's work comes into its base, with a journal, so that nothing is ever lost.

No screen and no command line in here; git itself is moved by `git.integrate` alone.
"""
