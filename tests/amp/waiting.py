"""Waiting for a fact, to a deadline that only a broken program reaches."""

import time

DEADLINE = 60


def until(fact):
    """Wait for a fact, and answer it."""
    end = time.monotonic() + DEADLINE
    while not (found := fact()):
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.01)
    return found
