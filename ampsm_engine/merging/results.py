"""What is asked of a merge, what is found before it, and what comes of it: frozen and picklable values."""

from typing import Literal

from ampsm_engine.git.integrate.outcomes import ConflictFile, PlannedCommit
from ampsm_engine.lean_dataclass import dataclass
from ampsm_engine.model import Merge, Session

Kind = Literal["merge", "squash", "rebase"]
Manual = Literal["include", "keep"]
Level = Literal["ok", "warn", "stop"]
ScriptState = Literal["none", "not run", "passed", "failed"]
"""`none`: the session has no script; `not run`: it could say something about the commit, and has not yet."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an operation is to be carried out."""

    kind: Kind = "merge"
    message: str = ""
    """The message of the squash, or of a merge commit; empty where neither is made."""
    manual: Manual = "include"
    """Whether commits by hand go into the squash too, or stay commits of their own."""
    squash: bool = True
    fast_forward: bool = True
    onto: str = ""
    """The branch to merge into, or to rebase onto; empty: the session's base."""
    push: bool = False
    pull_request: bool = False
    """Push the session's branch and open a pull request, instead of moving the base here."""
    patch: str = ""
    """A file that gets the commits for `git am`; empty for none."""
    answered: tuple[str, ...] = ()
    """The answers that say yes to questions, see `questions`; `*` for all."""

    @property
    def goes_out(self) -> bool:
        """Whether the operation also pushes, opens a pull request or writes a patch."""
        return self.push or self.pull_request or bool(self.patch)


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a check. `stop`: a merge would be refused. `hint`: what to do about it."""

    kind: str
    level: Level
    text: str
    hint: str = ""

    @property
    def is_grave(self) -> bool:
        """Whether a merge would be allowed and could do harm that no undo takes back: a secret that gets out."""
        return self.kind == "secrets" and self.level == "warn"


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings about an operation before anything is changed."""

    session_id: str
    target: str
    base_tip: str
    branch_tip: str
    ahead: int
    behind: int
    commits: tuple[PlannedCommit, ...]
    conflicts: tuple[ConflictFile, ...]
    findings: tuple[Finding, ...]
    script: ScriptState = "none"
    """What is known of the session's script on this very commit."""

    @property
    def ready(self) -> bool:
        """Whether no finding stops the merge."""
        return not any(finding.level == "stop" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of a plan, in words."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What would be done, in this order, and the message that is offered."""

    session_id: str
    target: str
    commits: tuple[PlannedCommit, ...]
    steps: tuple[PlannedStep, ...]
    draft: str
    conflicts: tuple[ConflictFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one thing that was asked for besides: a push, a pull request, a patch."""

    kind: Literal["push", "pull-request", "patch"]
    ok: bool
    text: str
    """Where it is now, or why it failed."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The outcome of an operation, with its entry in the journal."""

    session: Session
    merge: Merge
    commits: int = 0
    """How many commits the target, or the rewritten branch, has beyond the base before."""
    checkouts: tuple[str, ...] = ()
    """The checkouts that were moved along with the target."""
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
