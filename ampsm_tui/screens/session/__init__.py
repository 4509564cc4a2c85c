"""The screen of one session, by parts that it owns: what happened, what is shown of it, and the box for a prompt."""
