"""The user's commit hooks for commits that are made as objects: git runs them as it would for a commit of its own.

They run in a worktree, with a private HEAD and index that say what is committed onto what, so that neither the
worktree's own HEAD nor its index is touched. A commit of a squash meets pre-commit, prepare-commit-msg and
commit-msg; a merge meets pre-merge-commit, prepare-commit-msg and commit-msg. What is only put onto another commit
meets none.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.errors import Refused
from ampsm_engine.git import changes, program, repository
from ampsm_engine.git.values import FileChange

HOOK_LIMIT = 900.0
"""Seconds that hooks may take."""

COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
MERGE = ("pre-merge-commit", "prepare-commit-msg", "commit-msg")

_SKIP = "ampsm config set commit.hooks false leaves the hooks out"


def commit(worktree: Path, parent: str, tree: str, author: tuple[str, str, str], message: bytes) -> str:
    """Let git commit a tree onto a parent with its hooks. `author`: name, email, time.

    Refused when a hook says no, or changes what is committed.
    """
    name, email, when = author
    before = changes.status(worktree)
    who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": f"@{when}"}
    with _standing(worktree, parent, tree) as around:
        settings = ("-c", "i18n.commitEncoding=UTF-8")
        options = ("--quiet", "--cleanup=verbatim", "--allow-empty", "--file=-")
        variables = {**around, **who}
        answer = program.write(
            worktree, *settings, "commit", *options, feed=message, limit=HOOK_LIMIT, variables=variables
        )
        if not answer.ok:
            raise _refused(answer)
        made = program.told(worktree, "rev-parse", "HEAD", "HEAD^{tree}", variables=around).decode().split()
    if made[1] != tree:
        changed = program.told(worktree, "diff-tree", "-r", "--name-only", "-z", tree, made[1])
        first = program.text(changed).partition("\0")[0]
        message_ = f"The pre-commit hook changed what is committed: {first!r}. Commit that in the session first."
        raise Refused(message_, f"git -C {worktree} status")
    _refuse_changes(worktree, before)
    return made[0]


def merge_message(worktree: Path, parent: str, tree: str, message: bytes) -> bytes:
    """The message of a merge as its hooks leave it. Refused when one says no."""
    before = changes.status(worktree)
    with _standing(worktree, parent, tree) as around:
        file = Path(around["GIT_DIR"]) / "COMMIT_EDITMSG"
        file.write_bytes(message)
        given: dict[str, tuple[program.Argument, ...]]
        given = {"prepare-commit-msg": ("--", file, "merge"), "commit-msg": ("--", file)}
        for name in MERGE:
            options = ("hook", "run", "--ignore-missing", name, *given.get(name, ()))
            answer = program.write(worktree, *options, limit=HOOK_LIMIT, variables=around)
            if not answer.ok:
                raise _refused(answer)
        text = file.read_bytes()
    _refuse_changes(worktree, before)
    if not text.strip():
        raise Refused("The commit-msg hook left no message.", _SKIP)
    return text


def folder(worktree: Path) -> Path:
    """Where the hooks for a worktree are."""
    configured = program.write(worktree, "config", "--type=path", "--get", "core.hooksPath")
    if configured.ok and configured.line:
        return worktree / configured.line
    return repository.common_dir(worktree) / "hooks"


def has_any(hooks: Path, names: tuple[str, ...]) -> bool:
    """Whether a folder of hooks has one of these."""
    return any(os.access(hooks / name, os.X_OK) for name in names)


@contextlib.contextmanager
def _standing(worktree: Path, parent: str, tree: str) -> Iterator[dict[str, str]]:
    """A HEAD and an index apart from the worktree's own, for git and what it runs."""
    with tempfile.TemporaryDirectory(prefix="ampsm-commit-") as folder:
        admin = Path(folder)
        (admin / "HEAD").write_text(f"{parent}\n")
        (admin / "commondir").write_bytes(os.fsencode(repository.common_dir(worktree)) + b"\n")
        (admin / "gitdir").write_bytes(os.fsencode(worktree / ".git") + b"\n")
        around = {"GIT_DIR": str(admin), "GIT_WORK_TREE": str(worktree), "GIT_INDEX_FILE": str(admin / "index")}
        program.done(worktree, "read-tree", tree, variables=around)
        program.write(worktree, "update-index", "-q", "--refresh", variables=around)
        yield around


def _refuse_changes(worktree: Path, before: tuple[FileChange, ...]) -> None:
    """What a hook changed in the worktree is committed first: it would be in the way of what follows."""
    if changes.status(worktree) != before:
        message = f"A commit hook changed files in {worktree}; they have to be committed first."
        raise Refused(message, f"git -C {worktree} diff")


def _refused(answer: program.Answer) -> Refused:
    if answer.timed_out:
        return Refused(f"A commit hook took more than {HOOK_LIMIT:g} s.", _SKIP)
    from ampsm_engine.redact import text as redacted  # its rules take a while to read in

    return Refused(f"A commit hook refused the commit: {redacted(answer.said or answer.reason)}", _SKIP)
