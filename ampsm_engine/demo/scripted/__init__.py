"""A scripted stand-in for the amp program: the real command line and stream, told by a scenario what to do.

Runs on its own (standard library only, nothing of ampsm imported), because it is started as a program by what
it tests. Imports are few: it must start in well under 40 ms. The scenario's steps are described in scenario.py.
"""
