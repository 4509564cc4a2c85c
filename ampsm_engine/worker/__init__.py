"""Detached processes that run iterations: take a slot, claim, run amp, settle, claim the next, leave.

There is no daemon. Whoever enqueues launches a worker; a worker that finds all slots taken leaves
again; one that finds nothing to do looks once more after giving its slot back. What a dead worker
left behind is adopted by the next one: every ampsm command looks for that when it starts.
No verb lives in here and nothing is printed but to the worker's log.
"""
