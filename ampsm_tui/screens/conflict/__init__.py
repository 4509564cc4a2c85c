"""The open conflict of a merge: the screen and the parts that it owns."""
