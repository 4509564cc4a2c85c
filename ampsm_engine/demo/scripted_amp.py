"""The scripted amp as a program: `python scripted_amp.py --help`. See the package scripted beside it."""

import signal

# Before anything else: until its handlers are in place the real program dies silently by the signal.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

if __name__ == "__main__":
    import importlib
    import sys

    # Imported by its short name: this file's own folder is on the path, the rest of ampsm must not be needed.
    sys.exit(importlib.import_module("scripted.program").main(sys.argv[1:]))
