"""One file a widget, and `diff` for a diff and its parts.

A widget keeps no copy of the truth: it is given it, and posts what happened.
"""
