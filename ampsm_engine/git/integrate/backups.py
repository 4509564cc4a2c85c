"""Refs that keep what a merge leaves behind: `refs/ampsm/backup/<session>/<moment>/<name>`."""

import re
from collections.abc import Mapping
from pathlib import Path

from ampsm_engine.errors import Failed, NotFound, Refused
from ampsm_engine.git import program
from ampsm_engine.git.integrate.values import Backup

REFS = "refs/ampsm/backup"

_PART = re.compile(r"\w[\w-]*", re.ASCII)


def backup(repo_root: Path, session_id: str, moment: str, name: str, commit: str) -> Backup:
    """Keep a commit. `moment` and `name` are letters, digits, `-` and `_`; the same again changes nothing.

    Refused when the ref keeps another commit already.
    """
    full = f"{REFS}/{_checked(session_id)}/{_checked(moment)}/{_checked(name)}"
    there = program.read(repo_root, "rev-parse", "--quiet", "--verify", f"{full}^{{commit}}")
    if there.ok and there.line != commit:
        raise Refused(f"{full} keeps another commit already.", f"git -C {repo_root} log -1 {full}")
    if not there.ok:
        answer = program.write(repo_root, "update-ref", "-m", "ampsm: kept", full, commit, "0" * len(commit))
        if not answer.ok:
            message = f"{commit[:12]} could not be kept as {full}: {answer.reason}."
            raise Failed(message, f"git -C {repo_root} update-ref {full} {commit}")
    return Backup(full, moment, name, commit)


def backup_all(repo_root: Path, session_id: str, moment: str, commits: Mapping[str, str]) -> bool:
    """Keep several commits by name at one moment; False, and none of them is kept, where that does not go."""
    place = f"{REFS}/{_checked(session_id)}/{_checked(moment)}"
    lines = "".join(f"create {place}/{_checked(name)} {commit}\n" for name, commit in commits.items())
    return program.write(repo_root, "update-ref", "-m", "ampsm: kept", "--stdin", feed=lines.encode()).ok


def backups(repo_root: Path, session_id: str) -> tuple[Backup, ...]:
    """What is kept of a session, by moment and name."""
    options = ("for-each-ref", "--format=%(refname)%00%(objectname)", f"{REFS}/{_checked(session_id)}/")
    found = []
    for line in program.text(program.told(repo_root, *options)).splitlines():
        full, _, commit = line.partition("\0")
        moment, _, name = full.removeprefix(f"{REFS}/{session_id}/").partition("/")
        found.append(Backup(full, moment, name, commit))
    return tuple(found)


def forget(repo_root: Path, session_id: str) -> None:
    """Drop all that is kept of a session, as a purge asks for."""
    lines = "".join(f"delete {one.ref} {one.commit}\n" for one in backups(repo_root, session_id))
    if lines:
        program.done(repo_root, "update-ref", "--stdin", feed=lines.encode())


def _checked(part: str) -> str:
    if not _PART.fullmatch(part):
        raise NotFound(f"{part!r} cannot name a backup.")
    return part
