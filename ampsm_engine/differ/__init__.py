"""The diff process: trees compared, words marked and code coloured away from the screens, which ask it by messages.

pygit2 and Pygments are loaded in this process alone.
"""
