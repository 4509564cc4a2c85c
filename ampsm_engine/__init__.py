"""The engine of ampsm: everything but the screens.

Rooms, top to bottom; each may import only from those below it (import-linter holds this):

    cli                    the commands: arguments in, text or JSON and an exit code out
    demo                   a throw-away repository and a scripted amp
    engine                 the verbs: what a user may ask for
    merging                preflight, journal, conflicts, undo: everything about bringing work into a base
    context                the home, its settings and its store, handed to every verb
    worker | differ        detached processes that run iterations | the process that compares and colours
    store | git | amp      SQLite | repositories | the amp program
    list_memory            what the list shows of changes, and what it begins with
    desktop_notification | tmux | viewer_lock
                           notifications of the desktop | what tmux shows | which sessions a screen shows
    review                 comments, anchors, and the prompt made of them
    lifecycle | session_problems
                           which state may follow which | what is gone of a session
    labels | redact        how values read | what must not leave
    notices | terminals    the texts of notices | what a terminal can do
    diff                   hunks and their keys, changed files, contents: values, nothing that reads or runs
    model                  the values that rooms hand to each other
    naming | config | trusted_commands | unsent_texts | last_places
                           names from any text | the settings | commands of repositories that may run | texts
                           that were typed and not sent | where people are in the screens
    keymap | home | private_folder
                           keys by their ids | where things are on the disk | our folders among the temporary ones
    errors | state_styles | plain_text | timestamps
                           errors | word, glyph and colour of each state | plurals, lists and control
                           characters | moments as text
    identity | file_lock   which process a pid means | locks on files
    lean_dataclass         dataclasses, made without the standard library's cost at a start
"""

__version__ = "0.1.0"
"""The one place of the version: the package's metadata is made of it, and reading that costs six times a bare start."""
