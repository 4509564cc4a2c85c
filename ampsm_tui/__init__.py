"""The screens of ampsm.

Rooms, top to bottom; each may import only from those below it (import-linter holds this):

    __main__               the front door: arguments go to the command line, none at a terminal opens the app
    app                    the app: holds the board, the theme and the keys; opens screens
    palette | place_keeper all actions by name | where one is, and the offer to go back there
    screens                one file a screen; screens/review: the review and the parts that its screen owns
    widgets                one file a widget; widgets/diff: a diff as rows, and the widgets that show it
    ask | driver | theme | folder_watch
                           verbs in a side process | the terminal: what is written, keys | colours
                           | changes by hand in worktrees
    differ                 the screens' end of the diff process: its pipes, and reviews as they arrive
    process_pool           the side processes that answer verbs
    clean | bindings | side_process
                           foreign text made inert | bindings made of the table of keys | what runs in a side process

Truth comes down as the board, what happened goes up as messages, what is wanted goes out by `ask`.
"""
