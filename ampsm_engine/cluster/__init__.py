"""Runs of batches on other machines. What they bring about is in their own stores until it was taken over here.

A transport reaches the hosts and no more: which item is where, and what came of it, is in the stores, and every death
is answered by asking each host what it has. ARCHITECTURE.md says what another transport needs.
"""
