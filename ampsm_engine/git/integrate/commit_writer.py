"""Making commits: who commits, whether the user wants them signed, and the user's commit hooks, as git has them.

Authors and their times come from the commits that are rewritten, byte for byte. Objects only: no branch moves. Hooks
run in a worktree, with a private HEAD and index that say what is committed onto what, so that neither the worktree's
own HEAD nor its index is touched. A commit of a squash meets pre-commit, prepare-commit-msg and commit-msg; a merge
meets pre-merge-commit, prepare-commit-msg and commit-msg. What is only put onto another commit meets none.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ampsm_engine.errors import AmpsmError, Failed, Refused
from ampsm_engine.git import hooks, program, repository, worktrees
from ampsm_engine.git.committer import fallback_identity, identity_variables, is_plain_identity
from ampsm_engine.git.entities import FileChange
from ampsm_engine.git.hooks import MERGE
from ampsm_engine.git.integrate.object_store import ObjectStore, RawCommit, composed

AMP = "Amp <amp@ampcode.com>"
"""The name and the address that amp gives in the commits that it makes."""

_SKIP = "ampsm config set commit.hooks false leaves the hooks out"


class Writer:
    """Writes commits of one user into one repository. `sign` None: as commit.gpgSign says.

    With `hooks_in`, a worktree, what is new meets the user's hooks there.
    """

    def __init__(self, objects: ObjectStore, sign: bool | None = None, *, hooks_in: Path | None = None) -> None:
        self.objects = objects
        self._sign = sign
        self._hooks_in = hooks_in

    @cached_property
    def signs(self) -> bool:
        """Whether commits are signed."""
        if self._sign is not None:
            return self._sign
        return self.objects.configured.get("commit.gpgsign", "").lower() in ("true", "yes", "on", "1")

    @cached_property
    def committer(self) -> bytes:
        """Who commits, and when, as git writes it: one moment for all commits of a change."""
        return self._who("COMMITTER")

    @cached_property
    def author(self) -> bytes:
        """Who is the author of what is new, and when."""
        return self._who("AUTHOR")

    def _who(self, role: str) -> bytes:
        kind = role.lower()
        name = self.objects.configured.get(f"{kind}.name") or self.objects.configured.get("user.name", "")
        email = self.objects.configured.get(f"{kind}.email") or self.objects.configured.get("user.email", "")
        if name and email and is_plain_identity(name) and is_plain_identity(email) and not identity_variables():
            now = datetime.now().astimezone()
            return f"{name} <{email}> {int(now.timestamp())} {now:%z}".encode()
        where = self.objects.where
        return program.query(where, "var", f"GIT_{role}_IDENT", variables=fallback_identity(where)).rstrip(b"\n")

    def rewritten(self, commit: RawCommit, tree: str, parent: str) -> str:
        """A copy of a commit with another tree and another parent; its author and message stay."""
        return self.made(tree, (parent,), commit.author, commit.message, commit.encoding)

    def squashed(self, tree: str, parent: str, author: bytes, message: bytes) -> str:
        """The commit of a squash, with hooks; Refused when one says no."""
        if self._hooks_in is not None and self._has_any(self._hooks_in, hooks.COMMIT):
            self.objects.database.flush()
            return _commit_with_hooks(self._hooks_in, parent, tree, parts(author), message)
        return self.made(tree, (parent,), author, message)

    def merging(self, tree: str, parents: tuple[str, str], message: bytes) -> str:
        """The commit of a merge, with hooks; Refused when one says no."""
        if self._hooks_in is not None and self._has_any(self._hooks_in, hooks.MERGE):
            self.objects.database.flush()
            message = _merge_message_from_hooks(self._hooks_in, parents[0], tree, message)
        return self.made(tree, parents, self.author, message)

    def _has_any(self, worktree: Path, names: tuple[str, ...]) -> bool:
        return hooks.has_any(self.objects.hooks_folder(worktree), names)

    def made(
        self,
        tree: str,
        parents: tuple[str, ...],
        author: bytes,
        message: bytes,
        encoding: bytes | None = None,
    ) -> str:
        """A new commit; Failed when it cannot be signed."""
        if self.signs:
            return self._signed(tree, parents, author, message, encoding)
        return self.objects.database.write(
            "commit", composed(tree, parents, (author, self.committer), message, encoding)
        )

    def _signed(
        self, tree: str, parents: tuple[str, ...], author: bytes, message: bytes, encoding: bytes | None
    ) -> str:
        self.objects.database.flush()
        settings = ("-c", f"i18n.commitEncoding={(encoding or b'UTF-8').decode('ascii', 'replace')}")
        lines = [option for parent in parents for option in ("-p", parent)]
        variables = {**_named("AUTHOR", author), **_named("COMMITTER", self.committer)}
        answer = program.write(
            self.objects.where, *settings, "commit-tree", "-S", *lines, tree, feed=message, variables=variables
        )
        if not answer.ok:
            message_ = f"git could not sign the commit: {answer.message or answer.reason}"
            raise Failed(message_, "git config --get-regexp '^(gpg|user.signingkey|commit.gpgsign)'")
        return answer.line


def _named(role: str, line: bytes) -> dict[str, str]:
    """Variables that have git write an identity again as it was: `Name <email> seconds zone`."""
    name, email, when = parts(line)
    return {
        f"GIT_{role}_NAME": name,
        f"GIT_{role}_EMAIL": email,
        f"GIT_{role}_DATE": f"@{when}",
    }


def parts(line: bytes) -> tuple[str, str, str]:
    """Name, email and time of an author or committer line."""
    text = line.decode("utf-8", "surrogateescape")
    head, _, when = text.rpartition("> ")
    name, _, email = head.partition("<")
    return name.rstrip(" "), email, when


def person(line: bytes) -> str:
    """`Name <email>` of an author or committer line."""
    name, email, _ = parts(line)
    return f"{name} <{email}>"


def _commit_with_hooks(worktree: Path, parent: str, tree: str, author: tuple[str, str, str], message: bytes) -> str:
    """Let git commit a tree onto a parent with its hooks. `author`: name, email, time.

    Refused when a hook says no, or changes what is committed.
    """
    name, email, when = author
    from ampsm_engine.git import changes

    before = changes.status(worktree)
    who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": f"@{when}"}
    with _private_head(worktree, parent, tree) as around:
        settings = ("-c", "i18n.commitEncoding=UTF-8")
        options = ("--quiet", "--cleanup=verbatim", "--allow-empty", "--file=-")
        variables = {**around, **who}
        answer = program.write(
            worktree, *settings, "commit", *options, feed=message, limit=hooks.LIMIT, variables=variables
        )
        if not answer.ok:
            raise _hook_failure(worktree, answer)
        made = program.query(worktree, "rev-parse", "HEAD", "HEAD^{tree}", variables=around).decode().split()
    if made[1] != tree:
        changed = program.query(worktree, "diff-tree", "-r", "--name-only", "-z", tree, made[1])
        first = program.text(changed).partition("\0")[0]
        message_ = f"The pre-commit hook changed what is committed: {first!r}. Commit that in the session first."
        raise Refused(message_, f"git -C {worktree} status")
    _refuse_changes(worktree, before)
    return made[0]


def _merge_message_from_hooks(worktree: Path, parent: str, tree: str, message: bytes) -> bytes:
    """The message of a merge as its hooks leave it. Refused when one says no."""
    from ampsm_engine.git import changes

    before = changes.status(worktree)
    with _private_head(worktree, parent, tree) as around:
        file = Path(around["GIT_DIR"]) / "COMMIT_EDITMSG"
        file.write_bytes(message)
        given: dict[str, tuple[program.Argument, ...]]
        given = {"prepare-commit-msg": ("--", file, "merge"), "commit-msg": ("--", file)}
        for name in MERGE:
            options = ("hook", "run", "--ignore-missing", name, *given.get(name, ()))
            answer = program.write(worktree, *options, limit=hooks.LIMIT, variables=around)
            if not answer.ok:
                raise _hook_failure(worktree, answer)
        text = file.read_bytes()
    _refuse_changes(worktree, before)
    if not text.strip():
        raise Refused("The commit-msg hook left no message.", _SKIP)
    return text


@contextlib.contextmanager
def _private_head(worktree: Path, parent: str, tree: str) -> Iterator[dict[str, str]]:
    """A HEAD and an index apart from the worktree's own, for git and what it runs.

    git makes them, as those of a worktree without files: how a HEAD is kept is its own business (reftable).
    """
    from ampsm_engine.private_folder import private_folder

    common = repository.common_dir(worktree)
    for stale in (common / "worktrees").glob(f"{worktrees.PASSING}*"):  # the lock is held: no other is in use
        worktrees.delete_tree(stale)
    with private_folder("commit") as folder:  # its name begins as worktrees.PASSING does
        place = folder / folder.name
        add = ("worktree", "add", "--quiet", "--no-checkout", "--detach", place, parent)
        try:
            program.change(worktree, "-c", f"core.hooksPath={os.devnull}", *add)
            admin = repository.git_dir(place)
            around = {"GIT_DIR": str(admin), "GIT_WORK_TREE": str(worktree), "GIT_INDEX_FILE": str(admin / "index")}
            # The user's configuration may name other hooks for the branch and the git folder of the worktree alone.
            around |= program.configuration({"core.hooksPath": str(hooks.folder(worktree))})
            program.change(worktree, "read-tree", tree, variables=around)
            program.write(worktree, "update-index", "-q", "--refresh", variables=around)
            yield around
        finally:
            worktrees.erase(common, place)


def _refuse_changes(worktree: Path, before: tuple[FileChange, ...]) -> None:
    """What a hook changed in the worktree is committed first: it would be in the way of what follows."""
    from ampsm_engine.git import changes

    if changes.status(worktree) != before:
        message = f"A commit hook changed files in {worktree}; they have to be committed first."
        raise Refused(message, f"git -C {worktree} diff")


def _hook_failure(worktree: Path, answer: program.Answer) -> AmpsmError:
    from ampsm_engine.git import commits
    from ampsm_engine.redact import text as redacted  # its rules take a while to read in

    why = commits.failure_cause(worktree, answer, hooks.LIMIT)
    if why.kind == "message":
        hint = f"Give a message that it takes with -m; {_SKIP}"
        return Refused(redacted(why.text), hint)
    kind = Refused if why.kind in ("time", "hook") else Failed
    return kind(redacted(why.text), why.hint)
