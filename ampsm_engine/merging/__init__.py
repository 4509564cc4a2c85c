"""Merging: a session's work comes into its base, with a journal, so that nothing is ever lost.

    results        what is asked for and what comes of it
    situation      where a session and its target stand, whose commits are whose, and what would stand in the way
    questions      what somebody has to say yes to first
    preflight      everything that can be told before anything happens, the plan in words, a draft of the message
    journal        what is written before it is done
    merge_lock     which process is at an operation
    operations     the verbs: merge, squash, rebase, continue, abort, undo
    steps          making the commits; the target, the session's branch, the store; and taking it back
    open_conflict  a conflict that waits in the session's worktree: looked at, resolved, given to amp
    recovery       finishing or rolling back what a killed process left
    forecast       which sessions would conflict with their base or with each other, and where
    session_conflicts the values of a forecast
    radar          the same as a matrix, and an order of merges
    preparation    what is made of a session before its work is brought anywhere
    combination    several sessions put onto one base, as objects
    fault_search   which of several candidates does not go with the others; pure
    scratch, trial a worktree for scripts, and what they say of a commit
    landing, train several sessions come into one branch, judged together
    compatibility  whether all that is ready works together, and who is at fault
    publish        push, pull request, patch

No screen and no command line in here; git itself is moved by `git.integrate` alone.
"""
