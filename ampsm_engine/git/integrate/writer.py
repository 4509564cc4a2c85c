"""Making commits: who commits, and whether the user wants them signed, by git's own configuration.

Authors and their times come from the commits that are rewritten, byte for byte. Objects only: no branch moves.
"""

import os
import re
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ampsm_engine.errors import Failed
from ampsm_engine.git import hooks, program
from ampsm_engine.git.commits import DEFAULT_EMAIL, DEFAULT_NAME
from ampsm_engine.git.integrate import hooked
from ampsm_engine.git.integrate.ground import Ground, RawCommit, composed

AMP = "Amp <amp@ampcode.com>"
"""As amp names itself in the commits that it makes."""


_NAMES = re.compile(r"(GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE)|EMAIL)")

_CRUD = " .,:;<>\"\\'\n\t"
"""What git strips off both ends of a name."""


class Writer:
    """Writes commits of one user into one repository. `sign` None: as commit.gpgSign says.

    With `hooks_in`, a worktree, what is new meets the user's hooks there.
    """

    def __init__(self, ground: Ground, sign: bool | None = None, *, hooks_in: Path | None = None) -> None:
        self.ground = ground
        self._sign = sign
        self._hooks_in = hooks_in

    @cached_property
    def signs(self) -> bool:
        """Whether commits are signed."""
        if self._sign is not None:
            return self._sign
        return self.ground.configured.get("commit.gpgsign", "").lower() in ("true", "yes", "on", "1")

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
        name = self.ground.configured.get(f"{kind}.name") or self.ground.configured.get("user.name", "")
        email = self.ground.configured.get(f"{kind}.email") or self.ground.configured.get("user.email", "")
        if name and email and _is_plain(name) and _is_plain(email) and not any(map(_NAMES.fullmatch, os.environ)):
            now = datetime.now().astimezone()
            return f"{name} <{email}> {int(now.timestamp())} {now:%z}".encode()
        answer = program.read(self.ground.where, "var", f"GIT_{role}_IDENT")
        if answer.ok:
            return answer.output.rstrip(b"\n")
        known = {f"GIT_{role}_NAME": name or DEFAULT_NAME, f"GIT_{role}_EMAIL": email or DEFAULT_EMAIL}
        return program.told(self.ground.where, "var", f"GIT_{role}_IDENT", variables=known).rstrip(b"\n")

    def rewritten(self, commit: RawCommit, tree: str, parent: str) -> str:
        """The same commit with another tree and another parent; its author and message stay."""
        return self.made(tree, (parent,), commit.author, commit.message, commit.encoding)

    def squashed(self, tree: str, parent: str, author: bytes, message: bytes) -> str:
        """The commit of a squash, with hooks; Refused when one says no."""
        if self._hooks_in is not None and self._has_any(self._hooks_in, hooks.COMMIT):
            self.ground.objects.flush()
            return hooked.commit(self._hooks_in, parent, tree, parts(author), message)
        return self.made(tree, (parent,), author, message)

    def merging(self, tree: str, parents: tuple[str, str], message: bytes) -> str:
        """The commit of a merge, with hooks; Refused when one says no."""
        if self._hooks_in is not None and self._has_any(self._hooks_in, hooks.MERGE):
            self.ground.objects.flush()
            message = hooked.merge_message(self._hooks_in, parents[0], tree, message)
        return self.made(tree, parents, self.author, message)

    def _has_any(self, worktree: Path, names: tuple[str, ...]) -> bool:
        return hooks.has_any(self.ground.hooks_folder(worktree), names)

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
        return self.ground.objects.write("commit", composed(tree, parents, (author, self.committer), message, encoding))

    def _signed(
        self, tree: str, parents: tuple[str, ...], author: bytes, message: bytes, encoding: bytes | None
    ) -> str:
        self.ground.objects.flush()
        settings = ("-c", f"i18n.commitEncoding={(encoding or b'UTF-8').decode('ascii', 'replace')}")
        lines = [option for parent in parents for option in ("-p", parent)]
        variables = {**_named("AUTHOR", author), **_named("COMMITTER", self.committer)}
        answer = program.write(
            self.ground.where, *settings, "commit-tree", "-S", *lines, tree, feed=message, variables=variables
        )
        if not answer.ok:
            message_ = f"git could not sign the commit: {answer.said or answer.reason}"
            raise Failed(message_, "git config --get-regexp '^(gpg|user.signingkey|commit.gpgsign)'")
        return answer.line


def _is_plain(text: str) -> bool:
    """Whether git writes a name or an address just as it is configured."""
    return text.isprintable() and text == text.strip(_CRUD) and not set(text) & set("<>")


def _named(role: str, line: bytes) -> dict[str, str]:
    """Variables that have git write an identity again as it was: `Name <email> seconds zone`."""
    name, email, when = parts(line)
    return {
        f"GIT_{role}_NAME": name,
        f"GIT_{role}_EMAIL": email,
        f"GIT_{role}_DATE": f"@{when}",
    }


def parts(line: bytes) -> tuple[str, str, str]:
    """Name, email and time of an identity."""
    text = line.decode("utf-8", "surrogateescape")
    head, _, when = text.rpartition("> ")
    name, _, email = head.partition("<")
    return name.rstrip(" "), email, when


def person(line: bytes) -> str:
    """`Name <email>` of an identity."""
    name, email, _ = parts(line)
    return f"{name} <{email}>"
