"""Runs of batches on other machines. What they bring about is in their own stores until it was taken over here.

    host       the service that runs on a host: items in its own home, answered for in JSON and bytes
    clones     the repositories of a host, and what is sent to it of ours
    result_archive   what came of an item in one file: its rows, transcripts and commits
    intake     such an archive checked, redacted and entered here
    transport  how a host is reached, as a protocol; the address of a cluster, and which are refused
    dask_transport   the one that is here: Dask distributed, and the only module that imports it
    executor   a run's items placed on hosts, watched, collected, placed again when a host stays away
    dask_processes   a machine becomes a host or the scheduler
    checks     `ampsm doctor --cluster`: whether a cluster can be used

A transport reaches the hosts and no more: which item is where, and what came of it, is in the stores, and every death
is answered by asking each host what it has. Another one (ssh, for instance) needs the methods of
`transport.HostTransport`, a scheme in `transport.read_address`, and nothing else: the service of a host reads a request
from bytes and answers in bytes.
"""
