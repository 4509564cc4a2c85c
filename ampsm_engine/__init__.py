"""The engine of ampsm: everything but the screens.

Rooms, top to bottom; each may import only from those below it (import-linter holds this):

    cli                    the commands: arguments in, text or JSON and an exit code out
    demo                   a throw-away repository and a scripted amp
    engine                 the verbs: what a person may ask for
    merging                preflight, journal, conflicts, undo: everything about bringing work into a base
    context                the home, its settings and its store, handed to every verb
    worker | differ        detached processes that run iterations | the process that compares and colours
    store | git | amp      SQLite | repositories | the amp program
    notify | tmux          the desktop | what tmux shows
    standing | looking     counts for a status bar | which screens are open
    review                 comments, anchors, and the prompt made of them
    lifecycle | conditions which state may follow which | what of a session is gone
    wording | redact       how values read | what must not leave
    notices | terminals    the texts of notices | what a terminal can do
    diff                   hunks and their keys, changed files, long lines: values, nothing that reads or runs
    model                  the values that rooms hand to each other
    naming | config        names from any text | the settings
    unsent                 texts that were typed and not sent
    keymap | home          keys by their ids | where things are
    errors | states | unseen | identity | private_folder | file_lock
                           errors | words, glyphs, colours of states | unseen characters | which process a pid means |
                           folders of ours in the temporary folder | waiting for a lock on a file
"""

__version__ = "0.1.0"
"""The one place of the version: the package's metadata is made of it, and reading that costs six times a bare start."""
