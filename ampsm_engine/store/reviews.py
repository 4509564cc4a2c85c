"""Reviews in the store: viewed marks, the trees that were reviewed, comments and rejections."""

# ruff: noqa: S608 - every piece is a column list of this file; values are bound

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ampsm_engine import timestamps
from ampsm_engine.errors import NotFound, Refused
from ampsm_engine.lean_dataclass import asdict
from ampsm_engine.store import records
from ampsm_engine.store.connection import Database, StorePart
from ampsm_engine.store.lazy_tables import tables
from ampsm_engine.store.rows import file_name

if TYPE_CHECKING:
    from ampsm_engine.review.annotations import Comment, CommentState, Looked, Rejection

_BATCH = 200
"""Marks a statement: the oldest SQLite takes 999 values in one."""

_FIXED = frozenset({"id", "session_id", "created_at", "state", "iteration_id"})


class Reviews(StorePart):
    """Marks, comments and rejections. None of them is a fact of the session until it is sent or committed."""

    def viewed(self, session_id: str) -> frozenset[tuple[str, str]]:
        """The viewed marks of a session: paths and content keys."""
        found = self._db.select('SELECT path, "key" FROM "viewedHunks" WHERE "sessionId" = ?', (session_id,))
        return frozenset((str(file_name(path)), key) for path, key in found)

    def mark_viewed(self, session_id: str, pairs: Collection[tuple[str, str]], *, viewed: bool) -> None:
        """Set or take away marks; NotFound without the session. What is so already stays."""
        with self._db.writing():
            records.session(self._db, session_id)
            ordered, now = sorted(set(pairs)), timestamps.now()
            for start in range(0, len(ordered), _BATCH):
                batch = ordered[start : start + _BATCH]
                if viewed:
                    rows = [
                        {"session_id": session_id, "path": path, "key": key, "viewed_at": now} for path, key in batch
                    ]
                    self._db.execute(tables.ViewedHunkRow.insert_many(rows).on_conflict_ignore())
                    continue
                for path, key in batch:
                    mine = (tables.ViewedHunkRow.session_id == session_id) & (tables.ViewedHunkRow.key == key)
                    self._db.execute(tables.ViewedHunkRow.delete().where(mine & (tables.ViewedHunkRow.path == path)))

    def last_reviewed(self, session_id: str) -> "Looked | None":
        """The tree that was reviewed last in a session; None when none was."""
        from ampsm_engine.store import review_rows  # commands that ask nothing of reviews need not pay 3 ms for it

        columns = '"sessionId", tree, "lookedAt"'
        found = self._db.select(f'SELECT {columns} FROM "lookedTrees" WHERE "sessionId" = ?', (session_id,))
        return review_rows.Looked(*found[0]) if found else None

    def set_last_reviewed(self, session_id: str, tree: str) -> None:
        """Store the tree that was reviewed; NotFound without the session."""
        with self._db.writing():
            records.session(self._db, session_id)
            row = tables.LookedTreeRow.insert(session_id=session_id, tree=tree, looked_at=timestamps.now())
            self._db.execute(row.on_conflict_replace())

    def comments(self, session_id: str) -> "tuple[Comment, ...]":
        """The comments of a session, oldest first, resolved ones too."""
        from ampsm_engine.store import review_rows

        where = f' WHERE "sessionId" = ?{review_rows.OLDEST_FIRST}'
        found = self._db.select(review_rows.COMMENTS + where, (session_id,))
        return tuple(review_rows.comment(row) for row in found)

    def comment(self, comment_id: str) -> "Comment":
        """The comment of exactly this id; NotFound."""
        from ampsm_engine.store import review_rows

        for row in self._db.select(f"{review_rows.COMMENTS} WHERE id = ?", (comment_id,)):
            return review_rows.comment(row)
        raise NotFound(f"There is no comment {comment_id}.", "ampsm comments SESSION")

    def add_comment(self, comment: "Comment") -> "Comment":
        """Add a comment; the comment as stored. NotFound without its session, Refused for an empty text."""
        with self._db.writing():
            records.session(self._db, comment.session_id)
            _refuse_empty_text(comment.text)
            self._db.execute(tables.CommentRow.insert(**asdict(comment)))
            return self.comment(comment.id)

    def change_comment(self, comment_id: str, **columns: object) -> "Comment":
        """Change columns of a comment, named as its fields; NotFound. Its state has a verb of its own."""
        changed = tables.changes(tables.CommentRow, columns, fixed=_FIXED)
        with self._db.writing():
            self.comment(comment_id)
            if "text" in columns:
                _refuse_empty_text(str(columns["text"]))
                changed = tables.changes(tables.CommentRow, columns | {"updated_at": timestamps.now()}, fixed=_FIXED)
            if changed:
                self._db.execute(tables.CommentRow.update(changed).where(tables.CommentRow.id == comment_id))
            return self.comment(comment_id)

    def set_comment_state(self, comment_id: str, state: "CommentState") -> "Comment":
        """Resolve a comment, or open it again so that the next sending takes it; NotFound."""
        with self._db.writing():
            before = self.comment(comment_id)
            if before.state is not state:
                values: dict[str, object] = {"state": state, "updated_at": timestamps.now()}
                self._db.execute(tables.CommentRow.update(**values).where(tables.CommentRow.id == comment_id))
            return self.comment(comment_id)

    def delete_comment(self, comment_id: str) -> None:
        """Delete a comment for good; NotFound."""
        with self._db.writing():
            self.comment(comment_id)
            self._db.execute(tables.CommentRow.delete().where(tables.CommentRow.id == comment_id))

    def rejections(self, session_id: str) -> "tuple[Rejection, ...]":
        """What was rejected in a session, oldest first, undone ones too."""
        from ampsm_engine.store import review_rows

        where = f' WHERE "sessionId" = ?{review_rows.OLDEST_FIRST}'
        found = self._db.select(review_rows.REJECTIONS + where, (session_id,))
        return tuple(review_rows.rejection(row) for row in found)

    def rejection(self, rejection_id: str) -> "Rejection":
        """The rejection of exactly this id; NotFound."""
        from ampsm_engine.store import review_rows

        for row in self._db.select(f"{review_rows.REJECTIONS} WHERE id = ?", (rejection_id,)):
            return review_rows.rejection(row)
        raise NotFound(f"There is no rejection {rejection_id}.", "ampsm comments SESSION")

    def add_rejection(self, rejection: "Rejection") -> "Rejection":
        """Write down what is about to be rejected; NotFound without the session. Its fact follows when it is done."""
        with self._db.writing():
            records.session(self._db, rejection.session_id)
            self._db.execute(tables.RejectionRow.insert(**asdict(rejection)))
            return self.rejection(rejection.id)

    def change_rejection(
        self, rejection_id: str, fact: tuple[str, str] | None = None, **columns: object
    ) -> "Rejection":
        """Change columns of a rejection, named as its fields, and record a fact (kind, text) of it; NotFound."""
        changed = tables.changes(tables.RejectionRow, columns, fixed=frozenset({"id", "session_id", "created_at"}))
        with self._db.writing():
            before = self.rejection(rejection_id)
            if changed:
                self._db.execute(tables.RejectionRow.update(changed).where(tables.RejectionRow.id == rejection_id))
            if fact:
                records.note(self._db, *fact, session_id=before.session_id)
            return self.rejection(rejection_id)

    def delete_rejection(self, rejection_id: str) -> None:
        """Take a rejection back that did not come to be; NotFound."""
        with self._db.writing():
            self.rejection(rejection_id)
            self._db.execute(tables.RejectionRow.delete().where(tables.RejectionRow.id == rejection_id))


def bind(db: Database, session_id: str, iteration_id: str, answers: Sequence[str]) -> None:
    """Tie comments and rejections of a session to the iteration that answers them; ids of others change nothing."""
    chosen = json.dumps(list(answers))
    which = ' WHERE "sessionId" = ? AND id IN (SELECT value FROM json_each(?))'
    sent = f'UPDATE "reviewComments" SET state = \'sent\', outcome = NULL, "iterationId" = ?{which}'
    for update in (sent, f'UPDATE "rejections" SET "iterationId" = ?{which}'):
        db.connection().execute(update, (iteration_id, session_id, chosen))


def release(db: Database, iteration_id: str) -> None:
    """Open again what an iteration was to answer that never began."""
    opened = "UPDATE \"reviewComments\" SET state = 'open' WHERE \"iterationId\" = ? AND state = 'sent'"
    db.connection().execute(opened, (iteration_id,))
    for table in ("reviewComments", "rejections"):
        db.connection().execute(f'UPDATE "{table}" SET "iterationId" = NULL WHERE "iterationId" = ?', (iteration_id,))


def _refuse_empty_text(text: str) -> None:
    if not text.strip():
        raise Refused("A comment needs at least one visible character.", 'ampsm comment SESSION PATH:LINE "TEXT"')
