"""The verbs: what a person may ask for. Each orchestrates store, git and workers, and answers a value or an error.

    desk      where the engine stands: home and settings      sessions  new, edit, adopt
    runs      iterate, stop, wait, run the script             views     show, diff, log, status
    removal   to the trash, back, and away for good           health    doctor, repair

Modules are imported by the command that needs them: `sessions` costs git, `desk` and `runs` do not.
"""
