"""The engine of ampsm: everything but the screens.

Rooms, top to bottom; each may import only from those below it (import-linter holds this):

    cli                    the commands: arguments in, text or JSON and an exit code out
    demo                   a throw-away repository and a scripted amp
    engine                 the verbs: what a person may ask for
    worker                 detached processes that run iterations
    store | git | amp | notify
                           SQLite | repositories | the amp program | the desktop
    lifecycle | wording | redact
                           which state may follow which | how values read | what must not leave
    model                  the values that rooms hand to each other
    naming | config        names from any text | the settings
    keymap | home          keys by their ids | where things are
    errors
"""
