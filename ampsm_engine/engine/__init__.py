"""The verbs: what a person may ask for. Each orchestrates store, git and workers, and answers a value or an error.

    startup   home and store made ready for a verb            sessions  new, edit, adopt
    runs      iterate, stop, wait, run the script             views     show, diff, log, status
    removal   to the trash, back, and away for good           health    doctor, repair

Modules are imported by the command that needs them: `sessions` costs git, `startup` and `runs` do not.
"""
