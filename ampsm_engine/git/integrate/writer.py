"""Making commits: who commits, and whether the user wants them signed, by git's own configuration.

Authors and their times come from the commits that are rewritten, byte for byte. Objects only: no branch moves.
"""

from dataclasses import dataclass
from functools import cached_property

from ampsm_engine.errors import Failed
from ampsm_engine.git import program
from ampsm_engine.git.commits import DEFAULT_EMAIL, DEFAULT_NAME
from ampsm_engine.git.integrate.ground import Ground, RawCommit, composed

AMP = "Amp <amp@ampcode.com>"
"""As amp names itself in the commits that it makes."""


@dataclass(frozen=True)
class Writer:
    """Writes commits of one user into one repository."""

    ground: Ground
    sign: bool | None = None
    """None: as commit.gpgSign says."""

    @cached_property
    def signs(self) -> bool:
        """Whether commits are signed."""
        if self.sign is not None:
            return self.sign
        answer = program.read(self.ground.where, "config", "--type=bool", "--get", "commit.gpgSign")
        return answer.ok and answer.line == "true"

    @cached_property
    def committer(self) -> bytes:
        """Who commits, and when, as git writes it: one moment for all commits of a change."""
        answer = program.read(self.ground.where, "var", "GIT_COMMITTER_IDENT")
        if answer.ok:
            return answer.output.rstrip(b"\n")
        known = {"GIT_COMMITTER_NAME": DEFAULT_NAME, "GIT_COMMITTER_EMAIL": DEFAULT_EMAIL}
        return program.told(self.ground.where, "var", "GIT_COMMITTER_IDENT", variables=known).rstrip(b"\n")

    def rewritten(self, commit: RawCommit, tree: str, parent: str) -> str:
        """The same commit with another tree and another parent; its author and message stay."""
        return self.made(tree, (parent,), commit.author, commit.message, commit.encoding)

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
        return self.ground.write("commit", composed(tree, parents, (author, self.committer), message, encoding))

    def _signed(
        self, tree: str, parents: tuple[str, ...], author: bytes, message: bytes, encoding: bytes | None
    ) -> str:
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
