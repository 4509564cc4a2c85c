"""Merging: a session's work comes into its base, with a journal, so that nothing is ever lost.

    values      what is asked for and what comes of it
    belonging   what is the session's own work, and what is somebody else's
    questions   what somebody has to say yes to first
    situation   where a session and its target stand now, and what would stand in the way
    preflight   everything that can be told before anything happens
    plan        the steps in words, and a draft of the message
    journal     what is written before it is done, and who is at it
    steps       doing it: objects first, then the target, then the session's branch, then the store
    conflicts   a conflict that waits in the session's worktree: looked at, resolved, gone on with
    undo        taking back: an abort, an undo
    recover     finishing or rolling back what a killed process left
    radar       which sessions would conflict with their base or with each other
    publish     push, pull request, patch

No screen and no command line in here; git itself is moved by `git.integrate` alone.
"""
