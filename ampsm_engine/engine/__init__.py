"""The verbs: what a user can ask for. Each orchestrates store, git and workers, and returns a value or raises an error.

    startup    home and store made ready for a verb      sessions, drafts   new, edit, adopt; the form of a new one
    iterations iterate, stop, wait, the queue            scripts            the session's script, run by hand
    views      show, diff, log, status                   history            what happened in a session
    reviews, comments, hunk_actions                      the review: ranges and viewed marks, comments, rejections
    merges     preflight, conflicts given to amp         session_trash      to the trash, back, and purged
    doctor     is this machine fit                       repair             do store and repositories agree
    history_import   the history of the predecessor      check_run          does it all work together, detached

Modules are imported by the command that needs them: `sessions` costs git, `startup` and `iterations` do not.
"""
