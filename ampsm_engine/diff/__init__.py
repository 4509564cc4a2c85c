"""Diffs as values: changed files, hunks and their keys, long lines cut. Pure: nothing here runs git or reads a file."""
