"""The repository's own hooks around a squash: `pre-commit` may forbid it, `commit-msg` may rewrite its message.

They run in the session's worktree, as for a commit made there by hand, before anything is written.
"""

import tempfile
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.errors import Refused
from ampsm_engine.git import changes, program
from ampsm_engine.git.commits import HOOK_LIMIT

_SKIP = "ampsm config set commit.hooks false leaves the hooks out"


def message_after(worktree: Path, message: str) -> str:
    """The message as the hooks leave it; Refused with what a hook said when it forbids the commit."""
    before = changes.status(worktree)
    _run(worktree, "pre-commit")
    if changes.status(worktree) != before:
        text = f"The pre-commit hook changed files in {worktree}; they have to be committed first."
        raise Refused(text, f"git -C {worktree} diff")
    with tempfile.TemporaryDirectory(prefix="ampsm-message-") as folder:
        file = Path(folder) / "COMMIT_EDITMSG"
        file.write_bytes(message.encode("utf-8", "surrogateescape") + b"\n")
        _run(worktree, "commit-msg", file)
        text = file.read_bytes().decode("utf-8", "replace").strip()
    if not text:
        raise Refused("The commit-msg hook left no message.", _SKIP)
    return text


def _run(worktree: Path, name: str, *arguments: Path) -> None:
    """Run one hook where there is one, from wherever core.hooksPath says."""
    if not _is_there(worktree, name):
        return
    answer = program.write(worktree, "hook", "run", name, "--", *arguments, limit=HOOK_LIMIT)
    if answer.ok:
        return
    if answer.timed_out:
        raise Refused(f"The {name} hook took more than {HOOK_LIMIT:g} s.", _SKIP)
    said = redact.text(answer.said or answer.reason)
    raise Refused(f"The {name} hook refused the commit: {said}", _SKIP)


def _is_there(worktree: Path, name: str) -> bool:
    # `write`: a question would look past the user's own core.hooksPath.
    answer = program.write(worktree, "rev-parse", "--path-format=absolute", "--git-path", f"hooks/{name}")
    return answer.ok and Path(answer.line).is_file()
