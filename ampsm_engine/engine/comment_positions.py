"""Where the lines of comments are now, and what an iteration did to them.

A comment that was sent gets its outcome once, when its iteration has ended: the content when it was sent is compared to
the content at the end. Its position is computed each time, from the content that it was made on.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from ampsm_engine.context import Engine
from ampsm_engine.diff.hunks import Side, lines_of
from ampsm_engine.engine import reviews, views
from ampsm_engine.errors import AmpsmError
from ampsm_engine.git import changes, pinned_refs
from ampsm_engine.git.records import TreeEntry
from ampsm_engine.git.worktree_entries import Scratch, scratch
from ampsm_engine.lean_dataclass import dataclass, field, replace
from ampsm_engine.model import Iteration, Session, State
from ampsm_engine.review import anchors
from ampsm_engine.review.anchors import Edit
from ampsm_engine.review.annotations import Comment, Ends, Fate


def locate_comments(engine: Engine, session_id: str) -> tuple[Comment, ...]:
    """The comments of a session with their positions and outcomes as of now, which are stored as well."""
    store = engine.store
    every = store.reviews.comments(session_id)
    session = store.sessions.get(session_id)
    unfinished = [one for one in every if not one.is_closed or _awaits(one)]
    if not unfinished or not Path(session.repo_root).is_dir():
        return every
    iterations = {one.id: one for one in store.iterations.of(session_id)}
    now: dict[str, Comment] = {}
    with scratch(views.place_of(session), writes=False) as at:
        positions = _Positions(engine, session, at)
        for one in unfinished:
            iteration = iterations.get(one.iteration_id or "")
            judged = positions.judged(one, iteration) if _awaits(one) and _is_over(iteration) else one
            now[one.id] = positions.placed(judged)
    for one in every:
        new = now.get(one.id, one)
        if new != one:
            columns = ("outcome", "now_path", "now_line", "now_line_end", "now_blob")
            store.reviews.change_comment(one.id, **{name: getattr(new, name) for name in columns})
    return tuple(now.get(one.id, one) for one in every)


def pin_contents(engine: Engine, session_id: str, ids: Collection[str]) -> None:
    """Store and pin the present contents of the files of these comments, to compare what the iteration changes."""
    session = engine.store.sessions.get(session_id)
    for one in locate_comments(engine, session_id):
        if one.id in ids:
            place = views.place_of(session)
            with scratch(place, writes=False) as at:
                positions = _Positions(engine, session, at)
                new = positions.now(one.now_path or one.path)
            blob = one.now_blob or one.blob
            pinned_refs.keep(place, session.id, one.id, {"now": blob, "other": new.blob if new else ""})
            engine.store.reviews.change_comment(one.id, other_blob=new.blob if new else "")


def _awaits(one: Comment) -> bool:
    return one.iteration_id is not None and one.outcome is None


def _is_over(iteration: Iteration | None) -> bool:
    return iteration is not None and iteration.state is State.SETTLED


@dataclass
class _Positions:
    """The comparisons for one session: each file and each pair of contents is compared once."""

    engine: Engine
    session: Session
    at: Scratch
    _entries: dict[tuple[str | None, str], TreeEntry | None] = field(default_factory=dict)
    _edits: dict[tuple[str, str], tuple[Edit, ...]] = field(default_factory=dict)
    _renames: dict[tuple[str, str | None], dict[str, str]] = field(default_factory=dict)
    _ends: Ends | None = None

    @property
    def ends(self) -> Ends:
        if self._ends is None:
            self._ends = reviews.resolve(self.engine, self.session.id)
        return self._ends

    def now(self, path: str) -> TreeEntry | None:
        """What the session has at a path now."""
        return self._entry(self.ends.new, path)

    def _entry(self, tree: str | None, path: str) -> TreeEntry | None:
        key = (tree, path)
        if key not in self._entries:
            self._entries[key] = self.at.in_tree(tree, path) if tree else self._live(path)
        return self._entries[key]

    def _live(self, path: str) -> TreeEntry | None:
        try:
            return self.at.in_worktree(path)
        except AmpsmError:  # in conflict, or a secret by now
            return None

    def _renamed(self, old: str, new: str | None, path: str) -> str:
        """The path that a file was renamed to between two trees; its own path when it was not."""
        key = (old, new)
        if key not in self._renames:
            found = changes.files(self.at.worktree, old, new)
            self._renames[key] = {one.old_path: one.path for one in found if one.old_path and one.kind == "renamed"}
        return self._renames[key].get(path, path)

    def _between(self, before: str, after: str) -> tuple[Edit, ...] | None:
        """The edits from one blob to another; None when the old one is not there any more."""
        if before == after:
            return ()
        key = (before, after)
        if key not in self._edits:
            if not (pinned_refs.has(self.at.worktree, before) and pinned_refs.has(self.at.worktree, after)):
                return None
            self._edits[key] = anchors.edits(self.at.edits(before, after))
        return self._edits[key]

    def placed(self, one: Comment) -> Comment:
        """The comment with the place where its lines are now; where it was before when they cannot be found."""
        path, entry = self._found(one)
        if entry is None:
            return one if one.now_path is None else replace(one, now_path=path)
        edits = self._between(one.blob, entry.blob)
        if edits is None:
            return one
        if not edits or not one.line:
            same = entry.blob == one.blob and path == one.path
            if same:
                return replace(one, now_path=None, now_line=None, now_line_end=None, now_blob=None)
            return replace(one, now_path=path, now_line=one.line, now_line_end=one.line_end, now_blob=entry.blob)
        place = anchors.place(edits, one.line, one.line_end)
        return replace(one, now_path=path, now_line=place.line, now_line_end=place.line_end, now_blob=entry.blob)

    def _found(self, one: Comment) -> tuple[str, TreeEntry | None]:
        """The path and the content of a comment's side now, renames followed."""
        if one.side is Side.OLD:
            path = one.old_path or one.path
            return one.now_path or one.path, self._entry(self.ends.old, path)
        for path in dict.fromkeys((one.path, one.now_path or one.path)):
            if (entry := self.now(path)) is not None:
                return path, entry
        path = self._renamed(self.session.base_commit or self.ends.old, self.ends.new, one.path)
        return path, self.now(path)

    def judged(self, one: Comment, iteration: Iteration | None) -> Comment:
        """The comment with what its iteration did to its lines."""
        if iteration is None or iteration.start_time is None:
            return one
        end = iteration.commit_sha
        path = one.now_path or one.path
        entry = self._entry(end, path) if end else self.now(path)
        if entry is None and iteration.start_sha:
            path = self._renamed(iteration.start_sha, end, path)
            entry = self._entry(end, path) if end else self.now(path)
        fate = self._fate_of_old(one, entry) if one.side is Side.OLD else self._fate(one, entry)
        return replace(one, outcome=fate, now_path=path)

    def _fate(self, one: Comment, entry: TreeEntry | None) -> Fate:
        if entry is None:
            return Fate.GONE
        blob, line = one.now_blob or one.blob, one.now_line if one.now_line is not None else one.line
        edits = self._between(blob, entry.blob)
        if not line or edits is None:
            return Fate.UNTOUCHED if blob == entry.blob else Fate.TOUCHED
        return anchors.place(edits, line, one.now_line_end or one.line_end).fate

    def _fate_of_old(self, one: Comment, entry: TreeEntry | None) -> Fate:
        """The fate of a comment on the old side: touched when its lines have another image than when it was sent."""
        if entry is None:
            return Fate.GONE if one.other_blob else Fate.UNTOUCHED
        if not one.other_blob:
            return Fate.TOUCHED
        blob, line = one.now_blob or one.blob, one.now_line if one.now_line is not None else one.line
        before, after = self._between(blob, one.other_blob), self._between(blob, entry.blob)
        if before is None or after is None or not line:
            return Fate.UNTOUCHED if one.other_blob == entry.blob else Fate.TOUCHED
        last = one.now_line_end or one.line_end
        images = (self._image(one.other_blob, before, line, last), self._image(entry.blob, after, line, last))
        return Fate.UNTOUCHED if images[0] == images[1] else Fate.TOUCHED

    def _image(self, blob: str, edits: Iterable[Edit], line: int, last: int) -> list[bytes]:
        begin, end = anchors.image(tuple(edits), line, last)
        return lines_of(self.at.content(TreeEntry("100644", blob)))[begin:end]
