"""The review of a session: the screen, the parts that it owns, and the reading of a resolution."""
