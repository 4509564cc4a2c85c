"""Comments, rejections and marks of a review, and the ends of a range: frozen and picklable values.

Fields are columns of the store in snake case. Paths are text as Python names files.
"""

from collections.abc import Collection
from enum import StrEnum

from ampsm_engine.diff.hunks import Side
from ampsm_engine.lean_dataclass import dataclass, field

WHOLE = "whole"
"""The range of everything that a session did."""

LOOKED = "looked"
"""The range of what changed since the last review."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a range compares: two objects; `new` None is the worktree as it is now."""

    worktree: str
    """Where git is asked: the session's worktree, or its repository when that is gone."""
    repo_root: str
    old: str
    new: str | None
    range: str
    label: str


class CommentState(StrEnum):
    """The state of a comment of a review."""

    NOTE = "note"
    """By a script or by amp's reviewer, and not taken as a comment yet."""
    DISMISSED = "dismissed"
    """A note that was read and is not taken as a comment."""
    OPEN = "open"
    """The comment was not sent yet."""
    SENT = "sent"
    SUBMITTED = "submitted"
    """The comment stands in a review at the repository's host."""
    RESOLVED = "resolved"


class Fate(StrEnum):
    """What became of the lines under a comment; the column is `outcome`."""

    TOUCHED = "touched"
    UNTOUCHED = "untouched"
    GONE = "gone"


class CommentAnswer(StrEnum):
    """What amp says that became of a comment."""

    DONE = "done"
    NO = "no"
    """The code was left as it is; the answer's text says why."""


class RejectionState(StrEnum):
    """The state of a rejection in a review."""

    QUEUED = "queued"
    """Asked for while amp was at work: it is carried out when the turn has ended."""
    DOING = "doing"
    """The rejection was begun: when its process dies, the next one finishes it."""
    DONE = "done"
    REFUSED = "refused"
    """The rejection was queued and could not be carried out; `note` says why."""


@dataclass(frozen=True, slots=True)
class ReviewRound:
    """Comments and rejections that were sent together, as one iteration; numbered from 1 in their session."""

    session_id: str
    number: int
    iteration_id: str
    sent_at: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A remark on lines of one side of a file. Lines count from 1, both ends are part of it."""

    id: str
    session_id: str
    path: str
    old_path: str | None
    """What the file was called on the old side, where that is another name."""
    side: Side
    line: int
    line_end: int
    quote: str
    """The lines as they were, without their ends; secrets are redacted."""
    context: str
    """A few lines around them, without their ends; secrets are redacted."""
    blob: str
    """The content that the lines are counted in: an object of the repository, which is kept for it."""
    other_blob: str
    """The content on the other side at that moment; empty when there was none."""
    text: str
    state: CommentState
    created_at: str
    updated_at: str
    outcome: Fate | None = None
    """Of an iteration that it was sent with; None before that has ended."""
    iteration_id: str | None = None
    """The iteration that it was sent with last."""
    now_path: str | None = None
    """The present path, lines and content of the comment, as last looked up; None where they have not moved."""
    now_line: int | None = None
    now_line_end: int | None = None
    now_blob: str | None = None
    answer: CommentAnswer | None = None
    """What amp says of it in the round that it was sent in last; None while amp has said nothing."""
    answer_text: str | None = None
    answered_at: str | None = None
    author: str = ""
    """Who wrote it where that was no person: the name of a script, or of amp's reviewer."""
    round: int | None = None
    """The number of the round that it was sent in last; None before the first."""

    @property
    def is_note(self) -> bool:
        """Whether it is a note of a script or of amp's reviewer, not taken as a comment."""
        return self.state in (CommentState.NOTE, CommentState.DISMISSED)

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is to be done about it."""
        return self.state in (CommentState.RESOLVED, CommentState.DISMISSED)

    @property
    def differs(self) -> bool:
        """Whether amp and git say different things: done, and no line was touched, or no, and some were."""
        if self.answer is None or self.outcome is None:
            return False
        return (self.answer is CommentAnswer.DONE) == (self.outcome is Fate.UNTOUCHED)

    @property
    def place(self) -> str:
        """`src/app.py:12` or `src/app.py:12-14`, where it is now; of a comment on a file its path alone."""
        first, last = self.now_line or self.line, self.now_line_end or self.line_end
        lines = f":{first}" + (f"-{last}" if last != first else "") if first else ""
        return f"{self.now_path or self.path}{lines}"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A change that was taken back in a review, or is to be."""

    id: str
    session_id: str
    path: str
    old_path: str | None
    reason: str | None
    """For the next prompt."""
    quote: str
    """The change as it is quoted in that prompt; secrets are redacted."""
    tree: str
    """What undoing it needs: a tree of the repository with the files as they were and as they became; kept for it."""
    created_at: str
    commit_sha: str | None = None
    """The labelled commit; None when nothing of it had been committed."""
    undone_at: str | None = None
    iteration_id: str | None = None
    """The iteration whose prompt had it."""
    note: str | None = None
    """A remark for the user, such as what else was changed, or why it was refused."""
    state: RejectionState = RejectionState.DONE
    key: str | None = None
    """The content key of its hunk, by which a screen knows it; None for all changes of the file."""
    hunk: str | None = None
    """While it is queued: its hunk as an object of the repository, which is kept; None for all changes of the file."""
    old_end: str | None = None
    """While it is queued: the older object, which is kept, of the range that it was asked for in."""
    new_end: str | None = None
    """The newer object of that range; None for the worktree."""
    seen: str | None = None
    """While it is queued: the content of the file as it was seen; empty where there was none."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The pull request that a session began from, as its host had it then."""

    number: int
    url: str
    title: str
    body: str
    author: str
    base_branch: str
    head_sha: str
    base_sha: str
    start_sha: str
    """Where GitLab counts the diff from; empty at GitHub."""
    tool: str
    """The program that asks its host: `gh` or `glab`."""
    host: str
    project: str
    remote: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The tree that was reviewed last in a session."""

    session_id: str
    tree: str
    looked_at: str


@dataclass(frozen=True, slots=True)
class Marks:
    """What is viewed: pairs of path and content key. A mark belongs to the content, wherever its file went."""

    keys: frozenset[tuple[str, str]] = frozenset()
    moved: frozenset[str] = field(default=frozenset())
    """Keys under paths that are there no more: they hold for any path."""

    def viewed(self, path: str, key: str, old_path: str | None = None) -> bool:
        """Whether this hunk (or this file, by its file key) is viewed."""
        return (path, key) in self.keys or (old_path, key) in self.keys or key in self.moved

    def marked(self, pairs: Collection[tuple[str, str]], *, viewed: bool) -> "Marks":
        """The marks after a change: what a screen shows before the store has answered."""
        if viewed:
            return Marks(self.keys | frozenset(pairs), self.moved)
        return Marks(self.keys - frozenset(pairs), self.moved - {key for _, key in pairs})
