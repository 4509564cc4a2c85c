"""The diff process, started by the screens: questions on standard input, answers on standard output, both in frames."""

from ampsm_engine.differ.server import main

main()
