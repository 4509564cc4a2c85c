"""All that ampsm knows about the amp program; nothing here knows sessions, the store or git.

    program     which amp, which version, which options, is somebody logged in
    command     argument lists, environment, settings file and prompt of one run
    process     start it, find it again, signal it, end what it left behind (psutil lives there)
    stream      bytes of its output to events, total and pure; `events` holds the values
    tally       events folded into tokens, turns, tools, activity and the last result
    transcript  the output file read or followed by byte offset
    usage       what amp says that a thread cost
    failures    the table of what goes wrong with amp: how it shows, and all that follows from it
    endings     how a run ended, named and hinted by that table
    lines       one line of its output to events; `findings` are those of a review by amp, `edits` what a tool changed

A run's output is a file that outlives its reader, so every room works from the file alone.
"""
