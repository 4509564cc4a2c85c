"""Batches: many prompts over many repositories, unattended, and resumable at any moment.

    plan          a plan in YAML, read with every error and its line
    runs          the verbs: start, stop, resume, retry, remove, look
    coordinator   the detached process of one run: which item next, merges, limits, waiting
    executor      where items run, as a protocol, and the one that is here
    item_run      one item's way through its prompts, from whatever moment it was left at
    progress      what follows from how an iteration ended; pure
    overview      what the screens show: runs and items as they are, variants of a prompt side by side

A run's truth is the store. A coordinator that is killed is started again by whoever comes next, and finds there what
was done: each change of state is written before the act that it announces.
"""
