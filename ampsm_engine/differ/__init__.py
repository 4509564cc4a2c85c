"""The diff process: trees compared, words marked and code coloured away from the screens, and the screens' end of it.

`client` is all that the screens know of it; pygit2 and Pygments are loaded in the process alone.
"""
