"""The user's commit hooks for commits that are made as objects: git runs them as it would for a commit of its own.

They run in a worktree, with a private HEAD and index that say what is committed onto what, so that neither the
worktree's own HEAD nor its index is touched. A commit of a squash meets pre-commit, prepare-commit-msg and
commit-msg; a merge meets pre-merge-commit, prepare-commit-msg and commit-msg. What is only put onto another commit
meets none.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import changes, commit_failure, program, registry, repository
from ampsm_engine.git.hooks import MERGE
from ampsm_engine.git.values import FileChange
from ampsm_engine.private_folder import private_folder

HOOK_LIMIT = 900.0
"""Seconds that hooks may take."""

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
            raise _failure(worktree, answer)
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
                raise _failure(worktree, answer)
        text = file.read_bytes()
    _refuse_changes(worktree, before)
    if not text.strip():
        raise Refused("The commit-msg hook left no message.", _SKIP)
    return text


@contextlib.contextmanager
def _standing(worktree: Path, parent: str, tree: str) -> Iterator[dict[str, str]]:
    """A HEAD and an index apart from the worktree's own, for git and what it runs.

    git makes them, as those of a worktree without files: how a HEAD is kept is its own business (reftable).
    """
    common = repository.common_dir(worktree)
    for stale in (common / "worktrees").glob(f"{registry.PASSING}*"):  # the lock is held: nobody else's is in use
        registry.delete_tree(stale)
    with private_folder("commit") as folder:  # its name begins as registry.PASSING does
        place = folder / folder.name
        add = ("worktree", "add", "--quiet", "--no-checkout", "--detach", place, parent)
        try:
            program.done(worktree, "-c", f"core.hooksPath={os.devnull}", *add)
            admin = repository.git_dir(place)
            around = {"GIT_DIR": str(admin), "GIT_WORK_TREE": str(worktree), "GIT_INDEX_FILE": str(admin / "index")}
            program.done(worktree, "read-tree", tree, variables=around)
            program.write(worktree, "update-index", "-q", "--refresh", variables=around)
            yield around
        finally:
            registry.erase(common, place)


def _refuse_changes(worktree: Path, before: tuple[FileChange, ...]) -> None:
    """What a hook changed in the worktree is committed first: it would be in the way of what follows."""
    if changes.status(worktree) != before:
        message = f"A commit hook changed files in {worktree}; they have to be committed first."
        raise Refused(message, f"git -C {worktree} diff")


def _failure(worktree: Path, answer: program.Answer) -> AmpsmError:
    from ampsm_engine.redact import text as redacted  # its rules take a while to read in

    why = commit_failure.cause(worktree, answer, HOOK_LIMIT)
    if why.kind == "message":
        hint = f"Give a message that it takes with -m; {_SKIP}"
        return Refused(redacted(why.text), hint)
    kind = Refused if why.kind in ("time", "hook") else Failed
    return kind(redacted(why.text), why.hint)
