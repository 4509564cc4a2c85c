"""The screens of ampsm. ARCHITECTURE.md is the map of their rooms.

Truth comes down as the board, what happened goes up as messages, what is wanted goes out by `ask`.
"""
