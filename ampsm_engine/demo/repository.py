"""Makes the demo's repository: a small Python project with a history, the same commits every time.

The user's git configuration, hooks and templates are kept out; the only identity is the repository's own.
"""

import json
import os
import subprocess
from pathlib import Path

from ampsm_engine.errors import Failed, Refused, Unfit

_HISTORY = Path(__file__).with_name("history.json")
_CONFIG = {
    "user.name": "Dana Demo",
    "user.email": "dana@example.com",
    "commit.gpgSign": "false",
    "core.hooksPath": "/dev/null",
}


def repository(folder: Path) -> Path:
    """Makes the repository in the folder, which must be empty or missing, and answers its path."""
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
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise Failed(f"git {arguments[0]} failed in {folder}: {said[-1]}")
