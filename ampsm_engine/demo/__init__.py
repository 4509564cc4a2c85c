"""The demo: a throw-away repository, a scripted amp, and sessions that show what ampsm does.

    repository(folder)   a small git repository to work on
    install(folder)      an executable `amp` that plays scenarios instead of asking a model
    plan()               the sessions of `ampsm demo`

scripted/ is a program of its own and is run, never imported. No verb and no store is known here.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from ampsm_engine.errors import Failed, Refused, Unfit
from ampsm_engine.lean_dataclass import dataclass

__all__ = ["DemoComment", "DemoRival", "DemoSession", "commit_rival", "install", "plan", "repository"]

_PROGRAM = Path(__file__).with_name("scripted_amp.py")
_HISTORY = Path(__file__).with_name("history.json")
_PLAN = Path(__file__).with_name("plan.json")
"""The sessions of `ampsm demo`, which the scripted amp reads too."""
_CONFIG = {
    "user.name": "Dana Demo",
    "user.email": "dana@example.com",
    "commit.gpgSign": "false",
    "core.hooksPath": "/dev/null",
}


@dataclass(frozen=True, slots=True)
class DemoSession:
    """One session to start; its prompt alone makes the scripted amp play the scenario."""

    name: str
    prompt: str
    script: str | None
    """The session's script; None: it has none."""
    scenario: str
    follow_up: str | None = None
    """The prompt of a second iteration that ends the story; None: there is none."""
    rival: "DemoRival | None" = None
    """A commit of another author on main with which its merge conflicts; None: there is none."""
    comments: "tuple[DemoComment, ...]" = ()
    """Comments that are left to be sent."""


@dataclass(frozen=True, slots=True)
class DemoRival:
    """A commit by another author: in the file at `path`, `old` becomes `new`."""

    author: str
    message: str
    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DemoComment:
    """A comment on the first line of a file that holds some words."""

    path: str
    line_with: str
    text: str


def plan() -> tuple[DemoSession, ...]:
    """The sessions in the order in which they are best started."""
    return tuple(_session(session) for session in json.loads(_PLAN.read_text(encoding="utf-8")))


def _session(planned: dict[str, Any]) -> DemoSession:
    rival, comments = planned.pop("rival", None), planned.pop("comments", ())
    return DemoSession(
        **planned,
        rival=DemoRival(**rival) if rival else None,
        comments=tuple(DemoComment(**comment) for comment in comments),
    )


def commit_rival(folder: Path, rival: DemoRival) -> None:
    """Commit another author's change in the demo's repository; Failed when git fails or the words are not there."""
    path = folder / rival.path
    before = path.read_text(encoding="utf-8")
    if rival.old not in before:
        raise Failed(f"{rival.path} is not as the demo made it.")
    path.write_text(before.replace(rival.old, rival.new, 1), encoding="utf-8")
    _git(folder, "commit", "--quiet", "--message", rival.message, "--", rival.path, who=rival.author)


def install(folder: Path, *, state: Path | None = None) -> Path:
    """Write an executable `amp` into the folder, and return its path; `state`: the folder of its threads."""
    script = folder / "amp"
    # A wrapper, because a first line naming an interpreter breaks on long paths and on spaces. -S and -E: the
    # program needs no site packages, and the environment of the project it works in must not reach it.
    command = shlex.join([sys.executable, "-S", "-E", str(_PROGRAM)])
    keep = f"AMPSM_SCRIPTED_STATE={shlex.quote(str(state))}\nexport AMPSM_SCRIPTED_STATE\n" if state else ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        script.write_bytes(os.fsencode(f'#!/bin/sh\n{keep}exec {command} "$@"\n'))
        script.chmod(0o755)
    except OSError as problem:
        raise Failed(f"The scripted amp could not be written to {script}: {problem.strerror}") from problem
    return script


def repository(folder: Path) -> Path:
    """Make the demo's repository in a folder, and return its path: a Python project, the same commits every time.

    The user's git configuration, hooks and templates are kept out; the only identity is the repository's own. Refused
    when the folder is not empty, Unfit without git, Failed when git fails.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"The folder {folder} is not empty.", "name an empty folder, or none")
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    for name, value in _CONFIG.items():
        _git(folder, "config", name, value)
    for commit in json.loads(_HISTORY.read_text(encoding="utf-8")):
        for name, text in commit["files"].items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("\n".join(text) + "\n", encoding="utf-8")
        _git(folder, "add", "--all")
        _git(folder, "commit", "--quiet", "--message", commit["message"], who=commit["author"], when=commit["date"])
    return folder


def _git(folder: Path, *arguments: str, who: str = "Dana Demo", when: str = "2026-09-01T09:00:00+00:00") -> None:
    mail = f"{who.split(maxsplit=1)[0].lower()}@example.com"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    hermetic = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": who,
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": who,
        "GIT_COMMITTER_EMAIL": mail,
        "GIT_COMMITTER_DATE": when,
    }
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            env=kept | hermetic,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as problem:
        raise Unfit("The git program is not installed.", "install git") from problem
    if done.returncode:
        output = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise Failed(f"git {arguments[0]} failed in {folder}: {output[-1]}")
