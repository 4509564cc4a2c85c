"""AGENT_CONTEXT/REBASE_HELP.md: how to get out of a conflict from a shell, for people and for amp."""

from contextlib import suppress
from pathlib import Path

from ampsm_engine import redact
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import own_files
from ampsm_engine.git.integrate.values import Conflicted
from ampsm_engine.merging.situation import Situation
from ampsm_engine.model import Merge
from ampsm_engine.naming import printable
from ampsm_engine.worker import context

NAME = "REBASE_HELP.md"

WAYS = {
    "content": "edit the lines between the markers `<<<<<<<` and `>>>>>>>`, then `git add`",
    "add/add": "both sides added it: edit it into one, then `git add`",
    "modify/delete": "one side changed it, the other deleted it: `git add` keeps it, `git rm` deletes it",
    "rename/delete": "one side renamed it, the other deleted it: `git add` keeps it, `git rm` deletes it",
    "rename/rename": "both sides renamed it: keep one name with `git add`, drop the other with `git rm`",
    "mode": "the sides differ in its mode: set it (`chmod`), then `git add`",
    "binary": "no lines to merge: `git checkout --ours` or `--theirs`, then `git add`",
    "submodule": "check out the right commit inside it, then `git add`",
    "directory/file": "one side has a folder where the other has a file: move one of them, then `git add`",
    "other": "see `git status`, then `git add` or `git rm`",
}


def write(now: Situation, merge: Merge, conflict: Conflicted) -> None:
    """Write the page into the session's worktree; where that cannot be, the hints of the commands have to do."""
    with suppress(OSError):
        context.put(now.session, {NAME: redact.text(page(now, merge, conflict)).encode("utf-8", "replace")})


def remove(worktree: Path) -> None:
    """Take the page away: nothing is open any more."""
    folder = worktree / context.FOLDER
    if folder.is_dir() and not folder.is_symlink() and (folder / NAME).exists():
        with suppress(OSError, AmpsmError):
            if own_files.of(worktree, "HEAD").holds(f"{context.FOLDER}/{NAME}"):
                (folder / NAME).unlink(missing_ok=True)


def page(now: Situation, merge: Merge, conflict: Conflicted) -> str:
    """The page itself."""
    session, target = now.session, printable(now.target)
    lines = [
        f"# Conflicts of {session.name} with {target}",
        "",
        f"A {merge.kind} stopped here. `{target}` is untouched, and so is the branch `{session.branch_name}`:",
        f"HEAD stands on `{conflict.onto[:12]}`, and what did not fit is `{conflict.commit[:12]}`.",
        f"*ours* is {target}, *theirs* is the session's work.",
        "",
        "## Files",
        "",
        *(f"- `{printable(file.path)}` ({file.kind}): {WAYS[file.kind]}" for file in conflict.files),
        "",
        "## Ways on",
        "",
        "- `git status` lists what is left; `git diff` shows it; any editor will do.",
        "- `git add FILE` (or `git rm FILE`) marks a file as resolved. A commit is not needed.",
        f"- `ampsm merge {session.id} --continue` goes on when all are resolved.",
        f"- `ampsm merge {session.id} --abort` takes all of it back: branch and worktree are as they were.",
        "- Not `git cherry-pick --abort`, `--skip` or `git switch`: they would leave the work out.",
    ]
    return "\n".join(lines) + "\n"
