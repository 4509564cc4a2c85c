"""Values for the store's tests, and a way to run pieces of Python in processes of their own."""

import subprocess
import sys
import textwrap
from pathlib import Path

from ampsm_engine.model import Iteration, Session, State, Status


def a_session(key: str = "s1", **columns: object) -> Session:
    values = {
        "id": key,
        "name": f"name of {key}",
        "amp_prompt": "fix the login",
        "repo_root": "/repo",
        "base_branch": "main",
        "branch_name": f"amp/{key}/20260101-000000",
        "worktree_path": f"/repo/.worktrees/{key}",
        "status": Status.IDLE,
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    return Session(**(values | columns))


def an_iteration(key: str = "i1", session: str = "s1", **columns: object) -> Iteration:
    values = {
        "id": key,
        "session_id": session,
        "number": 0,
        "prompt": f"do {key}",
        "state": State.QUEUED,
        "queued_at": "",
    }
    return Iteration(**(values | columns))


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs `code` after the usual imports, its arguments in `sys.argv[1:]`."""
    head = "import sys\nfrom pathlib import Path\nfrom ampsm_engine.store import Store\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a process printed; it must have ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out
