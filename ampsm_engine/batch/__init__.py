"""Batches: many prompts over many repositories, unattended, and resumable at any moment.

A run's truth is the store. A coordinator that is killed is started again by the next command, and finds there what
was done: each change of state is written before the act that it announces.
"""
