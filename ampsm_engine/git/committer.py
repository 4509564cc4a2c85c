"""The author of commits: the user as git is configured, or ampsm where no user is."""

import os
from pathlib import Path

from ampsm_engine.git import program
from ampsm_engine.git.entities import EMAIL, NAME, identity

_VARIABLES = frozenset(
    {f"GIT_{role}_{part}" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL", "DATE")} | {"EMAIL"}
)

_CRUD = " .,:;<>\"\\'\n\t"
"""What git strips off both ends of a name."""


def fallback_identity(worktree: Path) -> dict[str, str]:
    """Variables that name an author where git has none to name; the configuration is never written."""
    wanted = r"^(user|author|committer)\.(name|email)$"
    listed = program.text(program.read(worktree, "config", "-z", "--get-regexp", wanted).output).split("\0")
    known = {key: value for key, _, value in (one.partition("\n") for one in listed if one)}
    name, email = known.get("user.name"), known.get("user.email")
    if name and email and all(map(is_plain_identity, known.values())) and not identity_variables():
        return {}
    if all(program.read(worktree, "var", f"GIT_{role}_IDENT").ok for role in ("AUTHOR", "COMMITTER")):
        return {}
    given = identity(name or NAME, email or EMAIL)
    return given | {variable: os.environ[variable] for variable in given if os.environ.get(variable)}


def identity_variables() -> list[str]:
    """The variables of our environment that say who commits, and when."""
    return [name for name in os.environ if name in _VARIABLES]


def is_plain_identity(text: str) -> bool:
    """Whether git writes a name or an address just as it is configured."""
    return text.isprintable() and text == text.strip(_CRUD) and not set(text) & set("<>")
