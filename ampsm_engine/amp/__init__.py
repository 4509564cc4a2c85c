"""All that ampsm knows about the amp program; nothing here knows sessions, the store or git.

A run's output is a file that outlives its reader, so every room works from the file alone.
"""
