"""What the app sets in its own environment, and what of it the programs of its user must not get."""

from collections.abc import Mapping

SAFE_PATH = ("PYTHONSAFEPATH", "ampsm")
"""Keeps Python from looking for modules in the current folder, which may be a hostile repository: anyio starts its
processes with `-m` and without `-P`. The value says that it is ours, and that nobody else's program is to get it."""


def without_safe_path(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program of the user's: what was set for our own side processes is left out."""
    name, ours = SAFE_PATH
    return {key: value for key, value in environ.items() if (key, value) != (name, ours)}
