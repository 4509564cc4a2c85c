"""The screens of ampsm. ARCHITECTURE.md is the map of their rooms.

State comes down as the board, what happened goes up as messages, requests to the engine go out by `ask`.
"""
