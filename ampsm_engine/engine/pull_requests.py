"""Sessions that begin from a pull request, and their comments submitted to it as a review."""

from collections.abc import Sequence
from pathlib import Path

from ampsm_engine import redact, timestamps
from ampsm_engine.context import Engine
from ampsm_engine.diff import hunks
from ampsm_engine.diff.hunks import Hunk, Side
from ampsm_engine.engine import comments, sessions, startup, views
from ampsm_engine.errors import Refused
from ampsm_engine.git import changes, lock, pinned_refs, program, repository
from ampsm_engine.git.integrate import branch_move
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.merging import pull_requests, situation
from ampsm_engine.merging.publish import Forge
from ampsm_engine.merging.pull_requests import LineRemark, PullRequestReview, Verdict
from ampsm_engine.model import Iteration, Session
from ampsm_engine.plain_text import printable
from ampsm_engine.review import anchors
from ampsm_engine.review.anchors import Edit
from ampsm_engine.review.annotations import Comment, CommentState, Fate, PullRequest
from ampsm_engine.review.prompt import about

NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class SubmittedReview:
    """What became of a review: where it is, and how many comments stand at lines and in its text."""

    url: str
    at_lines: int
    in_text: int


def begin(
    engine: Engine,
    path: Path,
    reference: str,
    *,
    prompt: str | None = None,
    name: str | None = None,
    script: str | None = None,
    mode: str | None = None,
    folder: str | None = None,
    thread: str | None = None,
    run: bool = True,
    with_setup: bool = True,
) -> tuple[Session, Iteration | None]:
    """Make a session whose branch begins where a pull request stands; with a prompt and `run` amp begins at once.

    Its base is the remote branch that the pull request is to go into, as it is now; its commits keep their authors.
    amp is given title and description as context. Refusals come before anything is made. `folder`, `thread` and
    `with_setup` as for `sessions.new`; the base says how it is set up, not the pull request.
    """
    engine.check_repository(path)
    repo = repository.locate(path)
    number = pull_requests.number_of(reference)
    forge, remote = pull_requests.forge_of(repo.root, _checked_out(repo.root), number)
    found = pull_requests.read(forge, remote, number)
    if not pull_requests.is_meant(reference, found):
        mine = f"whose number {number} is {printable(found.url)}"
        message = f"{printable(reference.strip())[:200]} is not of this repository, {mine}."
        raise Refused(message, "ampsm review --pr ADDRESS --repo PATH, in a clone of that one")
    base = pull_requests.fetch(repo.root, found)
    return sessions.new(
        engine,
        path=path,
        prompt=_with_context(prompt, found) if prompt else None,
        name=name or f"#{number} {found.title}"[:NAME_LENGTH],
        base=base,
        head=found.head_sha,
        pull_request=found,
        script=script,
        mode=mode,
        folder=folder,
        thread=thread,
        run=run and bool(prompt),
        with_setup=with_setup,
    )


def _checked_out(root: Path) -> str:
    return program.read(root, "symbolic-ref", "--quiet", "--short", "HEAD").line


def find(engine: Engine, path: Path, reference: str) -> Session | None:
    """The newest session that began from a pull request; None without one."""
    startup.make_ready(engine)
    repo = repository.locate(path)
    number = pull_requests.number_of(reference)
    store = engine.store
    for session in store.sessions.all(repo_root=str(repo.root)):
        known = store.reviews.pull_request(session.id)
        if known is not None and known.number == number and pull_requests.is_meant(reference, known):
            return session
    return None


def newer(engine: Engine, session_id: str) -> PullRequest | None:
    """The pull request that a session began from as its host has it, where its commits are others now; else None."""
    known = engine.store.reviews.pull_request(session_id)
    if known is None:
        return None
    root = Path(engine.store.sessions.get(session_id).repo_root)
    now = pull_requests.read(_forge(root, known), known.remote, known.number)
    return now if now.head_sha != known.head_sha else None


def follow(engine: Engine, session_id: str, now: PullRequest) -> None:
    """Bring a session's branch and worktree to where its pull request stands now; the commits before are kept.

    Refused where something of its own would be left behind: commits, changes, or amp at work.
    """
    session = engine.store.sessions.get(session_id)
    root, known = Path(session.repo_root), engine.store.reviews.pull_request(session_id)
    base = pull_requests.fetch(root, now)
    with lock.writer(repository.common_dir(root), f"pull request of {session_id}"):
        stands = situation.look(engine.store, session_id)
        situation.refuse(tuple(situation.own_obstacles(engine.store, stands)))
        if known is None or stands.branch_tip != known.head_sha:
            message = f"{session.name} has commits of its own, which are not part of pull request {now.number}."
            raise Refused(message, f"ampsm new --pr {now.number} begins anew from it as it is now")
        common = changes.merge_base(root, base, now.head_sha)
        if common is None:
            raise Refused(f"Pull request {now.number} has no commit in common with {base} now.", "ampsm new --pr")
        moment = "".join(letter for letter in timestamps.now() if letter.isdigit())
        pinned_refs.backup(root, session_id, moment, "pull-request", known.head_sha)
        branch_move.move_target(root, session.branch_name, known.head_sha, now.head_sha, why="ampsm: pull request")
        engine.store.reviews.follow_pull_request(session_id, now, base_commit=common)
        pinned_refs.keep_tip(root, session_id, now.head_sha)


def _with_context(prompt: str, pull_request: PullRequest) -> str:
    """The prompt, and below it what the pull request says of itself, quoted: it asks for nothing by itself."""
    return f"{prompt.rstrip()}\n\n{about(pull_request)}\n"


def submit(engine: Engine, session_id: str, *, verdict: Verdict = "comment", message: str = "") -> SubmittedReview:
    """Submit the open comments of a session as one review of the pull request that it began from.

    A comment stands at its lines where the pull request's diff has them, else in the text of the review. Those that
    stand there count as submitted; when it fails, the others are open still. Refused without a pull request, and when
    there is nothing to say.
    """
    store = engine.store
    session = store.sessions.get(session_id)
    to = store.reviews.pull_request(session.id)
    if to is None:
        message = f"Session {session.name} did not begin from a pull request."
        raise Refused(message, f"ampsm comments {session.id} --send, or: ampsm review --pr NUMBER")
    waiting = [one for one in comments.located_comments(engine, session.id) if one.state is CommentState.OPEN]
    if not (waiting or message.strip() or verdict == "approve"):
        raise Refused(f"Session {session.name} has no open comments.", f"ampsm comment {session.id} PATH:LINE 'TEXT'")
    root = Path(session.repo_root)
    forge = _forge(root, to)
    at_lines, others = _placed(views.place_of(session), session, to, waiting)
    body = redact.text("\n\n".join(part for part in (message.strip(), *map(_as_text, others)) if part))

    def is_submitted(comment_id: str) -> None:
        store.reviews.set_comment_state(comment_id, CommentState.SUBMITTED)

    url = pull_requests.submit(forge, PullRequestReview(to, at_lines, verdict, body), is_submitted)
    for one in others:
        is_submitted(one.id)
    store.facts.add("review-submitted", f"{len(waiting)} comments to {to.url}", session_id=session.id)
    return SubmittedReview(url, len(at_lines), len(others))


def _forge(root: Path, to: PullRequest) -> Forge:
    forge, _ = pull_requests.forge_of(root, to.base_branch)
    return Forge(root, forge.tool, to.host, to.project)


def _as_text(one: Comment) -> str:
    return f"`{printable(one.place)}`{' (as it was)' if one.side is Side.OLD else ''}: {one.text}"


@dataclass
class _Ends:
    """The two ends of a pull request's diff, and where the lines of a content are in them."""

    at: Scratch
    old: str
    new: str
    _hunks: dict[str, Sequence[Hunk]] = field(default_factory=dict)

    def lines(self, one: Comment) -> tuple[int, int] | None:
        """The lines of a comment in the pull request itself; None where it does not have them."""
        path, old_path = one.path, one.old_path or one.path
        entry = self.at.in_tree(self.new, path) if one.side is Side.NEW else self.at.in_tree(self.old, old_path)
        if entry is None or not one.line:
            return None
        if entry.blob == one.blob:
            return one.line, one.line_end
        place = anchors.place(self._edits(one.blob, entry.blob), one.line, one.line_end)
        return (place.line, place.line_end) if place.fate is Fate.UNTOUCHED else None

    def remark(self, one: Comment) -> LineRemark | None:
        """A comment at lines of the diff; None where the diff does not have all of them."""
        path, old_path, lines = one.path, one.old_path or one.path, self.lines(one)
        if lines is None:
            return None
        first, last = lines
        is_new = one.side is Side.NEW
        for hunk in self._of(path, old_path):
            start, count = hunk.start(one.side) + 1, len(hunk.image(one.side))
            if start <= first and last < start + count:
                other = _other_line(hunk, one.side, last)
                return LineRemark(one.id, path, old_path, is_new, first, last, other, redact.text(one.text))
        return None

    def _edits(self, before: str, after: str) -> tuple[Edit, ...]:
        return anchors.edits(self.at.edits(before, after))

    def _of(self, path: str, old_path: str) -> Sequence[Hunk]:
        """The hunks of a file with three lines around each, as hosts show them."""
        if path not in self._hunks:
            options = ("-U3", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "--inter-hunk-context=0")
            paths = dict.fromkeys((path, old_path))
            patch = program.query(
                self.at.worktree, "--literal-pathspecs", "diff", *options, self.old, self.new, "--", *paths
            )
            sections = (b"\n" + patch).split(b"\ndiff --git ")
            self._hunks[path] = hunks.split(sections[-1] + b"\n") if len(sections) > 1 else ()
        return self._hunks[path]


def _other_line(hunk: Hunk, side: Side, line: int) -> int | None:
    """What a line is called on the other side, where it is the same there."""
    old, new = hunk.start(Side.OLD), hunk.start(Side.NEW)
    for one in hunk.lines:
        old += one[:1] in b" -"
        new += one[:1] in b" +"
        here, there = (new, old) if side is Side.NEW else (old, new)
        if here == line and one[:1] in (b" ", b"+" if side is Side.NEW else b"-"):
            return there if one[:1] == b" " else None
    return None


def _placed(
    place: Path, session: Session, to: PullRequest, waiting: Sequence[Comment]
) -> tuple[list[LineRemark], list[Comment]]:
    """The comments that have a place in the pull request's diff, and those that have none."""
    old = changes.merge_base(place, session.base_commit, to.head_sha) or session.base_commit
    at_lines, others = [], []
    with scratch(place, writes=False) as at:
        ends = _Ends(at, old, to.head_sha)
        for one in waiting:
            remark = ends.remark(one)
            if remark is None:
                lines = ends.lines(one) or (one.now_line or one.line, one.now_line_end or one.line_end)
                others.append(replace(one, now_line=lines[0], now_line_end=lines[1]))
            else:
                at_lines.append(remark)
    return at_lines, others
