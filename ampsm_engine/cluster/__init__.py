"""Runs of batches on other machines. What they bring about is in their own stores until it was taken over here.

    host       the half that runs on a host: items in its own home, answered for in JSON and bytes
    clones     the repositories of a host, and what is sent to it of ours
    parcel     what came of an item in one file: its rows, transcripts and commits
    intake     a parcel checked, redacted and entered here
    carrier    how a host is reached, as a protocol
    dask_carrier   the one that is here: Dask distributed, and the only module that imports it
    executor   a run's items placed on hosts, watched, collected, placed again when a host stays away
    joining, checking   a machine becomes a host; `ampsm doctor --cluster`
    url        the address of a cluster, and which are refused

A carrier reaches the hosts and no more: which item is where, and what came of it, is in the stores, and every death is
answered by asking each host what it has. Another carrier (ssh, for one) needs the methods of `carrier.Carrier`, a
scheme in `url`, and nothing else: a host's half reads a request from bytes and answers in bytes.
"""
