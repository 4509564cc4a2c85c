"""The merge of a session: the screen and the parts that it owns, one for each step."""
